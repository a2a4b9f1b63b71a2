-- markup.lua: the pieces of first-paint markup that components share, as ui-kit/src/markup.md writes them
-- down.
--
-- A node is what an entry's `html` gets: { id, name, props, value, static, children, items }: the component's
-- id, its options, its first value on the wire (nil for none), whether the visitor cannot change it, and for
-- a layout block the markup of its children and their nodes.

local html = require "html"
local values = require "values"

local type, pairs, select, format, gsub, byte, concat, min = type, pairs, select, string.format, string.gsub,
    string.byte, table.concat, math.min

local markup = {}

local MAX_SCALE = 12
local WIDTH_STEP, MAX_WIDTH = 40, 960
local HEIGHT_STEP, MIN_HEIGHT, MAX_HEIGHT = 20, 40, 1200

-- Class names joined by spaces; false and nil are left out.
function markup.classes(...)
    local out = {}
    for i = 1, select("#", ...) do
        local name = select(i, ...)
        if name then
            out[#out + 1] = name
        end
    end
    return concat(out, " ")
end

local function up(n, step)
    return (n + step - 1) // step * step
end

function markup.scale_class(n)
    return n and format("vt-scale-%d", n < 0 and 0 or min(n, MAX_SCALE))
end

function markup.width_class(n)
    return n and n > 0 and format("vt-minw-%d", min(up(n, WIDTH_STEP), MAX_WIDTH))
end

function markup.height_class(n)
    if not n then
        return nil
    end
    return format("vt-h-%d", min(n < MIN_HEIGHT and MIN_HEIGHT or up(n, HEIGHT_STEP), MAX_HEIGHT))
end

local function author_classes(given)
    if type(given) == "table" then
        return concat(given, " ")
    end
    return given
end

-- The id of a part of the component, for `for=` and `aria-…`.
function markup.id(node, part)
    return part and format("vt-c%d-%s", node.id, part) or format("vt-c%d", node.id)
end

-- The component's own element around `inner`.
function markup.wrapper(node, classes, inner, extra)
    local props = node.props
    local attributes = {
        ["data-id"] = node.id,
        id = props.elem_id or markup.id(node),
        class = markup.classes(node.entry.layout and "vt-layout" or "vt-block", classes,
            props.container == false and "vt-bare", node.static and "vt-static",
            markup.scale_class(props.scale), markup.width_class(props.min_width),
                author_classes(props.elem_classes)),
        hidden = props.visible == false or props.visible == "hidden",
    }
    for name, value in pairs(extra or {}) do
        attributes[name] = value
    end
    return html.element("vt-" .. node.name, attributes, inner)
end

local function caption_class(node)
    return markup.classes("vt-label", node.props.show_label == false and "vt-sr")
end

-- The caption of a component with one control.
function markup.caption(node)
    if (node.props.label or "") == "" then
        return ""
    end
    return html.element("label", { class = caption_class(node), ["for"] = markup.id(node, "in") },
        html.text(node.props.label))
end

-- The caption of a component without one.
function markup.heading(node)
    if (node.props.label or "") == "" then
        return ""
    end
    return html.element("p", { class = caption_class(node), id = markup.id(node, "label") },
        html.text(node.props.label))
end

-- The line of help.
function markup.info(node)
    if (node.props.info or "") == "" then
        return ""
    end
    return html.element("p", { class = "vt-info", id = markup.id(node, "info") }, html.text(node.props.info))
end

-- The id of the line of help for the control's aria-describedby, if there is one.
function markup.described(node)
    return (node.props.info or "") ~= "" and markup.id(node, "info") or nil
end

-- What stands where a value will be.
function markup.empty(text)
    return html.element("p", { class = "vt-empty" }, html.text(text or "Nothing yet"))
end

-- The address of a FileData in the page; nil without one.
function markup.file_url(data)
    if type(data) ~= "table" then
        return nil
    end
    local url = values.present(data.url)
    if url then
        return url
    end
    local path = values.present(data.path)
    return path and "gradio_api/file=" .. gsub(path, "[^%w/._~-]", function(c)
        return format("%%%02X", byte(c))
    end) or nil
end

-- "1 of many" controls: radio buttons and tick boxes for a list of { label, value }.
function markup.choice(kind, name, index, choice, checked, disabled)
    local input = html.open("input", { type = kind, name = name, value = index - 1, checked = checked,
        disabled = disabled })
    return html.element("label", { class = "vt-choice" }, input .. html.element("span", {},
        html.text(choice[1])))
end

return markup
