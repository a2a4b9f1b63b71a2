-- Ticker: a stream of partial results with progress, which the visitor can stop.

local ui = require "ui"

local function tick(count, pause)
    count = math.floor(count)
    for i = 1, count do
        local text = ("tick %d of %d"):format(i, count)
        ui.progress(i / count, text)
        if i == count then
            return text
        end
        coroutine.yield(text)
        ui.sleep(pause)
    end
end

return ui.blocks(function()
    ui.markdown [[
        # Ticker
        Every tick is sent as it happens. Stop ends it at the server too.
    ]]
    local count, pause, start, stop
    ui.row(function()
        count = ui.slider { 1, 100, 10, step = 1, label = "Ticks" }
        pause = ui.slider { 0, 2, 0.5, step = 0.1, label = "Seconds between two ticks" }
    end)
    ui.row(function()
        start = ui.button { "Start", variant = "primary" }
        stop = ui.button { "Stop", variant = "stop" }
    end)
    local out = ui.textbox { label = "Latest tick", interactive = false }

    local ticking = start:click { fn = tick, inputs = { count, pause }, outputs = out, api_name = "tick" }
    stop:click { cancels = ticking }
end)
