/* Tensors of a demo: Lua tables and images on one side, the lists of runtime/wire/tensor.h on the other.
 *
 * A large tensor stands in the worker's window, which all events of the worker share with the inference backend. So an
 * event reserves its place there, and holds it until the elements were read by whoever they are for: of an input
 * that is known when the call is answered, of an answer when it was copied into a table. One event waits for one
 * call at a time, hence one place per event. Nobody blocks: when there is no room the Lua side (ai.lua) sleeps and
 * asks again. */
#ifndef RUNTIME_WORKER_TENSORS_H
#define RUNTIME_WORKER_TENSORS_H

struct lua_State;

/* pack_tensors(list of { name, type, shape, data } | { name, image }) → the list's bytes, or nil when the window is
 * full right now. Raises with the tensor's name and what is wrong. */
int tensors_lua_pack(struct lua_State *lua);
/* reserve(bytes) → offset in the window, or nil when it is full right now. */
int tensors_lua_reserve(struct lua_State *lua);
/* unpack_tensors(bytes) → { name = { shape, type, values… } }; gives the event's place in the window back. */
int tensors_lua_unpack(struct lua_State *lua);

#endif
