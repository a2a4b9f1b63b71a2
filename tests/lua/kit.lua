-- kit.lua: opens the Lua kit in a plain interpreter, as the worker does it in the sandbox, and helps to look at it.

local kit = {}

local root
local kit_modules = {}

-- What a kit module sees: the globals that the sandbox has. Anything else, and any new global, is an error.
local sandbox = {}
for _, name in ipairs { "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen",
    "rawset", "require", "select", "setmetatable", "tonumber", "tostring", "type", "xpcall", "string", "table", "math", "utf8",
    "coroutine" } do
    sandbox[name] = _G[name]
end
sandbox.debug = { traceback = debug.traceback }
setmetatable(sandbox, {
    __index = function(_, name) error("the kit uses the global " .. name, 2) end,
    __newindex = function(_, name) error("the kit sets the global " .. name, 2) end,
})

-- Kit modules by the names of runtime/worker/embedded.h; chunks are named by their path in the repository.
local function load_module(name)
    local component = name:match("^component%.(.+)$")
    local path = component and ("ui-kit/components/%s/%s.lua"):format(component, component)
        or ("ui-kit/lua/%s.lua"):format(name)
    local file = io.open(root .. "/" .. path)
    if not file then
        return nil
    end
    local source = file:read("a")
    file:close()
    kit_modules[name] = true
    return assert(load(source, "@" .. path, "t", sandbox))
end

function kit.open(repository)
    root = repository
    table.insert(package.searchers, 2, load_module)
    package.path = repository .. "/tests/lua/stubs/?.lua;" .. package.path
end

function kit.root()
    return root
end

local raw_resume = coroutine.resume

-- A kit of its own, with nothing described yet.
function kit.fresh()
    for name in pairs(kit_modules) do
        package.loaded[name] = nil
    end
    package.loaded.host, package.loaded.json = nil, nil
    coroutine.resume = raw_resume
    local k = setmetatable({}, { __index = kit })
    k.host, k.json = require "host", require "json"
    k.ui, k.app = require "ui", require "app"
    return k
end

-- Runs `source` as app.lua. As the worker does, it keeps the main chunk from calling in tail position, so that the line
-- of `return ui.interface{…}` is known.
function kit:script(source)
    local env = setmetatable({ require = function(name)
        return name == "ui" and self.ui or name == "json" and self.json or name == "ai" and self.ai
            or error("no module " .. name, 2)
    end }, { __index = _G })
    local parts = { "local _keep_line <close> = nil; ", source }
    local chunk = assert(load(function() return table.remove(parts, 1) end, "@app.lua", "t", env))
    return chunk()
end

-- Runs and loads; returns what app.describe gives: config, info, page, manifest.
function kit:describe(source, card)
    self.app.load(self:script('local ui = require "ui" ' .. source))
    return self.app.describe(card)
end

-- The error that `source` ends with, in a kit of its own.
function kit:trouble(source)
    local ok, message = pcall(self.describe, kit.fresh(), source)
    assert(not ok, "no error was raised")
    return type(message) == "table" and message.message or message
end

-- Runs event `id` as the worker would. Returns the data as JSON text and the state, or nil and the error.
function kit:run(id, data, context, answer)
    local decoded = self.json.decode(data)
    local ok, result, state = self.host.play(context or {}, answer, self.app.run, id, decoded, context or {})
    if ok then
        return self.json.encode(result), state
    end
    return nil, result
end

-- The component of a config with this id.
function kit.component(config, id)
    for _, component in ipairs(config.components) do
        if component.id == id then
            return component
        end
    end
end

function kit.equal(actual, expected, what)
    if actual ~= expected then
        error(("%s\n  is       %s\n  expected %s"):format(what or "values differ", tostring(actual), tostring(expected)), 2)
    end
end

-- Two JSON values (as Lua tables) are the same.
function kit:same(actual, expected, what)
    local canonical = require("values").canonical
    kit.equal(canonical(actual), type(expected) == "string" and canonical(self.json.decode(expected))
        or canonical(expected), what)
end

function kit.contains(text, part)
    if not tostring(text):find(part, 1, true) then
        error(("%q is missing in\n  %s"):format(part, tostring(text)), 2)
    end
end

function kit.lacks(text, part)
    if tostring(text):find(part, 1, true) then
        error(("%q should not be in\n  %s"):format(part, tostring(text)), 2)
    end
end

return kit
