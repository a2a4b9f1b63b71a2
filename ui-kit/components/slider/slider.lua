-- slider: a number between two bounds.

local schema = require "schema"
local html = require "html"
local markup = require "markup"

local type, format, floor, log, huge = type, string.format, math.floor, math.log, math.huge

-- About a hundred steps from end to end, as a power of ten.
local function natural_step(range)
    if range <= 0 then
        return 1
    end
    local step = 10.0 ^ floor(log(range, 10) - 2)
    return step >= 1 and floor(step) or step
end

return {
    name = "slider",
    doc = "A number between two bounds.",
    gradio_type = "Slider",
    shared = "form",
    positional = { "minimum", "maximum", "value" },
    options = {
        { name = "minimum", type = "number", default = 0, doc = "The left end." },
        { name = "maximum", type = "number", default = 100, doc = "The right end." },
        { name = "value", type = "number|function", doc = "The number at first; by default the minimum." },
        { name = "step", type = "number", doc = "The distance between two positions." },
    },
    events = { "change", "input", "release" },
    value = function(props)
        return schema.number(format("numeric value between %s and %s", html.number(props.minimum),
            html.number(props.maximum)))
    end,
    lua_value = "number",
    example_input = function(props) return props.minimum end,
    prepare = function(props)
        if props.minimum > props.maximum then
            return 'option "minimum" of slider is larger than "maximum"'
        elseif props.step and props.step <= 0 then
            return 'option "step" of slider must be above 0'
        end
        props.step = props.step or natural_step(props.maximum - props.minimum)
        if props.value == nil then
            props.value = props.minimum
        elseif type(props.value) == "number" and (props.value < props.minimum
            or props.value > props.maximum) then
            return 'option "value" of slider is outside "minimum" and "maximum"'
        end
    end,
    preprocess = function(value, props, lenient)
        if value and not lenient and (value < props.minimum or value > props.maximum) then
            return nil, format("must be between %s and %s", html.number(props.minimum),
                html.number(props.maximum))
        end
        return value
    end,
    postprocess = function(value)
        if type(value) ~= "number" or value ~= value or value == huge or value == -huge then
            return nil, "takes a finite number"
        end
        return value
    end,
    html = function(node)
        local props = node.props
        local function control(attributes)
            attributes.min, attributes.max, attributes.step = props.minimum, props.maximum, props.step
            attributes.value, attributes.disabled = node.value, node.static
            return html.open("input", attributes)
        end
        local exact = control { class = "vt-input vt-slider-number", type = "number",
            ["aria-label"] = props.label .. ", exact value" }
        local range = control { class = "vt-range", id = markup.id(node, "in"), type = "range",
            ["aria-describedby"] = markup.described(node) }
        local function bound(value)
            return html.element("span", { class = "vt-slider-end" }, html.text(value))
        end
        return markup.wrapper(node, "vt-field",
            html.element("div", { class = "vt-slider-head" }, markup.caption(node) .. exact)
                .. markup.info(node)
            .. html.element("div", { class = "vt-slider-row" }, bound(props.minimum) .. range
                .. bound(props.maximum)))
    end,
}
