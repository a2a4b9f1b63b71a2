-- The registry, the folders and the definitions for editors agree; limits hold.

local kit = require "kit"
local equal, contains = kit.equal, kit.contains

local function lines_of(command)
    local out, pipe = {}, io.popen(command)
    for line in pipe:lines() do
        out[#out + 1] = line
    end
    pipe:close()
    return out
end

local function read_file(path)
    local file = assert(io.open(path))
    local text = file:read("a")
    file:close()
    return text
end

case("every component folder is registered, and the other way round", function()
    local folders = lines_of(("ls '%s/ui-kit/components'"):format(kit.root()))
    local names = {}
    for i, name in ipairs(require("registry").names) do
        names[i] = name
    end
    table.sort(names)
    table.sort(folders)
    equal(table.concat(folders, " "), table.concat(names, " "))
end)

case("library.d.lua is what is registered", function()
    local text = dofile(kit.root() .. "/tests/lua/generate.lua").text()
    equal(read_file(kit.root() .. "/ui-kit/lua/library.d.lua") == text, true,
        "ui-kit/lua/library.d.lua is out of date: run `lua5.4 tests/lua/generate.lua --write`")
    assert(load(text, "@library.d.lua", "t"))
end)

case("the definitions name all of ui", function(k)
    local text = read_file(kit.root() .. "/ui-kit/lua/library.d.lua")
    for name in pairs(k.ui) do
        assert(text:find("function ui." .. name .. "(", 1, true) or text:find("ui." .. name .. " =", 1, true),
            "ui." .. name .. " is not defined")
    end
end)

case("no file of the kit is longer than the budget, no line wider", function()
    local files = lines_of(("ls '%s'/ui-kit/lua/*.lua '%s'/ui-kit/components/*/*.lua"):format(kit.root(), kit.root()))
    for _, path in ipairs(files) do
        local count = 0
        for line in io.lines(path) do
            count = count + 1
            assert(path:find("library.d.lua", 1, true) or utf8.len(line) <= 120, ("%s:%d is too wide"):format(path, count))
            assert(not line:find("\t", 1, true) and not line:find(" $"), ("%s:%d: white space"):format(path, count))
        end
        assert(path:find("library.d.lua", 1, true) or count <= 400, path .. " is too long")
    end
end)

case("a large interface is described quickly enough", function(k)
    local from = os.clock()
    local config = k:describe [[return ui.blocks(function()
        local all = {}
        for i = 1, 500 do all[i] = ui.textbox { label = "Field " .. i } end
        ui.button "Go":click { fn = print, inputs = all, outputs = all }
    end)]]
    equal(#config.components, 501)
    k.app.tree()
    assert(os.clock() - from < 2, "took " .. os.clock() - from .. " s")
end)

case("limits are said", function(k)
    contains(k:trouble [[return ui.blocks(function() for i = 1, 3000 do ui.markdown "x" end end)]],
        "a demo can have at most 2000 components")
    contains(k:trouble [[return ui.blocks(function() local b = ui.button "x"
        for i = 1, 600 do b:click { fn = print } end end)]], "a demo can have at most 500 events")
    contains(k:trouble [[return ui.blocks(function() local c = {} for i = 1, 10001 do c[i] = "c" .. i end
        ui.dropdown { choices = c } end)]], "has more than 10000 entries")
end)
