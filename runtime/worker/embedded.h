/*
 * The Lua side of the kit, compiled into the worker: the library `ui` and every component's Lua entry. The table is
 * generated at build time from ui-kit/lua and ui-kit/components, so the zygote needs no file to preload them.
 */
#ifndef VITRINE_WORKER_EMBEDDED_H
#define VITRINE_WORKER_EMBEDDED_H

#include <stddef.h>

/* One Lua source. The text has `length` bytes and a zero byte after them; all of it lives as long as the program. */
struct embedded_module {
    const char *name; /* "ui" for ui-kit/lua/ui.lua, "component.textbox" for ui-kit/components/textbox/textbox.lua */
    const char *source;
    size_t length;
};

/* Sorted by path, library first; ends after embedded_module_count entries. */
extern const struct embedded_module embedded_modules[];
extern const size_t embedded_module_count;

#endif
