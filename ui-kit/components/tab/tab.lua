-- tab: one page of a tabs block.

local markup = require "markup"

return {
    name = "tab",
    doc = "One page of a tabs block.",
    layout = true,
    shared = "block",
    positional = { "label" },
    options = {
        { name = "label", type = "string", default = "Tab", doc = "The caption." },
        { name = "id", type = "string|integer",
            doc = "What `selected` of the tabs block calls it; by default its place." },
        { name = "interactive", type = "boolean", default = true,
            doc = "Whether the visitor can choose it." },
    },
    events = { "select" },
    html = function(node)
        return markup.wrapper(node, markup.classes("vt-tab", node.selected and "vt-selected"),
            node.children(), {
            role = "tabpanel", ["aria-labelledby"] = markup.id(node, "tab"),
                ["data-label"] = node.props.label,
        })
    end,
}
