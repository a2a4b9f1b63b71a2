-- ui.interface and ui.tabs of views.

local kit = require "kit"
local equal, contains = kit.equal, kit.contains

local function kinds(config)
    local out = {}
    for i, component in ipairs(config.components) do
        out[i] = component.type
    end
    return table.concat(out, " ")
end

case("inputs stand left with the buttons, outputs right", function(k)
    local config = k:describe [[return ui.interface {
        fn = function(name) return name end, inputs = ui.textbox(), outputs = ui.textbox(),
        title = "T", description = "D", article = "A" }]]
    equal(kinds(config), "textbox textbox markdown markdown row column row button button column markdown")
    k:same(config.layout, [[{"id":0,"children":[{"id":3,"children":[]},{"id":4,"children":[]},
        {"id":5,"children":[{"id":6,"children":[{"id":1,"children":[]},{"id":7,"children":[{"id":8,"children":[]},{"id":9,"children":[]}]}]},
        {"id":10,"children":[{"id":2,"children":[]}]}]},{"id":11,"children":[]}]}]])
    equal(config.title, "T")
    equal(kit.component(config, 3).props.value, "# T")
end)

case("components are given by name, a text field also by the name it has in Gradio", function(k)
    local config = k:describe [[return ui.interface { fn = function(text) return text end, inputs = { "text", "slider" },
        outputs = "text" }]]
    equal(kinds(config), "textbox slider textbox row column row button button column")
end)

case("Submit and Enter call it, Clear gives the first values back", function(k)
    local config, info = k:describe [[return ui.interface { fn = function(name) return name end,
        inputs = ui.textbox "world", outputs = "textbox" }]]
    equal(#config.dependencies, 2)
    k:same(config.dependencies[1].targets, '[[7,"click"],[1,"submit"]]')
    equal(config.dependencies[1].api_name, "predict")
    k:same(config.dependencies[2].targets, '[[6,"click"]]')
    k:same(config.dependencies[2].outputs, "[1,2]")
    equal(config.dependencies[2].api_visibility, "private")
    equal((k:run(2, "[]")), '["world",null]')
    equal(info.named_endpoints["/predict"].parameters[1].label, "name")
    equal(info.named_endpoints["/predict"].returns[1].label, "output")
    equal((k:run(1, '["x"]')), '["x"]')
end)

case("captions of the author stay", function(k)
    local config = k:describe [[return ui.interface { fn = function(name, n) end,
        inputs = { ui.textbox { label = "Mine" }, "number" }, outputs = { "textbox", ui.label { label = "L" } } }]]
    equal(kit.component(config, 1).props.label, "Mine")
    equal(kit.component(config, 3).props.label, "n")
    equal(kit.component(config, 4).props.label, "output 1")
    equal(kit.component(config, 2).props.label, "L")
end)

case("buttons are named, left out and added", function(k)
    local config = k:describe [[return ui.interface { fn = print, inputs = "textbox", outputs = "textbox",
        submit_btn = "Run", clear_btn = false, stop_btn = true, api_name = "run", concurrency_limit = 3 }]]
    equal(kinds(config), "textbox textbox row column row button button column")
    equal(kit.component(config, 6).props.value, "Run")
    equal(kit.component(config, 7).props.value, "Stop")
    k:same(config.dependencies[2].cancels, "[1]")
    equal(config.dependencies[1].api_name, "run")
end)

case("live calls at each change and has no Submit", function(k)
    local config = k:describe [[return ui.interface { fn = print, inputs = { "textbox", "slider" }, outputs = "textbox", live = true }]]
    k:same(config.dependencies[1].targets, '[[1,"change"],[2,"change"]]')
    equal(config.dependencies[1].trigger_mode, "always_last")
end)

case("state may be among inputs and outputs and is not shown", function(k)
    local config = k:describe [[local count = ui.state(0)
        return ui.interface { fn = function(t, n) return t .. n, n + 1 end, inputs = { "textbox", count }, outputs = { "textbox", count } }]]
    equal(kinds(config), "state textbox textbox row column row button button column")
    local data, state = k:run(1, '["n",null]', { state = { ["1"] = 4 } })
    equal(data, '["n4",null]')
    equal(state["1"], 5)
end)

case("without inputs there is one column; without outputs too", function(k)
    local config = k:describe [[return ui.interface { fn = print, outputs = "textbox" }]]
    equal(kinds(config), "textbox row column row button button")
    local other = kit.fresh():describe [[return ui.interface { fn = print, inputs = "textbox" }]]
    equal(kinds(other), "textbox row column row button button")
end)

case("examples fill the inputs", function(k)
    k.host.release["three.png"] = "IMAGE"
    local config = k:describe [[return ui.interface { fn = print, inputs = ui.sketchpad(), outputs = ui.label(),
        examples = { { "three.png" } } }]]
    local dataset = config.components[#config.components]
    equal(dataset.type, "dataset")
    k:same(dataset.props.component_ids, "[1]")
    equal(dataset.props.samples[1][1].composite.url, "three.png")
end)

case("an interface needs a function and known components", function(k)
    contains(k:trouble [[return ui.interface { inputs = "textbox" }]], "app.lua:1: ui.interface needs fn = a function")
    contains(k:trouble [[return ui.interface { fn = print, inputs = "txtbox" }]],
        'option "inputs" of ui.interface must be a component or the name of one or a list of components or names of some')
end)

case("an interface can stand inside blocks", function(k)
    local config = k:describe [[return ui.blocks(function()
        ui.markdown "above"
        ui.interface { fn = print, inputs = "textbox", outputs = "textbox" }
    end)]]
    equal(#config.layout.children, 2)
    equal(#config.dependencies, 2)
end)

case("tabs hold views", function(k)
    local config = k:describe [[
        local a = ui.interface { fn = print, inputs = "textbox", outputs = "textbox", title = "First" }
        local b = ui.blocks(function() ui.load { fn = print, api_name = "opened" } ui.markdown "x" end)
        return ui.tabs { a, b, tab_names = { "One" }, title = "Both" }]]
    equal(config.title, "Both")
    local tabs = config.layout.children[1]
    equal(kit.component(config, tabs.id).type, "tabs")
    equal(kit.component(config, tabs.children[1].id).props.label, "One")
    equal(kit.component(config, tabs.children[2].id).props.label, "Tab 2")
    equal(#config.dependencies, 3)
    k:same(config.dependencies[3].targets, '[[0,"load"]]')
end)

case("a view in tabs cannot be returned itself", function(k)
    contains(k:trouble [[local a = ui.interface { fn = print, inputs = "textbox", outputs = "textbox" }
        ui.tabs { a } return a]], "app.lua returns a view that was put into ui.tabs")
    contains(k:trouble [[local a = ui.interface { fn = print, inputs = "textbox" }
        return ui.tabs { a, 5 }]], "entry 2 of ui.tabs must be what ui.interface or ui.blocks returned, not the number 5")
    contains(k:trouble [[local a = ui.interface { fn = print, inputs = "textbox" }
        return ui.tabs { a, names = {} }]], 'ui.tabs of views has no option "names"')
end)
