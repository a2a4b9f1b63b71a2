/* `vitrine user|token|status|…`: words in, one request to the admin socket, lines out.
 *
 * Commands are rows of a table: words, how many plain arguments, which options, what to do. Exit status 0, 1 when the
 * store refused (its sentence is printed as it came), 2 when the words made no sense. A password is read from
 * standard input and never taken as an argument, since arguments can be read by everybody on the machine. */
#include "store/ctl/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/encode.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"

/* What was typed behind the command's words. */
struct arguments {
    const char *plain[2]; /* without dashes, in order */
    int plain_count;
    const char *name, *role, *commit; /* --name N, --role R, --commit C */
    bool admin, json, model, password_stdin;
};

/* -- saying -- */

static void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(int fd, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vdprintf(fd, format, arguments);
    va_end(arguments);
}

/* Never NULL; the caller frees it. What is printed may have been written by a stranger (the words of a script's
 * error, for one), so control characters, which could steer the operator's terminal, become '?'. */
static char *member(const struct json *json, const struct json_node *object, const char *name)
{
    char *text = json_string_copy(json_get(json, object, name));
    for (char *at = text; at != NULL && *at != 0; at++) {
        bool second = (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] >= 0x80 && (unsigned char)at[1] < 0xa0;
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (second) /* the same once more, as UTF-8 has them */
            at[0] = at[1] = '?';
    }
    return text ? text : memory_copy_string("");
}

/* Asks; on a refusal says the store's sentence. 0 and the parsed answer (release it either way), or an exit status. */
static int ask(struct command *command, const char *method, const char *target, const struct buffer *body,
               struct json *ret_json, struct buffer *ret_body)
{
    *ret_json = (struct json){0};
    int status = command->ask(command->context, method, target, body ? buffer_view(body) : TEXT(""), ret_body);
    if (status < 0) {
        say(command->error_fd, "vitrine: the running platform could not be asked: %s\n", error_text(status));
        return 1;
    }
    if (json_parse(ret_json, buffer_view(ret_body), NULL) != 0) {
        say(command->error_fd, "vitrine: the platform gave an answer that is no JSON (status %d)\n", status);
        return 1;
    }
    if (status == 200)
        return 0;
    MEMORY_AUTO char *sentence = member(ret_json, &ret_json->nodes[0], "error");
    say(command->error_fd, "vitrine: %s\n", sentence);
    return 1;
}

/* Sends the body and prints one text of the answer (NULL: nothing). */
static int post(struct command *command, const char *target, struct buffer *body, const char *printed)
{
    BUFFER_AUTO struct buffer answer = BUFFER_EMPTY;
    struct json json;
    buffer_byte(body, '}');
    int result = ask(command, "POST", target, body, &json, &answer);
    if (result == 0 && printed != NULL) {
        MEMORY_AUTO char *value = member(&json, &json.nodes[0], printed);
        say(command->output_fd, "%s\n", value);
    }
    json_release(&json);
    return result;
}

static void write_flag(struct buffer *out, const char *name, bool value)
{
    json_write_name(out, name);
    buffer_string(out, value ? "true" : "false");
}

/* The first line of standard input. */
static void read_password(struct command *command, struct buffer *out)
{
    ssize_t count = fd_read_full(command->input_fd, buffer_reserve(out, 1024), 1024);
    buffer_advance(out, count > 0 ? (size_t)count : 0);
    struct text rest = buffer_view(out);
    struct text line = text_cut(&rest, '\n');
    out->length = text_ends(line, TEXT("\r")) ? line.length - 1 : line.length;
}

/* -- commands -- */

static int user_add(struct command *command, const struct arguments *arguments)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer password = BUFFER_EMPTY;
    buffer_byte(&body, '{');
    json_write_member(&body, "name", text_from(arguments->plain[0]));
    write_flag(&body, "admin", arguments->admin);
    if (arguments->password_stdin) {
        read_password(command, &password);
        json_write_member(&body, "password", buffer_view(&password));
    }
    return post(command, "/users", &body, NULL);
}

static int user_password(struct command *command, const struct arguments *arguments)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer password = BUFFER_EMPTY;
    read_password(command, &password);
    buffer_byte(&body, '{');
    json_write_member(&body, "name", text_from(arguments->plain[0]));
    json_write_member(&body, "password", buffer_view(&password));
    return post(command, "/users/password", &body, NULL);
}

static int user_link(struct command *command, const struct arguments *arguments)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    buffer_byte(&body, '{');
    json_write_member(&body, "name", text_from(arguments->plain[0]));
    return post(command, "/users/link", &body, "url");
}

/* Prints the columns of each object of an array as a table, or the JSON as it came; `columns` ends with NULL. */
static int list(struct command *command, const char *target, const char *const *columns, bool as_json)
{
    BUFFER_AUTO struct buffer answer = BUFFER_EMPTY;
    struct json json;
    int result = ask(command, "GET", target, NULL, &json, &answer);
    const struct json_node *root = result == 0 ? &json.nodes[0] : NULL;
    if (result == 0 && as_json)
        say(command->output_fd, TEXT_FORMAT "\n", TEXT_ARGUMENT(buffer_view(&answer)));
    for (const struct json_node *row = as_json ? NULL : json_first(&json, root); row;
         row = json_next(&json, root, row)) {
        for (int index = 0; columns[index] != NULL; index++) {
            const struct json_node *cell = json_get(&json, row, columns[index]);
            MEMORY_AUTO char *text = cell && cell->type != JSON_STRING ? text_copy(cell->raw)
                                                                       : member(&json, row, columns[index]);
            say(command->output_fd, "%s%-*s", index ? "  " : "", columns[index + 1] ? 20 : 0, text);
        }
        say(command->output_fd, "\n");
    }
    json_release(&json);
    return result;
}

static int user_list(struct command *command, const struct arguments *arguments)
{
    static const char *const columns[] = {"name", "admin", "repositories", "created", NULL};
    return list(command, "/users", columns, arguments->json);
}

static int token_add(struct command *command, const struct arguments *arguments)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    buffer_byte(&body, '{');
    json_write_member(&body, "user", text_from(arguments->plain[0]));
    json_write_member(&body, "name", text_from(arguments->name ? arguments->name : "token"));
    json_write_member(&body, "role", text_from(arguments->role ? arguments->role : "write"));
    return post(command, "/tokens", &body, "token");
}

static int token_list(struct command *command, const struct arguments *arguments)
{
    static const char *const columns[] = {"name", "role", "created", "used", NULL};
    BUFFER_AUTO struct buffer target = BUFFER_EMPTY;
    buffer_string(&target, "/tokens?user=");
    encode_percent(&target, text_from(arguments->plain[0]), "");
    return list(command, target.data, columns, arguments->json);
}

static int token_revoke(struct command *command, const struct arguments *arguments)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    buffer_byte(&body, '{');
    json_write_member(&body, "user", text_from(arguments->plain[0]));
    json_write_member(&body, "name", text_from(arguments->name ? arguments->name : arguments->plain[1]));
    return post(command, "/tokens/revoke", &body, NULL);
}

static int rollback(struct command *command, const struct arguments *arguments)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    const char *commit = arguments->commit ? arguments->commit : arguments->plain[1];
    buffer_byte(&body, '{');
    json_write_member(&body, "repository", text_from(arguments->plain[0]));
    json_write_member(&body, "commit", text_from(commit ? commit : ""));
    write_flag(&body, "model", arguments->model);
    return post(command, "/rollback", &body, "commit");
}

static int events(struct command *command, const struct arguments *arguments)
{
    static const char *const columns[] = {"time", "actor", "what", "object", "detail", NULL};
    return list(command, "/events", columns, arguments->json);
}

/* -- status -- */

static void print_processes(struct command *command, const struct json *json, const struct json_node *processes)
{
    for (const struct json_node *one = json_first(json, processes); one; one = json_next(json, processes, one)) {
        MEMORY_AUTO char *name = member(json, one, "name");
        const struct json_node *ready = json_get(json, one, "ready");
        int64_t pid = 0, restarts = 0, uptime = 0;
        json_integer(json_get(json, one, "pid"), &pid);
        json_integer(json_get(json, one, "restarts"), &restarts);
        json_integer(json_get(json, one, "uptime_s"), &uptime);
        say(command->output_fd, "%-12s %-8s pid %-7lld up %llds, %lld restarts\n", name,
            ready && ready->type == JSON_TRUE ? "ready" : "down", (long long)pid, (long long)uptime,
            (long long)restarts);
    }
}

static void print_repositories(struct command *command, const struct json *json, const struct json_node *rows)
{
    for (const struct json_node *row = json_first(json, rows); row; row = json_next(json, rows, row)) {
        MEMORY_AUTO char *id = member(json, row, "id");
        MEMORY_AUTO char *stage = member(json, row, "stage");
        MEMORY_AUTO char *commit = member(json, row, "commit");
        MEMORY_AUTO char *url = member(json, row, "url");
        MEMORY_AUTO char *reason = member(json, row, "reason");
        say(command->output_fd, "%-28s %-16s %-8.7s %s%s%s\n", id, stage, commit, url, reason[0] ? "  " : "", reason);
    }
}

/* Processes, demos and models; what went wrong stands behind the stage. */
static int status(struct command *command, const struct arguments *arguments)
{
    BUFFER_AUTO struct buffer answer = BUFFER_EMPTY;
    struct json json;
    int result = ask(command, "GET", "/status", NULL, &json, &answer);
    if (result == 0 && arguments->json) {
        say(command->output_fd, TEXT_FORMAT "\n", TEXT_ARGUMENT(buffer_view(&answer)));
    } else if (result == 0) {
        const struct json_node *root = &json.nodes[0];
        MEMORY_AUTO char *url = member(&json, root, "site_url");
        say(command->output_fd, "%s\n\n", url);
        print_processes(command, &json, json_get(&json, root, "processes"));
        say(command->output_fd, "\n");
        print_repositories(command, &json, json_get(&json, root, "demos"));
        print_repositories(command, &json, json_get(&json, root, "models"));
    }
    json_release(&json);
    return result;
}

/* -- the table -- */

static const struct row {
    const char *words[2];
    int least, most; /* plain arguments */
    int (*run)(struct command *command, const struct arguments *arguments);
    const char *usage;
} rows[] = {
    {{"user", "add"}, 1, 1, user_add, "user add NAME [--admin] [--password-stdin]   make an account"},
    {{"user", "password"},
     1,
     1,
     user_password,
     "user password NAME                           set its password (read from standard input)"},
    {{"user", "link"},
     1,
     1,
     user_link,
     "user link NAME                               print a sign-in link that works once, for 15 minutes"},
    {{"user", "list"}, 0, 0, user_list, "user list [--json]"},
    {{"token", "add"}, 1, 1, token_add, "token add USER [--name N] [--role read|write] print a new access token"},
    {{"token", "list"}, 1, 1, token_list, "token list USER [--json]"},
    {{"token", "revoke"}, 1, 2, token_revoke, "token revoke USER NAME"},
    {{"status", NULL}, 0, 0, status, "status [--json]                              processes, demos and models"},
    {{"rollback", NULL},
     1,
     2,
     rollback,
     "rollback OWNER/NAME [COMMIT] [--model]       make an earlier release live again"},
    {{"events", NULL}, 0, 0, events, "events [--json]                              who did what"},
};

static int usage(int fd, const char *first_word)
{
    say(fd, "usage: vitrine COMMAND [--data DIR]   (or VITRINE_DATA)\n\n");
    for (size_t index = 0; index < MEMORY_COUNT(rows); index++) {
        if (first_word == NULL || strcmp(first_word, rows[index].words[0]) == 0)
            say(fd, "  %s\n", rows[index].usage);
    }
    return 2;
}

/* The first row that fits is the only one: no command is the beginning of another. */
static const struct row *find_row(int argc, char **argv)
{
    for (size_t index = 0; index < MEMORY_COUNT(rows); index++) {
        const struct row *row = &rows[index];
        if (argc > 0 && strcmp(argv[0], row->words[0]) == 0 &&
            (row->words[1] == NULL || (argc > 1 && strcmp(argv[1], row->words[1]) == 0)))
            return row;
    }
    return NULL;
}

/* Takes one argument (and its value); the number of words used, or 0 when it is not understood. */
static int take_argument(struct arguments *arguments, int argc, char **argv)
{
    const struct {
        const char *name;
        bool *flag;
        const char **value;
    } options[] = {
        {"--admin", &arguments->admin, NULL}, {"--json", &arguments->json, NULL},
        {"--model", &arguments->model, NULL}, {"--password-stdin", &arguments->password_stdin, NULL},
        {"--name", NULL, &arguments->name},   {"--role", NULL, &arguments->role},
        {"--commit", NULL, &arguments->commit},
    };
    for (size_t index = 0; index < MEMORY_COUNT(options); index++) {
        if (strcmp(argv[0], options[index].name) != 0)
            continue;
        if (options[index].flag != NULL) {
            *options[index].flag = true;
            return 1;
        }
        *options[index].value = argc > 1 ? argv[1] : NULL;
        return argc > 1 ? 2 : 0;
    }
    if (argv[0][0] == '-' || arguments->plain_count == 2)
        return 0;
    arguments->plain[arguments->plain_count++] = argv[0];
    return 1;
}

int command_run(struct command *command, int argc, char **argv)
{
    struct arguments arguments = {0};
    const struct row *row = find_row(argc, argv);
    bool help = argc == 0;
    for (int index = 0; index < argc; index++)
        help = help || strcmp(argv[index], "--help") == 0 || strcmp(argv[index], "-h") == 0;
    if (help) {
        usage(command->output_fd, argc > 0 && argv[0][0] != '-' ? argv[0] : NULL);
        return argc == 0 ? 2 : 0;
    }
    if (row == NULL)
        return usage(command->error_fd, NULL);
    for (int index = row->words[1] ? 2 : 1; index < argc;) {
        int used = take_argument(&arguments, argc - index, argv + index);
        if (used == 0) {
            say(command->error_fd, "vitrine: \"%s\" is not understood here\n", argv[index]);
            return usage(command->error_fd, row->words[0]);
        }
        index += used;
    }
    if (arguments.plain_count < row->least || arguments.plain_count > row->most)
        return usage(command->error_fd, row->words[0]);
    return row->run(command, &arguments);
}
