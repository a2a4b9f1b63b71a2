-- Greeter: a form, an event, a step that follows it, and a value that lives as long as the visitor's session.

local ui = require "ui"

local LONGEST_NAME = 60 -- characters

local LANGUAGES = { "English", "Deutsch", "Español", "Français", "Türkçe", "日本語" }

local HELLO = {
    ["English"] = "Hello, %s!",
    ["Deutsch"] = "Hallo, %s!",
    ["Español"] = "¡Hola, %s!",
    ["Français"] = "Bonjour, %s !",
    ["Türkçe"] = "Merhaba, %s!",
    ["日本語"] = "こんにちは、%sさん!",
}

local function trim(text)
    return text:match("^%s*(.-)%s*$")
end

-- Raises a sentence for the visitor when there is nobody to greet.
local function check_name(name)
    name = trim(name or "")
    if name == "" then
        ui.error("Please enter a name.")
    elseif (utf8.len(name) or #name) > LONGEST_NAME then
        ui.error(("Please enter a name of at most %d characters."):format(LONGEST_NAME))
    end
    return name
end

local function greet(name, language, greeted)
    name = check_name(name)
    return HELLO[language]:format(name), { count = greeted.count + 1, last = name }
end

local function summarise(greeted)
    if greeted.count == 0 then
        return "Nobody was greeted yet."
    end
    return ("Greetings so far: **%d**"):format(greeted.count)
end

return ui.blocks(function()
    ui.markdown [[
        # Greeter
        Who are you, and in which language shall we greet you?
    ]]
    local greeted = ui.state { value = { count = 0, last = "" } }
    local name, language, greeting, button
    ui.row(function()
        ui.column(function()
            name = ui.textbox { label = "Name", placeholder = "Ada" }
            language = ui.radio { choices = LANGUAGES, value = "English", label = "Language" }
            button = ui.button { "Greet", variant = "primary" }
        end)
        ui.column(function()
            greeting = ui.textbox { label = "Greeting", interactive = false }
        end)
    end)
    local summary = ui.markdown { summarise { count = 0 } }

    ui.on { triggers = { { button, "click" }, { name, "submit" } }, fn = greet,
        inputs = { name, language, greeted }, outputs = { greeting, greeted }, api_name = "greet" }
        :next { fn = summarise, inputs = greeted, outputs = summary, api_name = false }
end)
