#include "runtime/worker/hint.h"

#include <string.h>

#include "runtime/base/memory.h"

/* Both parts must stand in the line, the second one anywhere behind the first. Lua names what it could not use as
 * (global 'x'), (field 'x') or (method 'x'); only names that mean one thing are listed. */
static const struct hint {
    const char *first, *second, *sentence;
} hints[] = {
    {"nil value (field 'execute')", "", "os.execute does not exist here: a demo starts no programs"},
    {"nil value (field 'popen')", "", "io.popen does not exist here: a demo starts no programs"},
    {"nil value (field 'getenv')", "", "os.getenv does not exist here; keep settings in a file of the repository"},
    {"nil value (field 'exit')", "", "os.exit does not exist here; return from the handler, or raise with ui.error"},
    {"nil value (field 'tmpname')", "", "there are no temporary files here; keep values in ui.state"},
    {"nil value (field 'tmpfile')", "", "there are no temporary files here; keep values in ui.state"},
    {"nil value (field 'rename')", "", "the files of a release never change; keep values in ui.state"},
    {"nil value (field 'setlocale')", "", "os.setlocale does not exist here: the locale is always C, text is UTF-8"},
    {"nil value (field 'write')", "", "io.write does not exist here; print writes to the demo's log"},
    {"nil value (field 'stdout')", "", "io.stdout does not exist here; print writes to the demo's log"},
    {"nil value (field 'stderr')", "", "io.stderr does not exist here; print writes to the demo's log"},
    {"nil value (field 'stdin')", "", "io.stdin does not exist here; a demo's input are its components"},
    {"nil value (field 'dump')", "", "string.dump does not exist here: a demo is source text"},
    {"nil value (field 'getinfo')", "", "of debug, only debug.traceback exists here"},
    {"nil value (field 'sethook')", "", "of debug, only debug.traceback exists here"},
    {"nil value (field 'getlocal')", "", "of debug, only debug.traceback exists here"},
    {"nil value (field 'loadlib')", "", "package does not exist here: modules are Lua files of the repository"},
    {"nil value (global 'package')", "", "package does not exist here; require finds name.lua and name/init.lua"},
    {"nil value (global 'dofile')", "", "dofile does not exist here; use require for a file of the repository"},
    {"nil value (global 'loadfile')", "", "loadfile does not exist here; use require for a file of the repository"},
    {"nil value (global 'loadstring')", "", "this is Lua 5.4: it is called load"},
    {"nil value (global 'unpack')", "", "this is Lua 5.4: it is called table.unpack"},
    {"nil value (global 'setfenv')", "", "this is Lua 5.4: give load an environment instead"},
    {"nil value (global 'module')", "", "this is Lua 5.4: a module returns a table"},
    {"nil value (global 'ui')", "", "begin the file with: local ui = require \"ui\""},
    {"nil value (global 'ai')", "", "begin the file with: local ai = require \"ai\""},
    {"nil value (global 'json')", "", "begin the file with: local json = require \"json\""},
    {"attempt to yield from outside a coroutine", "",
     "coroutine.yield sends a partial result from a handler; here there is nobody to send it to"},
    {"attempt to yield across a C-call boundary", "",
     "Lua cannot suspend a sort comparator, a gsub callback or a metamethod; wait before or after it"},
    {"attempt to compare", "with nil", "an input that the visitor left empty is nil"},
    {"attempt to compare nil with", "", "an input that the visitor left empty is nil"},
    {"attempt to perform arithmetic on a nil value (local", "", "an input that the visitor left empty is nil"},
    {"attempt to concatenate a nil value (local", "", "an input that the visitor left empty is nil"},
};

/* Within one line: a traceback names many things that are not the trouble. */
static bool hint_fits(const struct hint *hint, struct text line)
{
    const char *at = memmem(line.data, line.length, hint->first, strlen(hint->first));

    if (!at)
        return false;
    at += strlen(hint->first);
    return memmem(at, (size_t)(line.data + line.length - at), hint->second, strlen(hint->second)) != NULL;
}

const char *hint_find(struct text message)
{
    struct text rest = message, line = text_cut(&rest, '\n');

    for (size_t i = 0; line.length > 0 && i < MEMORY_COUNT(hints); i++)
        if (hint_fits(&hints[i], line))
            return hints[i].sentence;
    return NULL;
}

void hint_write(struct buffer *out, struct text message)
{
    const char *sentence = hint_find(message);
    struct text rest = message, line = text_cut(&rest, '\n');

    buffer_text(out, line);
    if (sentence) {
        buffer_string(out, "; ");
        buffer_string(out, sentence);
    }
    if (rest.data) {
        buffer_byte(out, '\n');
        buffer_text(out, rest);
    }
}
