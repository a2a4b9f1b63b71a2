-- html.lua: the only way the kit writes markup. Everything an author or a visitor wrote goes through `text`
-- or an attribute of `open`; what is markup already travels as a string that only this kit made.

local type, pairs, ipairs, tostring = type, pairs, ipairs, tostring
local gsub, find, format = string.gsub, string.find, string.format
local concat, sort = table.concat, table.sort
local math_type = math.type

local html = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- Text for between tags and inside quoted attributes. NUL and other control bytes that HTML forbids are
-- dropped.
function html.text(value)
    if type(value) ~= "string" then
        value = html.number(value)
    end
    if find(value, "[%z\1-\8\11\12\14-\31]") then
        value = gsub(value, "[%z\1-\8\11\12\14-\31]", "")
    end
    return (gsub(value, "[&<>\"']", entities))
end

-- A number as JSON and form controls write it: 3, not 3.0.
function html.number(value)
    if math_type(value) == "float" and value % 1 == 0 and value > -2^53 and value < 2^53 then
        return format("%d", value)
    elseif math_type(value) == "float" then
        return format("%.14g", value)
    end
    return tostring(value)
end

-- ` name="value"` for each attribute, in the order of the names; true is a bare attribute, false and nil
-- nothing.
function html.attributes(attributes)
    local names, out = {}, {}
    for name in pairs(attributes) do
        names[#names + 1] = name
    end
    sort(names)
    for _, name in ipairs(names) do
        local value = attributes[name]
        if value == true then
            out[#out + 1] = " " .. name
        elseif value ~= false then
            out[#out + 1] = format(' %s="%s"', name, html.text(value))
        end
    end
    return concat(out)
end

-- An opening tag.
function html.open(tag, attributes)
    return "<" .. tag .. html.attributes(attributes or {}) .. ">"
end

-- A whole element around markup that is already safe.
function html.element(tag, attributes, inner)
    return html.open(tag, attributes) .. (inner or "") .. "</" .. tag .. ">"
end

return html
