/* Words of the command line: what is asked of the store, what is printed, with which exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "store/ctl/command.h"

/* A store that answers always the same, and remembers what it was asked. */
struct played {
    int status;
    const char *answer;
    char asked[2048];
    char output[8192], error[8192];
};

static int ask(void *context, const char *method, const char *target, struct text body, struct buffer *ret_body)
{
    struct played *played = context;
    snprintf(played->asked, sizeof played->asked, "%s %s " TEXT_FORMAT, method, target, TEXT_ARGUMENT(body));
    if (played->status > 0)
        buffer_string(ret_body, played->answer);
    return played->status;
}

static void take(FILE *file, char *out, size_t size)
{
    rewind(file);
    out[fread(out, 1, size - 1, file)] = 0;
    fclose(file);
}

/* Runs "user add ann …" with `input` as standard input; the exit status. */
static int run(struct played *played, const char *line, const char *input)
{
    char words[512], *argv[16];
    int argc = 0;
    FILE *output = tmpfile(), *error = tmpfile(), *typed = tmpfile();
    snprintf(words, sizeof words, "%s", line);
    for (char *rest = words, *word; (word = strsep(&rest, " ")) != NULL;)
        argv[argc++] = word;
    fputs(input, typed);
    fflush(typed);
    lseek(fileno(typed), 0, SEEK_SET);
    struct command command = {ask, played, fileno(output), fileno(error), fileno(typed)};
    int status = command_run(&command, argc, argv);
    take(output, played->output, sizeof played->output);
    take(error, played->error, sizeof played->error);
    fclose(typed);
    return status;
}

static void what_is_asked(void **state)
{
    static const struct {
        const char *line, *input, *asked;
    } cases[] = {
        {"user add ann", "", "POST /users {\"name\":\"ann\",\"admin\":false}"},
        {"user add ann --admin", "", "POST /users {\"name\":\"ann\",\"admin\":true}"},
        {"user add ann --password-stdin", "se cret\r\nmore", "POST /users {\"name\":\"ann\",\"admin\":false,\"password\":\"se cret\"}"},
        {"user password ann", "pw\n", "POST /users/password {\"name\":\"ann\",\"password\":\"pw\"}"},
        {"user link ann", "", "POST /users/link {\"name\":\"ann\"}"},
        {"token revoke ann laptop", "", "POST /tokens/revoke {\"user\":\"ann\",\"name\":\"laptop\"}"},
    };
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct played played = {.status = 200, .answer = "{}"};
        assert_int_equal(run(&played, cases[index].line, cases[index].input), 0);
        assert_string_equal(played.asked, cases[index].asked);
        assert_string_equal(played.error, "");
    }
}

static void what_is_printed(void **state)
{
    struct played played = {.status = 200, .answer = "{\"token\":\"hf_1\"}"};
    assert_int_equal(run(&played, "token add ann --role read --name n", ""), 0);
    assert_string_equal(played.output, "hf_1\n");
    assert_non_null(strstr(played.asked, "\"role\":\"read\""));
    assert_non_null(strstr(played.asked, "\"name\":\"n\""));
    played.answer = "[{\"name\":\"ann\",\"admin\":true,\"created\":\"now\",\"repositories\":2}]";
    assert_int_equal(run(&played, "user list", ""), 0);
    assert_non_null(strstr(played.output, "ann"));
    assert_int_equal(run(&played, "user list --json", ""), 0);
    assert_non_null(strstr(played.output, played.answer));
}

static void a_refusal_is_said_as_it_came(void **state)
{
    struct played played = {.status = 409, .answer = "{\"error\":\"There is an account of this name already.\"}"};
    assert_int_equal(run(&played, "user add ann", ""), 1);
    assert_string_equal(played.error, "vitrine: There is an account of this name already.\n");
    assert_string_equal(played.output, "");
    played.status = ERROR_CLOSED;
    assert_int_equal(run(&played, "user add ann", ""), 1);
    assert_non_null(strstr(played.error, "could not be asked"));
    played = (struct played){.status = 200, .answer = "<html>"};
    assert_int_equal(run(&played, "user add ann", ""), 1);
    assert_non_null(strstr(played.error, "no JSON"));
}

static void words_that_make_no_sense(void **state)
{
    static const char *const lines[] = {"nonsense", "user", "user add", "user add a b", "user add ann --strange", "token add ann --name",
                                        "token revoke a b c", "rollback", "user nonsense ann"};
    for (size_t index = 0; index < sizeof lines / sizeof lines[0]; index++) {
        struct played played = {.status = 200, .answer = "{}"};
        assert_int_equal(run(&played, lines[index], ""), 2);
        assert_string_equal(played.asked, "");
        assert_non_null(strstr(played.error, "usage: vitrine"));
    }
    struct played played = {0};
    assert_int_equal(run(&played, "user --help", ""), 0);
    assert_non_null(strstr(played.output, "user add NAME"));
    assert_null(strstr(played.output, "rollback"));
}

/* A script's last words are printed on the operator's terminal, which must not obey them. */
static void strangers_do_not_steer_the_terminal(void **state)
{
    struct played played = {.status = 200, .answer =
        "{\"processes\":[],\"demos\":[{\"id\":\"ann/x\",\"stage\":\"RUNTIME_ERROR\",\"reason\":\"\\u001b]0;owned\\u0007 \\u009b2J \\u00e9\","
        "\"url\":\"u\",\"commit\":\"c\"}],\"models\":[]}"};
    assert_int_equal(run(&played, "status", ""), 0);
    assert_non_null(strstr(played.output, "ann/x"));
    assert_null(strchr(played.output, '\x1b'));
    assert_null(strchr(played.output, '\a'));
    assert_null(strstr(played.output, "\xc2\x9b"));
    assert_non_null(strstr(played.output, "\xc3\xa9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked), cmocka_unit_test(what_is_printed), cmocka_unit_test(a_refusal_is_said_as_it_came),
        cmocka_unit_test(words_that_make_no_sense), cmocka_unit_test(strangers_do_not_steer_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
