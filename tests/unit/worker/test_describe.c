/* `vitrine check`, which is the description of a folder without its cage: what a push of that folder would say. */
#include "runtime/worker/describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/base/fd.h"
#include "runtime/base/memory.h"
#include "runtime/worker/state.h"
#include "tests/unit/worker/rig.h"

static char folder[] = "/tmp/vitrine-describe-XXXXXX";

static void put(const char *name, const char *contents)
{
    BUFFER_AUTO struct buffer path = BUFFER_EMPTY;

    buffer_format(&path, "%s/%s", folder, name);
    FILE *file = fopen(path.data, "w");
    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
}

static int set_up(void **state)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"README.md", "app.lua", "other.lua", "index.html"};

    for (size_t i = 0; i < MEMORY_COUNT(names); i++) {
        BUFFER_AUTO struct buffer path = BUFFER_EMPTY;
        buffer_format(&path, "%s/%s", folder, names[i]);
        unlink(path.data);
    }
    return rmdir(folder);
}

/* Runs it in a process of its own, since a description is made once per process. What it prints, and its status. */
static int check(struct buffer *out)
{
    char program[] = "vitrine-worker", word[] = "check", piece[4096];
    char *arguments[] = {program, word, folder, NULL};
    ssize_t length;
    int fds[2], status;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        dup2(fds[1], STDOUT_FILENO);
        int result = describe_check(3, arguments);
        fflush(stdout);
        _exit(result);
    }
    close(fds[1]);
    while ((length = read(fds[0], piece, sizeof piece)) > 0)
        buffer_append(out, piece, (size_t)length);
    close(fds[0]);
    buffer_byte(out, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void assert_check(int status, const char *part)
{
    BUFFER_AUTO struct buffer out = BUFFER_EMPTY;

    assert_int_equal(check(&out), status);
    if (!strstr(out.data, part))
        fail_msg("\"%s\" does not hold \"%s\"", out.data, part);
}

#define BLOCKS(body) "local ui = require 'ui'\nreturn ui.blocks(function()\n" body "\nend)\n"

static void what_a_push_would_publish_is_fine(void **state)
{
    put("README.md", "---\ntitle: t\n---\n# t\n");
    put("app.lua", BLOCKS("ui.textbox{label='a'}"));
    assert_check(0, "fine, a push would publish it (sdk: lua)");
    put("app.lua", BLOCKS("print('hello') ui.textbox{label='a'}"));
    assert_check(0, "log: hello\n");
}

static void the_kind_is_told_by_the_card_or_by_the_files(void **state)
{
    assert_check(1, "the repository is empty; commit a README.md and an app.lua");
    put("README.md", "# t\n");
    assert_check(1, "there is neither app.lua nor index.html: nothing to show (NO_APP_FILE)");
    put("index.html", "<p>");
    assert_check(0, "(sdk: static)");
    put("README.md", "---\nsdk: lua\n---\n");
    assert_check(1, "there is no app.lua (NO_APP_FILE)");
    put("README.md", "---\nsdk: lua\napp_file: other.lua\n---\n");
    put("other.lua", BLOCKS("ui.textbox{label='a'}"));
    assert_check(0, "(sdk: lua)");
    put("README.md", "---\nsdk: static\napp_file: gone.html\n---\n");
    assert_check(1, "there is no gone.html (NO_APP_FILE)");
}

static void mistakes_are_told_with_their_line(void **state)
{
    put("app.lua", "local ui = require 'ui'\nreturn ui.blocks(function() local x = nil x.y = 1 end)");
    assert_check(1, "app.lua:2: attempt to index a nil value");
    put("app.lua", "return (");
    assert_check(1, "app.lua:1: unexpected symbol");
    put("app.lua", "error({ message = 'two\\nlines' })");
    assert_check(1, "app.lua: two\n"); /* without a place the file is named, and only the first line is told */
    put("app.lua", "return 5");
    assert_check(1, "a push would be refused\n");
    put("app.lua", "local other = require 'other' return other");
    put("other.lua", "\n\nerror 'in a module'");
    assert_check(1, "other.lua:3: in a module");
}

static void what_would_hurt_is_ended(void **state)
{
    put("app.lua", "local t = {} while true do t[#t + 1] = ('x'):rep(10000) .. #t end");
    assert_check(1, "computing the page needs more than 64 MiB of memory; make large tables inside of functions");
    put("app.lua", "\nwhile true do end");
    assert_check(1, "app.lua:2: computed for more than");
}

static void a_wrong_command_line_is_told(void **state)
{
    char program[] = "vitrine", word[] = "check", help[] = "--help", flag[] = "-x";
    char *none[] = {program, word, NULL}, *asked[] = {program, word, help, NULL}, *wrong[] = {program, word, flag, NULL};

    assert_int_equal(describe_check(2, none), 2);
    assert_int_equal(describe_check(3, asked), 0);
    assert_int_equal(describe_check(3, wrong), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_push_would_publish_is_fine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_kind_is_told_by_the_card_or_by_the_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_are_told_with_their_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_would_hurt_is_ended, set_up, tear_down),
        cmocka_unit_test(a_wrong_command_line_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
