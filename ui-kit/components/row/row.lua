-- row: puts what it holds side by side; on a narrow screen one below the other.

local markup = require "markup"

return {
    name = "row",
    doc = "Puts what it holds side by side.",
    layout = true,
    shared = "block",
    options = {
        { name = "variant", type = '"default"|"panel"|"compact"', default = "default",
            doc = "panel: in a box; compact: without gaps." },
        { name = "equal_height", type = "boolean", default = false,
            doc = "Whether all get the height of the tallest." },
        { name = "scale", type = "integer",
            doc = "Its share of the height beside its neighbours in a column." },
    },
    html = function(node)
        local props = node.props
        return markup.wrapper(node, markup.classes("vt-row", props.equal_height and "vt-equal",
            props.variant ~= "default" and "vt-" .. props.variant), node.children())
    end,
}
