-- Digits: a drawing in, the three most likely digits out.

local ui, ai = require "ui", require "ai"

local classify = ai.pipeline("image-classification", "vitrine/digits")

local LARGEST = 1024    -- pixels of a side; a photograph is shrunk to it first
local INK = 40          -- of 255: fainter pixels are paper
local SIDE = 28         -- the model's input
local GLYPH = 20        -- the longer side of the digit inside it, as in training

-- The picture in grey, not larger than needed.
local function grey(drawing)
    local scale = LARGEST / math.max(drawing.width, drawing.height)
    if scale < 1 then
        drawing = drawing:resize(math.ceil(drawing.width * scale), math.ceil(drawing.height * scale))
    end
    return drawing:grayscale()
end

-- Cuts the digit out of the sheet: white ink on black, in the middle of a square that leaves a margin.
local function prepare(drawing)
    local ink = grey(drawing):invert()
    local x, y, width, height = ink:bounds(INK)
    if not x then
        return nil
    end
    local side = math.ceil(math.max(width, height) * SIDE / GLYPH)
    local square = ink:crop(x - (side - width) // 2, y - (side - height) // 2, side, side)
    return square:resize(SIDE, SIDE)
end

local function read_digit(drawing)
    local digit = drawing and prepare(drawing)
    if not digit then
        ui.error("Draw a digit first: the sheet is empty.")
    end
    return classify(digit)
end

return ui.interface {
    fn = read_digit,
    inputs = ui.sketchpad { label = "Draw a digit" },
    outputs = ui.label { label = "Prediction", num_top_classes = 3 },
    examples = { { "three.png" }, { "seven.png" } },
    title = "Handwritten digits",
    description = "Draw one digit from 0 to 9 and press Submit.",
}
