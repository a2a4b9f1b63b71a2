-- generate.lua: writes ui-kit/lua/library.d.lua, the LuaCATS definitions that editors read, from the component registry and
-- the option tables of the library. `lua5.4 tests/lua/generate.lua` prints them, `… --write` puts them in their place;
-- tests/lua/test_library.lua fails while the file differs.

local generate = {}

local function type_of(row)
    return require("check").definition(row.type)
end

local function class(out, name, doc, rows, positional)
    out[#out + 1] = "---" .. doc
    out[#out + 1] = "---@class " .. name
    for i, option in ipairs(positional or {}) do
        for _, row in ipairs(rows) do
            if row.name == option then
                out[#out + 1] = ("---@field [%d]? %s The same as `%s`."):format(i, type_of(row), option)
            end
        end
    end
    for _, row in ipairs(rows) do
        out[#out + 1] = ("---@field %s? %s %s"):format(row.name, type_of(row), row.doc)
    end
    out[#out + 1] = ""
end

local function event_methods(out, class_name, entry)
    for _, event in ipairs(entry.events) do
        out[#out + 1] = "---@param options vitrine.event_options|function"
        out[#out + 1] = "---@return vitrine.event"
        out[#out + 1] = ("function %s:%s(options) end"):format(class_name, event)
        out[#out + 1] = ""
    end
end

local function component(out, entry)
    local options = ("vitrine.%s_options"):format(entry.name)
    local name = "vitrine.component." .. entry.name -- `vitrine.image` is a picture, not the component that shows one
    class(out, options, "Options of ui." .. entry.name .. ".", entry.schema.rows, entry.positional)
    out[#out + 1] = ("---@class %s: vitrine.component"):format(name)
    out[#out + 1] = ("local %s = {}"):format(entry.name)
    out[#out + 1] = ""
    event_methods(out, entry.name, entry)
    out[#out + 1] = "---" .. entry.doc
    if entry.lua_value then
        out[#out + 1] = ("---Its value in handlers: `%s`."):format(entry.lua_value)
    end
    if entry.layout then
        out[#out + 1] = ("---@overload fun(caption: string, content: fun(): ...): %s, ..."):format(name)
        out[#out + 1] = ("---@param content %s|fun(): ... The options with the function that makes what stands in it, or the function."):format(options)
    elseif entry.name == "state" then
        out[#out + 1] = "---@param content any The value at first."
    else
        local first = entry.positional and entry.schema.by_name[entry.positional[1]]
        out[#out + 1] = ("---@param content? %s%s"):format(options, first and "|" .. type_of(first) or "")
    end
    out[#out + 1] = ("---@return %s%s"):format(name, entry.layout and ", ..." or "")
    out[#out + 1] = ("function ui.%s(content) end"):format(entry.name)
    out[#out + 1] = ""
end

local HEAD = [[
---@meta ui
-- Definitions of the library `ui` for editors that read LuaCATS. Made by tests/lua/generate.lua from what is registered;
-- do not edit.

---@alias vitrine.choice string|number|{ [1]: string|number, [2]: string|number }

---What a handler gives back to change a component; made by ui.update, or ui.skip.
---@class vitrine.update

---A decoded picture: 8 bits per channel, coordinates from 0, x to the right, y down.
---@class vitrine.image
---@field width integer
---@field height integer
---@field channels integer 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha
local image = {}

---One channel; transparent parts become white.
---@return vitrine.image
function image:grayscale() end

---@return vitrine.image
function image:invert() end

---The box around the pixels brighter than the threshold (one channel); nil when none is.
---@param threshold? number
---@return integer? x, integer? y, integer? width, integer? height
function image:bounds(threshold) end

---A part; what lies outside is filled with zero.
---@param x number
---@param y number
---@param width number
---@param height number
---@return vitrine.image
function image:crop(x, y, width, height) end

---@param width number
---@param height number
---@return vitrine.image
function image:resize(width, height) end

---One pixel's channels; with values, sets them.
---@param x integer
---@param y integer
---@param ... number
---@return integer ...
function image:pixel(x, y, ...) end

---The file's bytes.
---@param format? "png"|"jpeg"|"webp"
---@return string
function image:encode(format) end

---The pixels row by row, channels interleaved.
---@return string
function image:bytes() end

---A file that the visitor sent.
---@class vitrine.file
---@field name string
---@field size integer
---@field mime_type string
local file = {}

---As files of Lua's io: "a" all, "l" a line, "L" a line with its end, or a number of bytes.
---@param format? "a"|"l"|"L"|integer
---@return string?
function file:read(format) end

---@param format? "l"|"L"|integer
---@return fun(): string?
function file:lines(format) end

---A component or layout block of the interface.
---@class vitrine.component
local vitrine_component = {}

---Puts it into the block that is being filled.
---@return self
function vitrine_component:render() end

---What ui.blocks, ui.interface and ui.tabs return; app.lua returns one.
---@class vitrine.view: vitrine.component

---An event of a component with its handler.
---@class vitrine.event
local event = {}

---Runs afterwards, whatever happened.
---@param options vitrine.event_options|function
---@return vitrine.event
function event:next(options) end

---Runs afterwards when the handler ended well.
---@param options vitrine.event_options|function
---@return vitrine.event
function event:success(options) end

---Runs afterwards when the handler raised an error.
---@param options vitrine.event_options|function
---@return vitrine.event
function event:failure(options) end

local ui = {}
]]

local TAIL = [[
---Describes an interface: components and blocks in the order in which they are made.
---@param content vitrine.blocks_options|fun() The options with the function that makes the interface, or the function.
---@return vitrine.view
function ui.blocks(content) end

---The form around one function: inputs left, outputs right, buttons below.
---@param options vitrine.interface_options
---@return vitrine.view
function ui.interface(options) end

---One handler for several triggers: ui.on{ triggers = { { button, "click" }, { name, "submit" } }, fn = … }.
---@param options vitrine.event_options|{ triggers: { [1]: vitrine.component, [2]: string }[] }
---@return vitrine.event
function ui.on(options) end

---Runs when the page opens.
---@param options vitrine.event_options|function
---@return vitrine.event
function ui.load(options) end

---Rows of values that fill components when one is chosen.
---@param options vitrine.examples_options
---@return vitrine.component
function ui.examples(options) end

---In a handler: what to return to change options of an output.
---@param options table<string, any>
---@return vitrine.update
function ui.update(options) end

---In a handler: what to return to leave an output alone.
---@type vitrine.update
ui.skip = nil

---In a handler: shows how far it is, from 0 to 1 or as { step, steps }.
---@param done number|{ [1]: number, [2]: number }|nil
---@param text? string
function ui.progress(done, text) end

---In a handler: shows a message.
---@param text string|number
---@param options? vitrine.message_options
function ui.info(text, options) end

---In a handler: shows a warning.
---@param text string|number
---@param options? vitrine.message_options
function ui.warning(text, options) end

---In a handler: shows that something went well.
---@param text string|number
---@param options? vitrine.message_options
function ui.success(text, options) end

---In a handler: ends it and shows why.
---@param text string|number
---@param options? vitrine.message_options
function ui.error(text, options) end

---In a handler: who calls.
---@return table
function ui.request() end

---In a handler: waits, and lets other events run meanwhile.
---@param seconds number
function ui.sleep(seconds) end

---A new picture; `fill` is the value of every channel.
---@param width integer
---@param height integer
---@param channels integer 1 (grey), 2, 3 (colour) or 4
---@param fill? integer
---@return vitrine.image
function ui.image_new(width, height, channels, fill) end

return ui
]]

-- The whole text.
function generate.text()
    local registry = require "registry"
    local out = { HEAD }
    class(out, "vitrine.event_options", "Options of events and of what follows them.", require("events").options,
        { "fn", "inputs", "outputs" })
    class(out, "vitrine.blocks_options", "Options of ui.blocks.", require("layout").options)
    class(out, "vitrine.interface_options", "Options of ui.interface.", require("interface").options,
        { "fn", "inputs", "outputs" })
    class(out, "vitrine.examples_options", "Options of ui.examples.", require("examples").options, { "examples", "inputs" })
    class(out, "vitrine.message_options", "Options of messages and errors.", require("messages").options)
    for _, name in ipairs(registry.names) do
        if not registry.by_name[name].hidden then
            component(out, registry.by_name[name])
        end
    end
    out[#out + 1] = TAIL
    return table.concat(out, "\n")
end

-- As a program, not as a module of the test.
if not case then
    local here = arg[0]:match("^(.*)/[^/]*$") or "."
    package.path = here .. "/?.lua;" .. package.path
    local kit = require "kit"
    kit.open(here .. "/../..")
    kit.fresh()
    local text = generate.text()
    if arg[1] == "--write" then
        local file = assert(io.open(kit.root() .. "/ui-kit/lua/library.d.lua", "w"))
        file:write(text)
        file:close()
    else
        io.write(text)
    end
end

return generate
