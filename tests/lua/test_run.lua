-- One event: inputs checked, the handler run, its answers turned into wire values.

local kit = require "kit"
local equal, contains, lacks = kit.equal, kit.contains, kit.lacks

-- One function over a textbox and a second textbox, with the handler's source.
local function one(handler, options)
    return ([[return ui.blocks(function()
        local input, output = ui.textbox { label = "In", max_length = 5 }, ui.textbox { label = "Out" }
        ui.button "Go":click { fn = %s, inputs = input, outputs = output, %s }
    end)]]):format(handler, options or "")
end

-- The partial results of the log, as JSON.
local function partials(k)
    local out = {}
    for _, entry in ipairs(k.host.log) do
        if entry[1] == "partial" then
            out[#out + 1] = entry[2]
        end
    end
    return table.concat(out, " ")
end

case("values go in and out in order", function(k)
    k:describe(one "function(text) return text .. '!' end")
    local data, state = k:run(1, '["hi"]')
    equal(data, '["hi!"]')
    equal(next(state), nil)
end)

case("null is nil, nil is null", function(k)
    k:describe(one "function(text) assert(text == nil) return nil end")
    equal((k:run(1, "[null]")), "[null]")
end)

case("a handler that returns nothing empties its one output", function(k)
    k:describe(one "function(text) end")
    equal((k:run(1, '["x"]')), "[null]")
end)

case("a bad input is a validation error that names the parameter", function(k)
    k:describe(one "function(text) return text end")
    local _, problem = k:run(1, '["too long"]')
    equal(problem.kind, "validate")
    equal(problem.message, "must be at most 5 characters long")
    equal(problem.parameter_name, "text")
    k:same(problem.list, '[{"__type__":"validate","is_valid":false,"message":"must be at most 5 characters long",'
        .. '"parameter_name":"text","component_id":1}]')
    _, problem = k:run(1, "[3]")
    equal(problem.message, "must be text")
    _, problem = k:run(1, "[]")
    equal(problem.message, "takes 1 values, got 0")
    equal(problem.list[1].parameter_name, "data")
end)

case("all bad inputs are named at once", function(k)
    k:describe [[return ui.blocks(function()
        local a, b, c = ui.slider { 0, 10 }, ui.radio { choices = { "x" } }, ui.checkbox()
        ui.button "Go":click { fn = function(speed, kind, on) end, inputs = { a, b, c } }
    end)]]
    local _, problem = k:run(1, '[11,"y",1]')
    equal(#problem.list, 3)
    equal(problem.list[1].parameter_name, "speed")
    equal(problem.list[2].message, '"y" is not one of "x"')
    equal(problem.list[3].message, "must be true or false")
end)

case("an input that handlers can change is checked for its type only", function(k)
    k:describe [[return ui.blocks(function()
        local a = ui.dropdown { { "x" } }
        local b = ui.button "Go"
        b:click { fn = function(a) return a end, inputs = a, outputs = a }
    end)]]
    equal((k:run(1, '["new"]')), '["new"]')
    local _, problem = k:run(1, "[true]")
    equal(problem.kind, "validate")
end)

case("yields are partial results; the last value ends it", function(k)
    k:describe(one "function(text) coroutine.yield('a') coroutine.yield('ab') return 'abc' end")
    equal((k:run(1, '["x"]')), '["abc"]')
    equal(partials(k), '["a"] ["ab"]')
end)

case("after yields, returning nothing keeps the last partial result", function(k)
    k:describe(one "function(text) coroutine.yield('a') coroutine.yield('b') end")
    equal((k:run(1, '["x"]')), '["b"]')
end)

case("waits pass through to the host, also in the author's coroutines", function(k)
    k:describe(one [[function(text)
        ui.sleep(0.5)
        for piece in coroutine.wrap(function() coroutine.yield('a') ui.sleep(0.25) coroutine.yield('b') end) do
            text = text .. piece
        end
        local inner = coroutine.create(function() ui.sleep(0.125) return 'c' end)
        return text .. select(2, coroutine.resume(inner))
    end]])
    -- coroutine.wrap is wrapped by the worker; here only resume is, so the wait in wrap is played by hand
    coroutine.wrap = function(fn)
        local thread = coroutine.create(fn)
        return function() return select(2, coroutine.resume(thread)) end
    end
    equal((k:run(1, '["x"]')), '["xabc"]')
    k:same({ k.host.log[1], k.host.log[2], k.host.log[3] }, '[["wait","sleep",0.5],["wait","sleep",0.25],["wait","sleep",0.125]]')
end)

case("events interleave without mixing", function(k)
    k:describe(one "function(text) ui.sleep(1) return text .. ui.request().user end")
    local threads, contexts = {}, {}
    for i = 1, 2 do
        contexts[i] = { request = { user = "u" .. i } }
        threads[i] = coroutine.create(function()
            return k.app.run(1, k.json.array { "n" .. i }, contexts[i])
        end)
        k.host.now = contexts[i]
        assert(k.host.raw_resume(threads[i]))
        equal(coroutine.status(threads[i]), "suspended")
    end
    for _, i in ipairs { 2, 1 } do
        k.host.now = contexts[i]
        local _, data = k.host.raw_resume(threads[i])
        k:same(data, { "n" .. i .. "u" .. i })
    end
end)

case("a Lua error carries line and traceback", function(k)
    k:describe(one "function(text)\n    return text.x.y\nend")
    local _, problem = k:run(1, '["x"]')
    equal(problem.kind, "error")
    contains(problem.message, "app.lua:4: attempt to index a nil value (field 'x')")
    contains(problem.traceback, "stack traceback:")
    contains(problem.traceback, "app.lua:4: in function <app.lua:3>")
end)

case("an error inside the kit is told with the author's line", function(k)
    k.host.wait = function() error("cannot wait here", 1) end
    k:describe(one "function(text)\n    ui.sleep(1)\nend")
    local _, problem = k:run(1, '["x"]')
    contains(problem.message, "cannot wait here")
    local check = require "check"
    equal(check.blame("ui-kit/lua/ui.lua:3: no", "stack traceback:\n\tui-kit/lua/ui.lua:3: in x\n\tapp.lua:9: in y"),
        "app.lua:9: no")
    equal(check.blame("ui-kit/lua/ui.lua:3: no", "stack traceback:\n\t[C]: in ?"), "no")
    equal(check.blame("app.lua:3: no", ""), "app.lua:3: no")
    equal(check.blame("no line", ""), "no line")
end)

case("an error object that is no text is described", function(k)
    k:describe(one "function(text) error({}) end")
    local _, problem = k:run(1, '["x"]')
    equal(problem.message, "error object is a table")
end)

case("an error object of the author's own is read with care", function(k)
    k:describe(one [[function(text)
        local traps = {
            a = setmetatable({}, { __index = function() error("trap") end, __newindex = function() error("trap") end }),
            b = setmetatable({}, { __tostring = function() error("trap") end }),
            c = setmetatable({}, { __tostring = function() return "my own words" end }),
            d = setmetatable({}, { __metatable = false }),
        }
        error(traps[text])
    end]])
    for name, words in pairs { a = "error object is a table", b = "error object is a table", c = "my own words", d = "error object is a table" } do
        local _, problem = k:run(1, '["' .. name .. '"]')
        equal(problem.kind, "error")
        contains(problem.message, words)
    end
end)

case("ui.error ends the handler with words for the visitor", function(k)
    k:describe(one "function(text) ui.error('No name', { title = 'Oh', duration = 3 }) end")
    local _, problem = k:run(1, '["x"]')
    equal(problem.kind, "user")
    equal(problem.message, "No name")
    equal(problem.title, "Oh")
    equal(problem.duration, 3)
    equal(problem.visible, true)
    equal(tostring(problem), "No name")
end)

case("ui.error has defaults and checks its options", function(k)
    k:describe(one "function(text) if text == 'a' then ui.error('x') end ui.error('x', { titel = 'y' }) end")
    local _, problem = k:run(1, '["a"]')
    equal(problem.title, "Error")
    equal(problem.duration, 10)
    _, problem = k:run(1, '["b"]')
    contains(problem.message, 'ui.error has no option "titel"; did you mean "title"?')
end)

case("pcall can catch ui.error", function(k)
    k:describe(one "function(text) local ok, e = pcall(ui.error, 'x') return tostring(e) end")
    equal((k:run(1, '["x"]')), '["x"]')
end)

case("toasts and progress are emitted", function(k)
    k:describe(one [[function(text)
        ui.info("one") ui.warning("two", { title = "T", duration = false }) ui.success("three", { visible = false })
        ui.progress(0.25, "a quarter") ui.progress({ 3, 4 }) ui.progress(nil, "…") ui.progress(7)
    end]])
    assert(k:run(1, '["x"]'))
    k:same(k.host.log, [==[[
        ["log",{"level":"info","log":"one","title":"Info","duration":10,"visible":true}],
        ["log",{"level":"warning","log":"two","title":"T","duration":null,"visible":true}],
        ["log",{"level":"success","log":"three","title":"Success","duration":10,"visible":false}],
        ["progress",{"progress":0.25,"desc":"a quarter","index":null,"length":null,"unit":null}],
        ["progress",{"progress":0.75,"desc":null,"index":3,"length":4,"unit":"steps"}],
        ["progress",{"progress":null,"desc":"…","index":null,"length":null,"unit":null}],
        ["progress",{"progress":1,"desc":null,"index":null,"length":null,"unit":null}]]]==])
end)

case("helpers refuse what they cannot use", function(k)
    local function said(source, part)
        local fresh = kit.fresh()
        fresh:describe(one("function(text) " .. source .. " end"))
        local _, problem = fresh:run(1, '["x"]')
        contains(problem.message, part)
    end
    said("ui.info({})", "app.lua:3: ui.info takes a text, not a table")
    said("ui.progress('half')", "ui.progress takes a number from 0 to 1, not the string")
    said("ui.progress({ 1 })", "ui.progress takes a number from 0 to 1 or { step, steps }")
    said("ui.sleep(-1)", "ui.sleep takes seconds, not the number -1")
    said("ui.update(3)", "ui.update takes a table of options, not the number 3")
    said("ui.update { 3 }", "ui.update was given a value without a name (the number 3)")
    said("ui.textbox {}", "ui.textbox was called in a handler")
    said("ui.row(function() end)", "in a handler")
    said("ui.blocks(function() end)", "in a handler")
end)

case("handler functions are refused while app.lua loads", function(k)
    for _, call in ipairs { "ui.info 'x'", "ui.progress(1)", "ui.request()", "ui.sleep(1)" } do
        contains(k:trouble(call), "works in a handler, not while app.lua loads")
    end
end)

case("ui.request gives what the gateway told", function(k)
    k:describe(one "function(text) return ui.request().user end")
    equal((k:run(1, '["x"]', { request = { user = "ann" } })), '["ann"]')
end)

case("updates change any option", function(k)
    k:describe(one "function(text) return ui.update { value = 3, label = 'New', visible = 'hidden' } end")
    k:same(k.json.decode((k:run(1, '["x"]'))), '[{"__type__":"update","value":"3","label":"New","visible":"hidden"}]')
end)

case("updated choices are completed as in the constructor", function(k)
    k:describe [[return ui.blocks(function()
        local d = ui.dropdown { { "a" } }
        ui.button "x":click { fn = function() return ui.update { choices = { "b", { "Cee", "c" } }, value = "c" } end, outputs = d }
    end)]]
    k:same(k.json.decode((k:run(1, "[]"))), '[{"__type__":"update","choices":[["b","b"],["Cee","c"]],"value":"c"}]')
end)

case("an update may move the bounds past the first value, and empty a value", function(k)
    k:describe [[return ui.blocks(function()
        local s, t = ui.slider { 0, 100, 5 }, ui.textbox "x"
        ui.button "x":click { fn = function(kind)
            return ui.update { minimum = 10 }, ui.update { value = require "json".null } end, outputs = { s, t } }
    end)]]
    k:same(k.json.decode((k:run(1, "[]"))), '[{"__type__":"update","minimum":10},{"__type__":"update","value":null}]')
end)

case("a wrong update names option, component and line", function(k)
    k:describe(one "function(text)\n    local u = ui.update { lines = 'x' }\n    return u\nend")
    local _, problem = k:run(1, '["x"]')
    equal(problem.message, 'button:click at app.lua:3: the output textbox "Out" cannot be updated: option "lines" of textbox '
        .. '(in ui.update at app.lua:4) must be a whole number, not the string "x"')
    k = kit.fresh()
    k:describe(one "function(text) local u = ui.update { lable = 'x' } return u end")
    _, problem = k:run(1, '["x"]')
    contains(problem.message, 'has no option "lable"; did you mean "label"?')
end)

case("layout blocks are updated, not filled", function(k)
    k:describe [[return ui.blocks(function()
        local row = ui.row(function() end)
        ui.button "x":click { fn = function() return ui.update { visible = false } end, outputs = row }
        ui.button "x":click { fn = function() return 5 end, outputs = row }
    end)]]
    equal((k:run(1, "[]")), '[{"__type__":"update","visible":false}]')
    local _, problem = k:run(2, "[]")
    contains(problem.message, "the output row has no value; return ui.update{ … } for it")
end)

case("ui.skip leaves one output, or all, alone", function(k)
    k:describe [[return ui.blocks(function()
        local a, b = ui.textbox(), ui.textbox()
        ui.button "x":click { fn = function() return ui.skip, "b" end, outputs = { a, b } }
        ui.button "x":click { fn = function() return ui.skip end, outputs = { a, b } }
    end)]]
    equal((k:run(1, "[]")), '[{"__type__":"update"},"b"]')
    equal((k:run(2, "[]")), '[{"__type__":"update"},{"__type__":"update"}]')
end)

case("too few values are an author's mistake, more are ignored", function(k)
    k:describe [[return ui.blocks(function()
        local a, b = ui.textbox(), ui.textbox()
        ui.button "x":click { fn = function() return "a" end, outputs = { a, b } }
        ui.button "x":click { fn = function() return ("a b"):gsub("a", "c") end, outputs = a }
    end)]]
    local _, problem = k:run(1, "[]")
    contains(problem.message, "button:click at app.lua:3 returned 1 values for 2 outputs; return ui.skip for one that shall stay as it is")
    equal((k:run(2, "[]")), '["c b"]')
end)

case("values can be returned by component", function(k)
    k:describe [[return ui.blocks(function()
        local a, b, c = ui.textbox(), ui.textbox(), ui.textbox()
        ui.button "x":click { fn = function() return { [b] = "b" } end, outputs = { a, b } }
        ui.button "x":click { fn = function() return { [c] = "c" } end, outputs = { a, b } }
    end)]]
    equal((k:run(1, "[]")), '[{"__type__":"update"},"b"]')
    local _, problem = k:run(2, "[]")
    contains(problem.message, 'returned a value for textbox "Textbox", which is not one of its outputs')
end)

case("a value that does not fit its output names it", function(k)
    k:describe(one "function(text) return {} end")
    local _, problem = k:run(1, '["x"]')
    equal(problem.message, 'button:click at app.lua:3: the output textbox "Out" takes text, not a table')
end)

case("state travels in the context and comes back changed", function(k)
    k:describe [[return ui.blocks(function()
        local count, out = ui.state { n = 0 }, ui.textbox()
        ui.button "x":click { fn = function(c) c.n = c.n + 1 return c, c.n end, inputs = count, outputs = { count, out } }
        ui.button "x":click { fn = function(c) return ui.skip, "kept" end, inputs = count, outputs = { count, out } }
        ui.button "x":click { fn = function(c) coroutine.yield({ n = 7 }, "seven") error("late") end, inputs = count, outputs = { count, out } }
        ui.button "x":click { fn = function(c) return print, "x" end, inputs = count, outputs = { count, out } }
    end)]]
    local data, state = k:run(1, '["forged"]')
    equal(data, '[null,"1"]')
    equal(state["1"].n, 1)
    data, state = k:run(1, "[null]", { state = state })
    equal(state["1"].n, 2)
    data, state = k:run(2, "[null]", { state = state })
    equal(data, '[null,"kept"]')
    equal(next(state), nil)
    local _, problem = k:run(3, "[null]")
    equal(problem.state["1"].n, 7, "what was reached before the error")
    _, problem = k:run(4, "[null]")
    contains(problem.message, "the output state cannot keep this: value is a function")
end)

case("an event without a handler answers nothing", function(k)
    k:describe [[return ui.blocks(function()
        local b = ui.button "x"
        local run = b:click { fn = print }
        b:click { cancels = run }
    end)]]
    equal((k:run(2, "[]")), "[]")
    local _, problem = k:run(9, "[]")
    contains(problem.message, "there is no function 9")
end)

case("pictures are stored while the event waits", function(k)
    k:describe [[return ui.blocks(function()
        local out = ui.image()
        ui.button "x":click { fn = function() local i = ui.image_new(3, 2, 3) coroutine.yield(i) return i end, outputs = out }
    end)]]
    local data = k:run(1, "[]")
    contains(data, '"path":"stored/3.png"')
    equal(#k.host.log, 3)
    equal(k.host.log[1][2], "store")
end)

case("a close variable of the handler is closed when it fails", function(k)
    local closed = false
    k.on_close = function() closed = true end
    _G.on_close = k.on_close
    k:describe(one "function(text) local x <close> = setmetatable({}, { __close = on_close }) error('x') end")
    k:run(1, '["x"]')
    _G.on_close = nil
    equal(closed, true)
end)

case("a close variable of the handler is closed when its event is cancelled", function(k)
    local closed = 0
    _G.on_close = function() closed = closed + 1 end
    k:describe(one "function(text) local x <close> = setmetatable({}, { __close = on_close }) ui.sleep(1) end")
    k.host.now = {}
    local event = coroutine.create(k.app.run)
    assert(k.host.raw_resume(event, 1, k.json.array { "x" }, {}))
    equal(closed, 0)
    assert(coroutine.close(event))
    _G.on_close = nil
    equal(closed, 1)
end)
