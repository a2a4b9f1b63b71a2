-- group: puts what it holds together in one box without gaps.

local markup = require "markup"

return {
    name = "group",
    doc = "Puts what it holds together in one box without gaps.",
    layout = true,
    shared = "block",
    html = function(node)
        return markup.wrapper(node, "vt-group", node.children())
    end,
}
