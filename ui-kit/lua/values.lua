-- values.lua: Lua values that travel as JSON: may they, a copy of them, and one canonical text of them.

local json = require "json"
local bounds = require "bounds"
local html = require "html"

local type, pairs, ipairs, next, tostring, getmetatable, rawlen = type, pairs, ipairs, next, tostring,
    getmetatable, rawlen
local format, find, gsub, byte, match = string.format, string.find, string.gsub, string.byte, string.match
local concat, sort, math_type, utf8_len, huge = table.concat, table.sort, math.type, utf8.len, math.huge
local null, array = json.null, json.array

local values = {}

local array_mark = getmetatable(array({}))

values.null = null

-- A JSON array of the items given.
function values.list(...)
    return array({ ... })
end

-- Marks a table as an array, so that an empty one is written as [].
function values.array(t)
    return array(t or {})
end

-- Whether a table is written as a JSON array: it is marked, or has items and no other keys.
function values.is_array(t)
    if array_mark and getmetatable(t) == array_mark then
        return true
    end
    local n = rawlen(t)
    if n == 0 then
        return false
    end
    for key in next, t do
        if math_type(key) ~= "integer" or key < 1 or key > n then
            return false
        end
    end
    return true
end

-- JSON null, nil or a value: nil for the first two.
function values.present(value)
    if value == null then
        return nil
    end
    return value
end

-- nil as JSON null.
function values.or_null(value)
    if value == nil then
        return null
    end
    return value
end

local function step(path, key)
    if math_type(key) == "integer" then
        return format("%s[%d]", path, key)
    elseif match(key, "^[%a_][%w_]*$") then
        return path .. "." .. key
    end
    return format("%s[%q]", path, key)
end

local check_value

local function check_table(value, path, walk, depth)
    if walk.open[value] then
        return path .. " contains itself"
    elseif depth > bounds.json_depth then
        return format("%s is nested deeper than %d tables", path, bounds.json_depth)
    elseif getmetatable(value) ~= nil and getmetatable(value) ~= array_mark then
        return path .. " is an object with a metatable"
    end
    walk.open[value] = true
    local n, has_items, has_names = rawlen(value), false, false
    for key, item in next, value do
        if math_type(key) == "integer" and key >= 1 and key <= n then
            has_items = true
        elseif type(key) == "string" and utf8_len(key) then
            has_names = true
        else
            return format("%s has a key that is %s, which JSON cannot have", path,
                type(key) == "string" and "not UTF-8" or "a " .. type(key) .. " outside 1..n")
        end
        local message = check_value(item, step(path, key), walk, depth + 1)
        if message then
            return message
        end
    end
    walk.open[value] = nil
    if has_items and has_names then
        return path .. " mixes list items and named fields"
    end
    return nil
end

function check_value(value, path, walk, depth)
    walk.nodes = walk.nodes + 1
    if walk.nodes > bounds.json_nodes then
        return format("%s is too large (more than %d values)", path, bounds.json_nodes)
    end
    if value == nil or value == null then
        return nil
    end
    local kind = type(value)
    if kind == "table" then
        return check_table(value, path, walk, depth)
    elseif kind == "string" then
        return not utf8_len(value) and path .. " is a string that is not UTF-8" or nil
    elseif kind == "number" then
        if value ~= value or value == huge or value == -huge then
            return path .. " is " .. (value ~= value and "not a number (NaN)" or "infinite")
        end
        return nil
    elseif kind == "boolean" then
        return nil
    end
    return format("%s is a %s, which JSON cannot hold", path, kind)
end

-- nil when `value` can travel as JSON, else a message that names the part that cannot, starting with `name`.
function values.check_json(value, name)
    return check_value(value, name, { nodes = 0, open = {} }, 0)
end

-- A deep copy of a value that check_json accepts.
function values.copy(value)
    if type(value) ~= "table" or value == null then
        return value
    end
    local copy = {}
    for key, item in next, value do
        copy[key] = values.copy(item)
    end
    if values.is_array(value) then
        array(copy)
    end
    return copy
end

local function quote(text)
    if not find(text, '[%c"\\]') then
        return '"' .. text .. '"'
    end
    return '"' .. gsub(text, '[%c"\\]', function(c)
        return format("\\u%04x", byte(c))
    end) .. '"'
end

local write

local function write_object(value, out)
    local names = {}
    for name in next, value do
        names[#names + 1] = name
    end
    sort(names)
    out[#out + 1] = "{"
    for i, name in ipairs(names) do
        out[#out + 1] = (i > 1 and "," or "") .. quote(name) .. ":"
        write(value[name], out)
    end
    out[#out + 1] = "}"
end

local function write_array(value, out)
    out[#out + 1] = "["
    for i = 1, rawlen(value) do
        if i > 1 then
            out[#out + 1] = ","
        end
        write(value[i], out)
    end
    out[#out + 1] = "]"
end

function write(value, out)
    local kind = type(value)
    if value == null then
        out[#out + 1] = "null"
    elseif kind == "string" then
        out[#out + 1] = quote(value)
    elseif kind == "number" then
        out[#out + 1] = html.number(value)
    elseif kind == "table" then
        if values.is_array(value) then
            write_array(value, out)
        else
            write_object(value, out)
        end
    else
        out[#out + 1] = kind == "boolean" and tostring(value) or "null"
    end
end

-- One text per JSON value: names sorted, no spaces, whole numbers without a fraction. For digests and
-- comparing.
function values.canonical(value)
    local out = {}
    write(value, out)
    return concat(out)
end

local function pretty(value, indent, out)
    if type(value) ~= "table" or value == null or next(value) == nil then
        write(value, out)
        return
    end
    local is_list, inner = values.is_array(value), indent .. "  "
    local names = {}
    for name in next, value do
        names[#names + 1] = name
    end
    sort(names)
    out[#out + 1] = is_list and "[" or "{"
    for i, name in ipairs(names) do
        out[#out + 1] = (i > 1 and "," or "") .. "\n" .. inner .. (is_list and "" or quote(name) .. ": ")
        pretty(value[name], inner, out)
    end
    out[#out + 1] = "\n" .. indent .. (is_list and "]" or "}")
end

-- The value as people read it: two spaces per level.
function values.pretty(value)
    local out = {}
    pretty(value, "", out)
    return concat(out)
end

return values
