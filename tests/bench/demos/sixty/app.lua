local ui = require "ui"

local function greet(name, count, loud)
  local words = {}
  for i = 1, math.min(count or 1, 5) do words[i] = "Hello, " .. name end
  local text = table.concat(words, " ")
  return loud and text:upper() or text
end

return ui.blocks(function()
  ui.markdown "# Sixty components"
  for tab = 1, 5 do
    ui.row(function()
      local name = ui.textbox { label = "Name " .. tab, placeholder = "Ann" }
      local count = ui.slider { label = "Times " .. tab, minimum = 1, maximum = 5, value = 2, step = 1 }
      local loud = ui.checkbox { label = "Loud " .. tab }
      local colour = ui.dropdown { label = "Colour " .. tab, choices = { "red", "green", "blue" } }
      local size = ui.radio { label = "Size " .. tab, choices = { "small", "large" } }
      local number = ui.number { label = "Number " .. tab, value = tab }
      local greeting = ui.textbox { label = "Greeting " .. tab }
      local other = ui.textbox { label = "Other " .. tab }
      local note = ui.markdown("Note " .. tab)
      ui.button { "Greet " .. tab, variant = "primary" }
        :click { fn = greet, inputs = { name, count, loud }, outputs = greeting, api_name = "greet" .. tab }
      ui.button { "Clear " .. tab }:click { fn = function() return "" end, outputs = other, api_name = "clear" .. tab }
      colour:change { fn = function(value) return value end, inputs = colour, outputs = other, api_name = false }
      size:change { fn = function(value) return value end, inputs = size, outputs = note, api_name = false }
      number:change { fn = function(value) return tostring(value) end, inputs = number, outputs = other, api_name = false }
    end)
  end
end)
