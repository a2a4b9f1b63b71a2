-- events.lua: event methods (`button:click{…}`), chains (`:next{…}`) and what both are told.

local check = require "check"
local bounds = require "bounds"
local builder = require "builder"
local registry = require "registry"

local type, pairs, ipairs, setmetatable, tostring = type, pairs, ipairs, setmetatable, tostring
local find, gsub = string.find, string.gsub

local events = {}

local Event = { __name = "event", __metatable = "event" }
local of_event = setmetatable({}, { __mode = "k" })

check.kind("event", function(v)
    return of_event[v] ~= nil
end, "an event (what :click{…} returns)", "events (what :click{…} returns)", "vitrine.event")

events.options = {
    { name = "fn", type = "function",
        doc = "The handler: gets the inputs' values, returns the outputs' values." },
    { name = "inputs", type = "component|component[]",
        doc = "The components whose values the handler gets." },
    { name = "outputs", type = "component|component[]",
        doc = "The components that the handler's values go to." },
    { name = "api_name", type = "string|boolean",
        doc = "The endpoint's name; by default the event's. false keeps it from the API." },
    { name = "api_description", type = "string", doc = "What the endpoint does, for its users." },
    { name = "api_visibility", type = '"public"|"undocumented"|"private"', default = "public",
        doc = "public: listed; undocumented: callable, not listed; private: only for the page." },
    { name = "queue", type = "boolean", default = true,
        doc = "false answers at once, without the queue, partial results or progress." },
    { name = "concurrency_limit", type = "integer",
        doc = "How many calls of it may run at once; by default as many as the demo may." },
    { name = "concurrency_id", type = "string", doc = "Events with the same id share one limit." },
    { name = "trigger_mode", type = '"once"|"multiple"|"always_last"',
        doc = "While it runs, another trigger is dropped (once), queued (multiple), or only the last one kept." },
    { name = "show_progress", type = '"full"|"minimal"|"hidden"', default = "full",
        doc = "How the outputs show that work goes on." },
    { name = "show_progress_on", type = "component|component[]",
        doc = "Where progress shows instead of the outputs." },
    { name = "scroll_to_output", type = "boolean", default = false,
        doc = "Whether the page scrolls to the result." },
    { name = "cancels", type = "event|event[]", doc = "Events whose running calls it stops." },
    { name = "time_limit", type = "number",
        doc = "Seconds after which a call is stopped; never more than the server's." },
}

local schema = check.schema(events.options, { "fn", "inputs", "outputs" })

local last_wins = { change = true, input = true }

-- One component or a list of them as a list of records.
local function record_list(given)
    local list = {}
    if builder.record(given) then
        given = { given }
    end
    for i, handle in ipairs(given or {}) do
        list[i] = builder.record(handle)
    end
    return list
end

local function event_list(given)
    local list = {}
    if of_event[given] then
        given = { given }
    end
    for i, handle in ipairs(given or {}) do
        list[i] = of_event[handle]
    end
    return list
end

local function check_name(owner, name)
    if type(name) ~= "string" then
        return nil
    end
    local bare = gsub(name, "^/", "")
    if #bare == 0 or #bare > bounds.name_bytes or find(bare, "[^%w_%-]") then
        check.fail('option "api_name" of %s must be 1 to %d letters, digits, "_" or "-", not %s', owner,
            bounds.name_bytes, check.show(name))
    end
    return bare
end

-- The name, or the name with _1, _2 … when it is taken.
local function unique_name(name)
    local taken = {}
    for _, f in ipairs(builder.functions) do
        taken[f.api_name or ""] = true
    end
    if not taken[name] then
        return name
    end
    local n = 1
    while taken[name .. "_" .. n] do
        n = n + 1
    end
    return name .. "_" .. n
end

local function check_sides(owner, f)
    for _, record in ipairs(f.inputs) do
        if record.entry.layout then
            check.fail("%s cannot be an input of %s: it has no value", record.name, owner)
        end
    end
    if not f.fn and #f.cancels == 0 and (#f.inputs > 0 or #f.outputs > 0) then
        check.fail('%s has inputs or outputs but no "fn"', owner)
    end
end

local function visibility(options)
    if options.api_name == false or not options.fn then
        return "private"
    end
    return options.api_visibility or "public"
end

-- Registers an event. `targets` is a list of { record, event name }; `chain` is { after, on } or nil.
function events.register(owner, targets, given, chain)
    local options = check.read(schema, owner, given)
    if not builder.open then
        check.fail("%s was called in a handler; events are set up while app.lua loads", owner)
    elseif #builder.functions >= bounds.functions then
        check.fail("a demo can have at most %d events", bounds.functions)
    elseif options.api_name == true then
        check.fail('option "api_name" of %s must be a string or false, not true', owner)
    elseif options.concurrency_limit and options.concurrency_limit < 1 then
        check.fail('option "concurrency_limit" of %s must be at least 1', owner)
    end
    local f = {
        id = #builder.functions + 1,
        owner = owner,
        where = check.where(),
        targets = targets,
        fn = options.fn,
        inputs = record_list(options.inputs),
        outputs = record_list(options.outputs),
        cancels = event_list(options.cancels),
        progress_on = record_list(options.show_progress_on),
        api_visibility = visibility(options),
        trigger_mode = options.trigger_mode or (last_wins[targets[1][2]] and "always_last" or "once"),
        queue = options.queue ~= false,
        show_progress = options.show_progress or "full",
        scroll_to_output = options.scroll_to_output == true,
        concurrency_limit = options.concurrency_limit,
        concurrency_id = options.concurrency_id,
        api_description = options.api_description,
        time_limit = options.time_limit,
        after = chain and chain.after,
        on = chain and chain.on,
    }
    check_sides(owner, f)
    if options.api_name ~= false and f.fn then
        f.api_name = unique_name(check_name(owner, options.api_name) or targets[1][2])
    end
    builder.functions[f.id] = f
    f.handle = setmetatable({}, Event)
    of_event[f.handle] = f
    return f.handle
end

local function nothing()
end

-- An event that gives its outputs their first values back.
function events.register_reset(owner, targets, outputs)
    local handle = events.register(owner, targets, { fn = nothing, outputs = outputs, api_name = false,
        show_progress = "hidden" })
    of_event[handle].reset = true
end

-- `:click(fn, inputs, outputs)` is the same as `:click{ fn, inputs, outputs }`.
local function gather(given, inputs, outputs)
    if type(given) == "function" then
        return { fn = given, inputs = inputs, outputs = outputs }
    end
    return given
end

local function event_method(name)
    return function(self, given, inputs, outputs)
        local record = builder.record(self)
        if not record then
            check.fail("call it with a colon: component:%s{ … }", name)
        end
        return events.register(record.name .. ":" .. name, { { record, name } }, gather(given, inputs,
            outputs))
    end
end

local conditions = { next = false, success = "success", failure = "failure" }

local function chain_method(name)
    return function(self, given, inputs, outputs)
        local before = of_event[self]
        if not before then
            check.fail("call it with a colon: event:%s{ … }", name)
        end
        local word = name == "next" and "then" or name
        local target = before.targets[1][1]
        return events.register("event:" .. name, { { target, word } }, gather(given, inputs, outputs),
            { after = before, on = conditions[name] or nil })
    end
end

local chain_methods = {}
for name in pairs(conditions) do
    chain_methods[name] = chain_method(name)
end

function Event.__index(_, key)
    local method = chain_methods[key]
    if method then
        return method
    end
    check.fail('an event has no method "%s"%s', key, check.suggestion(key, { "next", "success", "failure" }))
end

function Event.__newindex(_, key)
    check.fail('an event has no field "%s" to set', key)
end

-- The first target that is like { component, "click" } as { record, name }; raises when it is not one.
local function read_target(target)
    local record = type(target) == "table" and builder.record(target[1])
    local name = record and target[2]
    if not record or type(name) ~= "string" then
        check.fail('a trigger of ui.on is written { component, "click" }')
    elseif not record.entry.event_set[name] then
        check.fail('%s has no event "%s"%s', record.name, tostring(name), check.suggestion(name,
            record.entry.events))
    end
    return { record, name }
end

-- ui.on{ triggers = { { button, "click" }, { name, "submit" } }, fn = … }: one handler for several triggers.
function events.on(given)
    if type(given) ~= "table" or type(given.triggers) ~= "table" or #given.triggers == 0 then
        check.fail('ui.on needs triggers = { { component, "click" }, … }')
    end
    local targets, rest = {}, {}
    for i, target in ipairs(given.triggers) do
        targets[i] = read_target(target)
    end
    for key, value in pairs(given) do
        if key ~= "triggers" then
            rest[key] = value
        end
    end
    return events.register("ui.on", targets, rest)
end

-- Every event name that a component lists becomes a method of the handles.
local function install()
    for _, name in ipairs(registry.names) do
        for _, event in ipairs(registry.by_name[name].events) do
            builder.methods[event] = builder.methods[event] or { call = event_method(event) }
        end
    end
    builder.methods.load = { call = event_method("load") }
    builder.methods.render = { always = true, call = function(self)
        local record = builder.record(self)
        local block = builder.current()
        if not block then
            check.fail("%s:render() stands inside ui.blocks or a layout block", record and record.name
                or "component")
        end
        builder.place(record, block)
        return self
    end }
end

install()

return events
