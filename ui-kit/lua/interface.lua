-- interface.lua: ui.interface, the form around one function: inputs left, outputs right, Submit and Clear,
-- examples below.

local check = require "check"
local builder = require "builder"
local events = require "events"
local examples = require "examples"
local layout = require "layout"
local registry = require "registry"
local host = require "host"

local type, ipairs, format = type, ipairs, string.format

local interface = {}

-- Short names that people know from Gradio, beside each component's own.
local short = { text = "textbox" }

local function named(name)
    local entry = registry.by_name[short[name] or name]
    return entry and not entry.layout and entry or nil
end

check.kind("component_or_name", function(v)
    return builder.record(v) ~= nil or type(v) == "string" and named(v) ~= nil
end, "a component or the name of one", "components or names of some", "vitrine.component|string")

interface.options = {
    { name = "fn", type = "function",
        doc = "The handler: gets the inputs' values, returns the outputs' values." },
    { name = "inputs", type = "component_or_name|component_or_name[]",
        doc = "The components that the visitor fills in." },
    { name = "outputs", type = "component_or_name|component_or_name[]",
        doc = "The components that show the result." },
    { name = "title", type = "string", doc = "A heading above the form." },
    { name = "description", type = "string", doc = "Markdown between the heading and the form." },
    { name = "article", type = "string", doc = "Markdown below the form." },
    { name = "examples", type = "any[]",
        doc = "Rows of values for the inputs; files by their name in the repository." },
    { name = "example_labels", type = "string[]", doc = "A name for each example." },
    { name = "examples_per_page", type = "integer", doc = "Examples shown at once." },
    { name = "run_examples_on_click", type = "boolean", default = false,
        doc = "Whether choosing an example runs it." },
    { name = "live", type = "boolean", default = false,
        doc = "Whether it runs at each change, without a button." },
    { name = "submit_btn", type = "string", default = "Submit",
        doc = "The caption of the button that runs it." },
    { name = "clear_btn", type = "string|boolean", default = "Clear",
        doc = "The caption of the button that empties it; false for none." },
    { name = "stop_btn", type = "string|boolean", default = false,
        doc = "A button that stops a running call; its caption." },
    { name = "show_error", type = "boolean", default = false,
        doc = "Whether visitors read the text of Lua errors." },
    { name = "api_name", type = "string|boolean", default = "predict",
        doc = "The endpoint's name; false keeps it from the API." },
    { name = "api_description", type = "string", doc = "What the endpoint does, for its users." },
    { name = "api_visibility", type = '"public"|"undocumented"|"private"', doc = "Who sees the endpoint." },
    { name = "queue", type = "boolean", doc = "false answers at once, without the queue." },
    { name = "concurrency_limit", type = "integer", doc = "How many calls may run at once." },
    { name = "concurrency_id", type = "string", doc = "Events with the same id share one limit." },
    { name = "trigger_mode", type = '"once"|"multiple"|"always_last"',
        doc = "What another trigger does while it runs." },
    { name = "show_progress", type = '"full"|"minimal"|"hidden"',
        doc = "How the outputs show that work goes on." },
    { name = "time_limit", type = "number", doc = "Seconds after which a call is stopped." },
}

local schema = check.schema(interface.options, { "fn", "inputs", "outputs" })

local PASSED_ON = { "fn", "api_name", "api_description", "api_visibility", "queue", "concurrency_limit",
    "concurrency_id",
    "trigger_mode", "show_progress", "time_limit" }

-- One component, a name, or a list of both, as records.
local function side(given)
    if builder.record(given) or type(given) == "string" then
        given = { given }
    end
    local records = {}
    for i, item in ipairs(given or {}) do
        records[i] = builder.record(item) or builder.make(named(item))
    end
    return records
end

-- Components without a caption get the function's parameter names, or "output".
local function caption(inputs, outputs, fn)
    local names = host.parameter_names and host.parameter_names(fn) or {}
    for i, record in ipairs(inputs) do
        if not record.given.label and record.entry.schema.by_name.label and names[i] then
            record.props.label = names[i]
        end
    end
    for i, record in ipairs(outputs) do
        if not record.given.label and record.entry.schema.by_name.label and record.name ~= "markdown" then
            record.props.label = #outputs == 1 and "output" or format("output %d", i)
        end
    end
end

local function handles(records)
    local list = {}
    for i, record in ipairs(records) do
        list[i] = record.handle
    end
    return list
end

local function visible(records)
    local list = {}
    for _, record in ipairs(records) do
        if not record.entry.session then
            list[#list + 1] = record
        end
    end
    return list
end

-- The call's targets: the button and Enter in a text field, or every change.
local function targets(options, inputs, submit)
    local list = {}
    if submit then
        list[1] = { submit, "click" }
    end
    for _, record in ipairs(inputs) do
        local event = options.live and "change" or "submit"
        if record.entry.event_set[event] and not record.entry.session then
            list[#list + 1] = { record, event }
        end
    end
    return list
end

local function button(caption_text, options)
    options.value = caption_text
    return builder.make(registry.by_name.button, options)
end

local function register(options, inputs, outputs, submit)
    local given = { inputs = handles(inputs), outputs = handles(outputs) }
    for _, name in ipairs(PASSED_ON) do
        given[name] = options[name]
    end
    if given.api_name == nil then
        given.api_name = "predict"
    end
    return events.register("ui.interface", targets(options, inputs, submit), given)
end

local function stop_button(options, event)
    if options.stop_btn then
        local caption_text = options.stop_btn == true and "Stop" or options.stop_btn
        local stop = button(caption_text, { variant = "stop" })
        events.register("ui.interface", { { stop, "click" } }, { cancels = event })
    end
end

-- Makes `clear` put inputs and outputs back as they were at first.
local function register_clear(clear, inputs, outputs)
    local list = {}
    for _, records in ipairs({ visible(inputs), visible(outputs) }) do
        for _, record in ipairs(records) do
            list[#list + 1] = record.handle
        end
    end
    events.register_reset("ui.interface", { { clear, "click" } }, list)
end

-- The row of buttons: Clear, Submit (not when it is live) and Stop (when asked for).
local function buttons(options, inputs, outputs)
    layout.block("row", function()
        local clear, submit
        if options.clear_btn ~= false then
            clear = button(type(options.clear_btn) == "string" and options.clear_btn or "Clear", {})
        end
        if not options.live then
            submit = button(options.submit_btn or "Submit", { variant = "primary" })
        end
        local event = register(options, inputs, outputs, submit)
        stop_button(options, event)
        if clear then
            register_clear(clear, inputs, outputs)
        end
    end)
end

local function column(records, fill)
    layout.block("column", function()
        for _, record in ipairs(visible(records)) do
            builder.place(record, builder.current())
        end
        if fill then
            fill()
        end
    end)
end

local function show_examples(options, inputs, outputs)
    if not options.examples then
        return
    end
    local shown, run = visible(inputs), options.run_examples_on_click or nil
    examples.make("ui.interface", {
        examples = options.examples, inputs = handles(shown), outputs = run and handles(outputs),
            fn = run and options.fn,
        run_on_click = run, example_labels = options.example_labels,
            examples_per_page = options.examples_per_page,
    })
end

local function text(markdown)
    if markdown then
        builder.make(registry.by_name.markdown, markdown)
    end
end

local function compose(options, inputs, outputs)
    text(options.title and "# " .. options.title)
    text(options.description)
    layout.block("row", function()
        if #visible(inputs) == 0 then
            column(outputs, function() buttons(options, inputs, outputs) end)
        else
            column(inputs, function() buttons(options, inputs, outputs) end)
            if #visible(outputs) > 0 then
                column(outputs)
            end
        end
    end)
    show_examples(options, inputs, outputs)
    text(options.article)
end

-- ui.interface{ … }: inside a block it stands there; else it is a view that app.lua returns.
function interface.make(given)
    local options = check.read(schema, "ui.interface", given)
    if not options.fn then
        check.fail("ui.interface needs fn = a function")
    end
    local inputs, outputs = side(options.inputs), side(options.outputs)
    caption(inputs, outputs, options.fn)
    return layout.view({ title = options.title, show_error = options.show_error }, function()
        compose(options, inputs, outputs)
    end)
end

return interface
