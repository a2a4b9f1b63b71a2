/* Real cages around a shell: what is inside, what is not, what a failure says. As root or as an ordinary user. */
#include "sandbox/cage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandbox/launcher.h"

static char top[] = "/tmp/vitrine-cage-XXXXXX";

/* Runs `script` caged; the exit status, and what it wrote in `ret_text`. */
static int caged(struct cage cage, const char *script, char ret_text[1024])
{
    const char *argv[] = {"sh", "-c", script, NULL}, *environment[] = {"PATH=/usr/bin:/bin", NULL};
    int out[2], none = open("/dev/null", O_RDWR), pidfd = -1;
    ssize_t length, total = 0;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    cage.program = cage.program ? cage.program : "/bin/sh";
    cage.argv = argv;
    cage.environment = environment;
    cage.uid = geteuid() ? geteuid() : 65534;
    cage.gid = geteuid() ? getegid() : 65534;
    memcpy(cage.fds, (int[]){none, out[1], out[1], -1}, sizeof cage.fds);
    cage.report_fd = 2;
    cage.cpu_seconds = cage.cpu_seconds ? cage.cpu_seconds : 10;
    /* A sanitizer reserves more addresses than any limit allows. */
    cage.memory_bytes = CAGE_WORKER_IS_DYNAMIC ? ~0ull : cage.memory_bytes ? cage.memory_bytes : 1ull << 30;
    cage.file_bytes = cage.file_bytes ? cage.file_bytes : 1 << 20;
    assert_true(cage_start(&cage, &pidfd) > 0);
    close(out[1]);
    close(none);
    while ((length = read(out[0], ret_text + total, (size_t)(1023 - total))) > 0)
        total += length;
    ret_text[total] = '\0';
    close(out[0]);
    int code = launcher_reap(pidfd);
    close(pidfd);
    return code;
}

static struct cage plain(void)
{
    return (struct cage){.libraries = true, .filter_git = true};
}

static void outside_is_not_there(void **state)
{
    static const char *const scripts[] = {
        "cat /etc/passwd", "ls /root /home /var /proc/1", "cat /proc/self/status", "cd / && cd .. && cat etc/hostname",
        "echo x > /usr/vitrine-cage", "echo x > /x", "echo x > /dev/vitrine", "mkdir /tmp/a && mount -t tmpfs none /tmp/a",
        "kill -0 2", "chroot / true", "unshare --user true"};
    char text[1024];
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (caged(plain(), scripts[i], text) == 0)
            fail_msg("%s: went through: %s", scripts[i], text);
}

static void inside_is_a_small_world(void **state)
{
    char text[1024];
    (void)state;
    assert_int_equal(caged(plain(), "echo $$; ls -A /dev; hostname; echo of its own > /dev/null", text), 0);
    assert_non_null(strstr(text, "null"));
    assert_non_null(strstr(text, "urandom"));
    assert_non_null(strstr(text, "vitrine"));
    assert_int_equal(strncmp(text, "1\n", 2), 0); /* the first process of its own namespace */
}

/* Whatever numbers the descriptors have outside, inside each is where it belongs: a launcher with many cages under way
 * hands over numbers that the preparations use themselves. */
static void many_descriptors_outside(void **state)
{
    int held[80], count = 0;
    char text[1024];
    (void)state;
    for (int first = 50; first < 72; first++) {
        while (count == 0 || held[count - 1] < first - 1) {
            assert_true(count < 80);
            assert_true((held[count++] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
        }
        assert_int_equal(caged(plain(), "cat && echo one && echo two >&2", text), 0);
        assert_string_equal(text, "one\ntwo\n");
    }
    while (count > 0)
        close(held[--count]);
}

static void one_repository_is_writable(void **state)
{
    struct cage cage = plain();
    char text[1024], path[64];
    (void)state;
    cage.repository = top;
    assert_int_equal(caged(cage, "pwd && echo hello > /repository/from-inside", text), 0);
    assert_string_equal(text, "/repository\n");
    snprintf(path, sizeof path, "%s/from-inside", top);
    assert_int_equal(unlink(path), 0);
    cage.repository = "/tmp/vitrine-cage-that-is-not-there";
    assert_int_equal(caged(cage, "true", text), CAGE_EXIT_SETUP);
    assert_non_null(strstr(text, "the cage could not be set up: the repository"));
}

static void hooks_point_at_the_helper(void **state)
{
    struct cage cage = plain();
    char text[1024];
    (void)state;
    cage.helper = "/bin/true";
    cage.hooks[0] = "pre-receive";
    assert_int_equal(caged(cage, "/hooks/pre-receive && readlink /hooks/pre-receive", text), 0);
    assert_string_equal(text, "/helper\n");
    assert_int_not_equal(caged(cage, "echo x > /helper", text), 0);
}

static void limits_hold(void **state)
{
    struct cage cage = plain();
    char text[1024];
    (void)state;
    cage.repository = top;
    cage.file_bytes = 4096;
    assert_int_not_equal(caged(cage, "yes | head -c 100000 > /repository/large", text), 0);
    cage = plain();
    cage.cpu_seconds = 1;
    assert_true(caged(cage, "while :; do :; done", text) >= 256);
}

static void descriptors_are_the_given_ones(void **state)
{
    char text[1024];
    int secret = open("/etc/passwd", O_RDONLY); /* not close-on-exec, as a careless caller would leave it */
    (void)state;
    assert_true(secret > 2);
    assert_int_equal(caged(plain(), "for n in 3 4 5 6 7 8 9; do if (: <&$n) 2>/dev/null; then echo $n; fi; done", text), 0);
    assert_string_equal(text, "");
    close(secret);
}

static void a_program_that_is_not_there_is_said(void **state)
{
    struct cage cage = plain();
    char text[1024];
    (void)state;
    cage.program = "/usr/bin/vitrine-not-there";
    assert_int_equal(caged(cage, "true", text), CAGE_EXIT_SETUP);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(top) && chmod(top, 0777) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_is_not_there),          cmocka_unit_test(inside_is_a_small_world),
        cmocka_unit_test(many_descriptors_outside),
        cmocka_unit_test(one_repository_is_writable),    cmocka_unit_test(hooks_point_at_the_helper),
        cmocka_unit_test(limits_hold),                   cmocka_unit_test(descriptors_are_the_given_ones),
        cmocka_unit_test(a_program_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
