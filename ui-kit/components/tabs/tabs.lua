-- tabs: shows one of the tabs it holds.

local html = require "html"
local markup = require "markup"

local ipairs, concat = ipairs, table.concat

-- The node of the tab that is shown: the one that `selected` names, else the first.
local function selected(node)
    for i, item in ipairs(node.items) do
        if (item.props.id or i - 1) == node.props.selected then
            return item
        end
    end
    return node.items[1]
end

local function button(item)
    return html.element("button", {
        class = "vt-tab-button", type = "button", role = "tab", id = markup.id(item, "tab"),
        ["aria-controls"] = item.props.elem_id or markup.id(item), ["aria-selected"] = item.selected
            and "true" or "false",
        tabindex = item.selected and 0 or -1, disabled = not item.props.interactive,
            hidden = item.props.visible ~= true,
    }, html.text(item.props.label))
end

return {
    name = "tabs",
    doc = "Shows one of the tabs it holds.",
    layout = true,
    shared = "block",
    options = {
        { name = "selected", type = "string|integer", doc = "The id of the tab that is shown." },
    },
    events = { "change", "select" },
    html = function(node)
        local buttons, chosen = {}, selected(node)
        for i, item in ipairs(node.items) do
            item.selected = item == chosen
            buttons[i] = button(item)
        end
        local list = html.element("div", { class = "vt-tablist", role = "tablist" }, concat(buttons))
        return markup.wrapper(node, "vt-tabs", list .. node.children())
    end,
}
