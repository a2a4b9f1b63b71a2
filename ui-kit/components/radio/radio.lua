-- radio: one of a list that is always shown.

local schema = require "schema"
local choices = require "choices"
local html = require "html"
local markup = require "markup"

local ipairs, concat = ipairs, table.concat

return {
    name = "radio",
    doc = "One of a list that is always shown.",
    gradio_type = "Radio",
    shared = "form",
    positional = { "choices", "value" },
    options = {
        { name = "choices", type = "choice[]", default = {},
            doc = "What can be chosen: values, or { label, value }." },
        { name = "value", type = "string|number|function", doc = "The choice at first; by default none." },
        { name = "type", type = '"value"|"index"', default = "value",
            doc = "Handlers get the value, or its place (from 1)." },
    },
    events = { "change", "input", "select" },
    value = function(props) return schema.choice(choices.values(props.choices)) end,
    lua_value = "string|number",
    example_input = function(props)
        return props.choices[1] and props.choices[1][2]
    end,
    prepare = function(props)
        local list, message = choices.normalise(props.choices, "radio")
        if not list then
            return message
        end
        props.choices = list
    end,
    preprocess = function(value, props, lenient)
        if value == nil then
            return nil
        end
        return choices.read(value, props, lenient)
    end,
    postprocess = choices.write,
    html = function(node)
        local props, items = node.props, {}
        for i, choice in ipairs(props.choices) do
            items[i] = markup.choice("radio", markup.id(node), i, choice, choice[2] == node.value)
        end
        local legend = html.element("legend", { class = markup.classes("vt-label", props.show_label == false
            and "vt-sr") },
            html.text(props.label))
        return markup.wrapper(node, "vt-field", html.element("fieldset",
            { class = "vt-fieldset", disabled = node.static, ["aria-describedby"] = markup.described(node) },
            legend .. markup.info(node) .. html.element("div", { class = "vt-choices" }, concat(items))))
    end,
}
