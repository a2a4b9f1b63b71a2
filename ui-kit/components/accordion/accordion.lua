-- accordion: a caption that shows and hides what it holds.

local html = require "html"
local markup = require "markup"

return {
    name = "accordion",
    doc = "A caption that shows and hides what it holds.",
    layout = true,
    shared = "block",
    positional = { "label" },
    options = {
        { name = "label", type = "string", default = "", doc = "The caption." },
        { name = "open", type = "boolean", default = true, doc = "Whether its content is shown at first." },
    },
    events = { "expand", "collapse" },
    html = function(node)
        local body = html.element("summary", { class = "vt-summary" }, html.text(node.props.label))
            .. html.element("div", { class = "vt-details-body" }, node.children())
        return markup.wrapper(node, "vt-accordion",
            html.element("details", { class = "vt-details", open = node.props.open }, body))
    end,
}
