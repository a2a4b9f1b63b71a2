-- number: a field for a number.

local schema = require "schema"
local html = require "html"
local markup = require "markup"

local type, format, floor, huge = type, string.format, math.floor, math.huge
local math_tointeger = math.tointeger

-- Rounded to the decimals that `precision` asks for; without one as it is.
local function round(value, precision)
    if not precision then
        return value
    end
    local unit = 10.0 ^ precision
    local rounded = floor(value * unit + 0.5) / unit
    return precision == 0 and math_tointeger(rounded) or rounded
end

return {
    name = "number",
    doc = "A field for a number.",
    gradio_type = "Number",
    shared = "form",
    positional = { "value" },
    options = {
        { name = "value", type = "number|function",
            doc = "The number at first; a function is called when the page opens." },
        { name = "minimum", type = "number", doc = "The smallest number accepted." },
        { name = "maximum", type = "number", doc = "The largest number accepted." },
        { name = "step", type = "number", default = 1, doc = "What the arrows add and take away." },
        { name = "precision", type = "integer", doc = "Decimals kept; 0 gives whole numbers." },
        { name = "placeholder", type = "string", doc = "A hint shown while it is empty." },
    },
    events = { "change", "input", "submit", "focus", "blur" },
    value = function(props)
        return props.precision == 0 and schema.integer() or schema.number()
    end,
    lua_value = "number",
    example_input = 3,
    prepare = function(props)
        if props.minimum and props.maximum and props.minimum > props.maximum then
            return 'option "minimum" of number is larger than "maximum"'
        end
    end,
    preprocess = function(value, props, lenient)
        if not value then
            return nil
        elseif lenient then
            return round(value, props.precision)
        elseif props.minimum and value < props.minimum then
            return nil, format("must be at least %s", html.number(props.minimum))
        elseif props.maximum and value > props.maximum then
            return nil, format("must be at most %s", html.number(props.maximum))
        end
        return round(value, props.precision)
    end,
    postprocess = function(value, props)
        if type(value) ~= "number" then
            return nil, "takes a number, not a " .. type(value)
        elseif value ~= value or value == huge or value == -huge then
            return nil, "takes a finite number"
        end
        return round(value, props.precision)
    end,
    html = function(node)
        local props = node.props
        return markup.wrapper(node, "vt-field", markup.caption(node) .. markup.info(node)
            .. html.open("input", {
            class = "vt-input", id = markup.id(node, "in"), type = "number", inputmode = "decimal",
                step = "any",
            value = node.value, min = props.minimum, max = props.maximum, placeholder = props.placeholder,
            readonly = node.static, ["aria-describedby"] = markup.described(node),
        }))
    end,
}
