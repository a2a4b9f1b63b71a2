/* Every profile becomes a filter on the architecture that this is built for, and the filter says what the tables say.
 * Filters are looked at as bytes, by a small interpreter of the kernel's filter language, so nothing here is locked and
 * every verdict can be asked for: that of another architecture and that of arm64 under emulation, too. */
#include "sandbox/lockdown/lockdown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include "runtime/base/memory.h"
#include "sandbox/lockdown/profile.h"

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#define OTHER_ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#define OTHER_ARCHITECTURE AUDIT_ARCH_ARM
#endif

enum { CALLS = 512, STEPS = 4096, LIST = 256 };

static uint32_t word_at(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t word;
    assert_true(offset + sizeof word <= sizeof *data && offset % sizeof word == 0);
    memcpy(&word, (const char *)data + offset, sizeof word);
    return word;
}

static bool jump_taken(const struct sock_filter *step, uint32_t value)
{
    switch (BPF_OP(step->code)) {
    case BPF_JEQ:
        return value == step->k;
    case BPF_JGT:
        return value > step->k;
    case BPF_JGE:
        return value >= step->k;
    case BPF_JSET:
        return (value & step->k) != 0;
    default:
        fail_msg("unknown jump %#x", step->code);
        return false;
    }
}

/* What the kernel would answer: a filter of the subset that libseccomp writes. */
static uint32_t verdict(const struct lockdown_filter *filter, const struct seccomp_data *data)
{
    const struct sock_filter *program = filter->program;
    uint32_t value = 0, kept[BPF_MEMWORDS] = {0};

    for (size_t at = 0, steps = 0; at < filter->length && steps < STEPS; at++, steps++) {
        const struct sock_filter *step = &program[at];
        switch (BPF_CLASS(step->code)) {
        case BPF_LD:
            value = BPF_MODE(step->code) == BPF_MEM ? kept[step->k] : word_at(data, step->k);
            break;
        case BPF_ST:
            kept[step->k] = value;
            break;
        case BPF_ALU:
            assert_int_equal(BPF_OP(step->code), BPF_AND);
            value &= step->k;
            break;
        case BPF_JMP:
            if (BPF_OP(step->code) == BPF_JA)
                at += step->k;
            else
                at += jump_taken(step, value) ? step->jt : step->jf;
            break;
        case BPF_RET:
            return step->k;
        default:
            fail_msg("unknown instruction %#x", step->code);
        }
    }
    fail_msg("the filter does not end");
    return 0;
}

static uint32_t asked(const struct lockdown_filter *filter, long call, uint64_t first)
{
    struct seccomp_data data = {.nr = (int)call, .arch = OWN_ARCHITECTURE, .args = {first}};
    return verdict(filter, &data);
}

static struct lockdown_filter built(enum lockdown_profile profile)
{
    struct lockdown_filter filter;
    assert_int_equal(lockdown_filter_build(&filter, profile), 0);
    assert_true(filter.length > 0 && filter.length <= BPF_MAXINSNS);
    return filter;
}

static void every_profile_builds(void **state)
{
    for (int profile = 0; profile < LOCKDOWN_PROFILE_COUNT; profile++) {
        struct lockdown_filter filter = built((enum lockdown_profile)profile);
        assert_non_null(lockdown_profile_name((enum lockdown_profile)profile));
        lockdown_filter_release(&filter);
        assert_null(filter.program);
    }
}

static void another_architecture_is_killed(void **state)
{
    for (int profile = 0; profile < LOCKDOWN_PROFILE_COUNT; profile++) {
        struct lockdown_filter filter = built((enum lockdown_profile)profile);
        for (int call = 0; call < CALLS; call++) {
            struct seccomp_data data = {.nr = call, .arch = OTHER_ARCHITECTURE};
            assert_int_equal(verdict(&filter, &data), SECCOMP_RET_KILL_PROCESS);
        }
        lockdown_filter_release(&filter);
    }
}

/* A worker's list is short; whatever number is not on it ends the process, also beyond the last call that exists. */
static void a_worker_is_killed_for_what_is_not_listed(void **state)
{
    struct lockdown_filter filter = built(LOCKDOWN_PROFILE_WORKER);
    const char *list[LIST];
    size_t listed = lockdown_profile_calls(LOCKDOWN_PROFILE_WORKER, list, LIST), allowed = 0;

    for (int call = 0; call < CALLS; call++)
        allowed += asked(&filter, call, 0) == SECCOMP_RET_ALLOW;
    assert_true(allowed > 0 && allowed <= listed);
    assert_int_equal(asked(&filter, SYS_read, 3), SECCOMP_RET_ALLOW);
    static const long forbidden[] = {
#ifndef VITRINE_SANITIZED_ADDRESS /* whose leak check needs them */
        SYS_ptrace,  SYS_prctl,
#endif
        SYS_execve,  SYS_execveat,         SYS_clone, SYS_openat, SYS_socket,         SYS_connect,
        SYS_mount,   SYS_unshare,          SYS_setns, SYS_bpf,    SYS_io_uring_setup, SYS_kill,    SYS_sendmsg,
        SYS_recvmsg, SYS_process_vm_readv, SYS_ioctl, SYS_memfd_create, CALLS, -1};
    for (size_t i = 0; i < MEMORY_COUNT(forbidden); i++)
        assert_int_equal(asked(&filter, forbidden[i], 0), SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
    for (int call = 0; call < CALLS; call++) /* the x32 numbers of the same calls */
        assert_int_equal(asked(&filter, call | 0x40000000, 0), SECCOMP_RET_KILL_PROCESS);
#endif
    lockdown_filter_release(&filter);
}

static size_t rules_of_call(const struct profile *profile, const char *call)
{
    size_t count = 0;
    for (size_t t = 0; t < MEMORY_COUNT(profile->tables) && profile->tables[t]; t++)
        for (const struct profile_rule *rule = profile->tables[t]; rule->call; rule++)
            count += strcmp(rule->call, call) == 0;
    return count;
}

/* The call with arguments that the rule accepts, each at its limit. */
static struct seccomp_data accepted_by(const struct profile_rule *rule)
{
    struct seccomp_data data = {.nr = seccomp_syscall_resolve_name(rule->call), .arch = OWN_ARCHITECTURE};
    for (size_t i = 0; i < MEMORY_COUNT(rule->arguments); i++) {
        const struct profile_argument *argument = &rule->arguments[i];
        if (argument->compare == PROFILE_EQUAL || argument->compare == PROFILE_AT_MOST)
            data.args[argument->index] = argument->value;
        else if (argument->compare == PROFILE_MASKED_ZERO)
            data.args[argument->index] = ~argument->value;
    }
    return data;
}

/* A value that is right in its lower half alone is wrong. Returns how many arguments were tried. */
static size_t high_halves_are_refused(const struct lockdown_filter *filter, const struct profile_rule *rule)
{
    const uint64_t high = 1ull << 63;
    size_t tried = 0;

    for (size_t i = 0; i < MEMORY_COUNT(rule->arguments); i++) {
        const struct profile_argument *argument = &rule->arguments[i];
        struct seccomp_data data = accepted_by(rule);
        if (argument->compare == PROFILE_ANY || (argument->compare == PROFILE_MASKED_ZERO && !(argument->value & high)))
            continue;
        data.args[argument->index] |= high;
        assert_int_equal(verdict(filter, &data), SECCOMP_RET_KILL_PROCESS);
        tried++;
    }
    return tried;
}

static void arguments_are_compared_whole(void **state)
{
    static const enum lockdown_profile profiles[] = {LOCKDOWN_PROFILE_WORKER, LOCKDOWN_PROFILE_POOL,
                                                     LOCKDOWN_PROFILE_DESCRIBE, LOCKDOWN_PROFILE_GATEWAY,
                                                     LOCKDOWN_PROFILE_INFER_CHILD};
    size_t tried = 0;

    for (size_t p = 0; p < MEMORY_COUNT(profiles); p++) {
        const struct profile *profile = profile_get(profiles[p]);
        struct lockdown_filter filter = built(profiles[p]);
        for (size_t t = 0; t < MEMORY_COUNT(profile->tables) && profile->tables[t]; t++)
            for (const struct profile_rule *rule = profile->tables[t]; rule->call; rule++) {
                struct seccomp_data data = accepted_by(rule);
                if (data.nr < 0) /* a call that this architecture does not have */
                    continue;
                assert_int_equal(verdict(&filter, &data), SECCOMP_RET_ALLOW);
                if (rules_of_call(profile, rule->call) == 1)
                    tried += high_halves_are_refused(&filter, rule);
            }
        lockdown_filter_release(&filter);
    }
    assert_true(tried > 0);
}

/* The one list that names what is refused: the rest of git's calls go through. */
static void git_is_refused_by_name(void **state)
{
    struct lockdown_filter filter = built(LOCKDOWN_PROFILE_GIT);
    uint32_t refused = SECCOMP_RET_ERRNO | 1 /* EPERM */;

    assert_int_equal(asked(&filter, SYS_openat, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(asked(&filter, SYS_execve, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(asked(&filter, SYS_bpf, 0), refused);
    assert_int_equal(asked(&filter, SYS_mount, 0), refused);
    lockdown_filter_release(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_builds),
        cmocka_unit_test(another_architecture_is_killed),
        cmocka_unit_test(a_worker_is_killed_for_what_is_not_listed),
        cmocka_unit_test(arguments_are_compared_whole),
        cmocka_unit_test(git_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
