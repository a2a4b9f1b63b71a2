-- run.lua: runs the plain-Lua tests: `lua5.4 tests/lua/run.lua [FILE…]` from anywhere. Prints one line per case and at
-- the end `N passed, N failed`; ends with 1 when one failed.

local here = (arg[0]:match("^(.*)/[^/]*$") or ".")
package.path = here .. "/?.lua;" .. package.path

local kit = require "kit"
kit.open(here .. "/../..")

local passed, failed, file = 0, 0, nil

-- A case: `fn` gets a fresh kit (kit.lua) and raises when something is not as it should be.
function case(name, fn)
    local ok, message = xpcall(fn, debug.traceback, kit.fresh())
    local number = passed + failed + 1
    if ok then
        passed = passed + 1
        print(("ok %d %s: %s"):format(number, file, name))
    else
        failed = failed + 1
        print(("not ok %d %s: %s\n# %s"):format(number, file, name, tostring(message):gsub("\n", "\n# ")))
    end
end

local function all_files()
    local files, list = {}, io.popen(("ls '%s'/test_*.lua"):format(here))
    for name in list:lines() do
        files[#files + 1] = name
    end
    list:close()
    return files
end

for _, path in ipairs(#arg > 0 and arg or all_files()) do
    file = path:match("([^/]*)%.lua$")
    dofile(path)
end

print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
