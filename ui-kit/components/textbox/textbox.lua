-- textbox: one or more lines of text, typed or shown.

local schema = require "schema"
local html = require "html"
local markup = require "markup"

local type, format, find, gsub, utf8_len, max, min = type, string.format, string.find, string.gsub, utf8.len,
    math.max,
    math.min

local function attributes(node, class)
    local props = node.props
    return {
        class = markup.classes(class, props.text_align == "right" and "vt-right"), id = markup.id(node, "in"),
        placeholder = props.placeholder, maxlength = props.max_length, readonly = node.static,
        dir = props.rtl and "rtl" or nil, autofocus = props.autofocus,
            ["aria-describedby"] = markup.described(node),
    }
end

-- A parser drops the first newline of a text area, hence one more.
local function area(node)
    local value = node.value or ""
    local _, breaks = gsub(value, "\n", "")
    local all = attributes(node, "vt-input vt-text")
    all.rows = max(node.props.lines, min(breaks + 1, node.props.max_lines))
    return html.element("textarea", all, (find(value, "^\n") and "\n" or "") .. html.text(value))
end

local function field(node)
    local all = attributes(node, "vt-input")
    all.type, all.value, all.autocomplete = node.props.type, node.value or "", "off"
    return html.open("input", all)
end

return {
    name = "textbox",
    doc = "One or more lines of text, typed or shown.",
    gradio_type = "Textbox",
    shared = "form",
    positional = { "value" },
    options = {
        { name = "value", type = "string|function",
            doc = "The text at first; a function is called when the page opens." },
        { name = "lines", type = "integer", default = 1, doc = "Lines shown at least." },
        { name = "max_lines", type = "integer", default = 20, doc = "Lines shown at most; then it scrolls." },
        { name = "placeholder", type = "string", doc = "A hint shown while it is empty." },
        { name = "type", type = '"text"|"password"|"email"', default = "text", doc = "What is typed." },
        { name = "max_length", type = "integer", doc = "Characters that are accepted at most." },
        { name = "autofocus", type = "boolean", default = false,
            doc = "Whether it has the cursor when the page opens." },
        { name = "autoscroll", type = "boolean", default = true,
            doc = "Whether it scrolls to the end of growing text." },
        { name = "submit_btn", type = "boolean|string", default = false,
            doc = "A button in it that submits; its caption." },
        { name = "text_align", type = '"left"|"right"', doc = "Where the text stands." },
        { name = "rtl", type = "boolean", default = false,
            doc = "Whether the text runs from right to left." },
    },
    events = { "change", "input", "select", "submit", "focus", "blur", "copy" },
    value = function() return schema.string() end,
    lua_value = "string",
    example_input = "Hello!!",
    prepare = function(props)
        if props.lines < 1 or props.max_lines < 1 then
            return 'options "lines" and "max_lines" of textbox must be at least 1'
        elseif props.max_length and props.max_length < 0 then
            return 'option "max_length" of textbox must not be negative'
        end
    end,
    preprocess = function(value, props, lenient)
        if value and props.max_length and not lenient and (utf8_len(value) or #value) > props.max_length then
            return nil, format("must be at most %d characters long", props.max_length)
        end
        return value
    end,
    postprocess = function(value)
        if type(value) == "number" then
            return html.number(value)
        elseif type(value) == "boolean" then
            return value and "true" or "false"
        elseif type(value) ~= "string" then
            return nil, "takes text, not a " .. type(value)
        elseif not utf8_len(value) then
            return nil, "takes text, not bytes that are not UTF-8"
        end
        return value
    end,
    html = function(node)
        local props = node.props
        local multi = props.type == "text" and props.max_lines > 1
        local inner = multi and area(node) or field(node)
        if props.submit_btn then
            local caption = type(props.submit_btn) == "string" and props.submit_btn or "Send"
            inner = html.element("div", { class = "vt-with-button" }, inner .. html.element("button",
                { class = "vt-button vt-primary vt-sm", type = "button", disabled = node.static },
                    html.text(caption)))
        end
        return markup.wrapper(node, "vt-field", markup.caption(node) .. markup.info(node) .. inner)
    end,
}
