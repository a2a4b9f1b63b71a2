/* From tables to bytes. libseccomp is used once per start, to compile; what is loaded afterwards, a thousand times
 * in a zygote, are the plain bytes, so that its memory can be given back before the first fork. Rules are exact
 * matches on 64 bits: an argument with something in its upper half is another argument, and not on the list. */
#include "sandbox/lockdown/lockdown.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "sandbox/lockdown/profile.h"

static struct scmp_arg_cmp filter_argument(const struct profile_argument *argument)
{
    switch (argument->compare) {
    case PROFILE_EQUAL:
        return SCMP_CMP64(argument->index, SCMP_CMP_EQ, argument->value);
    case PROFILE_AT_MOST:
        return SCMP_CMP64(argument->index, SCMP_CMP_LE, argument->value);
    default:
        return SCMP_CMP64(argument->index, SCMP_CMP_MASKED_EQ, argument->value, 0);
    }
}

static int filter_add_rule(scmp_filter_ctx context, uint32_t action, const struct profile_rule *rule)
{
    struct scmp_arg_cmp arguments[MEMORY_COUNT(rule->arguments)];
    unsigned count = 0;
    int number = seccomp_syscall_resolve_name(rule->call);

    if (number == __NR_SCMP_ERROR)
        return ERROR_UNSUPPORTED; /* a misspelled name, or a library older than the call */
    for (size_t i = 0; i < MEMORY_COUNT(rule->arguments); i++)
        if (rule->arguments[i].compare != PROFILE_ANY)
            arguments[count++] = filter_argument(&rule->arguments[i]);
    int result = seccomp_rule_add_array(context, action, number, count, arguments);
    /* EDOM: this architecture has no such call. EEXIST: another table of the profile has the rule already. */
    return result == 0 || result == -EDOM || result == -EEXIST ? 0 : ERROR_UNSUPPORTED;
}

static int filter_add_profile(scmp_filter_ctx context, const struct profile *profile)
{
    uint32_t action = profile->denied ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW;

    for (size_t t = 0; t < MEMORY_COUNT(profile->tables) && profile->tables[t]; t++)
        for (const struct profile_rule *rule = profile->tables[t]; rule->call; rule++) {
            int result = filter_add_rule(context, action, rule);
            if (result < 0)
                return result;
        }
    return 0;
}

/* libseccomp 2.5 can only export to a descriptor: a memfd gives the bytes back. */
static int filter_export(scmp_filter_ctx context, struct lockdown_filter *filter)
{
    FD_AUTO int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0 || seccomp_export_bpf(context, fd) < 0)
        return ERROR_SYSTEM;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || size % (off_t)sizeof(struct sock_filter) != 0 || lseek(fd, 0, SEEK_SET) != 0)
        return ERROR_SYSTEM;
    filter->length = (unsigned short)((size_t)size / sizeof(struct sock_filter));
    filter->program = memory_alloc(filter->length, sizeof(struct sock_filter));
    if (fd_read_full(fd, filter->program, (size_t)size) != size) {
        lockdown_filter_release(filter);
        return ERROR_SYSTEM;
    }
    return 0;
}

/* In builds without NDEBUG the verdict can be a log line instead of death, to find missing rules. */
static uint32_t filter_default_action(const struct profile *profile)
{
    if (profile->denied)
        return SCMP_ACT_ALLOW;
#ifndef NDEBUG
    const char *mode = getenv("VITRINE_SANDBOX");
    if (mode && mode[0] == 'l')
        return SCMP_ACT_LOG;
#endif
    return SCMP_ACT_KILL_PROCESS;
}

/* An unknown architecture is killed in every profile, git's too: its numbers would mean other calls. */
int lockdown_filter_build(struct lockdown_filter *filter, enum lockdown_profile number)
{
    const struct profile *profile = profile_get(number);
    scmp_filter_ctx context = seccomp_init(filter_default_action(profile));
    if (!context)
        return ERROR_UNSUPPORTED;
    int result = 0;
    *filter = (struct lockdown_filter){0};
    if (seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
        result = ERROR_UNSUPPORTED;
    if (result == 0)
        result = filter_add_profile(context, profile);
    if (result == 0)
        result = filter_export(context, filter);
    seccomp_release(context);
    return result;
}

void lockdown_filter_release(struct lockdown_filter *filter)
{
    free(filter->program);
    *filter = (struct lockdown_filter){0};
}

int lockdown_filter_load(const struct lockdown_filter *filter)
{
    struct sock_fprog program = {.len = filter->length, .filter = filter->program};

    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : ERROR_SYSTEM;
}

size_t lockdown_profile_calls(enum lockdown_profile number, const char **list, size_t capacity)
{
    const struct profile *profile = profile_get(number);
    size_t count = 0;

    for (size_t t = 0; t < MEMORY_COUNT(profile->tables) && profile->tables[t]; t++)
        for (const struct profile_rule *rule = profile->tables[t]; rule->call; rule++)
            if (count + 1 < capacity)
                list[count++] = rule->call;
    if (capacity > 0)
        list[count] = NULL;
    return count;
}

const char *lockdown_profile_name(enum lockdown_profile profile)
{
    return profile_get(profile)->name;
}
