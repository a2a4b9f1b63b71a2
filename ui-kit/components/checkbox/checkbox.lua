-- checkbox: true or false.

local schema = require "schema"
local html = require "html"
local markup = require "markup"

local type = type

return {
    name = "checkbox",
    doc = "True or false.",
    gradio_type = "Checkbox",
    shared = "form",
    positional = { "value" },
    options = {
        { name = "value", type = "boolean|function", default = false,
            doc = "Whether it is ticked at first." },
    },
    events = { "change", "input", "select" },
    value = function() return schema.boolean() end,
    lua_value = "boolean",
    example_input = true,
    preprocess = function(value)
        return value == true
    end,
    postprocess = function(value)
        if type(value) ~= "boolean" then
            return nil, "takes true or false, not a " .. type(value)
        end
        return value
    end,
    html = function(node)
        local box = html.open("input", { class = "vt-checkbox", id = markup.id(node, "in"), type = "checkbox",
            checked = node.value == true, disabled = node.static,
                ["aria-describedby"] = markup.described(node) })
        local text = html.element("span", { class = "vt-check-text" }, html.text(node.props.label))
        return markup.wrapper(node, "vt-field", html.element("label", { class = "vt-check" }, box .. text)
            .. markup.info(node))
    end,
}
