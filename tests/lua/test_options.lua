-- What an author reads when an option, a value or a method is wrong.

local contains = require("kit").contains
local equal = require("kit").equal

case("an unknown option names the component, the line and what was meant", function(k)
    local message = k:trouble([[return ui.blocks(function()
        ui.textbox { lable = "Name" }
    end)]])
    equal(message, 'app.lua:2: textbox has no option "lable"; did you mean "label"?')
end)

case("an option that resembles none lists what there is", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.markdown { colour = "red" } end)]]),
        'app.lua:1: markdown has no option "colour"; there is container, elem_classes')
end)

case("a wrong type says what is wanted and what was given", function(k)
    equal(k:trouble([[
        return ui.blocks(function() ui.textbox { lines = "3" } end)]]),
        'app.lua:1: option "lines" of textbox must be a whole number, not the string "3"')
end)

case("a literal option lists its words", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.button { "Go", variant = "big" } end)]]),
        'option "variant" of button must be "primary", "secondary" or "stop", not the string "big"')
end)

case("a list option names its items", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.radio { choices = { {} } } end)]]),
        'must be a list of choices (text, numbers or { label, value }), not a table')
end)

case("the line is found in tail position of the main chunk", function(k)
    contains(k:trouble("\n\nreturn ui.interface { fn = print, inputs = ui.textbox(), output = ui.textbox() }"),
        'app.lua:3: ui.interface has no option "output"; did you mean "outputs"?')
end)

case("an option given by place and by name is refused", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.button { "A", value = "B" } end)]]),
        'option "value" of button is given twice')
end)

case("a value without a name is refused when there is no place for it", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.checkbox { true, false } end)]]),
        "checkbox was given a value without a name (false)")
end)

case("an unknown member of ui suggests one", function(k)
    contains(k:trouble([[ui.texbox {}]]), 'app.lua:1: ui has no "texbox"; did you mean "textbox"?')
end)

case("an unknown event suggests one", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.button "Go":clik { fn = print } end)]]),
        'app.lua:1: button has no event "clik"; did you mean "click"?')
end)

case("an event option is checked like a component's", function(k)
    contains(k:trouble([[return ui.blocks(function()
        ui.button "Go":click { fn = print, input = {} } end)]]),
        'app.lua:2: button:click has no option "input"; did you mean "inputs"?')
    contains(k:trouble([[return ui.blocks(function()
        ui.button "Go":click { fn = "greet" } end)]]),
        'option "fn" of button:click must be a function, not the string "greet"')
    contains(k:trouble([[return ui.blocks(function()
        ui.button "Go":click { fn = print, inputs = { 1 } } end)]]),
        'option "inputs" of button:click must be a component or a list of components, not a table')
end)

case("a dot instead of a colon is told", function(k)
    contains(k:trouble([[return ui.blocks(function() local b = ui.button "Go"; b.click { fn = print } end)]]),
        "call it with a colon: component:click{ … }")
end)

case("setting a field of a component is told", function(k)
    contains(k:trouble([[return ui.blocks(function() local b = ui.button "Go"; b.value = "Stop" end)]]),
        'button is a component, its "value" cannot be set; change it from a handler with ui.update')
end)

case("options that do not fit together are told", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.slider { 10, 0 } end)]]),
        'app.lua:1: option "minimum" of slider is larger than "maximum"')
    contains(k:trouble([[return ui.blocks(function() ui.slider { 0, 10, 11 } end)]]),
        'option "value" of slider is outside "minimum" and "maximum"')
    contains(k:trouble([[return ui.blocks(function() ui.sketchpad { canvas_size = { 1, 2, 3 } } end)]]),
        'option "canvas_size" of sketchpad must be { width, height }')
    contains(k:trouble([[return ui.blocks(function() ui.button { "x", link = "javascript:alert(1)" } end)]]),
        'option "link" of button must be an address')
    contains(k:trouble([[return ui.blocks(function() ui.textbox { elem_id = "a b" } end)]]),
        'option "elem_id" of textbox must be a letter')
end)

case("the value of a component is checked by the component", function(k)
    contains(k:trouble([[return ui.blocks(function() ui.label { value = { "cat" } } end)]]),
        "the value of label made at app.lua:1 does not fit: it takes a list of { label = text, score = number }")
    contains(k:trouble([[return ui.blocks(function() ui.image { value = "cat.png" } end)]]),
        'it names the file "cat.png" that the repository does not have')
end)

case("a closest word is only offered when it is close", function()
    local check = require "check"
    equal(check.closest("valu", { "value", "label" }), "value")
    equal(check.closest("lab", { "value", "label" }), "label")
    equal(check.closest("zzz", { "value", "label" }), nil)
    equal(check.closest(("x"):rep(1000), { "value" }), nil)
    equal(check.closest("visble", { "visible", "variant" }), "visible")
end)

case("types are read as they are written in the definitions", function()
    local check = require "check"
    equal(check.type('string|"a|b"', 3), 'a string or "a|b"')
    equal(check.type('"a|b"|integer', "a|b"), nil)
    equal(check.type("integer", 3.0), nil)
    equal(check.type("integer", 3.5), "a whole number")
    equal(check.type("integer[]", { 1, 2, 3 }), nil)
    equal(check.type("integer[]", { 1, nil, 3, x = 1 }), "a list of whole numbers")
    equal(check.type("number", 0 / 0), "a number")
    equal(check.type("boolean", false), nil)
    equal(check.definition("string|component[]"), "string|vitrine.component[]")
    equal(pcall(check.type, "strnig", 1), false)
end)

case("texts that cannot travel are refused", function(k)
    contains(k:trouble [[return ui.blocks(function() ui.textbox { label = "\xff" } end)]],
        'option "label" of textbox must be a string, not a string that is not UTF-8')
    contains(k:trouble [[return ui.blocks(function() ui.markdown { value = ("x"):rep(2000000) } end)]],
        'must be a string or a function, not a string of 2000000 bytes')
end)

case("texts are cut between characters", function()
    local check = require "check"
    equal(check.cut("abc", 3), "abc")
    equal(check.cut("abcd", 3), "abc")
    equal(check.cut("aäb", 2), "a")
    equal(check.cut("aäb", 3), "aä")
    equal(check.cut("日本語", 5), "日")
    equal(check.show(("ä"):rep(30)), 'the string "' .. ("ä"):rep(20) .. '"…')
    equal(check.cut("\x80\x80\x80", 2), "")
end)
