-- messages.lua: what a handler says to the visitor: toasts, and the error that ends it.

local check = require "check"
local bounds = require "bounds"
local current = require "current"
local host = require "host"
local values = require "values"

local type, pairs, error, tostring, setmetatable = type, pairs, error, tostring, setmetatable

local messages = {}

messages.options = {
    { name = "title", type = "string", doc = "A heading; by default the kind of message." },
    { name = "duration", type = "number|boolean", default = 10,
        doc = "Seconds it is shown; false: until it is closed." },
    { name = "visible", type = "boolean", default = true,
        doc = "Whether it is shown; false only for API clients." },
}

local schema = check.schema(messages.options, {})

-- The text of a message, cut to what is shown.
function messages.text(owner, text)
    if type(text) ~= "string" and type(text) ~= "number" then
        check.fail("%s takes a text, not %s", owner, check.show(text))
    end
    return check.cut(tostring(text), bounds.toast_bytes)
end

local function read(owner, title, text, given)
    local options = check.read(schema, owner, given)
    local duration = options.duration
    if duration == nil then
        duration = 10
    end
    return {
        message = messages.text(owner, text), title = options.title or title,
            visible = options.visible ~= false,
        duration = type(duration) == "number" and duration or nil,
    }
end

for level, title in pairs({ info = "Info", warning = "Warning", success = "Success" }) do
    messages[level] = function(text, given)
        local made = read("ui." .. level, title, text, given)
        current.need("ui." .. level)
        host.emit("log", { level = level, log = made.message, title = made.title,
            duration = values.or_null(made.duration), visible = made.visible })
    end
end

local UserError = { __name = "error", __tostring = function(e) return e.message end }

-- Ends the handler; the visitor reads the text.
function messages.error(text, given)
    local made = read("ui.error", "Error", text, given)
    made.kind = "user"
    made.where = check.where()
    error(setmetatable(made, UserError), 0)
end

return messages
