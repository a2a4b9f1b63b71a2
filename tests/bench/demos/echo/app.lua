-- Gives back what it gets: what remains is the path that every call takes.
local ui = require "ui"

return ui.interface {
    fn = function(text) return text end,
    inputs = ui.textbox { label = "In" },
    outputs = ui.textbox { label = "Out" },
    api_name = "echo",
}
