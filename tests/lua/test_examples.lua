-- The demos of examples/: each loads, has the endpoints its card names, and its handlers answer.

local kit = require "kit"
local equal, contains = kit.equal, kit.contains

-- Loads examples/<name>/app.lua; returns what app.describe gives.
local function describe(k, name)
    local file = assert(io.open(kit.root() .. "/examples/" .. name .. "/app.lua"))
    local source = file:read("a")
    file:close()
    k.app.load(k:script(source))
    return k.app.describe()
end

-- The partial results of the last run, as JSON texts.
local function partials(k)
    local out = {}
    for _, entry in ipairs(k.host.log) do
        if entry[1] == "partial" then
            out[#out + 1] = entry[2]
        end
    end
    return out
end

local function endpoints(info)
    local names = {}
    for name in pairs(info.named_endpoints) do
        names[#names + 1] = name
    end
    table.sort(names)
    return table.concat(names, " ")
end

-- The id of the component of this kind.
local function id_of(config, kind)
    for _, component in ipairs(config.components) do
        if component.type == kind then
            return component.id
        end
    end
end

-- The id of the event with this name on the API.
local function function_of(config, api_name)
    for _, dependency in ipairs(config.dependencies) do
        if dependency.api_name == api_name then
            return dependency.id
        end
    end
end

case("greeter greets and counts per session", function(k)
    local config, info = describe(k, "greeter")
    equal(endpoints(info), "/greet")
    local state = tostring(id_of(config, "state"))
    local data, kept = k:run(1, '["  Ada ", "Deutsch", null]')
    contains(data, "Hallo, Ada!")
    equal(kept[state].count, 1)
    data, kept = k:run(1, '["Ada", "English", null]', { state = kept })
    contains(data, "Hello, Ada!")
    equal(kept[state].count, 2)
    contains(k:run(2, "[null]", { state = kept }), "**2**")
end)

case("greeter has a greeting for every language it offers", function(k)
    local config = describe(k, "greeter")
    for _, choice in ipairs(kit.component(config, id_of(config, "radio")).props.choices) do
        contains(k:run(1, k.json.encode({ "Zoë", choice[2], k.json.null })), "Zoë")
    end
end)

case("greeter refuses empty and endless names with words", function(k)
    describe(k, "greeter")
    local data, trouble = k:run(1, '["   ", "English", null]')
    equal(data, nil)
    equal(trouble.kind, "user")
    equal(trouble.message, "Please enter a name.")
    data, trouble = k:run(1, k.json.encode({ ("é"):rep(61), "English", k.json.null }))
    equal(data, nil)
    contains(trouble.message, "at most 60 characters")
end)

case("greeter runs its second step after the first", function(k)
    local config = describe(k, "greeter")
    equal(config.dependencies[2].trigger_after, config.dependencies[1].id)
    equal(#config.dependencies[1].targets, 2)
end)

case("ticker streams every tick and waits in between", function(k)
    local _, info = describe(k, "ticker")
    equal(endpoints(info), "/tick")
    equal((k:run(1, "[3, 0.5]")), '["tick 3 of 3"]')
    equal(table.concat(partials(k), " "), '["tick 1 of 3"] ["tick 2 of 3"]')
    local waits, progress = 0, nil
    for _, entry in ipairs(k.host.log) do
        if entry[1] == "wait" then
            waits = waits + 1
            equal(entry[2], "sleep")
            equal(entry[3], 0.5)
        elseif entry[1] == "progress" then
            progress = entry[2].progress
        end
    end
    equal(waits, 2)
    equal(progress, 1)
end)

case("ticker can be stopped", function(k)
    local config = describe(k, "ticker")
    k:same(config.dependencies[2].cancels, "[" .. config.dependencies[1].id .. "]")
end)

case("mandelbrot draws the set, shows it while it grows, and lets others run after each row", function(k)
    local config, info = describe(k, "mandelbrot")
    equal(endpoints(info), "/render")
    k:same(config.dependencies[2].cancels, "[" .. config.dependencies[1].id .. "]")
    local drawn, size = {}, nil
    local make = k.host.image_new
    function k.host.image_new(width, height, channels)
        local image = make(width, height, channels)
        equal(channels, 3)
        size = { width, height }
        image.pixel = function(_, x, y, ...)
            assert(math.type(x) == "integer" and math.type(y) == "integer")
            assert(x >= 0 and x < width and y >= 0 and y < height, "outside of the picture")
            for _, value in ipairs { ... } do
                assert(value >= 0 and value <= 255)
            end
            equal(select("#", ...), 3)
            drawn[y * width + x] = true
        end
        return image
    end
    local stored = { path = "p", meta = { _type = "gradio.FileData" } }
    local data = k:run(1, '["Whole set", 50]', nil, function(kind) return kind == "store" and stored or nil end)
    contains(data, '"path"')
    equal(#partials(k), 3)
    local width, height = size[1], size[2]
    assert(not drawn[height // 2 * width + width // 2], "a point of the set was coloured")
    assert(drawn[0] and drawn[width * height - 1], "a corner was left out")
    local sleeps = 0
    for _, entry in ipairs(k.host.log) do
        sleeps = sleeps + (entry[1] == "wait" and entry[2] == "sleep" and 1 or 0)
    end
    equal(sleeps, height)
end)

case("mandelbrot knows every place it offers", function(k)
    local config = describe(k, "mandelbrot")
    local choices = kit.component(config, id_of(config, "dropdown")).props.choices
    function k.host.image_new()
        error("reached", 0)
    end
    for _, choice in ipairs(choices) do
        local _, trouble = k:run(1, k.json.encode({ choice[2], 50 }))
        equal(trouble.message, "reached")
    end
end)

-- A picture that only remembers what was asked of it; `ink` is x, y, width, height of what is drawn, or nil.
local function recorder(width, height, ink, calls)
    local image = { width = width, height = height, channels = 4 }
    function image:grayscale() return self end
    function image:invert() return self end
    function image:bounds() return table.unpack(ink or {}) end
    function image:crop(...)
        calls[#calls + 1] = { "crop", ... }
        return self
    end
    function image:resize(...)
        calls[#calls + 1] = { "resize", ... }
        self.width, self.height = ...
        return self
    end
    return image
end

-- Runs digits on a picture of that kind; returns the answer (or nil and the error) and the calls made on the picture.
local function read_digit(k, width, height, ink)
    local calls = {}
    k.host.uploads.up = "IMAGE"
    function k.host.image()
        return recorder(width, height, ink, calls)
    end
    k.ai = { pipeline = function(task, model)
        equal(task, "image-classification")
        equal(model, "vitrine/digits")
        return function(image)
            equal(image.width, 28)
            equal(image.height, 28)
            return { { label = "3", score = 0.9 }, { label = "8", score = 0.1 } }
        end
    end }
    k.host.release["three.png"], k.host.release["seven.png"] = "IMAGE", "IMAGE"
    local config, info = describe(k, "digits")
    equal(endpoints(info), "/predict")
    local data, trouble = k:run(function_of(config, "predict"), [[[{"composite":{"path":"up","meta":{"_type":"gradio.FileData"}},"layers":[],"background":null}]
        ]])
    return data, trouble, calls, function_of(config, "predict")
end

case("digits cuts a tall digit out as a centred square", function(k)
    local data, trouble, calls = read_digit(k, 320, 320, { 100, 60, 40, 200 })
    assert(data, trouble and trouble.message)
    contains(data, '"label":"3"')
    equal(table.concat(calls[1], " "), "crop -20 20 280 280")
    equal(table.concat(calls[2], " "), "resize 28 28")
end)

case("digits cuts a flat digit out as a centred square", function(k)
    local _, _, calls = read_digit(k, 320, 320, { 0, 0, 100, 50 })
    equal(table.concat(calls[1], " "), "crop -20 -45 140 140")
end)

case("digits shrinks a photograph first", function(k)
    local _, _, calls = read_digit(k, 4096, 2048, { 10, 10, 20, 20 })
    equal(table.concat(calls[1], " "), "resize 1024 512")
end)

case("digits asks for a drawing when there is none", function(k)
    local data, trouble, _, predict = read_digit(k, 320, 320, nil)
    equal(data, nil)
    equal(trouble.kind, "user")
    contains(trouble.message, "Draw a digit first")
    data, trouble = k:run(predict, "[null]")
    equal(data, nil)
    contains(trouble.message, "Draw a digit first")
end)

case("the examples' pictures stand beside the script", function()
    for _, name in ipairs { "three", "seven" } do
        local file = assert(io.open(kit.root() .. "/examples/digits/" .. name .. ".png", "rb"))
        equal(file:read(8), "\137PNG\r\n\26\n")
        file:close()
    end
end)

case("every card's front matter has what the gallery shows", function()
    for _, name in ipairs { "digits", "greeter", "ticker", "mandelbrot", "card" } do
        local file = assert(io.open(kit.root() .. "/examples/" .. name .. "/README.md"))
        local matter = file:read("a"):match("^%-%-%-\n(.-)\n%-%-%-\n")
        file:close()
        for _, key in ipairs { "title", "emoji", "colorFrom", "colorTo", "sdk", "short_description", "tags", "license" } do
            contains("\n" .. matter, "\n" .. key .. ":")
        end
    end
end)

case("the static card asks nothing of a third party", function()
    for _, name in ipairs { "index.html", "card.css" } do
        local file = assert(io.open(kit.root() .. "/examples/card/" .. name))
        local text = file:read("a")
        file:close()
        equal(text:find("https?://"), nil, name)
        equal(text:find("<script", 1, true), nil, name)
    end
end)
