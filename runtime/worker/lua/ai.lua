-- ai.lua: models. Both ways suspend the handler until the shared inference backend has answered; other events run meanwhile.
--
--   ai.pipeline("image-classification", "owner/name")   → function(image[, { top_k = n }]) → { { label =, score = }, … }
--                                                          best first; scores from 0 to 1 that add up to at most 1
--   ai.model("owner/name"):describe()                   → { inputs = { { name, type, shape }, … }, outputs = … }
--   ai.model("owner/name"):run{ name = tensor, … }      → { name = tensor, … }
--
-- A tensor is a table: { shape = { 1, 3 }, type = "float32", 0.1, 0.2, 0.3 }, values in row-major order. `type` is float32
-- (default), float64, int64, int32, uint8 or bool; a plain number is a tensor without dimensions; nested lists are given
-- their shape. Names, types and shapes are checked against the model before it runs.

local core = require "core"
local json = require "json"

local type, error, pairs, ipairs, setmetatable, tostring, sort = type, error, pairs, ipairs, setmetatable, tostring, table.sort
local match, format = string.match, string.format

local ai = {}

local function check_name(owner, name)
    if type(name) ~= "string" or not match(name, "^[%w][%w._-]*/[%w][%w._-]*$") then
        error(format('%s takes the name of a model, "owner/name", not %s', owner, tostring(name)), 3)
    end
    core.use_model(name)
    return name
end

local function call(name, op, arguments, tensors)
    local ok, body, answer = core.call("model", name, op, json.encode(arguments), tensors or "")
    if not ok then
        error(body, 0)
    end
    return body ~= "" and json.decode(body) or nil, answer
end

-- -- pipelines -------------------------------------------------------------------------------------------------------

local tasks = {}

tasks["image-classification"] = function(name)
    return function(image, options)
        if type(image) ~= "userdata" then
            error("the pipeline takes an image, not a " .. type(image), 2)
        end
        return call(name, "pipeline", { task = "image-classification", top_k = options and options.top_k },
            core.pack_image(image))
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

local function tensor_of(name, value)
    if type(value) == "number" or type(value) == "boolean" then
        return { name = name, type = "float32", shape = {}, data = { value } }
    elseif type(value) == "userdata" then
        return { name = name, image = value }
    elseif type(value) ~= "table" then
        error(format('the tensor "%s" is a %s, not a table', name, type(value)), 3)
    end
    if value.shape then
        return { name = name, type = value.type or "float32", shape = value.shape, data = value }
    end
    local shape, data = {}, {}
    flatten(value, shape, data, 1)
    return { name = name, type = value.type or "float32", shape = shape, data = data }
end

function Model:run(inputs)
    if type(inputs) ~= "table" then
        error("model:run takes { name = tensor, … }", 2)
    end
    local list = {}
    for name, value in pairs(inputs) do
        if type(name) ~= "string" then
            error("model:run takes tensors by name: { name = tensor, … }", 2)
        end
        list[#list + 1] = tensor_of(name, value)
    end
    sort(list, function(a, b) return a.name < b.name end)
    local _, answer = call(self.name, "run", {}, core.pack_tensors(list))
    return core.unpack_tensors(answer)
end

return ai
