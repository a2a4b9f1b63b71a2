-- The documents of a release: /config, /gradio_api/info, the page and the gateway's manifest.

local kit = require "kit"
local equal, contains, lacks = kit.equal, kit.contains, kit.lacks

local GREETER = [[return ui.blocks(function()
    local name = ui.textbox { label = "Your name", value = "world" }
    local out = ui.textbox { label = "out" }
    ui.button "Go":click { fn = function(name) return "Hello " .. name end, inputs = name, outputs = out,
        api_name = "greet", api_description = "Says hello." }
end)]]

case("config has what clients need", function(k)
    local config = k:describe(GREETER)
    equal(config.version, "6.25.0")
    equal(config.protocol, "sse_v3")
    equal(config.api_prefix, "/gradio_api")
    equal(config.root, "")
    equal(config.connect_heartbeat, false)
    equal(config.run_history, false)
    equal(config.components[1].id, 1)
    equal(config.components[1].type, "textbox")
    equal(config.components[1].props.name, "textbox")
    equal(config.components[1].props.value, "world")
    k:same(config.components[1].api_info, '{"type":"string"}')
    equal(config.components[3].skip_api, true)
    k:same(config.layout, '{"id":0,"children":[{"id":1,"children":[]},{"id":2,"children":[]},{"id":3,"children":[]}]}')
end)

case("a dependency is complete", function(k)
    local config = k:describe(GREETER)
    k:same(config.dependencies, [==[[{"id":1,"targets":[[3,"click"]],"inputs":[1],"outputs":[2],"backend_fn":true,
        "api_name":"greet","api_visibility":"public","api_description":"Says hello.","queue":true,"connection":"sse",
        "types":{"generator":false,"cancel":false},"cancels":[],"trigger_mode":"once","trigger_after":null,
        "trigger_only_on_success":false,"trigger_only_on_failure":false,"show_progress":"full","show_progress_on":null,
        "scroll_to_output":false,"batch":false,"js":null,"collects_event_data":false,"rendered_in":null,
        "parameter_names":["name"]}]]==])
end)

case("info lists the endpoint with names, defaults and types", function(k)
    local _, info = k:describe(GREETER)
    k:same(info, [[{"named_endpoints":{"/greet":{
        "parameters":[{"label":"Your name","parameter_name":"name","parameter_has_default":true,"parameter_default":"world",
            "type":{"type":"string"},"python_type":{"type":"str","description":""},"component":"Textbox","example_input":"Hello!!"}],
        "returns":[{"label":"out","type":{"type":"string"},"python_type":{"type":"str","description":""},"component":"Textbox"}],
        "api_visibility":"public","description":"Says hello."}},"unnamed_endpoints":{}}]])
end)

case("manifest tells the gateway what it needs", function(k)
    local _, _, _, manifest = k:describe([[return ui.blocks { title = "Mine", function()
        local s, t, i = ui.state(1), ui.textbox(), ui.image()
        local run = ui.button "Go":click { fn = function(a, b, c) end, inputs = { t, s, i }, outputs = { s, t },
            concurrency_limit = 2, concurrency_id = "gpu", queue = false, time_limit = 5, api_visibility = "undocumented" }
        ui.button "Stop":click { cancels = run }
    end }]])
    k:same(manifest, [[{"sdk":"lua","title":"Mine","show_error":false,"functions":[
        {"id":1,"api_name":"click","visibility":"undocumented","inputs":[2,1,3],"outputs":[1,2],"state_inputs":[1],
         "state_outputs":[0],"file_inputs":[2],"skipped_inputs":[],"queue":false,"concurrency_limit":2,"concurrency_id":"gpu","trigger_mode":"once",
         "time_limit":5,"defaults":[null,null,null],"parameter_names":["a","b","c"],"max_queue":null,"cancels":[]},
        {"id":2,"api_name":null,"visibility":"private","inputs":[],"outputs":[],"state_inputs":[],"state_outputs":[],
         "file_inputs":[],"skipped_inputs":[],"queue":true,"concurrency_limit":null,"concurrency_id":null,"trigger_mode":"once","time_limit":null,
         "defaults":[],"parameter_names":[],"max_queue":null,"cancels":[1]}]}]])
end)

case("api names are made unique", function(k)
    local config = k:describe [[return ui.blocks(function()
        local b = ui.button "Go"
        for i = 1, 3 do b:click { fn = print } end
        b:click { fn = print, api_name = "/click_1" }
        b:click { fn = print, api_name = false }
    end)]]
    local names = {}
    for i, dependency in ipairs(config.dependencies) do
        names[i] = tostring(dependency.api_name)
    end
    equal(table.concat(names, " "), "click click_1 click_2 click_1_1 false")
    equal(config.dependencies[5].api_visibility, "private")
end)

case("private and unnamed functions are not in info", function(k)
    local _, info = k:describe [[return ui.blocks(function()
        local b = ui.button "Go"
        b:click { fn = print, api_name = "hidden", api_visibility = "private" }
        b:click { fn = print, api_name = false }
        b:click { fn = print, api_name = "quiet", api_visibility = "undocumented" }
    end)]]
    local names = {}
    for name in pairs(info.named_endpoints) do
        names[#names + 1] = name
    end
    equal(table.concat(names), "/quiet")
end)

case("parameters are named by the function, the caption or their place", function(k)
    local _, info = k:describe [[return ui.blocks(function()
        local a, b, c = ui.textbox { label = "First name" }, ui.textbox { label = "姓" }, ui.textbox()
        ui.button "x":click { fn = print, inputs = { a, b, c, a } }
        ui.button "y":click { fn = function(fn_index, _, x) end, inputs = { a, b, c }, api_name = "reserved" }
    end)]]
    local function names(endpoint)
        local out = {}
        for i, parameter in ipairs(info.named_endpoints[endpoint].parameters) do
            out[i] = parameter.parameter_name
        end
        return table.concat(out, " ")
    end
    equal(names("/click"), "first_name param_1 param_2 param_3")
    equal(names("/reserved"), "param_0 param_1 x")
end)

case("a component without a first value is required", function(k)
    local _, info = k:describe [[return ui.blocks(function()
        local a, b, c = ui.textbox(), ui.slider { 2, 5 }, ui.checkbox()
        ui.button "x":click { fn = print, inputs = { a, b, c } }
    end)]]
    local parameters = info.named_endpoints["/click"].parameters
    equal(parameters[1].parameter_has_default, false)
    equal(parameters[2].parameter_default, 2)
    equal(parameters[2].type.description, "numeric value between 2 and 5")
    equal(parameters[3].parameter_default, false)
    equal(parameters[3].parameter_has_default, true)
end)

case("who can change a component is decided for the page", function(k)
    local config = k:describe [[return ui.blocks(function()
        local input, output, both, lone, full = ui.textbox(), ui.textbox(), ui.textbox(), ui.textbox(), ui.textbox "x"
        local fixed = ui.textbox { interactive = false }
        ui.button "x":click { fn = print, inputs = { input, both, fixed }, outputs = { output, both } }
    end)]]
    local seen = {}
    for i = 1, 6 do
        seen[i] = tostring(config.components[i].props.interactive)
    end
    equal(table.concat(seen, " "), "true false true true false false")
end)

case("the layout is the tree of blocks", function(k)
    local config = k:describe [[return ui.blocks(function()
        ui.row(function()
            ui.column(function() ui.textbox() end)
            ui.group(function() ui.textbox() end)
        end)
        ui.accordion("More", function() ui.markdown "x" end)
        ui.tabs(function()
            ui.tab("One", function() ui.markdown "1" end)
            ui.tab { "Two", id = "two", function() ui.markdown "2" end }
        end)
    end)]]
    k:same(config.layout, [[{"id":0,"children":[
        {"id":1,"children":[{"id":2,"children":[{"id":3,"children":[]}]},{"id":4,"children":[{"id":5,"children":[]}]}]},
        {"id":6,"children":[{"id":7,"children":[]}]},
        {"id":8,"children":[{"id":9,"children":[{"id":10,"children":[]}]},{"id":11,"children":[{"id":12,"children":[]}]}]}]}]])
    equal(kit.component(config, 6).props.label, "More")
    equal(kit.component(config, 11).props.id, "two")
    equal(kit.component(config, 1).skip_api, true)
end)

case("a block returns its handle and what its function returned", function(k)
    local config = k:describe [[return ui.blocks(function()
        local row, name = ui.row(function() return ui.textbox() end)
        ui.button "x":click { fn = print, inputs = name, outputs = row }
    end)]]
    k:same(config.dependencies[1].inputs, "[2]")
    k:same(config.dependencies[1].outputs, "[1]")
end)

case("what was made outside can be rendered inside", function(k)
    local config = k:describe [[
        local name = ui.textbox()
        return ui.blocks(function()
            ui.row(function() name:render() end)
            name:change { fn = print, inputs = name }
        end)]]
    k:same(config.layout, '{"id":0,"children":[{"id":2,"children":[{"id":1,"children":[]}]}]}')
end)

case("a component that is nowhere cannot be an input", function(k)
    equal(k:trouble [[
        local name = ui.textbox()
        return ui.blocks(function()
            ui.button "Go":click { fn = print, inputs = name }
        end)]], "button:click at app.lua:3 uses a textbox made at app.lua:1 that is not part of the interface; "
        .. "make it inside ui.blocks, or call :render() where it shall stand")
end)

case("what app.lua must return is said", function(k)
    equal(k:trouble "return 5", "app.lua must return an interface (ui.blocks, ui.interface or ui.tabs), not the number 5")
    contains(k:trouble "", "not nil")
    contains(k:trouble "return {}", "not a table")
end)

case("a block alone can be returned", function(k)
    local config = k:describe [[return ui.row(function() ui.markdown "x" end)]]
    k:same(config.layout, '{"id":0,"children":[{"id":1,"children":[{"id":2,"children":[]}]}]}')
end)

case("blocks stand where they may", function(k)
    contains(k:trouble [[return ui.blocks(function() ui.tab("x", function() end) end)]], "ui.tab stands inside ui.tabs")
    contains(k:trouble [[return ui.blocks(function() ui.tabs(function() ui.markdown "x" end) end)]],
        "markdown made at app.lua:1 stands in ui.tabs; only ui.tab can")
    contains(k:trouble [[return ui.blocks(function() ui.row {} end)]], "ui.row needs a function that makes what stands in it")
    contains(k:trouble [[local function deep() ui.row(deep) end return ui.blocks(deep)]], "at most 32 deep")
    contains(k:trouble [[ui.load { fn = print }]], "ui.load stands inside ui.blocks")
end)

case("chains and cancels name the events they follow", function(k)
    local config = k:describe [[return ui.blocks(function()
        local b = ui.button "Go"
        local run = b:click { fn = print }
        run:next { fn = print }
        run:success { fn = print }:failure { fn = print }
        b:click { cancels = { run } }
    end)]]
    local d = config.dependencies
    k:same(d[2].targets, '[[1,"then"]]')
    equal(d[2].trigger_after, 1)
    equal(d[2].trigger_only_on_success, false)
    equal(d[3].trigger_only_on_success, true)
    equal(d[4].trigger_after, 3)
    equal(d[4].trigger_only_on_failure, true)
    k:same(d[5].cancels, "[1]")
    equal(d[5].types.cancel, true)
    equal(d[5].backend_fn, false)
end)

case("several triggers share a handler", function(k)
    local config = k:describe [[return ui.blocks(function()
        local name, go = ui.textbox(), ui.button "Go"
        ui.on { triggers = { { go, "click" }, { name, "submit" } }, fn = print, inputs = name, api_name = "go" }
    end)]]
    k:same(config.dependencies[1].targets, '[[2,"click"],[1,"submit"]]')
    contains(k:trouble [[return ui.blocks(function() ui.on { fn = print } end)]], "ui.on needs triggers")
    contains(k:trouble [[return ui.blocks(function() local b = ui.button "x"
        ui.on { triggers = { { b, "submit" } }, fn = print } end)]], 'button has no event "submit"')
    contains(k:trouble [[return ui.blocks(function() ui.on { triggers = { "click" }, fn = print } end)]], "is written { component")
end)

case("events at loading belong to the page", function(k)
    local config = k:describe [[return ui.blocks(function()
        local out = ui.textbox { value = function() return "now" end }
        ui.load { fn = function() return "x" end, outputs = out, api_name = "fresh" }
    end)]]
    k:same(config.dependencies[1].targets, '[[0,"load"]]')
    equal(config.dependencies[1].api_name, "fresh")
    k:same(config.dependencies[2].targets, '[[0,"load"]]')
    k:same(config.dependencies[2].outputs, "[1]")
    equal(config.components[1].props.value, k.json.null)
    equal((k:run(2, "[]")), '["now"]')
end)

case("change and input keep the last trigger, others the first", function(k)
    local config = k:describe [[return ui.blocks(function()
        local t = ui.textbox()
        t:change { fn = print } t:input { fn = print } t:submit { fn = print }
        t:change { fn = print, trigger_mode = "multiple" }
    end)]]
    local modes = {}
    for i, d in ipairs(config.dependencies) do
        modes[i] = d.trigger_mode
    end
    equal(table.concat(modes, " "), "always_last always_last once multiple")
end)

case("events that make no sense are refused", function(k)
    contains(k:trouble [[return ui.blocks(function() local t = ui.textbox()
        ui.button "x":click { inputs = t } end)]], 'button:click has inputs or outputs but no "fn"')
    contains(k:trouble [[return ui.blocks(function() local r = ui.row(function() end)
        ui.button "x":click { fn = print, inputs = r } end)]], "row cannot be an input of button:click: it has no value")
    contains(k:trouble [[return ui.blocks(function() ui.button "x":click { fn = print, api_name = "a b" } end)]],
        'must be 1 to 64 letters, digits, "_" or "-"')
    contains(k:trouble [[return ui.blocks(function() ui.button "x":click { fn = print, concurrency_limit = 0 } end)]],
        "must be at least 1")
    contains(k:trouble [[return ui.blocks(function() ui.button "x":click { fn = print }:than {} end)]],
        'an event has no method "than"')
end)

case("state is a component that stands nowhere", function(k)
    local config, info = k:describe [[
        local count = ui.state(0)
        return ui.blocks(function()
            ui.button "x":click { fn = function(n) return n end, inputs = count, outputs = count }
        end)]]
    equal(config.components[1].type, "state")
    equal(config.components[1].skip_api, true)
    equal(config.components[1].props.value, nil, "the value is the server's")
    k:same(config.layout, '{"id":0,"children":[{"id":2,"children":[]}]}')
    k:same(info.named_endpoints["/click"].parameters, "[]")
    k:same(info.named_endpoints["/click"].returns, "[]")
end)

case("a state that JSON cannot hold is refused with its place", function(k)
    contains(k:trouble [[ui.state { players = { { fn = print } } }]],
        "app.lua:1: the value of ui.state.players[1].fn is a function, which JSON cannot hold")
end)

case("ui.state takes a value, or { value = … }", function(k)
    local config = k:describe [[return ui.blocks(function()
        local a, b = ui.state { value = 5 }, ui.state { value = 5, other = 6 }
        ui.button "x":click { fn = function(a, b) return a, b end, inputs = { a, b }, outputs = { a, b } }
    end)]]
    equal(#config.components, 3)
    local _, state = k:run(1, "[null,null]")
    equal(state["1"], 5)
    k:same(state["2"], '{"value":5,"other":6}')
end)

case("examples become a dataset with wire values", function(k)
    k.host.release["cat.png"] = "IMAGE"
    local config = k:describe [[return ui.blocks(function()
        local t, i = ui.textbox { label = "T" }, ui.image { label = "I" }
        ui.examples { examples = { { "a", "cat.png" }, { "b" } }, inputs = { t, i }, example_labels = { "A", "B" } }
    end)]]
    local props = kit.component(config, 3).props
    equal(kit.component(config, 3).type, "dataset")
    k:same(props.component_ids, "[1,2]")
    k:same(props.headers, '["T","I"]')
    equal(props.samples[1][2].path, "release/cat.png")
    equal(props.samples[2][2], k.json.null)
    k:same(props.sample_labels, '["A","B"]')
    equal(#config.dependencies, 0)
end)

case("examples can run at once", function(k)
    local config = k:describe [[return ui.blocks(function()
        local t = ui.textbox()
        ui.examples { examples = { "a", "b" }, inputs = t, outputs = t, fn = print, run_on_click = true }
    end)]]
    k:same(config.dependencies[1].targets, '[[2,"click"]]')
    equal(config.dependencies[1].api_visibility, "private")
end)

case("examples that do not fit are told", function(k)
    contains(k:trouble [[return ui.blocks(function() local t = ui.textbox()
        ui.examples { examples = { { {} } }, inputs = t } end)]],
        "app.lua:2: example 1 of ui.examples does not fit its textbox made at app.lua:1: it takes text, not a table")
    contains(k:trouble [[return ui.blocks(function() local t = ui.textbox()
        ui.examples { examples = { { "a", "b" } }, inputs = t } end)]], "example 1 of ui.examples has 2 values for 1 inputs")
    contains(k:trouble [[return ui.blocks(function() ui.examples { examples = { "a" } } end)]], "no inputs to fill")
    contains(k:trouble [[return ui.blocks(function() ui.examples {} end)]], "ui.examples needs examples")
end)

case("the tree text is the same for the same script", function(k)
    k:describe(GREETER)
    local first = k.app.tree()
    local other = kit.fresh()
    other:describe(GREETER)
    equal(other.app.tree(), first)
    contains(first, '1 textbox in 0 {"label":"Your name","value":"world"}')
    contains(first, "event 1 3click (1) -> (2) greet  after 0")
end)

case("the tree text tells what a page would show otherwise", function(k)
    k:describe(GREETER)
    local first = k.app.tree()
    for _, change in ipairs { { "world", "World" }, { "inputs = name", "inputs = out" }, { '"greet"', '"hello"' },
            { "ui.button", 'ui.markdown "x" ui.button' } } do
        local other = kit.fresh()
        other:describe((GREETER:gsub(change[1], change[2], 1)))
        assert(other.app.tree() ~= first, change[1])
    end
end)

case("a difference to the published interface names the first component", function(k)
    local config = k:describe(GREETER)
    equal(k.app.difference(k.json.decode(k.json.encode(config))), nil)
    config.components[2].props.label = "other"
    equal(k.app.difference(config), "app.lua built another interface than when it was published: "
        .. "component 2 is different (textbox made at app.lua:3)")
    config = k.json.decode(k.json.encode((k.app.describe())))
    config.components[3] = nil
    contains(k.app.difference(config), "component 3 is new")
    config = k.json.decode(k.json.encode((k.app.describe())))
    config.dependencies[2] = config.dependencies[1]
    contains(k.app.difference(config), "event 2 is missing")
end)

case("describing has no loose ends", function(k)
    local config, info, page, manifest = k:describe(GREETER, { title = "From the card", fullWidth = true })
    equal(config.title, "From the card")
    equal(manifest.title, "From the card")
    contains(page, '<main class="vt-app vt-wide" id="vt-app">')
    for _, document in ipairs { config, info, manifest } do
        k.json.decode(k.json.encode(document))
    end
end)

case("the page holds the blocks in order, escaped", function(k)
    local _, _, page = k:describe [[return ui.blocks(function()
        ui.row { equal_height = true, variant = "panel", function()
            ui.column { scale = 2, min_width = 100, function() ui.textbox { label = "<b>" } end }
        end }
        ui.accordion { "More & more", open = false, function() ui.markdown "x" end }
        ui.tabs { selected = "b", function()
            ui.tab("A", function() ui.markdown "in a" end)
            ui.tab { "B", id = "b", function() ui.markdown "in b" end }
        end }
    end)]]
    contains(page, '<vt-row class="vt-layout vt-row vt-equal vt-panel" data-id="1" id="vt-c1">'
        .. '<vt-column class="vt-layout vt-column vt-scale-2 vt-minw-120" data-id="2" id="vt-c2">')
    contains(page, "&lt;b&gt;</label>")
    contains(page, '<details class="vt-details"><summary class="vt-summary">More &amp; more</summary><div class="vt-details-body">')
    contains(page, '<button aria-controls="vt-c7" aria-selected="false" class="vt-tab-button" id="vt-c7-tab" role="tab" tabindex="-1" type="button">A</button>'
        .. '<button aria-controls="vt-c9" aria-selected="true" class="vt-tab-button" id="vt-c9-tab" role="tab" tabindex="0" type="button">B</button></div>')
    contains(page, '<vt-tab aria-labelledby="vt-c9-tab" class="vt-layout vt-tab vt-selected" data-id="9" data-label="B" id="vt-c9" role="tabpanel">')
    lacks(page, "style=")
    lacks(page, "<script")
end)

case("a dataset is a gallery or a table", function(k)
    k.host.release["cat.png"] = "IMAGE"
    local _, _, page = k:describe [[return ui.blocks(function()
        local t, c, i = ui.textbox { label = "T" }, ui.checkbox { label = "C" }, ui.image { label = "I" }
        ui.examples { examples = { { "<i>", true, "cat.png" }, { ("ä"):rep(200), false } }, inputs = { t, c, i } }
        ui.examples { examples = { "one", "two" }, inputs = t }
    end)]]
    contains(page, '<th scope="col">T</th><th scope="col">C</th><th scope="col">I</th>')
    contains(page, '<td><button class="vt-example" data-index="0" type="button">&lt;i&gt;</button></td><td>✓</td>'
        .. '<td><img alt="cat.png" class="vt-thumb" loading="lazy" src="cat.png"></td>')
    contains(page, ("ä"):rep(120) .. "…<")
    contains(page, '<ul class="vt-gallery"><li><button class="vt-example" data-index="0" type="button">one</button></li>')
end)
