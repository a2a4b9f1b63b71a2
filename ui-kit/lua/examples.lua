-- examples.lua: ui.examples, rows of values that fill components when one is chosen.

local check = require "check"
local bounds = require "bounds"
local builder = require "builder"
local events = require "events"
local registry = require "registry"
local values = require "values"

local type, ipairs = type, ipairs

local examples = {}

examples.options = {
    { name = "examples", type = "any[]",
        doc = "The rows; each a list of values, or one value when there is one input." },
    { name = "inputs", type = "component|component[]", doc = "The components that a row fills." },
    { name = "outputs", type = "component|component[]", doc = "Where the values of fn go." },
    { name = "fn", type = "function", doc = "With run_on_click: what runs when a row is chosen." },
    { name = "run_on_click", type = "boolean", default = false, doc = "Whether choosing a row runs fn." },
    { name = "label", type = "string", default = "Examples", doc = "The caption." },
    { name = "example_labels", type = "string[]", doc = "A name for each row." },
    { name = "examples_per_page", type = "integer", default = 10, doc = "Rows shown at once." },
}

local schema = check.schema(examples.options, { "examples", "inputs" })

-- One row as wire values; what a row leaves out stays empty.
local function read_row(owner, row, number, inputs)
    if type(row) ~= "table" or #row == 0 then
        row = { row }
    end
    if #row > #inputs then
        check.fail("example %d of %s has %d values for %d inputs", number, owner, #row, #inputs)
    end
    local out = values.array()
    for i, record in ipairs(inputs) do
        local wire, message = values.null, nil
        if row[i] ~= nil then
            wire, message = record.entry.postprocess(row[i], record.props)
        end
        if message then
            check.fail('example %d of %s does not fit its %s: it %s', number, owner, builder.describe(record),
                message)
        end
        out[i] = wire
    end
    return out
end

local function read_inputs(owner, given)
    if builder.record(given) then
        given = { given }
    end
    local inputs = {}
    for i, handle in ipairs(given or {}) do
        inputs[i] = builder.record(handle)
    end
    if #inputs == 0 then
        check.fail("%s has examples but no inputs to fill", owner)
    end
    return inputs
end

local function dataset_options(owner, options, inputs)
    local ids, headers, samples = values.array(), values.array(), values.array()
    for i, record in ipairs(inputs) do
        ids[i], headers[i] = record.id, record.props.label or ""
    end
    if #options.examples > bounds.example_rows then
        check.fail("%s has more than %d examples", owner, bounds.example_rows)
    end
    for i, row in ipairs(options.examples) do
        samples[i] = read_row(owner, row, i, inputs)
    end
    return {
        label = options.label, component_ids = ids, headers = headers, samples = samples,
        sample_labels = options.example_labels, samples_per_page = options.examples_per_page,
    }
end

-- Makes the dataset for what the author gave; `owner` names it in messages.
function examples.make(owner, given)
    local options = check.read(schema, owner, given)
    if not options.examples then
        check.fail("%s needs examples = { { … }, … }", owner)
    end
    local inputs = read_inputs(owner, options.inputs)
    local record = builder.make(registry.by_name.dataset, dataset_options(owner, options, inputs))
    if options.run_on_click then
        events.register(owner, { { record, "click" } }, { fn = options.fn, inputs = options.inputs,
            outputs = options.outputs, api_name = false })
    end
    return record.handle
end

return examples
