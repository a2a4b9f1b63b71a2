-- Attempts of a demo's author, in Lua, by the catalogue's names. The demo's one function runs the one it is asked for; what it
-- returns, the error the visitor reads, or the end of the process is the outcome (test_lua.py).
local ui = require "ui"

local function spin() while true do end end
local function liar(length) return setmetatable({}, { __len = function() return length end }) end
local function nested(depth, open, middle, close) return open:rep(depth) .. middle .. close:rep(depth) end

local attacks = {
  -- A13: names that lead out
  A13_package = function() return tostring(package) .. tostring(require and rawget(_G, "dofile")) end,
  A13_debug = function() return tostring(debug.getregistry) .. tostring(debug.sethook) .. tostring(debug.getinfo) end,
  A13_io = function() return tostring(io.popen) .. tostring(io.stdout) .. tostring(io.write) end,
  A13_open = function() return tostring((io.open("/etc/passwd"))) .. tostring((io.open("../../../etc/passwd"))) end,
  A13_write = function() return tostring((io.open("app.lua", "w"))) end,
  A13_require = function() return tostring(pcall(require, "../../etc/passwd")) end,
  -- G1: loops without end, each form by itself
  G1_plain = spin,
  G1_coroutine = function() coroutine.wrap(spin)() end,
  G1_pcall = function() while true do pcall(spin) end end,
  G1_gc = function() setmetatable({}, { __gc = spin }) for i = 1, 1e7 do local t = { i } end return "alive" end,
  G1_close = function() local x <close> = setmetatable({}, { __close = spin }) return "alive" end,
  G1_sort = function() table.sort({ 3, 1, 2 }, spin) end,
  G1_index = function() return table.concat(setmetatable({}, { __index = spin, __len = function() return 2 end })) end,
  G1_xpcall = function() while true do xpcall(spin, spin) end end,
  G1_tostring = function() return tostring(setmetatable({}, { __tostring = spin })) end,
  G1_goto = function() ::again:: goto again end,
  -- G2: loops in C that no hook reaches
  G2_rep = function() return (""):rep(1 << 40) end,
  G2_rep_long = function() return ("x"):rep(1 << 33) end,
  G2_move = function() return table.move({}, 1, 1 << 60, 2) end,
  G2_insert = function() return table.insert(liar(1 << 60), 1, 1) end,
  G2_remove = function() return table.remove(liar(1 << 60), 1) end,
  G2_concat = function() return table.concat({}, "", 1, 1 << 60) end,
  G2_unpack = function() return table.unpack({}, 1, 1e8) end,
  G2_sort = function() return table.sort(liar((1 << 31) - 2)) end,
  G2_utf8 = function() return utf8.len(("\u{10ffff}"):rep(1e7)) end,
  -- G3: patterns
  G3_star = function() return ("a"):rep(40):find(("a*"):rep(20) .. "b") end,
  G3_minus = function() return ("x"):rep(3000):find((".-"):rep(6) .. "b") end,
  G3_balance = function() return ("("):rep(200000):find("%b()") end,
  G3_gmatch = function() for _ in ("x"):rep(20000):gmatch(".-b") do end return "done" end,
  G3_gsub = function() return #(("x"):rep(1e6):gsub(".", ("y"):rep(1000))) end,
  -- G5: memory
  G5_array = function() local t = {} for i = 1, 1e9 do t[i] = i end end,
  G5_hash = function() local t = {} for i = 1, 1e9 do t["k" .. i] = i end end,
  G5_string = function() local s = "x" while true do s = s .. s end end,
  G5_coroutines = function() local t = {} for i = 1, 1e7 do t[i] = coroutine.create(spin) end end,
  G5_closures = function() local t = {} for i = 1, 1e8 do t[i] = function() return i end end end,
  G5_chain = function() local t = {} for _ = 1, 1e5 do t = setmetatable({}, { __index = t }) end return t.x end,
  G5_buffer = function() local t = {} for i = 1, 1000 do t[i] = ("x"):rep(1 << 20) end return #table.concat(t) end,
  -- G6: depth
  G6_lua = function() local function f() return 1 + f() end return f() end,
  G6_gsub = function() local function f(s) return (s:gsub(".", f)) end return f("x") end,
  G6_pcall = function() local function f() return pcall(f) end return tostring(f()) end,
  G6_meta = function() local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end return t.x end,
  G6_tostring = function() local t = setmetatable({}, {}) getmetatable(t).__tostring = function(s) return tostring(s) end return tostring(t) end,
  G6_coroutine = function() local function f() return coroutine.wrap(f)() end return f() end,
  G6_tail = function() local function f() return f() end return f() end,
  G6_sort = function() local function f() table.sort({ 2, 1 }, f) end return f() end,
  -- G7: sources
  G7_parentheses = function() return tostring(load("return " .. nested(100000, "(", "1", ")"))) end,
  G7_blocks = function() return tostring(load(nested(30000, "do ", "", " end"))) end,
  G7_concats = function() return tostring(load("return " .. ("a.."):rep(60000) .. "a")) end,
  G7_locals = function() return tostring(load("local a" .. (",a"):rep(70000))) end,
  G7_long = function() return load("--" .. ("x"):rep(300 << 10)) end,
  G7_constants = function() return tostring(load("return {" .. ("'a',"):rep(60000) .. "}") ~= nil) end,
  -- G9, G10, G18: talk, wait, ask
  G9_print = function() while true do print(("x"):rep(4000)) end end,
  G9_answer = function() return ("x"):rep(20 << 20) end,
  G10_sleep = function() ui.sleep(3600) end,
  G10_ping_pong = function() while true do ui.sleep(0) end end,
  G18_time = function() while true do os.time() end end,
  G18_seed = function() while true do math.randomseed(1) end end,
  -- H9: values that are more than they seem
  H9_cycle = function() local t = {} t.t = t return t end,
  H9_function = function() return { spin } end,
  H9_meta = function() return setmetatable({}, { __index = spin, __pairs = spin, __tostring = spin, __len = spin, __name = "x" }) end,
  H9_keys = function() return { [1 << 53] = 1, [-1] = 2, [0.5] = 3 } end,
  H9_nan = function() return { 0 / 0, 1 / 0, -1 / 0 } end,
  H9_deep = function() local t = {} for _ = 1, 10000 do t = { t } end return t end,
  H9_bytes = function() return "\xff\xfe\0\x80" end,
  -- I: the virtual machine
  I1_bytecode = function() return tostring(select(2, load("\27Lua\x54\0\x19\x93\r\n\x1a\n"))) end,
  I1_mode = function() return tostring(select(2, load("\27Lua", "x", "b"))) end,
  I1_reader = function() return tostring(pcall(load, function() return "\27Lua" end)) end,
  I1_dump = function() return tostring(string.dump) end,
  I2_close_chain = function()
    local co = coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() end }) coroutine.yield() end)
    co()
    local last = coroutine.create(function() end)
    for _ = 1, 20000 do
      local inner = last
      last = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() coroutine.close(inner) end }) coroutine.yield() end)
      coroutine.resume(last)
    end
    return tostring(coroutine.close(last))
  end,
  I3_env_chain = function() return tostring(select(2, load("local a = {} return a" .. ("._ENV"):rep(20000) .. ".x + 1"))) end,
  I5_collect = function() return tostring(pcall(collectgarbage, "generational")) .. tostring(pcall(collectgarbage, "stop")) end,
  I6_gc_error = function() setmetatable({}, { __gc = function() error("in gc") end }) for i = 1, 1e6 do local t = { i } end return "alive" end,
  I6_gc_yield = function() setmetatable({}, { __gc = coroutine.yield }) for i = 1, 1e6 do local t = { i } end return "alive" end,
  I6_gc_resurrect = function() setmetatable({}, { __gc = function(t) SAVED = t end }) for i = 1, 1e6 do local t = { i } end return "alive" end,
  I7_env = function() return tostring(load("local _ENV <const> = {} return x")) :match("^%a+") end,
  I7_registers = function() return tostring(load("return f(" .. ("a,"):rep(254) .. "a)") ~= nil) end,
  I9_tostring = function() return tostring(setmetatable({}, { __tostring = function() return {} end })) end,
  I9_format = function() return ("%99.99f"):format(1e300) and tostring(pcall(string.format, "%999d", 1)) end,
  I9_pack = function() return tostring(pcall(string.pack, "i17", 1)) .. tostring(pcall(string.packsize, "s")) end,
  I9_huge = function() return tostring(pcall(string.packsize, ("c2147483647"):rep(4))) end,
  I10_string = function() return tostring(getmetatable("")) .. tostring(pcall(function() getmetatable("").__index = spin end)) end,
  I11_globals = function()
    for _, name in ipairs { "tostring", "pairs", "next", "type", "select" } do _G[name] = spin end
    string.format, table.concat = spin, spin
    setmetatable(_G, { __index = spin, __newindex = spin })
    return "changed"
  end,
  I13_object = function() error(setmetatable({}, { __tostring = function() error "again" end })) end,
  I13_nil = function() error(nil) end,
  I13_long = function() error(("x"):rep(10 << 20)) end,
  I14_warn = function() return tostring(warn) end,
  I15_os = function() return tostring(os.exit) .. tostring(os.getenv) .. tostring(os.setlocale) .. tostring(os.execute) .. tostring(os.remove) end,
  I15_date = function() return tostring(pcall(os.date, "%Ez")) end,
  I17_collisions = function() local t = {} for i = 1, 3e5 do t[("%032d"):format(i):reverse()] = i end return "done" end,
  J3_addresses = function() return tostring({}) .. tostring(print) .. tostring(coroutine.create(print)) .. tostring(io.open("app.lua")) end,
  J3_pointer = function() return tostring(pcall(string.format, "%p", {})) end,
  K5_model = function() return require("ai").model("../../etc/passwd"):run({}) end,
  K5_address = function() return require("ai").model("http://127.0.0.1:1/x"):run({}) end,
  K2_not_granted = function() return require("ai").model("somebody/else"):run({}) end,
}

return ui.blocks(function()
  local a, b = ui.textbox { label = "a" }, ui.json { label = "b" }
  ui.button { "Go" }:click { fn = function(name) return attacks[name]() end, inputs = a, outputs = b, api_name = "go" }
end)
