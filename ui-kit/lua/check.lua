-- check.lua: what is wrong with an author's options, said in words that name the option, the owner and the
-- line.
--
-- An option is a row { name, type, default, doc } where `type` is written as in LuaCATS: alternatives joined
-- by "|", each a name ("string", "integer", "component", ...), a name with "[]" (a list), or a literal in
-- double quotes. The same text goes into the definitions that editors read, so there is one description of
-- each option.

local bounds = require "bounds"

local type, pairs, ipairs, tostring, error, pcall, select = type, pairs, ipairs, tostring, error, pcall,
    select
local math_type, format, sub, find, match, gsub = math.type, string.format, string.sub, string.find,
    string.match,
    string.gsub
local utf8_offset, utf8_len = utf8.offset, utf8.len
local byte, gmatch, min, concat, sort = string.byte, string.gmatch, math.min, table.concat, table.sort

local check = {}

local LEVELS = 30               -- how far up the author's code is looked for

-- Kit chunks are named alike ("ui-kit/lua/check.lua" in the repository, "kit/check" in the worker); what is
-- not named so is the author's.
local _, own = pcall(error, "", 2)
local kit_folder, has_ending = match(own, "^(.-kit/)") or "", find(own, ".lua:", 1, true) ~= nil

local function is_kit(position)
    return sub(position, 1, #kit_folder) == kit_folder and (find(position, ".lua:", 1,
        true) ~= nil) == has_ending
end

-- An error text whose line is one of the kit's, with the author's line out of the traceback in its place.
function check.blame(text, trace)
    local position, words = match(text, "^([^:\n]+:%d+:) (.*)$")
    if not position or not is_kit(position) then
        return text
    end
    for place in gmatch(trace, "\n\t([^:\n]+:%d+:) in ") do
        if not is_kit(place) then
            return place .. " " .. words
        end
    end
    return words
end

-- The "file:line" of the nearest code on the stack that is not the kit's; "" when there is none (a tail call
-- leaves no trace).
function check.where()
    for level = 3, LEVELS do
        local _, position = pcall(error, "", level)
        if position ~= "" and not is_kit(position) then
            return (gsub(position, ":%s*$", ""))
        end
    end
    return ""
end

-- Raises `message` as an error at the author's line.
function check.fail(message, ...)
    if select("#", ...) > 0 then
        message = format(message, ...)
    end
    local where = check.where()
    error(where == "" and message or where .. ": " .. message, 0)
end

-- How many single-letter edits turn a into b; the words are short, so two rows do.
local function distance(a, b)
    local previous = {}
    for j = 0, #b do
        previous[j] = j
    end
    for i = 1, #a do
        local row = { [0] = i }
        for j = 1, #b do
            local cost = byte(a, i) == byte(b, j) and 0 or 1
            row[j] = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + cost)
        end
        previous = row
    end
    return previous[#b]
end

-- The name of `names` (a list) that `word` was probably meant to be, or nil.
function check.closest(word, names)
    word = tostring(word)
    if #word > bounds.name_bytes then
        return nil
    end
    local best, best_distance = nil, nil
    for _, name in ipairs(names) do
        local d = distance(word, name)
        if find(name, word, 1, true) == 1 and #word >= 3 then
            d = 1
        end
        if not best or d < best_distance then
            best, best_distance = name, d
        end
    end
    if best and best_distance <= min(3, #word // 2) then
        return best
    end
    return nil
end

-- `; did you mean "label"?` or the list of what there is.
function check.suggestion(word, names)
    local near = check.closest(word, names)
    if near then
        return format('; did you mean "%s"?', near)
    end
    local sorted = {}
    for i, name in ipairs(names) do
        sorted[i] = name
    end
    sort(sorted)
    return "; there is " .. concat(sorted, ", ")
end

-- The beginning of a text, at most `bytes` long and never ending inside a character.
function check.cut(text, bytes)
    if #text <= bytes then
        return text
    end
    return sub(text, 1, utf8_offset(text, 0, bytes + 1) - 1)
end

-- A value as an error message shows it: short, printable, without addresses.
function check.show(value)
    local kind = type(value)
    if kind == "string" and #value > bounds.text_bytes then
        return format("a string of %d bytes", #value)
    elseif kind == "string" and not utf8_len(value) then
        return "a string that is not UTF-8"
    elseif kind == "string" then
        local text = gsub(check.cut(value, 40), "[%c]", "?")
        return format('the string "%s"%s', text, #value > 40 and "…" or "")
    elseif kind == "number" then
        return "the number " .. tostring(value)
    elseif kind == "boolean" then
        return tostring(value)
    elseif kind == "nil" then
        return "nil"
    end
    return "a " .. kind
end

local function is_integer(value)
    return math_type(value) == "integer" or (math_type(value) == "float" and value % 1 == 0
        and value > -2^53 and value < 2^53)
end

-- Each kind: { test, words, words for several, what LuaCATS calls it (its name when absent) }.
local kinds = {
    string = { function(v) return type(v) == "string" and #v <= bounds.text_bytes and utf8_len(v) ~= nil end,
        "a string", "strings" },
    number = { function(v) return type(v) == "number" and v == v end, "a number", "numbers" },
    integer = { is_integer, "a whole number", "whole numbers" },
    boolean = { function(v) return type(v) == "boolean" end, "true or false", "true or false" },
    table = { function(v) return type(v) == "table" end, "a table", "tables" },
    ["function"] = { function(v) return type(v) == "function" end, "a function", "functions" },
    any = { function(v) return v ~= nil end, "any value", "values" },
}

-- Adds a named kind: its test, its words in messages for one and for several, and what LuaCATS calls it.
function check.kind(name, test, words, many, definition)
    kinds[name] = { test, words, many, definition }
end

-- Splits `string|"a|b"|integer[]` at the bars outside quotes.
local function alternatives(text)
    local list, from, quoted = {}, 1, false
    for i = 1, #text do
        local c = sub(text, i, i)
        if c == '"' then
            quoted = not quoted
        elseif c == "|" and not quoted then
            list[#list + 1] = sub(text, from, i - 1)
            from = i + 1
        end
    end
    list[#list + 1] = sub(text, from)
    return list
end

local function list_of(test)
    return function(value)
        if type(value) ~= "table" then
            return false
        end
        local n = #value
        for key, item in pairs(value) do
            if math_type(key) ~= "integer" or key < 1 or key > n or not test(item) then
                return false
            end
        end
        return true
    end
end

local function compile_alternative(text)
    local literal = match(text, '^"(.*)"$')
    if literal then
        return { function(v) return v == literal end, text, text, text }
    end
    local item = match(text, "^(.*)%[%]$")
    if item then
        local one = compile_alternative(item)
        -- `A|B[]` would be A, or a list of B.
        local definition = find(one[4], "|", 1, true) and "(" .. one[4] .. ")[]" or one[4] .. "[]"
        return { list_of(one[1]), "a list of " .. one[3], "lists of " .. one[3], definition }
    end
    local kind = kinds[text] or error("check.lua: unknown option type " .. text)
    return { kind[1], kind[2], kind[3], kind[4] or text }
end

local compiled = {}

local function compile(text)
    local found = compiled[text]
    if found then
        return found
    end
    local tests, words, definitions = {}, {}, {}
    for i, alternative in ipairs(alternatives(text)) do
        local one = compile_alternative(alternative)
        tests[i], words[i], definitions[i] = one[1], one[2], one[4]
    end
    local last = #words
    local said = last == 1 and words[1] or concat(words, ", ", 1, last - 1) .. " or " .. words[last]
    found = { tests = tests, words = said, definition = concat(definitions, "|") }
    compiled[text] = found
    return found
end

-- The LuaCATS text of an option type.
function check.definition(type_text)
    return compile(type_text).definition
end

-- nil when `value` is of the type, else the words for what it should have been.
function check.type(type_text, value)
    local plan = compile(type_text)
    for _, test in ipairs(plan.tests) do
        if test(value) then
            return nil
        end
    end
    return plan.words
end

-- A schema: the option rows by name, in order, with what a bare list of values sets.
function check.schema(rows, positional)
    local schema = { rows = rows, by_name = {}, names = {}, positional = positional or {} }
    for i, row in ipairs(rows) do
        schema.by_name[row.name] = row
        schema.names[i] = row.name
    end
    return schema
end

local function check_option(schema, owner, name, value)
    local row = schema.by_name[name]
    if not row then
        return format('%s has no option "%s"%s', owner, tostring(name), check.suggestion(name, schema.names))
    end
    local wanted = check.type(row.type, value)
    if wanted then
        return format('option "%s" of %s must be %s, not %s', name, owner, wanted, check.show(value))
    end
    return nil
end

-- Turns what the author gave (a table of options, a single value, or nothing) into a plain table of checked
-- options without defaults. Returns nil and a message when something is wrong.
function check.options(schema, owner, given)
    local first = schema.positional[1]
    if given == nil then
        return {}
    elseif type(given) ~= "table" or check.opaque(given) then
        if not first then
            return nil, format("%s takes a table of options, not %s", owner, check.show(given))
        end
        given = { [first] = given }
    end
    local options = {}
    for key, value in pairs(given) do
        local name = key
        if math_type(key) == "integer" then
            name = schema.positional[key]
            if not name then
                return nil, format("%s was given a value without a name (%s)", owner, check.show(value))
            elseif given[name] ~= nil then
                return nil, format('option "%s" of %s is given twice', name, owner)
            end
        end
        local message = check_option(schema, owner, name, value)
        if message then
            return nil, message
        end
        options[name] = value
    end
    return options
end

-- The same, raising the message at the author's line.
function check.read(schema, owner, given)
    local options, message = check.options(schema, owner, given)
    if not options then
        check.fail("%s", message)
    end
    return options
end

-- Whether a table is a value by itself (a component, an update), never a table of options. The builder sets
-- it.
function check.opaque()
    return false
end

return check
