-- page.lua: the first paint: the layout as plain semantic HTML that reads without scripting
-- (ui-kit/src/markup.md).

local html = require "html"
local values = require "values"

local ipairs, concat = ipairs, table.concat

local page = {}

local NO_SCRIPT = '<noscript><p class="vt-noscript">This demo needs JavaScript to answer. '
    .. 'You can read it without.</p></noscript>'

local node_of

local function nodes_of(records)
    local nodes = {}
    for _, record in ipairs(records) do
        if record.entry.html then
            nodes[#nodes + 1] = node_of(record)
        end
    end
    return nodes
end

local function paint(nodes)
    local out = {}
    for i, node in ipairs(nodes) do
        out[i] = node.entry.html(node)
    end
    return concat(out)
end

-- What an entry's html gets; markup.lua describes it.
function node_of(record)
    local node = {
        id = record.id, name = record.name, entry = record.entry, props = record.props,
        value = values.present(record.value), static = record.static,
    }
    if record.children then
        node.items = nodes_of(record.children)
        node.children = function() return paint(node.items) end
    end
    return node
end

-- The inside of <body>, for the records of the layout's first level.
function page.render(records, wide)
    return html.element("main", { class = wide and "vt-app vt-wide" or "vt-app", id = "vt-app" },
        paint(nodes_of(records)))
        .. NO_SCRIPT
end

return page
