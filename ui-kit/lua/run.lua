-- run.lua: one event: the caller's values in, the handler, its values out.

local host = require "host"
local check = require "check"
local describe = require "describe"
local builder = require "builder"
local registry = require "registry"
local schema = require "schema"
local values = require "values"

local type, pairs, ipairs, next, error, pcall, select, tostring = type, pairs, ipairs, next, error, pcall,
    select, tostring
local getmetatable, setmetatable, rawget, rawset = getmetatable, setmetatable, rawget, rawset
local format, unpack, traceback = string.format, table.unpack, debug.traceback
local create, resume, status, close = coroutine.create, coroutine.resume, coroutine.status, coroutine.close

local run = {}

local null, or_null = values.null, values.or_null
local functions, schemas, lenient = {}, {}, {}    -- by function id; by record

local function name_of(record)
    local label = record.props.label
    if label and label ~= "" then
        return format('%s "%s"', record.name, label)
    end
    return record.name
end

-- Takes the events that can be run. An input that some event can change is read leniently: the visitor's page
-- may have other choices or bounds than the ones it began with, and those live in the page.
function run.load(list)
    functions, schemas, lenient = {}, {}, {}
    for _, f in ipairs(list) do
        functions[f.id] = f
        for _, record in ipairs(f.inputs) do
            schemas[record] = record.entry.value(record.props)
        end
        for _, record in ipairs(f.outputs) do
            lenient[record] = true
        end
    end
end

-- -- values in
-- --------------------------------------------------------------------------------------------------------

-- One entry of the list that callers read; the page finds the field by `component_id`.
local function problem(f, place, message)
    return { __type__ = "validate", is_valid = false, message = message, component_id = f.inputs[place].id,
        parameter_name = describe.parameter_names(f)[place] }
end

-- One input for the handler, or nil and what is wrong with it.
local function read_input(record, value, context)
    local entry = record.entry
    if entry.session then
        value = context.state and context.state[tostring(record.id)]
    end
    if value == null then
        value = nil
    end
    if value ~= nil and not entry.session then
        local message = schema.check(schemas[record], value)
        if message then
            return nil, message
        end
    end
    return entry.preprocess(value, record.props, lenient[record])
end

local function read_inputs(f, data, context)
    if type(data) ~= "table" or #data ~= #f.inputs then
        local message = format("takes %d values, got %d", #f.inputs, type(data) == "table" and #data or 0)
        error({ kind = "validate", message = message, parameter_name = "data", list = values.list({
            __type__ = "validate", is_valid = false, message = message, parameter_name = "data" }) }, 0)
    end
    local out, problems = { n = #f.inputs }, values.array()
    for i, record in ipairs(f.inputs) do
        local message
        out[i], message = read_input(record, data[i], context)
        if message then
            problems[#problems + 1] = problem(f, i, message)
        end
    end
    if #problems > 0 then
        error({ kind = "validate", message = problems[1].message, parameter_name = problems[1].parameter_name,
            list = problems }, 0)
    end
    return out
end

-- -- values out
-- -------------------------------------------------------------------------------------------------------

local function bad_output(f, record, message)
    local place = f.where == "" and "" or " at " .. f.where
    error({ kind = "error", message = format("%s%s: the output %s %s", f.owner, place, name_of(record),
        message) }, 0)
end

-- The options of an update but its value, checked and completed as if the component were made with them.
local function update_props(f, record, update)
    local owner = format("%s (in ui.update%s)", record.name, update.where == "" and "" or " at "
        .. update.where)
    local given, merged = {}, {}
    for name, option in pairs(update.options) do
        if name ~= "value" then
            given[name] = option
        end
    end
    local options, message = check.options(registry.update_schema(record.entry), owner, given)
    if options then
        for name, option in pairs(record.props) do
            merged[name] = option
        end
        for name, option in pairs(options) do
            merged[name] = option
        end
        merged.value = values.present(update.options.value)
        message = record.entry.prepare and record.entry.prepare(merged)
    end
    if message then
        bad_output(f, record, "cannot be updated: " .. message)
    end
    for name in pairs(options) do
        options[name] = merged[name]
    end
    return options
end

local write_value

-- An update as it travels. (The gateway gives API clients the value alone.)
local function write_update(f, record, update)
    local wire = {}
    for name, option in pairs(update_props(f, record, update)) do
        wire[name] = type(option) == "table" and values.copy(option) or option
    end
    if update.options.value ~= nil then
        wire.value = write_value(f, record, update.options.value)
    end
    wire.__type__ = "update"
    return wire
end

function write_value(f, record, value)
    if value == nil or value == null then
        return null
    elseif record.entry.layout then
        bad_output(f, record, "has no value; return ui.update{ … } for it")
    end
    local wire, message = record.entry.postprocess(value, record.props)
    if message then
        bad_output(f, record, message)
    end
    return or_null(wire)
end

local function write_output(f, record, value, state)
    local is_update = getmetatable(value) == builder.Update
    if record.entry.session then
        if is_update then
            if next(value.options) ~= nil then
                bad_output(f, record, "keeps a value; return the value itself")
            end
        else
            state[tostring(record.id)] = write_value(f, record, value)
        end
        return null
    elseif is_update then
        return write_update(f, record, value)
    end
    return write_value(f, record, value)
end

-- { [component] = value } as values in the outputs' order; what is not named stays as it is.
local function by_component(f, map)
    local out, place = { n = #f.outputs }, {}
    for i, record in ipairs(f.outputs) do
        out[i], place[record] = builder.skip, i
    end
    for handle, value in pairs(map) do
        local record = builder.record(handle)
        if not record or not place[record] then
            error({ kind = "error",
                message = format("%s returned a value for %s, which is not one of its outputs", f.owner,
                record and name_of(record) or check.show(handle)) }, 0)
        end
        out[place[record]] = value
    end
    return out
end

-- Brings the forms a handler may answer in to one value per output.
local function arrange(f, results)
    local first = results[1]
    if results.n <= 1 and type(first) == "table" then
        if first == builder.skip then
            local out = { n = #f.outputs }
            for i = 1, #f.outputs do
                out[i] = first
            end
            return out
        elseif builder.record(next(first)) then
            return by_component(f, first)
        end
    end
    if results.n < #f.outputs and #f.outputs > 1 then
        error({ kind = "error", message = format(
            "%s%s returned %d values for %d outputs; return ui.skip for one that shall stay as it is",
                f.owner,
            f.where == "" and "" or " at " .. f.where, results.n, #f.outputs) }, 0)
    end
    return results
end

local function write_outputs(f, results, state)
    results = arrange(f, results)
    local data = values.array()
    for i, record in ipairs(f.outputs) do
        data[i] = write_output(f, record, results[i], state)
    end
    return data
end

-- -- the handler
-- ------------------------------------------------------------------------------------------------------

-- The text of an error object of the author's own; its __tostring may fail or lie.
local function text_of(object)
    local meta = getmetatable(object)
    if type(meta) == "table" and rawget(meta, "__tostring") then
        local ok, text = pcall(tostring, object)
        if ok and type(text) == "string" then
            return text
        end
    end
    return "error object is " .. check.show(object)
end

-- What the handler raised, as the host reads it: tables of ours as they are, all else with a traceback. Read raw:
-- no metamethod of the author's runs.
local function raised(thread, object, state)
    if type(object) == "table" and rawget(object, "kind") then
        rawset(object, "state", state)
        return object
    elseif type(object) == "userdata" then
        return object
    end
    local text = type(object) == "string" and object or text_of(object)
    text = check.blame(text, traceback(thread))
    return { kind = "error", message = text, traceback = traceback(thread, text), state = state }
end

-- What to do with one return of the handler's coroutine: a partial result goes out and it is resumed, until its end.
local function take(f, state, thread, last, ok, ...)
    if not ok then
        local problem_value = raised(thread, (...), state)
        close(thread)
        error(problem_value, 0)
    end
    local over, count = status(thread) == "dead", select("#", ...)
    if over and count == 0 and last then
        return last
    end
    local data = write_outputs(f, { n = count, ... }, state)
    if over then
        return data
    end
    host.partial(data)
    return take(f, state, thread, data, resume(thread))
end

-- A cancelled event is closed while its handler waits: what the handler opened is closed with it.
local Guard = { __close = function(guard)
    if status(guard[1]) == "suspended" then
        close(guard[1])
    end
end }

local closes_thread = { __close = function(guard)
    if status(guard[1]) == "suspended" then
        close(guard[1])
    end
end }

-- Runs the handler to its end; each coroutine.yield of the author's is a partial result.
local function drive(f, inputs, state)
    local thread = create(f.fn)
    local _ <close> = setmetatable({ thread }, Guard)
    return (take(f, state, thread, nil, resume(thread, unpack(inputs, 1, inputs.n))))
end

local function first_values(f)
    local data = values.array()
    for i, record in ipairs(f.outputs) do
        data[i] = record.value
    end
    return data
end

-- Runs function `id`; app.lua describes the arguments. Raises { kind = "user" | "validate" | "error",
-- message, … }.
function run.call(id, data, context)
    local f = functions[id]
    if not f then
        error({ kind = "error", message = format("there is no function %s", tostring(id)) }, 0)
    end
    local inputs = read_inputs(f, data, context)
    local state = {}
    if f.reset or not f.fn then     -- without a handler it only cancels others: the gateway did the work
        return first_values(f), state
    end
    return drive(f, inputs, state), state
end

return run
