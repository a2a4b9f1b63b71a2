-- ui.lua: the library that app.lua requires. Components and layout blocks come from the registry; the rest is
-- here.

local check = require "check"
local builder = require "builder"
local events = require "events"
local examples = require "examples"
local interface = require "interface"
local layout = require "layout"
local messages = require "messages"
local registry = require "registry"
local host = require "host"
local current = require "current"
local values = require "values"

local type, pairs, ipairs, next, tostring, setmetatable = type, pairs, ipairs, next, tostring, setmetatable

local null, or_null = values.null, values.or_null

local ui = {}

local function constructor(entry)
    return function(given)
        return builder.make(entry, given).handle
    end
end

for _, name in ipairs(registry.names) do
    local entry = registry.by_name[name]
    if not entry.hidden then
        ui[name] = entry.layout and layout.constructor(name) or constructor(entry)
    end
end

ui.blocks = layout.blocks
ui.tabs = layout.tabs
ui.interface = interface.make
ui.on = events.on

function ui.examples(given)
    return examples.make("ui.examples", given)
end

-- ui.state(value), or ui.state{ value = value }.
function ui.state(value)
    if type(value) ~= "table" or value.value == nil or next(value) ~= "value" or next(value,
        "value") ~= nil then
        value = { value = value }
    end
    return builder.make(registry.by_name.state, value).handle
end

-- ui.load{ fn = … }: runs when the page opens.
function ui.load(given)
    local view = builder.root()
    if not view then
        check.fail("ui.load stands inside ui.blocks")
    end
    return events.register("ui.load", { { view, "load" } }, type(given) == "function" and { fn = given }
        or given)
end

-- ui.update{ option = value, … }: what a handler returns to change a component. Checked when it is known
-- which one.
function ui.update(options)
    if type(options) ~= "table" or check.opaque(options) then
        check.fail("ui.update takes a table of options, not %s", check.show(options))
    end
    local copy = {}
    for key, value in pairs(options) do
        if type(key) ~= "string" then
            check.fail("ui.update was given a value without a name (%s)", check.show(value))
        end
        copy[key] = value
    end
    return setmetatable({ options = copy, where = check.where() }, builder.Update)
end

-- What a handler returns to leave an output alone.
ui.skip = builder.skip

ui.info, ui.warning, ui.success, ui.error = messages.info, messages.warning, messages.success, messages.error

-- ui.progress(0.3, "loading"), ui.progress({ 3, 10 }, "rows") or ui.progress(nil, "…").
function ui.progress(done, text)
    local progress, index, length
    if type(done) == "table" then
        index, length = done[1], done[2]
        if type(index) ~= "number" or type(length) ~= "number" or length <= 0 then
            check.fail("ui.progress takes a number from 0 to 1 or { step, steps }")
        end
        progress = index / length
    elseif done ~= nil and type(done) ~= "number" then
        check.fail("ui.progress takes a number from 0 to 1, not %s", check.show(done))
    else
        progress = done
    end
    if progress then
        progress = progress < 0 and 0 or progress > 1 and 1 or progress == progress and progress or 0
    end
    current.need("ui.progress")
    text = text ~= nil and messages.text("ui.progress", text) or nil
    host.emit("progress", { progress = or_null(progress), index = or_null(index), length = or_null(length),
        unit = index and "steps" or null, desc = or_null(text) })
end

-- Who calls: what the gateway tells of the request.
function ui.request()
    return current.need("ui.request").request or {}
end

-- Lets other events run for that long.
function ui.sleep(seconds)
    if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
        check.fail("ui.sleep takes seconds, not %s", check.show(seconds))
    end
    current.need("ui.sleep")
    host.wait("sleep", seconds)
end

-- A blank picture: ui.image_new(width, height, channels, fill).
function ui.image_new(width, height, channels, fill)
    return host.image_new(width, height, channels, fill)
end

local names = {}
for name in pairs(ui) do
    names[#names + 1] = name
end

setmetatable(ui, { __index = function(_, key)
    check.fail('ui has no "%s"%s', tostring(key), check.suggestion(key, names))
end })

return ui
