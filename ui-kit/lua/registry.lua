-- registry.lua: the list of components and layout blocks, and the one description of each.
--
-- A component is one folder ui-kit/components/<name>/. Its <name>.lua returns an entry, a table of:
--
--   name           as in `ui.textbox`, in /config and in the element's name `vt-textbox`
--   doc            one sentence for editors
--   gradio_type    the capitalised block name that /gradio_api/info shows ("Textbox")
--   layout         true for a block that holds others; it has no value
--   shared         which common options it takes: "form", "display", "plain", "block" or "none" (below)
--   positional     names of the options that bare values set, in order: ui.button{"Greet"} sets `value`
--   options        rows { name=, type=, default=, doc= }; `type` is written as in check.lua; `update = false`
--                  marks an option that a handler cannot change
--   events         the names of the events it can fire
--   value          function(props) -> the value's JSON Schema (schema.lua)
--   lua_value      what a handler is given and returns, as LuaCATS type text
--   skip_api       true: API clients neither send nor receive it
--   example_input  a value that documents the API
--   prepare        function(props) -> message: completes the options once, says what does not fit together
--   html           function(node) -> markup for the first paint (page.lua says what a node is)
--   preprocess     function(value, props, lenient) -> what the handler gets, or nil and what is wrong with the
--                  caller's value; lenient: a handler may have changed choices and bounds, so they are not checked
--   postprocess    function(value, props) -> the wire value, or nil and what is wrong with the handler's value
--
-- From the entries come the constructors of `ui`, /config, /gradio_api/info, the page and library.d.lua: a
-- new component is a new folder and one more name in the list below.

local check = require "check"
local bounds = require "bounds"

local type, ipairs, error, require = type, ipairs, error, require
local format, find = string.format, string.find

local registry = { by_name = {}, names = {} }

local NAMES = {
    "row", "column", "tabs", "tab", "group", "accordion",
    "textbox", "number", "slider", "checkbox", "dropdown", "radio", "button",
    "markdown", "label", "json", "image", "sketchpad", "state", "dataset",
}

check.kind("choice", function(v)
    if type(v) == "table" then
        return #v == 2 and (type(v[1]) == "string" or type(v[1]) == "number")
            and (type(v[2]) == "string" or type(v[2]) == "number")
    end
    return type(v) == "string" or type(v) == "number"
end, "a choice", "choices (text, numbers or { label, value })", "vitrine.choice")

local common = {
    { name = "visible", type = 'boolean|"hidden"', default = true,
        doc = 'Whether it is shown; "hidden" keeps it in the page without showing it.' },
    { name = "elem_id", type = "string", doc = "An id for the element, for links and tests." },
    { name = "elem_classes", type = "string|string[]", doc = "Class names for the element." },
}

local sized = {
    { name = "scale", type = "integer", doc = "Its share of the width beside its neighbours in a row." },
    { name = "min_width", type = "integer", doc = "The width in pixels below which it wraps." },
}

local labelled = {
    { name = "label", type = "string", doc = "The caption." },
    { name = "show_label", type = "boolean", default = true, doc = "Whether the caption is shown." },
    { name = "container", type = "boolean", default = true,
        doc = "Whether it stands in a box with padding." },
}

local form = {
    { name = "info", type = "string", doc = "A line of help below the caption." },
    { name = "interactive", type = "boolean",
        doc = "Whether the visitor can change it; by default when it is an input of an event." },
}

local shared = {
    form = { labelled, form, sized, common },
    display = { labelled, sized, common },
    plain = { sized, common },
    block = { common },
    none = {},
}

local function option_rows(entry)
    local rows, seen = {}, {}
    local function add(list)
        for _, row in ipairs(list) do
            if not seen[row.name] then
                seen[row.name] = true
                rows[#rows + 1] = row
            end
        end
    end
    add(entry.options or {})
    for _, list in ipairs(shared[entry.shared] or error(entry.name .. ": unknown shared options")) do
        add(list)
    end
    return rows
end

local function set_of(list)
    local set = {}
    for _, name in ipairs(list) do
        set[name] = true
    end
    return set
end

-- Takes an entry in and makes its derived tables: the option schema and the set of events.
function registry.add(entry)
    entry.events = entry.events or {}
    entry.event_set = set_of(entry.events)
    entry.schema = check.schema(option_rows(entry), entry.positional)
    for _, row in ipairs(entry.schema.rows) do
        check.definition(row.type)
    end
    registry.by_name[entry.name] = entry
    registry.names[#registry.names + 1] = entry.name
end

-- Fills the defaults in and lets the entry complete its options. Returns the props, or nil and a message.
function registry.props(entry, options)
    local props = {}
    for _, row in ipairs(entry.schema.rows) do
        local value = options[row.name]
        if value == nil then
            value = row.default
        end
        props[row.name] = value
    end
    if props.label == nil and entry.schema.by_name.label and not entry.layout then
        props.label = entry.caption or entry.gradio_type
    end
    if props.elem_id and (#props.elem_id > bounds.name_bytes or not find(props.elem_id,
        "^[%a][%w_%-]*$")) then
        return nil, format('option "elem_id" of %s must be a letter and then letters, digits, "-" or "_"',
            entry.name)
    end
    local message = entry.prepare and entry.prepare(props)
    if message then
        return nil, message
    end
    return props
end

-- The option rows a handler may change by ui.update.
function registry.update_schema(entry)
    if not entry.updates then
        local rows = {}
        for _, row in ipairs(entry.schema.rows) do
            if row.update ~= false then
                rows[#rows + 1] = row
            end
        end
        entry.updates = check.schema(rows, {})
    end
    return entry.updates
end

for _, name in ipairs(NAMES) do
    registry.add(require("component." .. name))
end

return registry
