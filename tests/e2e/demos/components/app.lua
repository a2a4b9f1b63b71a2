-- Every component once. "Send all" answers with what reached the handler, so that a test reads off one place whether
-- a value made the whole way from the visitor's hand to Lua.

local ui = require "ui"

local FRUIT = { "Apple", "Banana", "Cherry", "Damson", "Elderberry" }
local SPICES = { "Anise", "Basil", "Caraway", "Dill", "Fennel", "Ginger", "Lovage", "Mint", "Thyme" }

local function picture_words(picture)
    return picture and ("%d×%d"):format(picture.width, picture.height) or "none"
end

local function send(line, story, secret, number, amount, yes, fruit, spices, other, size, picture, drawing, count)
    count = count + 1
    local seen = { line = line, story = story, secret = secret, number = number, amount = amount, yes = yes, fruit = fruit,
        spices = spices, other = other, size = size, picture = picture_words(picture), drawing = picture_words(drawing),
        count = count }
    return seen, { cat = 0.7, dog = 0.25, bird = 0.05 }, ("Sent **%d** times."):format(count), picture, count
end

return ui.blocks(function()
    ui.markdown [[
        # Every component
        With *some* `Markdown`, a [link](https://example.org/) and a list:

        - one
        - two
    ]]
    local line, story, secret, number, amount, yes, fruit, spices, other, size, picture, drawing
    local seen, classes, words, shown, opened
    local count = ui.state(0)
    local tabs = ui.tabs(function()
        ui.tab { "Enter", id = "enter", function()
            ui.row(function()
                ui.column(function()
                    line = ui.textbox { label = "Line", max_lines = 1, placeholder = "One line", submit_btn = "Go" }
                    story = ui.textbox { label = "Story", lines = 3, info = "Shift and Enter submits." }
                    secret = ui.textbox { label = "Secret", type = "password" }
                    ui.group(function()
                        number = ui.number { label = "Number", value = 3, minimum = 0, maximum = 10 }
                        amount = ui.slider { 0, 20, 5, step = 0.5, label = "Amount" }
                    end)
                    yes = ui.checkbox { label = "Yes, please", info = "Untick to decline." }
                end)
                ui.column(function()
                    fruit = ui.dropdown { choices = FRUIT, value = "Banana", label = "Fruit" }
                    spices = ui.dropdown { choices = SPICES, multiselect = true, value = { "Basil" }, label = "Spices" }
                    other = ui.dropdown { choices = FRUIT, allow_custom_value = true, value = "Apple", label = "Other" }
                    size = ui.radio { choices = { { "Small", "s" }, { "Medium", "m" }, { "Large", "l" } }, value = "m",
                        label = "Size" }
                    picture = ui.image { label = "Picture" }
                end)
            end)
            drawing = ui.sketchpad { label = "Drawing" }
            ui.accordion { "More", open = false, function()
                opened = ui.markdown "Hidden until it is opened."
            end }
            ui.examples { label = "Try these", examples = { { "Ada", 1 }, { "Grace", 7 } }, inputs = { line, number } }
        end }
        ui.tab { "Read", id = "read", function()
            words = ui.markdown "Nothing was sent."
            ui.row(function()
                classes = ui.label { label = "Classes", num_top_classes = 3 }
                shown = ui.image { label = "Picture sent", interactive = false }
            end)
            seen = ui.json { label = "Seen" }
        end }
    end)
    local all = ui.button { "Send all", variant = "primary" }
    local link = ui.button { "Somewhere else", link = "https://example.org/", size = "sm" }

    local event = { fn = send, inputs = { line, story, secret, number, amount, yes, fruit, spices, other, size, picture,
        drawing, count }, outputs = { seen, classes, words, shown, count }, api_name = "send" }
    ui.on { triggers = { { all, "click" }, { line, "submit" }, { story, "submit" } }, fn = event.fn, inputs = event.inputs,
        outputs = event.outputs, api_name = "send" }
        :next { fn = function() return ui.update { selected = "read" } end, outputs = tabs, api_name = false }
end)
