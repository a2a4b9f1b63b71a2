-- column: puts what it holds one below the other, beside other columns of a row.

local markup = require "markup"

return {
    name = "column",
    doc = "Puts what it holds one below the other.",
    layout = true,
    shared = "block",
    options = {
        { name = "variant", type = '"default"|"panel"|"compact"', default = "default",
            doc = "panel: in a box; compact: without gaps." },
        { name = "scale", type = "integer", default = 1,
            doc = "Its share of the width beside its neighbours." },
        { name = "min_width", type = "integer", default = 320,
            doc = "The width in pixels below which it wraps." },
    },
    html = function(node)
        local variant = node.props.variant
        return markup.wrapper(node, markup.classes("vt-column", variant ~= "default" and "vt-" .. variant),
            node.children())
    end,
}
