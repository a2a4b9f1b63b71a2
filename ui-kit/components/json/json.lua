-- json: any JSON value, shown as a tree.

local schema = require "schema"
local html = require "html"
local markup = require "markup"
local values = require "values"

return {
    name = "json",
    doc = "Any JSON value, shown as a tree.",
    gradio_type = "Json",
    caption = "JSON",
    shared = "display",
    positional = { "value" },
    options = {
        { name = "value", type = "any", doc = "The value at first." },
        { name = "open", type = "boolean", default = false, doc = "Whether all of it is unfolded." },
        { name = "show_indices", type = "boolean", default = false,
            doc = "Whether places in lists are shown." },
        { name = "height", type = "integer", doc = "Its height in pixels; what is longer scrolls." },
    },
    events = { "change" },
    value = function() return schema.any() end,
    lua_value = "any",
    example_input = { foo = "bar" },
    preprocess = function(value)
        return value
    end,
    postprocess = function(value)
        local message = values.check_json(value, "value")
        if message then
            return nil, "cannot show this: " .. message
        end
        return values.copy(value)
    end,
    html = function(node)
        if node.value == nil then
            return markup.wrapper(node, "vt-field", markup.heading(node) .. markup.empty())
        end
        return markup.wrapper(node, "vt-field", markup.heading(node) .. html.element("pre",
            { class = markup.classes("vt-json", markup.height_class(node.props.height)), tabindex = 0,
                ["aria-labelledby"] = markup.id(node, "label") },
            html.element("code", {}, html.text(values.pretty(node.value)))))
    end,
}
