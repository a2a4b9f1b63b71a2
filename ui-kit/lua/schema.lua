-- schema.lua: what a component's value looks like on the wire. A component names one of these schemas;
-- clients read them in /gradio_api/info, and from the same tables come the words for python and for the Lua
-- definitions.
--
-- No boolean ever stands where a schema is expected (`additionalProperties: true`): clients stumble over it.

local values = require "values"

local type, pairs, ipairs, next, tostring = type, pairs, ipairs, next, tostring
local concat, sort, format = table.concat, table.sort, string.format

local schema = {}

function schema.string(description)
    return { type = "string", description = description }
end

function schema.number(description)
    return { type = "number", description = description }
end

function schema.integer(description)
    return { type = "integer", description = description }
end

function schema.boolean()
    return { type = "boolean" }
end

-- Any JSON value: the empty schema.
function schema.any()
    return {}
end

-- One of a list of values.
function schema.choice(choices)
    local item = { enum = values.array(choices) }
    local kind = nil
    for _, choice in ipairs(choices) do
        kind = kind or type(choice)
        if kind ~= type(choice) then
            return item
        end
    end
    item.type = kind or "string"
    if #choices == 0 then
        item.enum = nil
    end
    return item
end

function schema.list(items)
    return { type = "array", items = items }
end

-- A file slot: clients know one by this very pair of `path` and `meta._type`.
function schema.file(description)
    return {
        type = "object",
        title = "FileData",
        description = description,
        properties = {
            path = { type = "string", description = "the handle that an upload returned" },
            url = { type = "string" },
            size = { type = "integer" },
            orig_name = { type = "string" },
            mime_type = { type = "string" },
            is_stream = { type = "boolean" },
            meta = {
                type = "object",
                properties = { _type = { const = "gradio.FileData", type = "string" } },
                required = values.list("_type"),
            },
        },
        required = values.list("path", "meta"),
    }
end

-- A drawing: what stands behind, the layers over it, and all of them together.
function schema.drawing()
    return {
        type = "object",
        title = "EditorData",
        properties = {
            background = schema.file(),
            layers = schema.list(schema.file()),
            composite = schema.file(),
            id = { type = "string" },
        },
    }
end

-- Classes with confidences.
function schema.label()
    return {
        type = "object",
        title = "LabelData",
        properties = {
            label = { type = "string" },
            confidences = schema.list({
                type = "object",
                properties = { label = { type = "string" }, confidence = { type = "number" } },
                required = values.list("label", "confidence"),
            }),
        },
        required = values.list("label"),
    }
end

local python_names = { string = "str", number = "float", integer = "int", boolean = "bool" }

local function is_file(s)
    return s.properties and s.properties.meta and s.properties.path and true or false
end

local function python_object(s)
    local names, fields = {}, {}
    for name in pairs(s.properties or {}) do
        names[#names + 1] = name
    end
    sort(names)
    for i, name in ipairs(names) do
        fields[i] = name .. ": " .. schema.python(s.properties[name])
    end
    return format("dict(%s)", concat(fields, ", "))
end

-- The python type that documents the schema.
function schema.python(s)
    if s.enum then
        local words = {}
        for i, choice in ipairs(s.enum) do
            words[i] = type(choice) == "string" and format("'%s'", choice) or tostring(choice)
        end
        return format("Literal[%s]", concat(words, ", "))
    elseif s.type == "array" then
        return format("list[%s]", schema.python(s.items or {}))
    elseif s.type == "object" then
        return is_file(s) and "filepath" or python_object(s)
    end
    return python_names[s.type] or "Any"
end

local checks = {
    string = function(v) return type(v) == "string" end,
    number = function(v) return type(v) == "number" and v == v end,
    integer = function(v) return type(v) == "number" and v % 1 == 0 end,
    boolean = function(v) return type(v) == "boolean" end,
    array = function(v) return type(v) == "table" and (next(v) == nil or values.is_array(v)) end,
    object = function(v) return type(v) == "table" and (next(v) == nil or not values.is_array(v)) end,
}

local words = {
    string = "text", number = "a number", integer = "a whole number", boolean = "true or false",
    array = "a list", object = "an object",
}

-- nil when `value` fits the schema's outer type, else a sentence for the caller. The insides of an object are
-- the component's own business: it reads each field it uses.
function schema.check(s, value)
    local test = checks[s.type]
    if test and not test(value) then
        return "must be " .. words[s.type]
    end
    return nil
end

return schema
