-- state: a value of one visitor's session, kept by the server between events and never sent to the page.

local schema = require "schema"
local values = require "values"

return {
    name = "state",
    doc = "A value of one visitor's session, kept by the server between events.",
    gradio_type = "State",
    shared = "none",
    positional = { "value" },
    options = {
        { name = "value", type = "any", update = false,
            doc = "The value at first: anything that JSON can hold." },
    },
    events = { "change" },
    detached = true,
    session = true,
    skip_api = true,
    value = function() return schema.any() end,
    lua_value = "any",
    prepare = function(props)
        return values.check_json(props.value, "the value of ui.state")
    end,
    preprocess = function(value, props)
        if value == nil then
            return values.copy(props.value)
        end
        return value
    end,
    postprocess = function(value)
        local message = values.check_json(value, "value")
        if message then
            return nil, "cannot keep this: " .. message
        end
        return values.copy(value)
    end,
}
