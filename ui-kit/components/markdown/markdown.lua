-- markdown: formatted text.

local host = require "host"
local schema = require "schema"
local html = require "html"
local markup = require "markup"

local type, find, gmatch, gsub, rep, utf8_len = type, string.find, string.gmatch, string.gsub, string.rep, utf8.len

-- Text in a long string is indented like the code around it: takes the indent of the least indented line away. The
-- first line counts when it is indented: else it stands right after the opening bracket.
local function dedent(text)
    local lines = find(text, "^[ \t]") and "\n" .. text or text
    local least
    for indent in gmatch(lines, "\n([ \t]*)[^ \t\r\n]") do
        if not least or #indent < least then
            least = #indent
        end
    end
    if least and least > 0 then
        lines = gsub(lines, "\n" .. rep("[ \t]", least), "\n")
    end
    return (gsub(gsub(lines, "^[ \t\r\n]*\n", ""), "%s+$", ""))
end

return {
    name = "markdown",
    doc = "Formatted text.",
    gradio_type = "Markdown",
    shared = "display",
    positional = { "value" },
    options = {
        { name = "value", type = "string|function", doc = "The text, in Markdown." },
        { name = "container", type = "boolean", default = false,
            doc = "Whether it stands in a box with padding." },
        { name = "label", type = "string", doc = "The caption in the API; it is not shown." },
        { name = "show_label", type = "boolean", default = false, doc = "Whether the caption is shown." },
        { name = "height", type = "integer", doc = "Its height in pixels; what is longer scrolls." },
    },
    events = { "change", "copy" },
    value = function() return schema.string() end,
    lua_value = "string",
    example_input = "# Hello!",
    dedent = dedent,
    preprocess = function(value)
        return value
    end,
    postprocess = function(value)
        if type(value) == "number" then
            return html.number(value)
        elseif type(value) ~= "string" then
            return nil, "takes text, not a " .. type(value)
        elseif not utf8_len(value) then
            return nil, "takes text, not bytes that are not UTF-8"
        end
        return dedent(value)
    end,
    html = function(node)
        local props = node.props
        local caption = props.show_label and markup.heading(node) or ""
        return markup.wrapper(node, "vt-text-block", caption .. html.element("div",
            { class = markup.classes("vt-prose",
            props.height and "vt-scroll", markup.height_class(props.height)) }, host.markdown(node.value
                or "")))
    end,
}
