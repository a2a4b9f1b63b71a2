-- Asks the digits model with a tensor made once: what remains is the way to the backend and back.
local ui, ai = require "ui", require "ai"

local SIDE = 28
local model = ai.model("vitrine/digits")
local tensor = { shape = { 1, 1, SIDE, SIDE } }
for i = 1, SIDE * SIDE do
    tensor[i] = 0.0
end
local input

return ui.interface {
    fn = function(text)
        input = input or model:describe().inputs[1].name
        local _, scores = next(model:run { [input] = tensor })
        return #scores .. " scores for " .. text
    end,
    inputs = ui.textbox { label = "In" },
    outputs = ui.textbox { label = "Out" },
}
