-- sketchpad: an area to draw on; handlers get the drawing as one picture.

local schema = require "schema"
local files = require "files"
local html = require "html"
local markup = require "markup"
local values = require "values"

local next, find, floor, max = next, string.find, math.floor, math.max

-- Where the drawing is: in `composite`; a bare file slot (an example, a simple client) is taken as it is.
local function drawing(value)
    if values.present(value.path) ~= nil then
        return value
    elseif next(value) == nil then
        return value
    end
    return values.present(value.composite)
end

-- For screen readers: the sheet answers to keys too.
local KEYS = "Arrow keys move the pen; the space bar puts it down and lifts it."

local function tool(caption)
    return html.element("button", { class = "vt-tool", type = "button", disabled = true }, caption)
end

return {
    name = "sketchpad",
    doc = "An area to draw on; handlers get the drawing as one picture.",
    gradio_type = "Imageeditor",
    caption = "Sketchpad",
    shared = "form",
    positional = { "value" },
    options = {
        { name = "value", type = "string|function", doc = "The drawing at first: a file of the repository." },
        { name = "type", type = '"image"|"file"', default = "image", update = false,
            doc = "Handlers get the decoded drawing, or the file as it came." },
        { name = "canvas_size", type = "integer[]", default = { 320, 320 }, update = false,
            doc = "Width and height in pixels." },
        { name = "brush_size", type = "integer",
            doc = "How thick the pen is, in pixels; by default a 16th of the width." },
        { name = "brush_color", type = "string", default = "#000000", doc = "The ink, as #rrggbb." },
        { name = "format", type = '"webp"|"png"', default = "png", update = false,
            doc = "How pictures of handlers are sent." },
    },
    events = { "change", "input", "clear" },
    value = function() return schema.drawing() end,
    lua_value = "vitrine.image|vitrine.file|string",
    file = true,
    example_input = { background = values.null, layers = values.list(), id = values.null,
        composite = { path = "drawing.png", meta = { _type = "gradio.FileData" },
            orig_name = "drawing.png" } },
    prepare = function(props)
        local size = props.canvas_size
        if #size ~= 2 or size[1] < 8 or size[2] < 8 or size[1] > 4096 or size[2] > 4096 then
            return 'option "canvas_size" of sketchpad must be { width, height }, each from 8 to 4096'
        elseif props.brush_size and props.brush_size < 1 then
            return 'option "brush_size" of sketchpad must be at least 1'
        end
        if not find(props.brush_color, "^#%x%x%x%x%x%x$") then
            return 'option "brush_color" of sketchpad must be written "#rrggbb"'
        end
        props.brush_size = props.brush_size or max(2, floor(size[1] / 16 + 0.5))
        props.canvas_size = values.list(size[1], size[2])
    end,
    preprocess = function(value, props)
        local data = value and drawing(value)
        if data == nil then
            return nil
        end
        return files.read_image(data, props.type)
    end,
    postprocess = function(value, props)
        local data, message = files.write_image(value, props.format)
        if not data then
            return nil, message
        end
        return { background = data, layers = values.list(), composite = data, id = values.null }
    end,
    html = function(node)
        local props = node.props
        local named = (props.label or "") ~= ""
        local canvas = html.element("canvas", { class = "vt-canvas", id = markup.id(node, "in"),
            width = props.canvas_size[1], height = props.canvas_size[2],
            role = node.static and "img" or "application", tabindex = not node.static and 0,
            ["aria-labelledby"] = named and markup.id(node, "label"), ["aria-label"] = not named and "Drawing",
            ["aria-describedby"] = markup.id(node, "keys") })
        local range = html.open("input", { class = "vt-range", type = "range", min = 1,
            max = max(props.brush_size * 3, 8),
            step = 1, value = props.brush_size })
        return markup.wrapper(node, "vt-field", markup.heading(node) .. markup.info(node)
            .. html.element("div", { class = "vt-pad",
                ["data-empty"] = not node.static and not values.present(props.value) }, canvas)
            .. html.element("p", { class = "vt-sr", id = markup.id(node, "keys") }, KEYS)
            .. html.element("div", { class = "vt-tools" }, tool("Undo") .. tool("Clear")
                .. html.element("label", { class = "vt-tool-size" }, html.element("span", {},
                    "Brush") .. range)))
    end,
}
