-- ai.lua: models. Both ways suspend the handler until the shared inference backend has answered; other events run meanwhile.
--
--   ai.pipeline("image-classification", "owner/name")   → function(image[, { top_k = n }]) → { { label =, score = }, … }
--                                                          best first; scores from 0 to 1 that add up to at most 1
--   ai.model("owner/name"):describe()                   → { inputs = { { name, type, shape }, … }, outputs = … }
--   ai.model("owner/name"):run{ name = tensor, … }      → { name = tensor, … }
--
-- A tensor is a table: { shape = { 1, 3 }, type = "float32", 0.1, 0.2, 0.3 }, values in row-major order. `type` is float32
-- (default, string for text), float64, float16, int64 … int8, uint64 … uint8, bool or string. A plain number, truth value or
-- text is a tensor without dimensions, an image one of uint8 [height, width, channels]; nested lists are given their shape.
-- A value that its type cannot hold is an error; names, types and shapes are checked against the model before it runs.

local core = require "core"
local json = require "json"

local type, error, pairs, ipairs, tostring, sort = type, error, pairs, ipairs, tostring, table.sort
local pcall, setmetatable, getmetatable = pcall, setmetatable, getmetatable
local match, format = string.match, string.format

local ai = {}

local function check_name(owner, name)
    if type(name) ~= "string" or not match(name, "^[%w][%w._-]*/[%w][%w._-]*$") then
        error(format('%s takes the name of a model, "owner/name", not %s', owner, tostring(name)), 3)
    end
    core.use_model(name)
    return name
end

local described = {}    -- model -> what describe answered; forgotten when a call fails: there may be a new release

local function call(name, op, arguments, tensors)
    local ok, body, answer = core.call("model", name, op, json.encode(arguments), tensors or "")
    if not ok then
        described[name] = nil
        core.raise(body)
    end
    return body ~= "" and json.decode(body) or nil, answer
end

-- What the worker's other events hold of the tensor window comes free when their calls are answered.
local WINDOW_WAIT = 0.005

local function wait_for(reserve, ...)
    while true do
        local got = reserve(...)
        if got then
            return got
        end
        core.call("sleep", WINDOW_WAIT)
    end
end

local function pack(list)
    return wait_for(core.pack_tensors, list)
end

-- -- pipelines -------------------------------------------------------------------------------------------------------

local tasks = {}

tasks["image-classification"] = function(name)
    return function(image, options)
        if type(image) ~= "userdata" then
            error("the pipeline takes an image, not a " .. type(image), 2)
        end
        return (call(name, "pipeline", { task = "image-classification", top_k = options and options.top_k },
            pack({ { name = "image", image = image } })))
    end
end

function ai.pipeline(task, name)
    local make = tasks[task]
    if not make then
        local known = {}
        for each in pairs(tasks) do
            known[#known + 1] = '"' .. each .. '"'
        end
        sort(known)
        error(format('ai.pipeline does not know the task "%s"; it knows %s', tostring(task), table.concat(known, ", ")), 2)
    end
    return make(check_name("ai.pipeline", name))
end

-- -- any model -------------------------------------------------------------------------------------------------------

local Model = { __name = "model" }
Model.__index = Model
Model.__metatable = false

function ai.model(name)
    return setmetatable({ name = check_name("ai.model", name) }, Model)
end

function Model:describe()
    return (call(self.name, "describe", {}))
end

-- The shape of nested lists, and their values in one row.
local function flatten(value, shape, out, depth)
    if type(value) ~= "table" then
        out[#out + 1] = value
        return
    end
    if shape[depth] and shape[depth] ~= #value then
        error(format("lists of different lengths (%d and %d) at depth %d", shape[depth], #value, depth), 0)
    end
    shape[depth] = #value
    for _, item in ipairs(value) do
        flatten(item, shape, out, depth + 1)
    end
end

-- What the model takes there; float32 when it has no such input, which it will say itself.
local function type_of(model, name)
    described[model] = described[model] or call(model, "describe", {})
    for _, input in ipairs(described[model].inputs) do
        if input.name == name then
            return input.type
        end
    end
    return "float32"
end

local function tensor_of(model, name, value)
    local kind = type(value)
    if kind == "userdata" then
        return { name = name, image = value }
    elseif kind == "number" or kind == "boolean" or kind == "string" then
        return { name = name, type = type_of(model, name), shape = {}, data = { value } }
    elseif kind ~= "table" then
        core.raise(format('the tensor "%s" is a %s; a table, a number, a truth value, a text or an image is one', name, kind))
    end
    local shape, data = value.shape, value
    if not shape then
        shape, data = {}, {}
        local ok, why = pcall(flatten, value, shape, data, 1)
        if not ok then
            core.raise(format('the tensor "%s" has %s', name, why))
        end
    end
    return { name = name, type = value.type or type_of(model, name), shape = shape, data = data }
end

function Model:run(inputs)
    if getmetatable(self) ~= false then
        core.raise("a model is run with a colon: model:run { name = tensor, … }")
    elseif type(inputs) ~= "table" then
        core.raise("model:run takes tensors by name: { name = tensor, … }, not a " .. type(inputs))
    end
    local list = {}
    for name, value in pairs(inputs) do
        if type(name) ~= "string" then
            core.raise("model:run takes tensors by name: { name = tensor, … }")
        end
        list[#list + 1] = tensor_of(self.name, name, value)
    end
    sort(list, function(a, b) return a.name < b.name end)
    local held, answer = call(self.name, "run", {}, pack(list))
    if held then    -- too large for a message: it is kept until we say where in the window it goes
        local place = wait_for(core.reserve, held.bytes)
        held, answer = call(self.name, "fetch", { held = held.held, offset = place, length = held.bytes })
    end
    return core.unpack_tensors(answer)
end

return ai
