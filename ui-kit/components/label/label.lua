-- label: the most likely classes with their confidences.
--
-- A handler may return what a classifier gives ({ { label = "cat", score = 0.9 }, … }), confidences by class
-- ({ cat = 0.9, dog = 0.1 }), or just one text.

local schema = require "schema"
local html = require "html"
local markup = require "markup"
local values = require "values"

local type, next, pairs, ipairs, sort, concat = type, next, pairs, ipairs, table.sort, table.concat
local format, floor, min = string.format, math.floor, math.min

local function name_of(label)
    return type(label) == "number" and html.number(label) or label
end

local function one_class(item)
    if type(item) ~= "table" then
        return nil
    end
    local name, confidence = name_of(item.label), item.score or item.confidence
    if type(name) ~= "string" or type(confidence) ~= "number" then
        return nil
    end
    return { label = name, confidence = confidence }
end

local function from_list(list)
    local out = values.array()
    for i, item in ipairs(list) do
        out[i] = one_class(item)
        if not out[i] then
            return nil, "takes a list of { label = text, score = number }"
        end
    end
    return out
end

local function from_map(map)
    local out = values.array()
    for name, confidence in pairs(map) do
        if type(name) ~= "string" or type(confidence) ~= "number" then
            return nil, "takes confidences by class: { cat = 0.9, dog = 0.1 }"
        end
        out[#out + 1] = { label = name, confidence = confidence }
    end
    return out
end

local function by_confidence(a, b)
    if a.confidence ~= b.confidence then
        return a.confidence > b.confidence
    end
    return a.label < b.label
end

-- The classes of a handler's table, most likely first, cut to the number wanted.
local function classes(value, props)
    local given = value.confidences or value
    local list, message
    if #given > 0 or next(given) == nil then
        list, message = from_list(given)
    else
        list, message = from_map(given)
    end
    if not list then
        return nil, message
    end
    for _, item in ipairs(list) do
        if item.confidence ~= item.confidence then
            return nil, "got a confidence that is not a number (NaN)"
        end
    end
    sort(list, by_confidence)
    for i = #list, (props.num_top_classes or #list) + 1, -1 do
        list[i] = nil
    end
    return list
end

local MAX_KEPT = 12     -- rows whose place is kept free before the first result

-- 93%, or 0.4% below one.
local function percent(confidence)
    local value = confidence * 100
    if value < 1 and value > 0 then
        return format("%.1f%%", value)
    end
    return format("%d%%", floor(value + 0.5))
end

local function bar_list(confidences)
    local rows = {}
    for i, item in ipairs(confidences) do
        rows[i] = html.element("li", { class = "vt-bar-row" },
            html.element("span", { class = "vt-bar-name" }, html.text(item.label))
            .. html.element("span", { class = "vt-bar-percent" }, percent(item.confidence))
            .. html.element("meter", { class = "vt-bar", min = 0, max = 1, value = item.confidence }))
    end
    return html.element("ol", { class = "vt-bars" }, concat(rows))
end

return {
    name = "label",
    doc = "The most likely classes with their confidences.",
    gradio_type = "Label",
    shared = "display",
    positional = { "value" },
    options = {
        { name = "value", type = "string|number|table|function", doc = "The classes at first." },
        { name = "num_top_classes", type = "integer", doc = "How many classes are shown at most." },
        { name = "show_heading", type = "boolean", default = true,
            doc = "Whether the first class stands above, large." },
    },
    events = { "change", "select" },
    value = function() return schema.label() end,
    lua_value = "string|number|table",
    example_input = { label = "Cat", confidences = values.list({ label = "cat", confidence = 0.9 },
        { label = "dog", confidence = 0.1 }) },
    preprocess = function(value)
        return value
    end,
    postprocess = function(value, props)
        if type(value) ~= "table" then
            local name = name_of(value)
            if type(name) ~= "string" then
                return nil, "takes classes or text, not a " .. type(value)
            end
            return { label = name }
        elseif type(value.label) == "string" and not value.confidences and not value.score then
            return { label = value.label }
        end
        local list, message = classes(value, props)
        if not list then
            return nil, message
        end
        return { label = list[1] and list[1].label or "", confidences = list }
    end,
    html = function(node)
        local props, value = node.props, node.value
        local keep = min(props.num_top_classes or 0, MAX_KEPT)
        local inner
        if not value then
            inner = markup.empty()
        else
            local top = html.element("p", { class = "vt-top" }, html.text(value.label))
            local bars = value.confidences and #value.confidences > 0 and bar_list(value.confidences) or ""
            inner = ((props.show_heading or bars == "") and top or "") .. bars
        end
        return markup.wrapper(node, "vt-field", markup.heading(node) .. html.element("div",
            { class = markup.classes(
            "vt-result", keep > 0 and format("vt-keep-%d", keep)), ["aria-live"] = "polite" }, inner))
    end,
}
