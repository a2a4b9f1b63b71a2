-- json.lua: stands in for the worker's C module in the plain-Lua tests. Same interface: encode, decode, null, array.

local json = {}

json.null = setmetatable({}, { __tostring = function() return "null" end, __name = "json.null" })

local array_mt = { __name = "json.array" }

function json.array(t)
    return setmetatable(t or {}, array_mt)
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(text)
    return '"' .. text:gsub('[%c"\\]', function(c)
        return escapes[c] or ("\\u%04x"):format(c:byte())
    end) .. '"'
end

local function is_array(t)
    return getmetatable(t) == array_mt or #t > 0
end

local function number(value)
    if math.type(value) == "integer" then
        return tostring(value)
    end
    assert(value == value and value ~= math.huge and value ~= -math.huge, "number without a JSON form")
    return value % 1 == 0 and ("%d"):format(value) or ("%.17g"):format(value)
end

function json.encode(value)
    local kind = type(value)
    if value == json.null or kind == "nil" then
        return "null"
    elseif kind == "boolean" then
        return tostring(value)
    elseif kind == "number" then
        return number(value)
    elseif kind == "string" then
        return quote(value)
    end
    assert(kind == "table", "cannot encode a " .. kind)
    local out = {}
    if is_array(value) then
        for i = 1, #value do
            out[i] = json.encode(value[i])
        end
        return "[" .. table.concat(out, ",") .. "]"
    end
    local names = {}
    for name in pairs(value) do
        assert(type(name) == "string", "object key that is a " .. type(name))
        names[#names + 1] = name
    end
    table.sort(names)
    for i, name in ipairs(names) do
        out[i] = quote(name) .. ":" .. json.encode(value[name])
    end
    return "{" .. table.concat(out, ",") .. "}"
end

local decode_value

local function skip(text, at)
    return text:find("[^ \t\r\n]", at) or #text + 1
end

local unescape = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function decode_string(text, at)
    local out, i = {}, at + 1
    while true do
        local c = text:sub(i, i)
        assert(c ~= "", "unfinished string")
        if c == '"' then
            return table.concat(out), i + 1
        elseif c == "\\" then
            local e = text:sub(i + 1, i + 1)
            if e == "u" then
                out[#out + 1] = utf8.char(tonumber(text:sub(i + 2, i + 5), 16))
                i = i + 6
            else
                out[#out + 1] = assert(unescape[e], "bad escape")
                i = i + 2
            end
        else
            out[#out + 1] = c
            i = i + 1
        end
    end
end

local function decode_list(text, at)
    local list, i = json.array({}), skip(text, at + 1)
    if text:sub(i, i) == "]" then
        return list, i + 1
    end
    while true do
        list[#list + 1], i = decode_value(text, i)
        i = skip(text, i)
        local c = text:sub(i, i)
        assert(c == "," or c == "]", "expected , or ]")
        i = i + 1
        if c == "]" then
            return list, i
        end
    end
end

local function decode_object(text, at)
    local object, i = {}, skip(text, at + 1)
    if text:sub(i, i) == "}" then
        return object, i + 1
    end
    while true do
        local name
        name, i = decode_string(text, skip(text, i))
        i = skip(text, i)
        assert(text:sub(i, i) == ":", "expected :")
        object[name], i = decode_value(text, i + 1)
        i = skip(text, i)
        local c = text:sub(i, i)
        assert(c == "," or c == "}", "expected , or }")
        i = i + 1
        if c == "}" then
            return object, i
        end
    end
end

local words = { { "true", true }, { "false", false }, { "null", json.null } }

function decode_value(text, at)
    local i = skip(text, at)
    local c = text:sub(i, i)
    if c == "{" then
        return decode_object(text, i)
    elseif c == "[" then
        return decode_list(text, i)
    elseif c == '"' then
        return decode_string(text, i)
    end
    for _, word in ipairs(words) do
        if text:sub(i, i + #word[1] - 1) == word[1] then
            return word[2], i + #word[1]
        end
    end
    local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", i)
    assert(digits, "unexpected character at " .. i)
    return tonumber(digits), i + #digits
end

function json.decode(text)
    local value, at = decode_value(text, 1)
    assert(skip(text, at) > #text, "text after the value")
    return value
end

return json
