-- One button for each thing that a handler can make the page do.

local ui = require "ui"

local SLOW_STEPS = 200 -- a run that a test has time to stop or to outlive

return ui.blocks { show_error = true, function()
    local opened = ui.textbox { label = "Opened", interactive = false }
    ui.load { fn = function() return "loaded" end, outputs = opened, api_name = false }

    local say, fail, crash, change, slow, stop, first
    ui.row(function()
        say = ui.button "Say"
        fail = ui.button "Fail"
        crash = ui.button "Crash"
        change = ui.button "Change"
    end)
    ui.row(function()
        slow = ui.button { "Slow", variant = "primary" }
        stop = ui.button { "Stop", variant = "stop" }
        first = ui.button "Chain"
    end)
    local field = ui.textbox { label = "Field", value = "before" }
    local hidden = ui.markdown { "Only after a change.", visible = false }
    local choice = ui.dropdown { choices = { "a", "b" }, value = "a", label = "Choice" }
    local echo = ui.textbox { label = "Echo", interactive = false }
    local out = ui.textbox { label = "Out", interactive = false }

    say:click { fn = function()
        ui.info("for your information")
        ui.warning("take care")
        ui.success("well done", { title = "Finished" })
    end, api_name = "say" }
    fail:click { fn = function() ui.error("No such fish in this pond.") end, outputs = out, api_name = "fail" }
    crash:click { fn = function() error("the pond is dry") end, outputs = out, api_name = "crash" }
    change:click { fn = function()
        return ui.update { value = "after", label = "Renamed", interactive = false },
            ui.update { visible = true }, ui.update { choices = { "x", "y", "z" }, value = "y" }
    end, outputs = { field, hidden, choice }, api_name = "change" }
    field:input { fn = function(text) return text:upper() end, inputs = field, outputs = echo, api_name = false,
        trigger_mode = "always_last" }
    choice:change { fn = function(value) return "chose " .. tostring(value) end, inputs = choice, outputs = echo,
        api_name = false }

    local running = slow:click { fn = function()
        for step = 1, SLOW_STEPS do
            ui.progress(step / SLOW_STEPS, ("step %d"):format(step))
            coroutine.yield("step " .. step)
            ui.sleep(0.1)
        end
        return "finished"
    end, outputs = out, api_name = "slow" }
    stop:click { cancels = running }

    first:click { fn = function() return "one" end, outputs = out, api_name = false }
        :next { fn = function(text) return text .. " two" end, inputs = out, outputs = out, api_name = false }
        :success { fn = function(text) return text .. " three" end, inputs = out, outputs = out, api_name = false }
end }
