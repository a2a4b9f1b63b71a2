-- Values that travel as JSON, and the texts they become in HTML.

local kit = require "kit"
local equal, contains = kit.equal, kit.contains

case("what JSON can hold passes", function(k)
    local values = require "values"
    for _, value in ipairs { 1, 1.5, "text", true, { 1, 2, 3 }, { a = { b = {} } }, k.json.null, k.json.array {} } do
        equal(values.check_json(value, "v"), nil)
    end
    equal(values.check_json(nil, "v"), nil)
end)

case("what JSON cannot hold is named by its path", function()
    local values = require "values"
    local loop = {}
    loop.again = { loop }
    local deep = {}
    for _ = 1, 100 do
        deep = { deep }
    end
    equal(values.check_json({ a = { print } }, "state"), "state.a[1] is a function, which JSON cannot hold")
    equal(values.check_json({ ["two words"] = 0 / 0 }, "state"), 'state["two words"] is not a number (NaN)')
    equal(values.check_json({ 1 / 0 }, "state"), "state[1] is infinite")
    equal(values.check_json(loop, "state"), "state.again[1] contains itself")
    equal(values.check_json({ 1, 2, x = 3 }, "state"), "state mixes list items and named fields")
    equal(values.check_json({ [1.5] = 1 }, "state"), "state has a key that is a number outside 1..n, which JSON cannot have")
    equal(values.check_json({ [true] = 1 }, "state"), "state has a key that is a boolean outside 1..n, which JSON cannot have")
    equal(values.check_json("\xff", "state"), "state is a string that is not UTF-8")
    equal(values.check_json(setmetatable({}, {}), "state"), "state is an object with a metatable")
    contains(values.check_json(deep, "state"), "is nested deeper than 64 tables")
    contains(values.check_json(coroutine.create(print), "state"), "is a thread")
end)

case("the same table twice is no loop", function()
    local values = require "values"
    local shared = { 1 }
    equal(values.check_json({ shared, shared }, "state"), nil)
end)

case("too many values are refused", function()
    local values = require "values"
    local big = {}
    for i = 1, require("bounds").json_nodes + 1 do
        big[i] = i
    end
    contains(values.check_json(big, "state"), "is too large")
end)

case("a copy is deep and keeps arrays arrays", function(k)
    local values = require "values"
    local original = { list = k.json.array {}, inner = { x = 1 }, none = k.json.null }
    local copy = values.copy(original)
    original.inner.x = 2
    k:same(copy, '{"list":[],"inner":{"x":1},"none":null}')
end)

case("canonical text sorts names and writes whole numbers plainly", function(k)
    local canonical = require("values").canonical
    equal(canonical({ b = 1.0, a = { 1, 2.5 }, c = k.json.null, d = "q\"\n\\" }),
        '{"a":[1,2.5],"b":1,"c":null,"d":"q\\u0022\\u000a\\u005c"}')
    equal(canonical(k.json.array {}), "[]")
    equal(canonical({}), "{}")
    equal(canonical(true), "true")
end)

case("pretty text is for people", function(k)
    equal(require("values").pretty({ b = { 1, 2 }, a = {}, c = k.json.array {} }),
        '{\n  "a": {},\n  "b": [\n    1,\n    2\n  ],\n  "c": []\n}')
end)

case("text is escaped for tags and attributes", function()
    local html = require "html"
    equal(html.text([[<a href="x" o='y'>&]]), "&lt;a href=&quot;x&quot; o=&#39;y&#39;&gt;&amp;")
    equal(html.text("a\0b\8c\nd\te"), "abc\nd\te")
    equal(html.text(3.0), "3")
    equal(html.open("input", { value = '"><script>', disabled = true, checked = false }),
        '<input disabled value="&quot;&gt;&lt;script&gt;">')
    equal(html.element("p", {}, "x"), "<p>x</p>")
end)

case("numbers are written as JSON writes them", function()
    local number = require("html").number
    equal(number(3), "3")
    equal(number(3.0), "3")
    equal(number(0.1), "0.1")
    equal(number(-2.5), "-2.5")
    equal(number(1e100), "1e+100")
end)

case("schemas have python names and check the outer type", function(k)
    local schema = require "schema"
    equal(schema.python(schema.string()), "str")
    equal(schema.python(schema.list(schema.number())), "list[float]")
    equal(schema.python(schema.choice { "a", "b" }), "Literal['a', 'b']")
    equal(schema.python(schema.choice { 1, 2 }), "Literal[1, 2]")
    equal(schema.python(schema.file()), "filepath")
    equal(schema.python(schema.any()), "Any")
    equal(schema.check(schema.string(), 3), "must be text")
    equal(schema.check(schema.integer(), 3.5), "must be a whole number")
    equal(schema.check(schema.list(schema.any()), k.json.array {}), nil)
    equal(schema.check(schema.list(schema.any()), { a = 1 }), "must be a list")
    equal(schema.check(schema.file(), k.json.array { 1 }), "must be an object")
    equal(schema.check(schema.any(), 3), nil)
    equal(schema.choice({ "a", 1 }).type, nil)
    equal(schema.choice({}).enum, nil)
end)
