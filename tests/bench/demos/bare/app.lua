local ui = require "ui"

return ui.interface { fn = function(text) return text end, inputs = ui.textbox {}, outputs = ui.textbox {} }
