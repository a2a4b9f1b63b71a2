-- Each component: what callers may send, what handlers get and return, what the page shows first.

local kit = require "kit"
local equal, contains, lacks = kit.equal, kit.contains, kit.lacks

-- An entry and its completed options.
local function entry_of(name, options)
    local registry = require "registry"
    local entry = registry.by_name[name]
    local checked, message = require "check".options(entry.schema, name, options or {})
    local props = checked and registry.props(entry, checked)
    if not props then
        error(message or select(2, registry.props(entry, checked)))
    end
    return entry, props
end

-- What the component makes of a caller's value.
local function read(name, options, value)
    local entry, props = entry_of(name, options)
    return entry.preprocess(value, props)
end

-- What the component makes of a handler's value.
local function write(name, options, value)
    local entry, props = entry_of(name, options)
    return entry.postprocess(value, props)
end

-- The first paint of a component alone, with id 1.
local function paint(name, options, value, static)
    local entry, props = entry_of(name, options)
    return entry.html { id = 1, name = name, entry = entry, props = props, value = value, static = static }
end

local function refused(message, part, value)
    equal(value, nil)
    contains(message, part)
end

local function refuses(part, value, message)
    refused(message, part, value)
end

case("textbox keeps to its length, in characters", function()
    equal(read("textbox", { max_length = 3 }, "äöü"), "äöü")
    refuses("must be at most 3 characters long", read("textbox", { max_length = 3 }, "abcd"))
    equal(read("textbox", {}, nil), nil)
end)

case("textbox shows text, numbers and truth values", function()
    equal(write("textbox", {}, "x"), "x")
    equal(write("textbox", {}, 3.0), "3")
    equal(write("textbox", {}, true), "true")
    refuses("takes text, not a table", write("textbox", {}, {}))
    refuses("takes text, not bytes that are not UTF-8", write("textbox", {}, "\xff"))
end)

case("textbox markup: area, field, button, help", function()
    equal(paint("textbox", { label = "Name", placeholder = "Ada" }, "a\nb"),
        '<vt-textbox class="vt-block vt-field" data-id="1" id="vt-c1"><label class="vt-label" for="vt-c1-in">Name</label>'
        .. '<textarea class="vt-input vt-text" id="vt-c1-in" placeholder="Ada" rows="2">a\nb</textarea></vt-textbox>')
    contains(paint("textbox", {}, "\nb"), ">\n\nb</textarea>")
    contains(paint("textbox", { lines = 4 }, "x"), 'rows="4"')
    contains(paint("textbox", { max_lines = 2 }, "1\n2\n3\n4"), 'rows="2"')
    contains(paint("textbox", { max_lines = 1 }, "x", true),
        '<input autocomplete="off" class="vt-input" id="vt-c1-in" readonly type="text" value="x">')
    contains(paint("textbox", { type = "password" }), 'type="password"')
    contains(paint("textbox", { submit_btn = true }), '<div class="vt-with-button">')
    contains(paint("textbox", { submit_btn = "Go" }), 'type="button">Go</button>')
    contains(paint("textbox", { info = "Help" }), '<p class="vt-info" id="vt-c1-info">Help</p>')
    contains(paint("textbox", { info = "Help" }), 'aria-describedby="vt-c1-info"')
    contains(paint("textbox", { rtl = true, text_align = "right" }), 'class="vt-input vt-text vt-right" dir="rtl"')
    lacks(paint("textbox", {}, "</textarea><script>alert(1)</script>"), "<script>")
end)

case("the wrapper carries the common options", function()
    local text = paint("textbox", { elem_id = "mine", elem_classes = { "a", "b" }, visible = false, container = false,
        scale = 40, min_width = 41, show_label = false })
    contains(text, '<vt-textbox class="vt-block vt-field vt-bare vt-scale-12 vt-minw-80 a b" data-id="1" hidden id="mine">')
    contains(text, 'class="vt-label vt-sr" for="vt-c1-in"')
    contains(paint("textbox", {}, nil, true), "vt-static")
    lacks(paint("textbox", { label = "" }), "<label")
    lacks(paint("textbox", { elem_classes = '"><script>' }), "<script>")
end)

case("number rounds and keeps to its bounds", function()
    equal(read("number", {}, 2.5), 2.5)
    equal(math.type(read("number", { precision = 0 }, 2.5)), "integer")
    equal(read("number", { precision = 0 }, 2.5), 3)
    equal(read("number", { precision = 1 }, 2.449), 2.4)
    equal(read("number", {}, nil), nil)
    refuses("must be at least 0", read("number", { minimum = 0 }, -1))
    refuses("must be at most 1.5", read("number", { maximum = 1.5 }, 2))
    equal(write("number", { precision = 2 }, 1.005), 1.0)
    refuses("takes a finite number", write("number", {}, 1 / 0))
    refuses("takes a number, not a string", write("number", {}, "1"))
    contains(paint("number", { minimum = 1, maximum = 9 }, 3),
        '<input class="vt-input" id="vt-c1-in" inputmode="decimal" max="9" min="1" step="any" type="number" value="3">')
end)

case("slider starts at its minimum and steps naturally", function()
    local _, props = entry_of("slider", { 0, 100 })
    equal(props.value, 0)
    equal(props.step, 1)
    equal(select(2, entry_of("slider", { 0, 1 })).step, 0.01)
    equal(select(2, entry_of("slider", { 5, 5 })).step, 1)
    refuses("must be between 0 and 10", read("slider", { 0, 10 }, 11))
    equal(read("slider", { 0, 10 }, 10), 10)
    local text = paint("slider", { 0, 10, label = "Speed" }, 3)
    contains(text, '<div class="vt-slider-head"><label class="vt-label" for="vt-c1-in">Speed</label>'
        .. '<input aria-label="Speed, exact value" class="vt-input vt-slider-number" max="10" min="0" step="0.1" type="number" value="3"></div>')
    contains(text, '<div class="vt-slider-row"><span class="vt-slider-end">0</span><input class="vt-range" id="vt-c1-in" max="10"')
end)

case("checkbox is true or false", function()
    equal(read("checkbox", {}, nil), false)
    equal(read("checkbox", {}, true), true)
    refuses("takes true or false", write("checkbox", {}, 1))
    contains(paint("checkbox", { label = "Sure" }, true),
        '<label class="vt-check"><input checked class="vt-checkbox" id="vt-c1-in" type="checkbox"><span class="vt-check-text">Sure</span></label>')
end)

case("radio takes its choices, with captions or without", function()
    local options = { choices = { "a", { "Bee", "b" }, 3 } }
    equal(read("radio", options, "b"), "b")
    equal(read("radio", options, 3), 3)
    refuses('"Bee" is not one of "a", "b", 3', read("radio", options, "Bee"))
    refuses("must be one of", read("radio", options, {}))
    equal(read("radio", { choices = { "a", "b" }, type = "index" }, "b"), 2)
    equal(read("radio", options, nil), nil)
    contains(paint("radio", options, "b"), '<label class="vt-choice"><input checked name="vt-c1" type="radio" value="1"><span>Bee</span></label>')
    contains(paint("radio", { choices = {} }, nil, true), '<fieldset class="vt-fieldset" disabled>')
end)

case("dropdown starts with its first choice, or none", function()
    equal(select(2, entry_of("dropdown", { { "a", "b" } })).value, "a")
    equal(select(2, entry_of("dropdown", { { "a", "b" }, value = false })).value, nil)
    equal(select(2, entry_of("dropdown", { { "a", "b" }, multiselect = true })).value, nil)
    equal(pcall(entry_of, "dropdown", { { "a" }, value = true }), false)
end)

case("dropdown takes one, several or other values as it is told", function(k)
    refuses('"c" is not one of', read("dropdown", { { "a", "b" } }, "c"))
    equal(read("dropdown", { { "a", "b" }, allow_custom_value = true }, "c"), "c")
    k:same(read("dropdown", { { "a", "b" }, multiselect = true }, { "b", "a" }), { "b", "a" })
    k:same(read("dropdown", { { "a", "b" }, multiselect = true, type = "index" }, { "b" }), { 2 })
    k:same(read("dropdown", { { "a" }, multiselect = true }, nil), {})
    refuses("takes at most 1 choices", read("dropdown", { { "a", "b" }, multiselect = true, max_choices = 1 }, { "a", "b" }))
    refuses('"x" is not one of', read("dropdown", { { "a" }, multiselect = true }, { "x" }))
    k:same(write("dropdown", { { "a" }, multiselect = true }, "a"), '["a"]')
    refuses("takes a choice", write("dropdown", { { "a" } }, {}))
    local entry, props = entry_of("dropdown", { { "a" } })
    equal(entry.preprocess("new", props, true), "new", "lenient")
end)

case("dropdown markup in its three forms", function()
    equal(paint("dropdown", { { "a", { "Bee", "b" } }, label = "" }, "b"),
        '<vt-dropdown class="vt-block vt-field" data-id="1" id="vt-c1"><select class="vt-input vt-select" id="vt-c1-in">'
        .. '<option value="0">a</option><option selected value="1">Bee</option></select></vt-dropdown>')
    contains(paint("dropdown", { { "a" } }, nil), '<option value="" selected></option><option value="0">a</option>')
    contains(paint("dropdown", { { { "Bee", "b" } }, allow_custom_value = true }, "b"),
        'list="vt-c1-list" type="text" value="Bee"><datalist id="vt-c1-list"><option value="Bee"></option></datalist>')
    local many = paint("dropdown", { { "a", "b" }, multiselect = true, label = "L" }, { "b" })
    contains(many, '<p class="vt-label" id="vt-c1-label">L</p><details class="vt-multi"><summary aria-labelledby="vt-c1-label vt-c1-in"')
    contains(many, '<span class="vt-chip">b</span>')
    contains(many, '<input checked type="checkbox" value="1"><span>b</span>')
    contains(paint("dropdown", { { "a" }, multiselect = true }, nil), '<span class="vt-placeholder">Choose…</span>')
end)

case("button markup and links", function()
    equal(paint("button", { "Go", variant = "primary" }, "Go"),
        '<vt-button class="vt-block vt-action" data-id="1" id="vt-c1"><button class="vt-button vt-primary vt-lg" id="vt-c1-in" type="button">Go</button></vt-button>')
    contains(paint("button", { "Go", link = "https://example.org/?a=1&b=2" }, "Go"),
        'href="https://example.org/?a=1&amp;b=2" id="vt-c1-in" rel="noopener noreferrer" target="_blank">Go</a>')
    equal(pcall(entry_of, "button", { "x", link = "javascript:alert(1)" }), false)
    equal(pcall(entry_of, "button", { "x", link = "sub/page" }), true)
end)

case("markdown takes the indent of the code away", function()
    local dedent = require("registry").by_name.markdown.dedent
    equal(dedent("\n        # Title\n\n            code\n        text\n    "), "# Title\n\n    code\ntext")
    equal(dedent("        # Title\n        text\n    "), "# Title\ntext", "Lua drops the newline after [[")
    equal(dedent("# Title\n    text"), "# Title\ntext")
    equal(dedent("\n\n  a\n\n    b"), "a\n\n  b")
    equal(dedent(""), "")
    equal(dedent("  one line"), "one line")
    equal(write("markdown", {}, 3), "3")
    refuses("takes text", write("markdown", {}, {}))
    equal(paint("markdown", { "x" }, "<b>x</b>"),
        '<vt-markdown class="vt-block vt-text-block vt-bare" data-id="1" id="vt-c1"><div class="vt-prose"><p>&lt;b&gt;x&lt;/b&gt;</p></div></vt-markdown>')
    contains(paint("markdown", { "x", height = 130 }, "x"), '<div class="vt-prose vt-scroll vt-h-140">')
end)

case("label takes what classifiers give", function(k)
    k:same(write("label", {}, { { label = "cat", score = 0.2 }, { label = "dog", score = 0.8 } }),
        '{"label":"dog","confidences":[{"label":"dog","confidence":0.8},{"label":"cat","confidence":0.2}]}')
    k:same(write("label", {}, { cat = 0.2, dog = 0.8 }),
        '{"label":"dog","confidences":[{"label":"dog","confidence":0.8},{"label":"cat","confidence":0.2}]}')
    k:same(write("label", { num_top_classes = 1 }, { b = 0.5, a = 0.5 }),
        '{"label":"a","confidences":[{"label":"a","confidence":0.5}]}')
    k:same(write("label", {}, { { label = 3, score = 1 } }), '{"label":"3","confidences":[{"label":"3","confidence":1}]}')
    k:same(write("label", {}, "cat"), '{"label":"cat"}')
    k:same(write("label", {}, 7), '{"label":"7"}')
    k:same(write("label", {}, { label = "cat" }), '{"label":"cat"}')
    k:same(write("label", {}, { label = "x", confidences = { { label = "x", confidence = 1 } } }),
        '{"label":"x","confidences":[{"label":"x","confidence":1}]}')
    k:same(write("label", {}, {}), '{"label":"","confidences":[]}')
    refuses("takes a list of", write("label", {}, { "cat" }))
    refuses("takes confidences by class", write("label", {}, { cat = "much" }))
    refuses("not a number", write("label", {}, { cat = 0 / 0 }))
    refuses("takes classes or text, not a boolean", write("label", {}, true))
end)

case("label markup: bars, percent, room kept free", function()
    local value = { label = "cat", confidences = { { label = "cat", confidence = 0.934 }, { label = "dog", confidence = 0.004 } } }
    local text = paint("label", { label = "Is", num_top_classes = 20 }, value)
    contains(text, '<div aria-live="polite" class="vt-result vt-keep-12"><p class="vt-top">cat</p><ol class="vt-bars">'
        .. '<li class="vt-bar-row"><span class="vt-bar-name">cat</span><span class="vt-bar-percent">93%</span>'
        .. '<meter class="vt-bar" max="1" min="0" value="0.934"></meter></li>')
    contains(text, '<span class="vt-bar-percent">0.4%</span>')
    lacks(paint("label", { show_heading = false }, value), "vt-top")
    contains(paint("label", { show_heading = false }, { label = "cat" }), '<p class="vt-top">cat</p>')
    contains(paint("label", {}), '<p class="vt-empty">Nothing yet</p>')
end)

case("json shows anything that JSON can hold", function(k)
    k:same(write("json", {}, { 1, { a = true } }), '[1,{"a":true}]')
    refuses("cannot show this: value.f is a function", write("json", {}, { f = print }))
    contains(paint("json", { height = 10 }, { a = "<" }), 'class="vt-json vt-h-40" tabindex="0"><code>{\n  &quot;a&quot;: &quot;&lt;&quot;\n}</code>')
    contains(paint("json", {}), "Nothing yet")
end)

local function upload(k, path, text)
    k.host.uploads[path] = text
    return { path = path, orig_name = "x.png", meta = { _type = "gradio.FileData" } }
end

-- Reads inside a played event, because decoding waits.
local function read_waiting(k, ...)
    local ok, value, message = k.host.play({}, nil, read, ...)
    assert(ok, value)
    return value, message
end

case("image decodes what was uploaded, or hands the file on", function(k)
    local image = read_waiting(k, "image", {}, upload(k, "/f/1", "IMAGE one"))
    equal(image.text, "IMAGE one")
    equal(k.host.log[1][2], "image")
    equal(read("image", { type = "file" }, upload(k, "/f/2", "not decoded")).text, "not decoded")
    equal(read("image", {}, nil), nil)
end)

case("image refuses what is no upload", function(k)
    refuses("is an empty file", read("image", {}, {}))
    refuses("is an empty file", read("image", {}, { path = k.json.null }))
    refuses("send the file itself", read("image", {}, { path = "https://example.org/x.png" }))
    refuses("upload it again", read("image", {}, { path = "/etc/passwd" }))
    refuses("is not a picture that can be read (not a PNG, JPEG or WebP file)",
        read_waiting(k, "image", {}, upload(k, "/f/1", "GIF89a")))
end)

case("a cancelled wait is no broken picture", function(k)
    k.host.image = function() error({ kind = "cancelled" }, 0) end
    local ok, problem = pcall(read, "image", {}, upload(k, "/f/1", "IMAGE"))
    equal(ok, false)
    equal(problem.kind, "cancelled")
end)

case("image sends pictures, files and files of the repository", function(k)
    local _, made = k.host.play({}, nil, write, "image", { format = "webp" }, k.host.image_new(4, 4))
    equal(made.path, "stored/4.webp")
    local file = read("image", { type = "file" }, upload(k, "/f/1", "x"))
    equal(write("image", {}, file).path, "/f/1")
    k.host.release["my cat.png"] = "IMAGE"
    equal(write("image", {}, "my cat.png").path, "release/my cat.png")
    equal(write("image", {}, "my cat.png").url, "my%20cat.png")
    refuses('names the file "dog.png" that the repository does not have', write("image", {}, "dog.png"))
    refuses("takes an image, a file or a file name, not a number", write("image", {}, 3))
    refuses("takes an image, a file or a file name, not a table", write("image", {}, { 1 }))
end)

case("image markup with and without a picture", function(k)
    contains(paint("image", { label = "P" }, { path = "/f/a b.png", url = k.json.null }, true),
        '<p class="vt-label" id="vt-c1-label">P</p><div class="vt-frame"><img alt="P" class="vt-img" src="gradio_api/file=/f/a%20b.png"></div>')
    contains(paint("image", {}, nil, true), "Nothing yet")
    contains(paint("image", { height = 200 }), '<div class="vt-frame vt-h-200"><div class="vt-drop"><p class="vt-drop-text">Drop a picture here, paste one, or</p>')
    contains(paint("image", {}, { path = "x", url = "three.png" }), '<button class="vt-tool" type="button">Remove</button>')
end)

case("sketchpad hands on the composite, or nothing for an empty sheet", function(k)
    local data = upload(k, "/f/1", "IMAGE ink")
    equal(read_waiting(k, "sketchpad", {}, { composite = data, layers = { data }, background = k.json.null }).text, "IMAGE ink")
    equal(read_waiting(k, "sketchpad", {}, data).text, "IMAGE ink", "a bare file")
    equal(read("sketchpad", {}, { composite = k.json.null, layers = {}, background = k.json.null }), nil)
    equal(read("sketchpad", {}, nil), nil)
    refuses("is an empty file", read("sketchpad", {}, {}))
    k.host.release["three.png"] = "IMAGE"
    local value = write("sketchpad", {}, "three.png")
    equal(value.composite.path, "release/three.png")
    k:same(value.layers, "[]")
end)

case("sketchpad markup", function()
    contains(paint("sketchpad", { label = "Draw" }),
        '<div class="vt-pad" data-empty><canvas aria-describedby="vt-c1-keys" aria-labelledby="vt-c1-label" class="vt-canvas"'
        .. ' height="320" id="vt-c1-in" role="application" tabindex="0" width="320"></canvas></div><p class="vt-sr" id="vt-c1-keys">')
    contains(paint("sketchpad", { show_label = false, label = "" }), 'aria-label="Drawing"')
    contains(paint("sketchpad", { brush_size = 2 }), 'max="8" min="1" step="1" type="range" value="2"')
    contains(paint("sketchpad", {}), 'max="60" min="1" step="1" type="range" value="20"')
    equal(pcall(entry_of, "sketchpad", { brush_color = "red" }), false)
end)

case("state gives its own copy of the first value", function()
    local options = { value = { list = {} } }
    local entry, props = entry_of("state", options)
    local first = entry.preprocess(nil, props)
    first.list[1] = "mine"
    equal(#entry.preprocess(nil, props).list, 0)
    equal(entry.preprocess(5, props), 5)
    refuses("cannot keep this: value.f is a function", entry.postprocess({ f = print }, props))
end)

case("every entry is complete", function()
    local registry = require "registry"
    for _, name in ipairs(registry.names) do
        local entry = registry.by_name[name]
        assert(entry.doc:match("%.$"), name .. ": doc is a sentence")
        assert(entry.html or entry.session, name .. ": html")
        for _, row in ipairs(entry.schema.rows) do
            assert(row.doc and row.doc:match("%.$"), name .. "." .. row.name .. ": doc is a sentence")
        end
        if not entry.layout then
            assert(entry.gradio_type and entry.value and entry.preprocess and entry.postprocess and entry.lua_value, name)
            assert(entry.skip_api or entry.example_input ~= nil, name .. ": example_input")
        end
    end
end)
