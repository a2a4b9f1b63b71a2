-- Mandelbrot: a picture computed row by row in plain Lua, shown while it grows.

local ui = require "ui"

local WIDTH, HEIGHT = 480, 320
local STAGES = 4 -- the picture is shown when each of these parts of it is done
local ESCAPE = 256 -- |z|² beyond which a point has left for good; large, so that the colours run smoothly
local COLOURS = 512

-- Centre and width of the part of the plane that is shown.
local PLACES = {
    ["Whole set"] = { x = -0.65, y = 0.0, width = 3.3 },
    ["Seahorse valley"] = { x = -0.7453, y = 0.1127, width = 0.0065 },
    ["Elephant valley"] = { x = 0.2825, y = 0.0105, width = 0.018 },
    ["Double spirals"] = { x = -0.0885, y = 0.6545, width = 0.0085 },
    ["Little copy"] = { x = -1.7577, y = 0.0, width = 0.055 },
}

local NAMES = { "Whole set", "Seahorse valley", "Elephant valley", "Double spirals", "Little copy" }

-- Three cosine waves, one per channel, out of step with each other: a palette without a seam.
local palette = {}
for i = 0, COLOURS - 1 do
    local turn = 2 * math.pi * i / COLOURS
    local function channel(shift)
        return math.floor(127.5 - 127.5 * math.cos(turn + shift))
    end
    palette[i] = { channel(0.3), channel(0.9), channel(1.6) }
end

-- How fast z ← z² + c leaves, as a smooth number; nil when it stays for `steps` steps.
local function escape_time(cx, cy, steps)
    local x, y, xx, yy = 0.0, 0.0, 0.0, 0.0
    for step = 1, steps do
        y = 2 * x * y + cy
        x = xx - yy + cx
        xx, yy = x * x, y * y
        if xx + yy > ESCAPE then
            return step - math.log(math.log(xx + yy, 2) / 2, 2)
        end
    end
    return nil
end

local function draw_row(image, row, place, steps)
    local scale = place.width / WIDTH
    local cy = place.y - (row - HEIGHT / 2) * scale
    for column = 0, WIDTH - 1 do
        local time = escape_time(place.x + (column - WIDTH / 2) * scale, cy, steps)
        if time then
            -- The logarithm spreads the colours evenly over shallow and deep places.
            local colour = palette[math.floor(math.log(1 + math.max(time, 0)) * 110) % COLOURS]
            image:pixel(column, row, colour[1], colour[2], colour[3])
        end
    end
end

local function render(name, steps)
    local place = PLACES[name]
    steps = math.floor(steps)
    local image = ui.image_new(WIDTH, HEIGHT, 3)
    for row = 0, HEIGHT - 1 do
        draw_row(image, row, place, steps)
        local done = row + 1
        ui.progress(done / HEIGHT, ("row %d of %d"):format(done, HEIGHT))
        if done < HEIGHT and done % (HEIGHT // STAGES) == 0 then
            coroutine.yield(image)
        end
        ui.sleep(0)
    end
    return image
end

return ui.blocks(function()
    ui.markdown [[
        # Mandelbrot
        Every pixel is computed in plain Lua while you watch.
    ]]
    ui.row(function()
        local place, steps, start, stop
        ui.column(function()
            place = ui.dropdown { choices = NAMES, value = NAMES[1], label = "Place" }
            steps = ui.slider { 50, 2000, 300, step = 50, label = "Steps per pixel",
                info = "More steps show finer detail and take longer." }
            start = ui.button { "Render", variant = "primary" }
            stop = ui.button { "Stop", variant = "stop" }
        end)
        ui.column(function()
            local picture = ui.image { label = "Picture", interactive = false }
            local rendering = start:click { fn = render, inputs = { place, steps }, outputs = picture,
                api_name = "render" }
            stop:click { cancels = rendering }
        end)
    end)
end)
