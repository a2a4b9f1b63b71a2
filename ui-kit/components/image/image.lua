-- image: a picture that the visitor gives or a handler shows.

local schema = require "schema"
local files = require "files"
local html = require "html"
local markup = require "markup"

local function drop_area(node)
    local hint = node.props.placeholder or "Drop a picture here, paste one, or"
    return html.element("div", { class = "vt-drop" }, html.element("p", { class = "vt-drop-text" },
        html.text(hint))
        .. html.open("input", { class = "vt-file", id = markup.id(node, "in"), type = "file",
            accept = "image/*",
            ["aria-describedby"] = markup.described(node) }))
end

return {
    name = "image",
    doc = "A picture that the visitor gives or a handler shows.",
    gradio_type = "Image",
    shared = "form",
    positional = { "value" },
    options = {
        { name = "value", type = "string|function", doc = "The picture at first: a file of the repository." },
        { name = "type", type = '"image"|"file"', default = "image", update = false,
            doc = "Handlers get the decoded picture, or the file as it came." },
        { name = "format", type = '"webp"|"png"', default = "png", update = false,
            doc = "How pictures of handlers are sent." },
        { name = "height", type = "integer", doc = "Its height in pixels." },
        { name = "placeholder", type = "string", doc = "A hint shown while it is empty." },
    },
    events = { "change", "input", "upload", "clear" },
    value = function() return schema.file() end,
    lua_value = "vitrine.image|vitrine.file|string",
    file = true,
    example_input = { path = "picture.png", meta = { _type = "gradio.FileData" }, orig_name = "picture.png" },
    preprocess = function(value, props)
        if value == nil then
            return nil
        end
        return files.read_image(value, props.type)
    end,
    postprocess = function(value, props)
        return files.write_image(value, props.format)
    end,
    html = function(node)
        local props, url = node.props, markup.file_url(node.value)
        local inner
        if url then
            inner = html.open("img", { class = "vt-img", src = url, alt = props.label or "" })
        elseif node.static then
            inner = markup.empty()
        else
            inner = drop_area(node)
        end
        local frame = html.element("div", { class = markup.classes("vt-frame",
            markup.height_class(props.height)) }, inner)
        if url and not node.static then
            frame = frame .. html.element("div", { class = "vt-tools" },
                html.element("button", { class = "vt-tool", type = "button" }, "Remove"))
        end
        return markup.wrapper(node, "vt-field", (node.static and markup.heading(node) or markup.caption(node))
            .. markup.info(node) .. frame)
    end,
}
