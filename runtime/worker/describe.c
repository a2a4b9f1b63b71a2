/* What happens to a tree between a push and a release, and the same for `vitrine check`: the tree becomes a
 * bundle in memory, the card is read, and then by the kind of repository. For a Lua demo app.lua runs once
 * under a frozen clock, with a seed made from the tree, and the kit writes what every page view is served from
 * later: config, info, page and the manifest.
 *
 * It runs in a cage of its own: stage stream in, bundle and report out, nothing else. The report is lines for
 * the author, "file:line: sentence"; a line that begins with "warning:" does not stop the push. All sentences
 * come through describe_refuse(), so `failed` and the exit status cannot disagree.
 *
 * The order of members in the manifest and of names in every document is fixed: the same tree gives the same
 * bytes. */
#include "runtime/worker/describe.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bounds.h"
#include "runtime/base/bundle.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/worker/card.h"
#include "runtime/worker/hint.h"
#include "runtime/worker/markdown.h"
#include "runtime/worker/release.h"
#include "runtime/worker/stage.h"
#include "runtime/worker/worker.h"
#include "sandbox/lockdown/lockdown.h"

enum { DESCRIBE_STAGE_FD = 3, DESCRIBE_BUNDLE_FD = 4, DESCRIBE_REPORT_FD = 5 };

struct describe {
    bool model;
    struct bundle_writer writer;
    struct buffer plain;       /* the tree as a bundle, for app.lua to read */
    struct bundle tree;
    struct card card;
    const char *sdk;
    struct buffer readme_html;
    struct buffer manifest;    /* JSON object under construction */
    struct buffer report;
    int report_fd;
    const char *folder;        /* of `vitrine check`; NULL in the cage */
    bool failed;
};

static int describe_refuse(struct describe *describe, const char *where, struct text sentence)
{
    buffer_format(&describe->report, "%s%s" TEXT_FORMAT "\n", where, *where ? ": " : "", TEXT_ARGUMENT(sentence));
    describe->failed = true;
    return ERROR_INVALID;
}

/* In the tree as it was pushed; generated files come later. */
static bool describe_has(const struct describe *describe, const char *name)
{
    struct bundle_entry entry;
    return bundle_find(&describe->tree, text_from(name), &entry) == 0;
}

/* -- steps -- */

/* The tree becomes a bundle in memory, for look-ups by name. */
static int describe_open_tree(struct describe *describe)
{
    if (bundle_writer_finish(&describe->writer, &describe->plain) < 0 ||
        bundle_open(&describe->tree, describe->plain.data, describe->plain.length) < 0)
        return describe_refuse(describe, "", TEXT("the tree is too large for a release"));
    return 0;
}

/* The card's own errors are in the report already. */
static int describe_read_card(struct describe *describe)
{
    struct bundle_entry readme = {0};

    bundle_find(&describe->tree, TEXT("README.md"), &readme);
    if (card_read(&describe->card, readme.contents, &describe->report) < 0) {
        describe->failed = true;
        return ERROR_INVALID;
    }
    if (markdown_to_html(describe->card.body, &describe->readme_html) < 0)
        return describe_refuse(describe, "README.md:1", TEXT("is too large"));
    return 0;
}

/* What the card says, else what the files are. */
static int describe_choose_sdk(struct describe *describe)
{
    const char *given = describe->card.sdk;

    describe->sdk = describe->model ? "model" : given ? given : describe_has(describe, "app.lua") ? "lua" : "static";
    if (!describe->model && !given && !describe_has(describe, "app.lua") && !describe_has(describe, "index.html"))
        return describe_refuse(describe, "",
                               TEXT("there is neither app.lua nor index.html: nothing to show (NO_APP_FILE)"));
    return 0;
}

static void describe_member_json(struct describe *describe, const char *name, struct text json)
{
    json_write_name(&describe->manifest, name);
    buffer_text(&describe->manifest, json);
}

/* What every kind of release has; each adds its own and closes the object. */
static void describe_begin_manifest(struct describe *describe, const char *app_file, uint64_t seed)
{
    buffer_byte(&describe->manifest, '{');
    json_write_member(&describe->manifest, "sdk", text_from(describe->sdk));
    if (app_file)
        json_write_member(&describe->manifest, "app_file", text_from(app_file));
    describe_member_json(describe, "card", buffer_view(&describe->card.json));
    json_write_member(&describe->manifest, "readme_html", buffer_view(&describe->readme_html));
    json_write_name(&describe->manifest, "seed");
    buffer_format(&describe->manifest, "%llu", (unsigned long long)seed);
}

static int describe_add(struct describe *describe, const char *name, struct text contents)
{
    if (contents.length > BOUNDS_MANIFEST_BYTES)
        return describe_refuse(describe, "app.lua", TEXT("the interface is too large to be published"));
    return bundle_writer_add(&describe->writer, text_from(name), contents, BUNDLE_FLAG_GENERATED);
}

static int describe_finish_manifest(struct describe *describe)
{
    buffer_byte(&describe->manifest, '}');
    return describe_add(describe, ".vitrine/manifest.json", buffer_view(&describe->manifest));
}

/* -- Lua demos -- */

static void describe_print(void *context, const char *level, struct text line)
{
    (void)level;
    struct describe *describe = context;

    if (describe->report.length < BOUNDS_README_BYTES)
        buffer_format(&describe->report, "log: " TEXT_FORMAT "\n", TEXT_ARGUMENT(line));
}

/* Says everything that is left to say: to the store, or to whoever runs `vitrine check`. */
static void describe_say(const struct describe *describe)
{
    if (describe->report.length > 0)
        fd_write_full(describe->report_fd, describe->report.data, describe->report.length);
}

/* The process ends behind this, so the report goes out here. Nothing of Lua is looked at: its state is in the middle of
 * an allocation, and reading even the current line from it is not safe then. */
static void describe_out_of_memory(void *context)
{
    struct describe *describe = context;
    BUFFER_AUTO struct buffer sentence = BUFFER_EMPTY;

    buffer_format(&sentence,
                  "computing the page needs more than %u MiB of memory; make large tables inside of functions",
                  BOUNDS_WORKER_HEAP_BYTES >> 20);
    describe_refuse(describe, describe->card.app_file ? describe->card.app_file : "app.lua", buffer_view(&sentence));
    describe_say(describe);
    if (describe->folder) {
        dprintf(STDOUT_FILENO, "%s: a push would be refused\n", describe->folder);
        _exit(1);
    }
}

/* A sentence of Lua begins with "app.lua:12:" or "module.lua:3:" when it has a place; else the file is named here. Only
 * its first line is the report's: the report is lines, and each is a place and a sentence. */
static int describe_refuse_lua(struct describe *describe, const char *app_file, struct buffer *reason)
{
    BUFFER_AUTO struct buffer helped = BUFFER_EMPTY;

    hint_write(&helped, text_trim(buffer_view(reason)));
    struct text rest = buffer_view(&helped), first_line = text_cut(&rest, '\n');
    struct text after = first_line, file = text_cut(&after, ':');
    bool placed = text_ends(file, TEXT(".lua")) && after.length > 0;

    return describe_refuse(describe, placed ? "" : app_file, first_line);
}

static int describe_add_json(struct describe *describe, lua_State *lua, int index, const char *name)
{
    BUFFER_AUTO struct buffer json = BUFFER_EMPTY;
    const char *reason = NULL;

    if (values_write_json(lua, index, &json, &reason) < 0) {
        BUFFER_AUTO struct buffer sentence = BUFFER_EMPTY;
        buffer_format(&sentence, "the interface holds %s, which has no JSON form", reason ? reason : "a value");
        return describe_refuse(describe, "app.lua", buffer_view(&sentence));
    }
    return describe_add(describe, name, buffer_view(&json));
}

static void describe_write_models(struct describe *describe)
{
    struct text rest = core_models();
    BUFFER_AUTO struct buffer list = BUFFER_EMPTY;

    buffer_byte(&list, '[');
    while (rest.length > 0) {
        struct text name = text_cut(&rest, '\n');
        if (name.length == 0)
            continue;
        json_write_comma(&list);
        json_write_string(&list, name);
    }
    buffer_byte(&list, ']');
    describe_member_json(describe, "models", buffer_view(&list));
}

/* The kit's part of the manifest: all its members except those written already. */
static int describe_merge_manifest(struct describe *describe, lua_State *lua, int index)
{
    BUFFER_AUTO struct buffer text = BUFFER_EMPTY;
    struct json json;

    if (values_write_json(lua, index, &text, NULL) < 0 || json_parse(&json, buffer_view(&text), NULL) < 0)
        return describe_refuse(describe, "app.lua", TEXT("the interface has no JSON form"));
    for (const struct json_node *child = json_first(&json, &json.nodes[0]); child;
         child = json_next(&json, &json.nodes[0], child)) {
        static const struct text own[] = {TEXT("sdk"),    TEXT("card"),        TEXT("readme_html"), TEXT("seed"),
                                          TEXT("models"), TEXT("tree_digest"), TEXT("app_file")};
        bool written = false;
        for (size_t i = 0; i < MEMORY_COUNT(own); i++)
            written = written || text_equal(child->name, own[i]);
        if (written)
            continue;
        BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
        buffer_text(&name, child->name);
        describe_member_json(describe, name.data ? name.data : "", child->raw);
    }
    json_release(&json);
    return 0;
}

/* app.describe(card) → config, info, page, manifest on the stack. */
static int describe_call_kit(struct describe *describe, struct state *state, const char *app_file)
{
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    lua_State *lua = state->lua;

    state_require(state, "app");
    lua_getfield(lua, -1, "describe");
    lua_remove(lua, -2);
    values_push_json(lua, buffer_view(&describe->card.json));
    state->demo.loading = true;
    coro_set_running(lua);
    int status = lua_pcall(lua, 1, 4, 0);
    coro_set_running(NULL);
    state->demo.loading = false;
    if (status == LUA_OK)
        return 0;
    release_take_error(state, &reason);
    return describe_refuse_lua(describe, app_file, &reason);
}

/* The kit leaves four values: config, info, page, manifest members. */
static int describe_take_results(struct describe *describe, lua_State *lua)
{
    struct text page;

    page.data = luaL_tolstring(lua, -2, &page.length);
    int result = describe_add(describe, ".vitrine/page.html", page);
    lua_pop(lua, 1);
    if (result == 0)
        result = describe_add_json(describe, lua, -4, ".vitrine/config.json");
    if (result == 0)
        result = describe_add_json(describe, lua, -3, ".vitrine/info.json");
    if (result == 0)
        result = describe_merge_manifest(describe, lua, -1);
    return result;
}

static int describe_lua(struct describe *describe)
{
    static struct state state;
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY, digest = BUFFER_EMPTY;
    const char *app_file = describe->card.app_file ? describe->card.app_file : "app.lua";
    uint64_t seed = release_hash(buffer_view(&describe->plain)) >> 12; /* fits a JSON number exactly */

    if (!describe_has(describe, app_file)) {
        buffer_format(&reason, "there is no %s (NO_APP_FILE)", app_file);
        return describe_refuse(describe, "", buffer_view(&reason));
    }
    state_init(&state, BOUNDS_WORKER_HEAP_BYTES);
    state.sorted_json = true;
    state.demo.bundle = &describe->tree;
    state.demo.print = describe_print;
    state.demo.out_of_memory = describe_out_of_memory;
    state.demo.context = describe;
    if (slice_limit_loading(&state, BOUNDS_DESCRIBE_MS) < 0)
        return describe_refuse(describe, "", TEXT("the time limit could not be set"));
    if (release_load(&state, app_file, seed, &reason, NULL) < 0)
        return describe_refuse_lua(describe, app_file, &reason);
    describe_begin_manifest(describe, app_file, seed);
    if (describe_call_kit(describe, &state, app_file) < 0 || describe_take_results(describe, state.lua) < 0)
        return ERROR_INVALID;
    if (release_digest(&state, &digest) < 0)
        return describe_refuse_lua(describe, app_file, &digest);
    json_write_member(&describe->manifest, "tree_digest", buffer_view(&digest));
    describe_write_models(describe);
    return describe_finish_manifest(describe);
}

/* -- everything else -- */

static int describe_static(struct describe *describe)
{
    const char *index = describe->card.app_file ? describe->card.app_file : "index.html";
    BUFFER_AUTO struct buffer sentence = BUFFER_EMPTY;

    if (!describe_has(describe, index)) {
        buffer_format(&sentence, "there is no %s (NO_APP_FILE)", index);
        return describe_refuse(describe, "", buffer_view(&sentence));
    }
    describe_begin_manifest(describe, index, 0);
    return describe_finish_manifest(describe);
}

/* That the model runs is tried elsewhere, by the inference backend; here only what needs no engine. */
static int describe_model(struct describe *describe)
{
    struct bundle_entry config;

    if (!describe_has(describe, "onnx/model.onnx"))
        return describe_refuse(
            describe, "", TEXT("a model repository needs onnx/model.onnx (the layout that transformers.js reads)"));
    if (bundle_find(&describe->tree, TEXT("config.json"), &config) == 0 && !json_is_valid(config.contents))
        return describe_refuse(describe, "config.json:1", TEXT("is not JSON"));
    if (bundle_find(&describe->tree, TEXT("preprocessor_config.json"), &config) == 0 && !json_is_valid(config.contents))
        return describe_refuse(describe, "preprocessor_config.json:1", TEXT("is not JSON"));
    describe_begin_manifest(describe, NULL, 0);
    return describe_finish_manifest(describe);
}

/* sdk: gradio and its like are kept as repositories and say what this server runs. */
static int describe_foreign(struct describe *describe)
{
    describe_begin_manifest(describe, NULL, 0);
    BUFFER_AUTO struct buffer reason = BUFFER_EMPTY;
    buffer_format(&reason, "sdk: %s cannot run here; this server runs Lua demos (app.lua) and static sites",
                  describe->sdk);
    json_write_member(&describe->manifest, "config_error", buffer_view(&reason));
    return describe_finish_manifest(describe);
}

static int describe_run(struct describe *describe)
{
    static const struct {
        const char *sdk;
        int (*run)(struct describe *);
    } kinds[] = {{"model", describe_model}, {"lua", describe_lua}, {"static", describe_static}};

    if (describe_open_tree(describe) < 0 || describe_read_card(describe) < 0 || describe_choose_sdk(describe) < 0)
        return ERROR_INVALID;
    for (size_t i = 0; i < MEMORY_COUNT(kinds); i++)
        if (strcmp(describe->sdk, kinds[i].sdk) == 0)
            return kinds[i].run(describe);
    return describe_foreign(describe);
}

static int describe_write_bundle(struct describe *describe)
{
    BUFFER_AUTO struct buffer bundle = BUFFER_EMPTY;

    if (bundle_writer_finish(&describe->writer, &bundle) < 0)
        return describe_refuse(describe, "", TEXT("the release is too large"));
    return fd_write_full(DESCRIBE_BUNDLE_FD, bundle.data, bundle.length);
}

/* Locked before the first byte of the tree is read. */
int describe_main(int argc, char **argv)
{
    static struct describe describe;
    const char *trouble = NULL;

    log_init("describe");
    describe.report_fd = DESCRIBE_REPORT_FD;
    describe.model = argc > 2 && strcmp(argv[2], "--model") == 0;
    if (lockdown_process(LOCKDOWN_PROFILE_DESCRIBE, NULL, &trouble) < 0) {
        describe_refuse(&describe, "the cage could not be locked", text_from(trouble));
    } else if (stage_read(DESCRIBE_STAGE_FD, &describe.writer, &describe.report) < 0) {
        describe.failed = true;
    } else if (describe_run(&describe) == 0) {
        describe.failed = describe_write_bundle(&describe) < 0;
    } else {
        describe.failed = true;
    }
    describe_say(&describe);
    _exit(describe.failed ? 1 : 0);
}

/* The author's own machine and own files: no cage. */
int describe_check(int argc, char **argv)
{
    static struct describe describe;

    if (argc != 3 || argv[2][0] == '-') {
        fputs("usage: vitrine check DIR\nChecks a demo's folder exactly as a push would: README.md, app.lua, the "
              "interface.\n",
              argc == 3 && strcmp(argv[2], "--help") == 0 ? stdout : stderr);
        return argc == 3 && strcmp(argv[2], "--help") == 0 ? 0 : 2;
    }
    describe.report_fd = STDOUT_FILENO;
    describe.folder = argv[2];
    bool ok = stage_read_folder(argv[2], &describe.writer, &describe.report) == 0 && describe_run(&describe) == 0;
    describe_say(&describe);
    printf(ok ? "%s: fine, a push would publish it (sdk: %s)\n" : "%s: a push would be refused\n", argv[2],
           describe.sdk ? describe.sdk : "");
    return ok ? 0 : 1;
}
