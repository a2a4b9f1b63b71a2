-- dropdown: one or several of a list, opened on demand.

local schema = require "schema"
local choices = require "choices"
local html = require "html"
local markup = require "markup"
local values = require "values"

local type, ipairs, format, concat = type, ipairs, string.format, table.concat

local function read_many(value, props, lenient)
    if #value > (props.max_choices or #value) then
        return nil, format("takes at most %d choices", props.max_choices)
    end
    local out = {}
    for i, item in ipairs(value) do
        local one, message = choices.read(item, props, lenient)
        if message then
            return nil, message
        end
        out[i] = one
    end
    return out
end

local function write_many(value)
    if type(value) ~= "table" then
        value = { value }
    end
    local out = values.array()
    for i, item in ipairs(value) do
        local one, message = choices.write(item)
        if message then
            return nil, message
        end
        out[i] = one
    end
    return out
end

local function option_list(list, value)
    local items, found = {}, choices.index(list, value)
    if value ~= false and not found then
        items[1] = '<option value="" selected></option>'
    end
    for i, choice in ipairs(list) do
        items[#items + 1] = html.element("option", { value = i - 1, selected = i == found },
            html.text(choice[1]))
    end
    return concat(items)
end

local function single(node)
    return html.element("select", { class = "vt-input vt-select", id = markup.id(node, "in"),
        disabled = node.static,
        ["aria-describedby"] = markup.described(node) }, option_list(node.props.choices, node.value))
end

local function combo(node)
    local list, items = node.props.choices, {}
    for i, choice in ipairs(list) do
        items[i] = html.element("option", { value = choice[1] })
    end
    local found = choices.index(list, node.value)
    return html.open("input", { class = "vt-input", id = markup.id(node, "in"), type = "text",
        list = markup.id(node, "list"), value = found and list[found][1] or node.value or "",
            autocomplete = "off",
        disabled = node.static, ["aria-describedby"] = markup.described(node) })
        .. html.element("datalist", { id = markup.id(node, "list") }, concat(items))
end

local function multiple(node)
    local list, chips, items, chosen = node.props.choices, {}, {}, {}
    for _, value in ipairs(node.value or {}) do
        local found = choices.index(list, value)
        chosen[found or 0] = true
        chips[#chips + 1] = html.element("span", { class = "vt-chip" }, html.text(found and list[found][1]
            or value))
    end
    for i, choice in ipairs(list) do
        items[i] = markup.choice("checkbox", nil, i, choice, chosen[i], node.static)
    end
    if #chips == 0 then
        chips[1] = html.element("span", { class = "vt-placeholder" }, "Choose…")
    end
    local label = markup.id(node, "label")
    return html.element("details", { class = "vt-multi", ["data-disabled"] = node.static },
        html.element("summary", { class = "vt-input vt-multi-summary", id = markup.id(node, "in"),
            -- "Spices Basil": the caption and what is chosen.
            ["aria-labelledby"] = label .. " " .. markup.id(node, "in") },
            concat(chips))
        .. html.element("div", { class = "vt-multi-list", role = "group", ["aria-labelledby"] = label },
            concat(items)))
end

return {
    name = "dropdown",
    doc = "One or several of a list, opened on demand.",
    gradio_type = "Dropdown",
    shared = "form",
    positional = { "choices", "value" },
    options = {
        { name = "choices", type = "choice[]", default = {},
            doc = "What can be chosen: values, or { label, value }." },
        { name = "value", type = "string|number|boolean|choice[]|function",
            doc = "The choice at first; by default the first one, false for none." },
        { name = "multiselect", type = "boolean", default = false, doc = "Whether several can be chosen." },
        { name = "max_choices", type = "integer", doc = "How many can be chosen at most." },
        { name = "allow_custom_value", type = "boolean", default = false,
            doc = "Whether other text is accepted." },
        { name = "filterable", type = "boolean", default = true, doc = "Whether typing narrows the list." },
        { name = "type", type = '"value"|"index"', default = "value",
            doc = "Handlers get the value, or its place (from 1)." },
    },
    events = { "change", "input", "select", "focus", "blur" },
    value = function(props)
        local one = props.allow_custom_value and schema.string()
            or schema.choice(choices.values(props.choices))
        return props.multiselect and schema.list(one) or one
    end,
    lua_value = "string|number|(string|number)[]",
    example_input = function(props)
        local first = props.choices[1] and props.choices[1][2]
        return props.multiselect and values.list(first) or first
    end,
    prepare = function(props)
        local list, message = choices.normalise(props.choices, "dropdown")
        if not list then
            return message
        end
        props.choices = list
        if props.value == nil and not props.multiselect and list[1] then
            props.value = list[1][2]
        elseif props.value == false then
            props.value = nil
        elseif props.value == true then
            return 'option "value" of dropdown must be a choice or false, not true'
        end
    end,
    preprocess = function(value, props, lenient)
        if value == nil then
            return props.multiselect and {} or nil
        elseif props.multiselect then
            return read_many(value, props, lenient)
        end
        return choices.read(value, props, lenient)
    end,
    postprocess = function(value, props)
        if props.multiselect then
            return write_many(value)
        end
        return choices.write(value)
    end,
    html = function(node)
        local props = node.props
        if props.multiselect then
            return markup.wrapper(node, "vt-field", markup.heading(node) .. markup.info(node)
                .. multiple(node))
        end
        return markup.wrapper(node, "vt-field", markup.caption(node) .. markup.info(node)
            .. (props.allow_custom_value and combo(node) or single(node)))
    end,
}
