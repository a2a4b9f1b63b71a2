-- button: starts something.

local schema = require "schema"
local html = require "html"
local markup = require "markup"

local type, find = type, string.find

return {
    name = "button",
    doc = "Starts something.",
    gradio_type = "Button",
    shared = "plain",
    positional = { "value" },
    options = {
        { name = "value", type = "string", default = "Run", doc = "The caption." },
        { name = "variant", type = '"primary"|"secondary"|"stop"', default = "secondary",
            doc = "Its weight." },
        { name = "size", type = '"sm"|"md"|"lg"', default = "lg", doc = "Its size." },
        { name = "interactive", type = "boolean", default = true, doc = "Whether it can be pressed." },
        { name = "link", type = "string", doc = "An address that opens when it is pressed." },
    },
    events = { "click" },
    skip_api = true,
    value = function() return schema.string() end,
    lua_value = "string",
    preprocess = function(value)
        return value
    end,
    postprocess = function(value)
        if type(value) ~= "string" then
            return nil, "takes text, not a " .. type(value)
        end
        return value
    end,
    prepare = function(props)
        local link = props.link
        if link and not find(link, "^https?://") and find(link, "^[%w+.-]*:") then
            return 'option "link" of button must be an address with http:// or https://, or a relative one'
        end
    end,
    html = function(node)
        local props = node.props
        local class = markup.classes("vt-button", "vt-" .. props.variant, "vt-" .. props.size)
        local id, caption = markup.id(node, "in"), html.text(node.value or "")
        if props.link then
            return markup.wrapper(node, "vt-action", html.element("a", { class = class, id = id,
                href = props.link,
                target = "_blank", rel = "noopener noreferrer" }, caption))
        end
        return markup.wrapper(node, "vt-action", html.element("button",
            { class = class, id = id, type = "button", disabled = node.static }, caption))
    end,
}
