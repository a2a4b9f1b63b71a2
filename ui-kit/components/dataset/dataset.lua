-- dataset: rows of example values; choosing one fills the components it belongs to. `ui.examples` makes it.

local schema = require "schema"
local html = require "html"
local markup = require "markup"
local values = require "values"

local type, ipairs, concat, sub, utf8_offset = type, ipairs, table.concat, string.sub, utf8.offset

local CELL_CHARACTERS = 120

local function cut(text)
    local past = utf8_offset(text, CELL_CHARACTERS + 1)
    return past and past <= #text and sub(text, 1, past - 1) .. "…" or text
end

local function picture(data)
    local file = values.present(data.composite) or data
    local url = markup.file_url(file)
    return url and html.open("img", { class = "vt-thumb", src = url, alt = values.present(file.orig_name)
        or "",
        loading = "lazy" })
end

local function cell(value)
    if value == values.null or value == nil then
        return ""
    elseif type(value) == "boolean" then
        return value and "✓" or "✗"
    elseif type(value) == "table" then
        return picture(value) or html.text(cut(values.canonical(value)))
    end
    return html.text(type(value) == "string" and cut(value) or value)
end

local function example(inner, index)
    return html.element("button", { class = "vt-example", type = "button", ["data-index"] = index - 1 },
        inner)
end

local function gallery_of(props)
    local items = {}
    for i, row in ipairs(props.samples) do
        local label = props.sample_labels and props.sample_labels[i]
        items[i] = html.element("li", {}, example(label and html.text(label) or cell(row[1]), i))
    end
    return html.element("ul", { class = "vt-gallery" }, concat(items))
end

local function table_row(row, index)
    local cells = {}
    for i, value in ipairs(row) do
        cells[i] = html.element("td", {}, i == 1 and example(cell(value), index) or cell(value))
    end
    return html.element("tr", {}, concat(cells))
end

local function table_of(props)
    local heads, rows = {}, {}
    for i, header in ipairs(props.headers) do
        heads[i] = html.element("th", { scope = "col" }, html.text(header))
    end
    for i, row in ipairs(props.samples) do
        rows[i] = table_row(row, i)
    end
    return html.element("div", { class = "vt-table-wrap" }, html.element("table", { class = "vt-table" },
        html.element("thead", {}, html.element("tr", {}, concat(heads)))
        .. html.element("tbody", {}, concat(rows))))
end

return {
    name = "dataset",
    doc = "Rows of example values; choosing one fills the components it belongs to.",
    gradio_type = "Dataset",
    shared = "block",
    hidden = true,
    options = {
        { name = "label", type = "string", default = "Examples", doc = "The caption." },
        { name = "component_ids", type = "integer[]", update = false,
            doc = "The ids of the components that a row fills." },
        { name = "headers", type = "string[]", update = false, doc = "Their captions, in the same order." },
        { name = "samples", type = "table[]", update = false, doc = "The rows, as values on the wire." },
        { name = "sample_labels", type = "string[]", update = false, doc = "A name for each row." },
        { name = "samples_per_page", type = "integer", default = 10, update = false,
            doc = "Rows shown at once." },
    },
    events = { "click", "select" },
    skip_api = true,
    value = function() return schema.integer("the row's place, from 0") end,
    lua_value = "integer",
    preprocess = function(value)
        return value and value + 1
    end,
    postprocess = function(value)
        return value
    end,
    html = function(node)
        local props = node.props
        local gallery = #props.headers == 1 or props.sample_labels
        return markup.wrapper(node, "vt-examples", markup.heading(node)
            .. (gallery and gallery_of(props) or table_of(props)))
    end,
}
