/* The native hostile worker: vitrine-worker as it is shipped, zygote and lock-down unchanged, whose workers run native
 * attacks instead of Lua. It stands for "the Lua VM has been taken over".
 *
 * Everything of the production worker is linked; the linker sends calls of worker_run(), the first function after the
 * ninth step of the lock-down, to the one here (--wrap). So a hostile worker is spawned, locked, watched and killed as
 * every worker is, by the real zygote and, where a test wants it, behind the real gateway.
 *
 *   hostile zygote      the production zygote. An event whose first datum is an attack's name runs it; the answer is
 *                       "got", or the name of the error. Names "call:N:V", "x32:N" and "old:N" make one system call
 *                       with all arguments V, one of the x32 table, one of the 32-bit table.
 *   hostile describe    the production describe program, so that a whole platform can run on this binary
 *   hostile free NAME   the same attack without any lock-down, printed: the control
 *   hostile list        the names */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/worker/describe.h"
#include "runtime/worker/worker.h"
#include "runtime/worker/zygote.h"
#include "tests/escape/attack.h"

_Noreturn void __wrap_worker_run(struct worker *worker);
_Noreturn void __real_worker_run(struct worker *worker);
/* Set when the first attack is near: hostile_layers.c stops taking layers away. */
void hostile_locked(void);
void __attribute__((weak)) hostile_locked(void) {}

static const struct attack *const tables[] = {attacks_files, attacks_process, attacks_network, attacks_kernel,
                                              attacks_session};

static struct worker *hostile_worker;
static uint64_t hostile_event;
static long hostile_target;

long attack_target(void) { return hostile_target; }
struct worker *attack_worker(void) { return hostile_worker; }
unsigned long attack_event(void) { return hostile_event; }

static long hostile_call(const char *text)
{
    char *end;
    long number = strtol(text, &end, 0), value = *end == ':' ? strtol(end + 1, NULL, 0) : 0;

    return syscall(number, value, value, value, value, value, value);
}

#ifdef __x86_64__
static long hostile_old_call(const char *text)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(atol(text)), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory");
    errno = result < 0 ? (int)-result : 0;
    return result < 0 ? -1 : 0;
}

static long hostile_x32_call(const char *text)
{
    return syscall(0x40000000 + atol(text), 0, 0, 0, 0, 0, 0);
}
#endif

static long hostile_run(char *name)
{
    static const struct {
        const char *prefix;
        long (*run)(const char *text);
    } sweeps[] = {
        {"call:", hostile_call},
#ifdef __x86_64__
        {"old:", hostile_old_call}, {"x32:", hostile_x32_call},
#endif
    };
    char *target = strchr(name, '=');

    if (target) {
        *target = '\0';
        hostile_target = atol(target + 1);
    }
    for (size_t i = 0; i < MEMORY_COUNT(sweeps); i++)
        if (strncmp(name, sweeps[i].prefix, strlen(sweeps[i].prefix)) == 0)
            return sweeps[i].run(name + strlen(sweeps[i].prefix));
    for (size_t t = 0; t < MEMORY_COUNT(tables); t++)
        for (const struct attack *attack = tables[t]; attack->name; attack++)
            if (strcmp(attack->name, name) == 0) {
                const long *a = attack->arguments;
                return attack->run ? attack->run() : syscall(attack->number, a[0], a[1], a[2], a[3], a[4], a[5]);
            }
    errno = ENOANO; /* "No anode": no system call says that, so a misspelt name cannot pass for a refusal */
    return -1;
}

static const char *hostile_outcome(char *name)
{
    errno = 0;
    return hostile_run(name) >= 0 ? "got" : strerrorname_np(errno);
}

/* -- in the locked worker -- */

/* The digest that the gateway compares, as the release says it: this worker is never caught by that. */
static struct text hostile_digest(const struct worker *worker)
{
    static const char key[] = "\"tree_digest\":\"";
    struct bundle_entry entry;

    if (bundle_find(&worker->bundle, TEXT(".vitrine/manifest.json"), &entry) < 0)
        return TEXT("");
    const char *at = memmem(entry.contents.data, entry.contents.length, key, sizeof key - 1);
    const char *end = at ? memchr(at + sizeof key - 1, '"', 256) : NULL;
    return end ? (struct text){at + sizeof key - 1, (size_t)(end - at) - sizeof key + 1} : TEXT("");
}

/* `data` is ["name"]. */
static void hostile_answer(struct worker *worker, struct text data)
{
    char name[64] = "", json[64];

    if (data.length < 4 || data.length >= sizeof name)
        _exit(70);
    memcpy(name, data.data + 2, data.length - 4);
    snprintf(json, sizeof json, "[\"%s\"]", hostile_outcome(name));
    struct message_event_done done = {text_from(json), TEXT("{}")};
    channel_send_event_done(&worker->channel, hostile_event, &done);
}

static void hostile_message(void *context, struct message_in *in)
{
    struct worker *worker = context;
    struct message_event_start start;

    if (in->type == MESSAGE_worker_begin)
        channel_send_worker_ready(&worker->channel, 0, &(struct message_worker_ready){hostile_digest(worker)});
    if (in->type != MESSAGE_event_start || message_event_start_unpack(&start, in->body) < 0)
        return;
    hostile_event = in->stream;
    /* Ready is said before the attack: the gateway shall know a worker that lives. */
    channel_flush(&worker->channel);
    hostile_answer(worker, start.data);
}

/* A release without a file "hostile" is an honest demo: it runs as shipped, beside the others. */
_Noreturn void __wrap_worker_run(struct worker *worker)
{
    struct bundle_entry mark;

    if (bundle_find(&worker->bundle, TEXT("hostile"), &mark) < 0)
        __real_worker_run(worker);
    hostile_worker = worker;
    hostile_locked();
    for (;;) {
        int result = channel_receive(&worker->channel, hostile_message, worker);
        if (result == 0)
            result = channel_flush(&worker->channel);
        if (result < 0)
            _exit(STATE_EXIT_CLOSED);
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "list";

    if (strcmp(mode, "zygote") == 0)
        return zygote_main();
    if (strcmp(mode, "describe") == 0)
        return describe_main(argc, argv);
    if (strcmp(mode, "free") == 0 && argc > 2) {
        hostile_locked();
        puts(hostile_outcome(argv[2]));
        return 0;
    }
    for (size_t t = 0; t < MEMORY_COUNT(tables); t++)
        for (const struct attack *attack = tables[t]; attack->name; attack++)
            puts(attack->name);
    return 0;
}
