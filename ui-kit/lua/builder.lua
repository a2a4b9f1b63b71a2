-- builder.lua: the interface while app.lua describes it: components and layout blocks in call order, the tree
-- they form, and the handles that the author holds. A handle is an empty table; what it stands for is found
-- by `builder.record`.

local check = require "check"
local bounds = require "bounds"
local registry = require "registry"

local type, ipairs, setmetatable, getmetatable = type, ipairs, setmetatable, getmetatable
local format, remove = string.format, table.remove

local builder = {
    records = {},       -- id -> component or layout block
    functions = {},     -- id -> event (events.lua)
    open = true,        -- false once app.lua has returned
}

local stack = {}        -- the layout blocks being filled, innermost last
local of_handle = setmetatable({}, { __mode = "k" })

local Handle = { __name = "component" }

-- The record behind a handle of a component, a layout block or a view; nil for anything else.
function builder.record(handle)
    return type(handle) == "table" and of_handle[handle] or nil
end

function check.opaque(value)
    return of_handle[value] ~= nil or getmetatable(value) == builder.Update
end

-- "textbox at app.lua:3" for messages.
function builder.describe(record)
    if record.where == "" then
        return record.name
    end
    return format("%s made at %s", record.name, record.where)
end

-- Methods are looked up in the entry: `handle:click{…}` exists when the entry lists the event.
function Handle:__index(key)
    local record = of_handle[self]
    local method = builder.methods[key]
    if method and (method.always or record.entry.event_set[key]) then
        return method.call
    end
    local names = { "render" }
    for _, event in ipairs(record.entry.events) do
        names[#names + 1] = event
    end
    check.fail('%s has no event "%s"%s', record.name, key, check.suggestion(key, names))
end

function Handle:__newindex(key)
    check.fail('%s is a component, its "%s" cannot be set; change it from a handler with ui.update',
        of_handle[self].name, key)
end

function Handle:__tostring()
    local record = of_handle[self]
    return format("%s %d", record.name, record.id)
end

Handle.__metatable = "component"

-- Methods of handles by name: { call, always }; events.lua fills it.
builder.methods = {}

local function refuse_closed(name)
    if not builder.open then
        check.fail("ui.%s was called in a handler; components are made while app.lua loads. "
            .. "To change one, return ui.update{ … } for it", name)
    end
end

-- A record for the entry, joined to the layout block being filled (if any).
local function new_record(entry, props)
    local id = #builder.records + 1
    if id > bounds.components then
        check.fail("a demo can have at most %d components", bounds.components)
    end
    local record = { id = id, name = entry.name, entry = entry, props = props, where = check.where() }
    record.handle = setmetatable({}, Handle)
    of_handle[record.handle] = record
    builder.records[id] = record
    if entry.layout then
        record.children = {}
    end
    return record
end

-- The layout block that is being filled, or nil.
function builder.current()
    return stack[#stack]
end

-- The view being filled, or nil.
function builder.root()
    return stack[1] and stack[1].name == "view" and stack[1] or nil
end

-- Puts a record into a block; it leaves the block it was in.
function builder.place(record, block)
    local parent = record.parent
    if parent then
        for i, child in ipairs(parent.children) do
            if child == record then
                remove(parent.children, i)
                break
            end
        end
    end
    record.parent = block
    if block then
        block.children[#block.children + 1] = record
    end
end

-- Makes a component or an empty layout block from what the author gave.
function builder.make(entry, given, owner)
    refuse_closed(entry.name)
    local options = check.read(entry.schema, owner or entry.name, given)
    local props, message = registry.props(entry, options)
    if not props then
        check.fail("%s", message)
    end
    local record = new_record(entry, props)
    record.given = options
    if not entry.detached then
        builder.place(record, builder.current())
    end
    return record
end

-- Runs `fn` with `block` as the block being filled; returns what fn returns.
function builder.fill(block, fn)
    if not builder.open then
        check.fail("layout blocks are made while app.lua loads, not in a handler")
    elseif #stack >= bounds.depth then
        check.fail("layout blocks can stand in each other at most %d deep", bounds.depth)
    end
    stack[#stack + 1] = block
    local function leave(...)
        stack[#stack] = nil
        return ...
    end
    return leave(fn())
end

-- What a handler returns to change a component, or (skip, with no options) to leave it alone.
builder.Update = { __name = "update" }
builder.skip = setmetatable({ options = {}, where = "" }, builder.Update)

local root_entry = { name = "view", layout = true, detached = true, events = { "load" },
    event_set = { load = true } }

-- A root: what app.lua returns. It is no component itself; in the layout it has id 0.
function builder.view(props)
    refuse_closed("blocks")
    local view = { id = 0, name = "view", entry = root_entry, props = props, where = check.where(),
        children = {} }
    view.handle = setmetatable({}, Handle)
    of_handle[view.handle] = view
    return view
end

-- Whether the record stands below `root`.
function builder.inside(record, root)
    while record do
        if record == root then
            return true
        end
        record = record.parent
    end
    return false
end

check.kind("component", function(v)
    return builder.record(v) ~= nil
end, "a component", "components", "vitrine.component")

return builder
