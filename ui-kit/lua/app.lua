-- app.lua: where the C host meets the kit. The host runs app.lua, hands what it returned to `load`, and then
--
--   describes it, when a demo is published:   config, info, page, manifest = app.describe(card)
--   serves events, in a worker:               data, state = app.run(function_id, data, context)
--   compares both:                            app.tree() is the same text whenever the interface is the same
--
-- What the host provides is `require "host"`; tests/lua/stubs/host.lua writes it down and stands in for it in
-- tests.

local check = require "check"
local builder = require "builder"
local events = require "events"
local describe = require "describe"
local run = require "run"
local values = require "values"

require "ui"    -- so that a host that loads this module before it forks has loaded all

local type, ipairs, pairs, error, format = type, ipairs, pairs, error, string.format
local concat, sort = table.concat, table.sort

local app = {}

local loaded        -- { root, components, functions } once app.lua has returned

local function root_of(value)
    local record = builder.record(value)
    if not record then
        error("app.lua must return an interface (ui.blocks, ui.interface or ui.tabs), not "
            .. check.show(value), 0)
    end
    if record.name == "view" then
        if record.moved_to then
            error("app.lua returns a view that was put into ui.tabs; return what ui.tabs gave", 0)
        end
        return record
    end
    return { id = 0, name = "view", entry = { layout = true }, props = {}, children = { record } }
end

-- All records below a block, in the order they stand.
local function below(block, list)
    for _, child in ipairs(block.children) do
        if block.name == "tabs" and child.name ~= "tab" then
            error(format("%s stands in ui.tabs; only ui.tab can", builder.describe(child)), 0)
        end
        list[#list + 1] = child
        if child.children then
            below(child, list)
        end
    end
    return list
end

local function at(where)
    return where == "" and "" or " at " .. where
end

-- Whether the event belongs to the interface that was returned: all its targets do. Its other components
-- must, too.
local function belongs(f, placed, root)
    for _, target in ipairs(f.targets) do
        local record = target[1]
        if record.name == "view" then
            record = record.moved_to and (placed[record.moved_to] and record.moved_to) or record
            if record ~= root and not placed[record] then
                return false
            end
        elseif not placed[record] then
            return false
        end
    end
    for _, side in ipairs({ f.inputs, f.outputs, f.progress_on }) do
        for _, record in ipairs(side) do
            if record.entry.session then
                placed[record] = true
            elseif not placed[record] then
                error(format("%s%s uses a %s that is not part of the interface; make it inside ui.blocks, or call "
                    .. ":render() where it shall stand", f.owner, at(f.where), builder.describe(record)), 0)
            end
        end
    end
    return true
end

-- A value given as a function is asked for when the page opens.
local function add_load_events(root, components)
    for _, record in ipairs(components) do
        if type(record.props.value) == "function" then
            local fn = record.props.value
            record.props.value = nil
            events.register(record.name, { { root, "load" } },
                { fn = fn, outputs = record.handle, api_name = false, show_progress = "hidden" })
        end
    end
end

-- The value that a component starts with, on the wire.
local function first_value(record)
    local value = record.props.value
    if value == nil or record.entry.layout then
        return values.null
    end
    local wire, message = record.entry.postprocess(value, record.props)
    if message then
        error(format('the value of %s does not fit: it %s', builder.describe(record), message), 0)
    end
    return wire
end

local function session_records(placed)
    local list = {}
    for record in pairs(placed) do
        if record.entry.session then
            list[#list + 1] = record
        end
    end
    return list
end

local function collect(root)
    local components, placed, functions = below(root, {}), {}, {}
    add_load_events(root, components)
    for _, record in ipairs(components) do
        placed[record] = true
    end
    for _, f in ipairs(builder.functions) do
        if belongs(f, placed, root) then
            functions[#functions + 1] = f
        end
    end
    for _, record in ipairs(session_records(placed)) do
        components[#components + 1] = record
    end
    sort(components, function(a, b) return a.id < b.id end)
    return components, functions
end

-- A component the visitor can change: said so, or an input, or neither input nor output and still without a
-- value.
local function is_static(record, inputs, outputs)
    if record.props.interactive ~= nil then
        return not record.props.interactive
    end
    local value = values.present(record.value)
    local blank = value == nil or value == "" or value == 0 or value == false
    return not inputs[record] and (outputs[record] ~= nil or not blank)
end

local function mark_sides(functions)
    local inputs, outputs = {}, {}
    for _, f in ipairs(functions) do
        for _, record in ipairs(f.inputs) do
            inputs[record] = true
        end
        for _, record in ipairs(f.outputs) do
            outputs[record] = true
        end
    end
    return inputs, outputs
end

-- Takes what app.lua returned. From here on no component or event can be added.
function app.load(value)
    local root = root_of(value)
    local components, functions = collect(root)
    builder.open = false
    local inputs, outputs = mark_sides(functions)
    for _, record in ipairs(components) do
        record.value = first_value(record)
        if record.entry.schema.by_name.interactive then
            record.static = is_static(record, inputs, outputs)
        end
    end
    loaded = { root = root, components = components, functions = functions }
    run.load(functions)
end

local function need_loaded()
    return loaded or error("app.lua was not loaded", 0)
end

-- The documents of a release: /config, /gradio_api/info, the page and the gateway's manifest. `card`
-- (optional) is what the README's front matter says: title and fullWidth are read.
function app.describe(card)
    return describe.all(need_loaded(), card or {})
end

local function ids_of(records)
    local out = {}
    for i, record in ipairs(records) do
        out[i] = record.id
    end
    return concat(out, ",")
end

-- What the author gave, without functions: those differ in address, not in what the page shows.
local function component_line(record)
    local given = {}
    for name, value in pairs(record.given) do
        if type(value) ~= "function" then
            given[name] = value
        end
    end
    if record.props.label ~= record.given.label then
        given.label = record.props.label
    end
    return format("%d %s in %d %s", record.id, record.name, record.parent and record.parent.id or 0,
        values.canonical(given))
end

local function event_line(f)
    local targets = {}
    for i, target in ipairs(f.targets) do
        targets[i] = target[1].id .. target[2]
    end
    return format("event %d %s (%s) -> (%s) %s %s after %d", f.id, concat(targets, ","), ids_of(f.inputs),
        ids_of(f.outputs), f.api_name or "-", ids_of(f.cancels), f.after and f.after.id or 0)
end

-- One line per component and event, the same whenever the interface is the same. Part of every wake, so it is made
-- of what the author wrote and not of the documents that follow from it.
function app.tree()
    local lines = {}
    for i, record in ipairs(need_loaded().components) do
        lines[i] = component_line(record)
    end
    for _, f in ipairs(loaded.functions) do
        lines[#lines + 1] = event_line(f)
    end
    return concat(lines, "\n") .. "\n"
end

-- What differs first between the interface of this run and a published /config, as a sentence; nil when
-- nothing does.
function app.difference(config)
    for _, kind in ipairs({ "components", "dependencies" }) do
        local now, before = describe[kind](need_loaded()), config[kind] or {}
        for i = 1, #now > #before and #now or #before do
            if now[i] == nil or before[i] == nil
                or values.canonical(now[i]) ~= values.canonical(before[i]) then
                local record = kind == "components" and now[i] and builder.records[now[i].id]
                return format("app.lua built another interface than when it was published: %s %d is %s",
                    kind == "components" and "component" or "event", i,
                    now[i] == nil and "missing" or before[i] == nil and "new"
                    or "different" .. (record and " (" .. builder.describe(record) .. ")" or ""))
            end
        end
    end
    return nil
end

-- Runs an event inside the coroutine that the host made for it. `data` is the decoded array of the inputs,
-- `context` holds `state` (component id as text -> value) and `request`. Returns the array of the outputs and
-- the changed state.
function app.run(function_id, data, context)
    return run.call(function_id, data, context)
end

return app
