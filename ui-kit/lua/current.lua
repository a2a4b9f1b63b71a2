-- current.lua: which event the running code belongs to.
--
-- Events interleave: a wait leaves one handler and enters another. The worker knows the event whose coroutine
-- runs (also inside coroutines of the author's own) and hands back the context that it gave to app.run.

local check = require "check"
local host = require "host"

local current = {}

-- The context of the running event; raises the author's mistake when none runs.
function current.need(owner)
    local context = host.context()
    if not context then
        check.fail("%s works in a handler, not while app.lua loads", owner)
    end
    return context
end

return current
