-- choices.lua: lists of choices, shared by the components that offer some (dropdown, radio).

local values = require "values"
local bounds = require "bounds"
local html = require "html"

local type, ipairs, format, concat = type, ipairs, string.format, table.concat

local choices = {}

-- Each choice as { label, value }, the form that travels. Returns nil and a message when there are too many.
function choices.normalise(list, owner)
    if #list > bounds.choices then
        return nil, format("option \"choices\" of %s has more than %d entries", owner, bounds.choices)
    end
    local out = values.array()
    for i, choice in ipairs(list) do
        if type(choice) == "table" then
            local label = type(choice[1]) == "number" and html.number(choice[1]) or choice[1]
            out[i] = values.list(label, choice[2])
        else
            out[i] = values.list(type(choice) == "number" and html.number(choice) or choice, choice)
        end
    end
    return out
end

-- The values alone.
function choices.values(list)
    local out = {}
    for i, choice in ipairs(list) do
        out[i] = choice[2]
    end
    return out
end

-- The place of `value` in the list, or nil.
function choices.index(list, value)
    for i, choice in ipairs(list) do
        if choice[2] == value then
            return i
        end
    end
    return nil
end

-- "a, b, c or d" for messages; long lists are cut.
function choices.words(list)
    local words = {}
    for i, choice in ipairs(list) do
        if i > 10 then
            words[i] = "…"
            break
        end
        words[i] = type(choice[2]) == "string" and format('"%s"', choice[2]) or html.number(choice[2])
    end
    return concat(words, ", ")
end

-- The caller's value when it is a choice; nil and a sentence when it is not.
function choices.read(value, props, lenient)
    local index = choices.index(props.choices, value)
    if index then
        return props.type == "index" and index or value
    elseif (lenient or props.allow_custom_value) and (type(value) == "string" or type(value) == "number") then
        return props.type ~= "index" and value or nil
    elseif type(value) ~= "string" and type(value) ~= "number" then
        return nil, "must be one of " .. choices.words(props.choices)
    end
    return nil, format("%s is not one of %s", type(value) == "string" and format('"%s"',
        value) or html.number(value),
        choices.words(props.choices))
end

-- The handler's value for one choice as it travels. Values that are no choice are let through: the page shows
-- none.
function choices.write(value)
    if type(value) ~= "string" and type(value) ~= "number" then
        return nil, "takes a choice (text or a number), not a " .. type(value)
    end
    return value
end

return choices
