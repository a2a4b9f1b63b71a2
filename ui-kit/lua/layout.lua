-- layout.lua: blocks that hold other blocks, and views: what app.lua returns.

local check = require "check"
local builder = require "builder"
local registry = require "registry"

local type, pairs, ipairs, math_type, format = type, pairs, ipairs, math.type, string.format

local layout = {}

layout.options = {
    { name = "title", type = "string", doc = "The page's title; by default the card's." },
    { name = "show_error", type = "boolean", default = false,
        doc = "Whether visitors read the text of Lua errors." },
    { name = "fill_width", type = "boolean", default = false,
        doc = "Whether it takes the whole width of the window." },
}

local view_schema = check.schema(layout.options, {})

-- Takes the function out of `(fn)`, `{ …, fn }` and `("caption", fn)`; what is left are the options.
local function split(owner, a, b)
    if type(a) == "function" then
        return a, nil
    elseif type(b) == "function" then
        return b, a
    elseif type(a) == "table" and not builder.record(a) then
        local fn, rest = nil, {}
        for key, value in pairs(a) do
            if math_type(key) == "integer" and type(value) == "function" then
                fn = value
            else
                rest[key] = value
            end
        end
        if fn then
            return fn, rest
        end
    end
    check.fail("%s needs a function that makes what stands in it", owner)
end

-- A block of the entry named, filled by `fn`. Returns the record and what fn returned.
function layout.block(name, fn, options)
    local record = builder.make(registry.by_name[name], options)
    return record, builder.fill(record, fn)
end

local function handle_first(record, ...)
    return record.handle, ...
end

-- The constructor `ui.row(…)` of a layout entry: returns the block's handle and then what its function
-- returned.
function layout.constructor(name)
    return function(a, b)
        local fn, options = split("ui." .. name, a, b)
        if name == "tab" and not (builder.current() and builder.current().name == "tabs") then
            check.fail("ui.tab stands inside ui.tabs")
        end
        return handle_first(layout.block(name, fn, options))
    end
end

-- Makes a view by running `fn`: joined to the block being filled, or by itself.
function layout.view(props, fn)
    if builder.current() then
        fn()
        return builder.current().handle
    end
    local view = builder.view(props)
    builder.fill(view, fn)
    return view.handle
end

-- ui.blocks(fn) or ui.blocks{ title = …, fn }.
function layout.blocks(a, b)
    local fn, given = split("ui.blocks", a, b)
    return layout.view(check.read(view_schema, "ui.blocks", given), fn)
end

local function is_view(value)
    local record = builder.record(value)
    return record and record.name == "view"
end

-- Moves what stands in a view into the block being filled.
local function move_in(view)
    local children = {}
    for i, child in ipairs(view.children) do
        children[i] = child
    end
    for _, child in ipairs(children) do
        builder.place(child, builder.current())
    end
    view.moved_to = builder.current()
end

-- ui.tabs{ view, view, tab_names = { … } }: each view in a tab of its own.
local function tabs_of_views(given)
    local names = given.tab_names or {}
    return layout.view({ title = given.title }, function()
        layout.block("tabs", function()
            for i, handle in ipairs(given) do
                if not is_view(handle) then
                    check.fail("entry %d of ui.tabs must be what ui.interface or ui.blocks returned, not %s",
                        i,
                        check.show(handle))
                end
                local view = builder.record(handle)
                layout.block("tab", function() move_in(view) end,
                    { label = names[i] or view.props.title or format("Tab %d", i) })
            end
        end)
    end)
end

local tabs_of_function = layout.constructor("tabs")

-- ui.tabs(fn) with ui.tab inside, or ui.tabs{ view, view, … }.
function layout.tabs(a, b)
    if type(a) == "table" and builder.record(a[1]) then
        for key in pairs(a) do
            if math_type(key) ~= "integer" and key ~= "tab_names" and key ~= "title" then
                check.fail('ui.tabs of views has no option "%s"%s', key,
                    check.suggestion(key, { "tab_names", "title" }))
            end
        end
        return tabs_of_views(a)
    end
    return tabs_of_function(a, b)
end

return layout
