"""The zygote and its locked workers, spoken to as the gateway speaks: real binary, real lock-down."""
import fcntl
import json
import os
import socket
import struct
import subprocess
import tempfile
import time
import unittest

import wire

BIN = os.environ.get("VITRINE_BIN", os.path.join(wire.ROOT, "build/release/bin"))
# The sanitizers' build: looking for leaks needs calls that no locked process has, and how a process dies is the tests' business.
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0:handle_segv=0:handle_abort=0:handle_sigill=0:handle_sigfpe=0:handle_sigbus=0")
ROLE_GATEWAY = 2
WINDOW = 4 << 20


def describe(folder):
    """The release bundle of a folder, as the describe cage's program makes it."""
    stage, bundle, report = tempfile.TemporaryFile(), tempfile.TemporaryFile(), tempfile.TemporaryFile()
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            relative = os.path.relpath(full, folder).encode()
            with open(full, "rb") as file:
                data = file.read()
            if relative.startswith(b"model/"):
                continue
            stage.write(len(relative).to_bytes(4, "little") + (0o100644).to_bytes(4, "little") + len(data).to_bytes(8, "little") + relative + data)
    stage.write(bytes(16))
    stage.seek(0)
    high = [fcntl.fcntl(f.fileno(), fcntl.F_DUPFD, 10) for f in (stage, bundle, report)]

    def arrange():
        for n in (3, 4, 5):
            os.dup2(high[n - 3], n)
    process = subprocess.run([os.path.join(BIN, "vitrine-worker"), "describe"], pass_fds=(3, 4, 5), preexec_fn=arrange, timeout=20)
    for fd in high:
        os.close(fd)
    report.seek(0)
    bundle.seek(0)
    return process.returncode, bundle, report.read().decode()


def folder(files):
    where = tempfile.mkdtemp()
    for name, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(where, name)), exist_ok=True)
        with open(os.path.join(where, name), "w", encoding="utf-8") as out:
            out.write(text)
    return where


def blocks(body):
    return "local ui, json = require 'ui', require 'json'\nreturn ui.blocks(function()\n" + body + "\nend)\n"


class Zygote:
    """`prefix` runs it inside another command, `user` as somebody else, `floor` is the weakest sandbox it may start with."""

    def __init__(self, prefix=(), user=None, floor="B"):
        ours, theirs = wire.pair()
        gateway, gateway_theirs = wire.pair()

        def arrange():
            os.dup2(theirs.fileno(), 3)
        self.process = subprocess.Popen([*prefix, os.path.join(BIN, "vitrine-worker"), "zygote"], pass_fds=(3,), preexec_fn=arrange,
                                        stderr=subprocess.PIPE, user=user)
        theirs.close()
        self.control, self.gateway = wire.Channel(ours), wire.Channel(gateway)
        self.control.send("launcher_config", {"key": "worker_uid_base", "value": "1879048192"})
        self.control.send("launcher_config", {"key": "sandbox_floor", "value": floor})
        self.control.send("launcher_peer", {"role": ROLE_GATEWAY}, fds=[gateway_theirs.fileno()])
        self.control.send("launcher_start")
        gateway_theirs.close()
        ours.settimeout(10)
        gateway.settimeout(10)
        ready = self.control.receive()
        assert ready and ready[0] == "child_ready", (ready, self.process.stderr.read())
        self.slot = 0

    def spawn(self, bundle, limits="", heap=0):
        self.slot += 1
        ours, theirs = wire.pair()
        ours.settimeout(10)
        window, page = os.memfd_create("window"), os.memfd_create("page")
        os.ftruncate(window, WINDOW)
        os.ftruncate(page, 4096)
        self.gateway.send("zygote_spawn", {"slot": self.slot, "heap_mib": heap}, fds=[bundle.fileno(), theirs.fileno(), window, page])
        theirs.close()
        worker = Worker(self, self.slot, ours, page)
        worker.window = window
        worker.send("worker_begin", {"wall_ms": 1700000000000, "seed": 7 + self.slot, "limits": limits})
        return worker

    def pool(self):
        """A worker that is locked and has no demo: its give() brings one."""
        self.slot += 1
        ours, theirs = wire.pair()
        ours.settimeout(10)
        window, page = os.memfd_create("window"), os.memfd_create("page")
        os.ftruncate(window, WINDOW)
        os.ftruncate(page, 4096)
        self.gateway.send("zygote_pool", {"slot": self.slot}, fds=[theirs.fileno(), window, page])
        theirs.close()
        worker = Worker(self, self.slot, ours, page)
        worker.window = window
        assert worker.receive()[0] == "worker_locked"
        return worker

    def await_exit(self, slot):
        while True:
            name, _, values, _ = self.gateway.receive()
            if name == "zygote_exited" and values["slot"] == slot:
                return values["exit"]

    def await_pid(self, slot):
        while True:
            name, _, values, _ = self.gateway.receive()
            if name == "zygote_spawned" and values["slot"] == slot:
                return values["pid"]

    def close(self):
        self.control.close()
        self.process.wait(10)
        self.process.stderr.close()
        self.gateway.close()


class Worker(wire.Channel):
    def __init__(self, zygote, slot, sock, page):
        super().__init__(sock)
        self.zygote, self.slot, self.page, self.window = zygote, slot, page, None

    def close(self):
        super().close()
        for fd in (self.page, self.window):
            os.close(fd)

    def start(self, event, function, data, state=None):
        self.send("event_start", {"function": function, "wall_ms": 1700000000000, "data": json.dumps(data), "state": json.dumps(state or {}),
                                  "request": "{}"}, stream=event)

    def give(self, bundle, length=None):
        self.send("worker_bundle", {"length": os.fstat(bundle.fileno()).st_size if length is None else length}, fds=[bundle.fileno()])
        self.send("worker_begin", {"wall_ms": 1700000000000, "seed": 7, "limits": ""})

    def until(self, *names, stream=None):
        """The next message of one of these kinds; others are kept in `seen`."""
        self.seen = []
        while True:
            message = self.receive()
            if message is None:
                raise EOFError(self.seen)
            if message[0] in names and (stream is None or message[1] == stream):
                return message[2]
            self.seen.append(message)

    def call(self, function, data, event=1, state=None):
        self.start(event, function, data, state)
        values = self.until("event_done", "event_failed", stream=event)
        return json.loads(values["data"]) if "data" in values else json.loads(values["error"])


class WorkerCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zygote = Zygote()

    @classmethod
    def tearDownClass(cls):
        cls.zygote.close()

    def demo(self, body, limits="", heap=0):
        code, bundle, report = describe(folder({"app.lua": blocks(body), "README.md": "---\ntitle: t\nshow_error: true\n---\n"}))
        self.assertEqual(code, 0, report)
        worker = self.zygote.spawn(bundle, limits, heap)
        self.addCleanup(worker.close)
        return worker

    def handler(self, code, **options):
        """A demo with one textbox → textbox handler whose body is `code`."""
        return self.demo("local a, b = ui.textbox{label='a'}, ui.textbox{label='b'}\n"
                         "ui.button{'Go'}:click{fn=function(text)\n" + code + "\nend, inputs=a, outputs=b, api_name='go'}", **options)


class Answers(WorkerCase):
    def test_answers_a_call(self):
        worker = self.handler("return 'Hello ' .. text")
        self.assertEqual(worker.call(1, ["Bob"]), ["Hello Bob"])

    def test_partial_results_come_in_order(self):
        worker = self.handler("for i = 1, 3 do coroutine.yield(text .. i) end return 'end'")
        self.assertEqual(worker.call(1, ["x"]), ["end"])
        partial = [json.loads(m[2]["data"]) for m in worker.seen if m[0] == "event_partial"]
        self.assertEqual(partial, [["x1"], ["x2"], ["x3"]])

    def test_sleeping_events_let_others_run(self):
        worker = self.handler("if text == 'slow' then ui.sleep(1) end return text")
        worker.start(1, 1, ["slow"])
        sleep = worker.until("call_sleep", stream=1)
        self.assertEqual(sleep["delay_ms"], 1000)
        self.assertEqual(worker.call(1, ["fast"], event=2), ["fast"])
        worker.send("call_answer", {"call": sleep["call"], "status": 0}, stream=1)
        self.assertEqual(json.loads(worker.until("event_done", stream=1)["data"]), ["slow"])

    def test_waits_pass_through_an_authors_coroutines(self):
        worker = self.handler("local next = coroutine.wrap(function() ui.sleep(0.1) coroutine.yield('a') ui.sleep(0.2) return 'b' end)\n"
                              "return next() .. next() .. text")
        worker.start(1, 1, ["c"])
        for expected in (100, 200):
            sleep = worker.until("call_sleep", stream=1)
            self.assertEqual(sleep["delay_ms"], expected)
            worker.send("call_answer", {"call": sleep["call"]}, stream=1)
        self.assertEqual(json.loads(worker.until("event_done", stream=1)["data"]), ["abc"])

    def test_waiting_where_lua_cannot_is_an_error(self):
        worker = self.handler("return (text:gsub('.', function() ui.sleep(1) end))")
        self.assertIn("cannot wait here", worker.call(1, ["x"])["error"])

    def test_user_errors_reach_the_visitor_and_mistakes_the_log(self):
        worker = self.handler("if text == 'user' then ui.error('Please no') end local nothing = nil; return nothing.x")
        self.assertEqual(worker.call(1, ["user"])["error"], "Please no")
        self.assertIn("app.lua:", worker.call(1, ["bug"], event=2)["error"])
        self.assertTrue(any(m[0] == "worker_log" and b"traceback" in m[2]["line"] for m in worker.seen))

    def test_state_goes_in_and_comes_out(self):
        worker = self.demo("local n = ui.state(0)\nlocal out = ui.number{label='n'}\n"
                           "ui.button{'+'}:click{fn=function(n) return n + 1, n + 1 end, inputs=n, outputs={n, out}, api_name='add'}")
        worker.start(1, 1, [None], {"1": 41})
        values = worker.until("event_done", stream=1)
        self.assertEqual(json.loads(values["data"])[1], 42)
        self.assertEqual(json.loads(values["state"]), {"1": 42})

    def test_print_goes_to_the_log(self):
        worker = self.handler("print('seen', text, {}) return ''")
        worker.call(1, ["x"])
        lines = [m[2]["line"] for m in worker.seen if m[0] == "worker_log"]
        self.assertEqual(lines, [b"seen\tx\ttable"])

    def test_cancel_ends_a_waiting_event_and_runs_close(self):
        worker = self.handler("local _ <close> = setmetatable({}, {__close=function() print('closed') end}) ui.sleep(60) return 'late'")
        worker.start(1, 1, ["x"])
        worker.until("call_sleep", stream=1)
        worker.send("event_cancel", stream=1)
        self.assertEqual(worker.until("worker_log")["line"], b"closed")

    def test_random_numbers_differ_between_workers(self):
        code = "return tostring(math.random(1 << 40))"
        self.assertNotEqual(self.handler(code).call(1, [""]), self.handler(code).call(1, [""]))


class Bounds(WorkerCase):
    def test_endless_loops_end_with_the_line(self):
        for loop in ("while true do end", "while true do pcall(function() while true do end end) end",
                     "coroutine.wrap(function() while true do end end)()",
                     "table.sort({3,2,1,5,4}, function() while true do end end)"):
            with self.subTest(loop):
                error = self.handler(loop, limits='{"slice_ms": 100}').call(1, [""])["error"]
                self.assertRegex(error, r"app.lua:\d+: computed for more than 100 ms")

    def test_cancelling_what_computes(self):
        worker = self.handler("while true do end", limits='{"slice_ms": 5000}')
        worker.start(5, 1, [""])
        worker.until("worker_ready")
        time.sleep(0.1)
        os.pwrite(worker.page, (5).to_bytes(8, "little"), 24 + 5 * 8)
        self.assertIn("stopped", json.loads(worker.until("event_failed", stream=5)["error"])["error"])

    def test_memory_ends_the_worker(self):
        for bomb in ("local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", "local s = 'x' while true do s = s .. s end"):
            with self.subTest(bomb):
                worker = self.handler(bomb, heap=16)
                worker.start(1, 1, [""])
                with self.assertRaises(EOFError):
                    worker.until("event_done", "event_failed")
                self.assertEqual(self.zygote.await_exit(worker.slot), 86)

    def test_c_loops_are_refused_before_they_start(self):
        for code in ("return ('x'):rep(1 << 40)", "return (''):rep(1 << 60)", "table.move({}, 1, 1 << 60, 2)",
                     "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 1)", "return table.concat({}, '', 1, 1 << 60)",
                     "return table.unpack({}, 1, 1e8)"):
            with self.subTest(code):
                self.assertIn("error", self.handler(code).call(1, [""]))

    def test_deep_recursion_is_an_error(self):
        for code in ("local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
                     "local s = ('x') local function g() return (s:gsub('.', g)) end return g()",
                     "local co = coroutine.wrap(function() end) for i = 1, 300 do local inner = co co = coroutine.wrap(function() return inner() end) end return co()"):
            with self.subTest(code):
                self.assertIsInstance(self.handler(code).call(1, [""]), (dict, list))

    def test_endless_lua_recursion_ends_at_the_memory_limit(self):
        worker = self.handler("local function f() return 1 + f() end return f()", heap=16)
        worker.start(1, 1, [""])
        with self.assertRaises(EOFError):
            worker.until("event_done", "event_failed")
        self.assertEqual(self.zygote.await_exit(worker.slot), 86)

    def test_a_broken_frame_ends_the_worker(self):
        worker = self.handler("return ''")
        worker.until("worker_ready")
        worker.sock.send(b"\xff" * 40)
        self.assertEqual(self.zygote.await_exit(worker.slot), 87)

    def test_kill(self):
        worker = self.handler("while true do end", limits='{"slice_ms": 60000}')
        worker.start(1, 1, [""])
        worker.until("worker_ready")
        started = time.monotonic()
        self.zygote.gateway.send("zygote_kill", {"slot": worker.slot})
        self.assertEqual(self.zygote.await_exit(worker.slot), 256 + 9)
        self.assertLess(time.monotonic() - started, 5)


class Surface(WorkerCase):
    def test_globals_are_exactly_these(self):
        worker = self.handler("local names = {} for k, v in pairs(_G) do if type(v) == 'table' and k ~= '_G' then for n in pairs(v) do "
                              "names[#names + 1] = k .. '.' .. n end else names[#names + 1] = k end end table.sort(names) return table.concat(names, ' ')")
        names = worker.call(1, [""])[0].split()
        self.assertEqual(names, sorted((
            "_G _VERSION assert collectgarbage error getmetatable ipairs load next pairs pcall print rawequal rawget rawlen rawset require "
            "select setmetatable tonumber tostring type xpcall coroutine.close coroutine.create coroutine.isyieldable coroutine.resume "
            "coroutine.running coroutine.status coroutine.wrap coroutine.yield debug.traceback io.lines io.open math.abs math.acos math.asin "
            "math.atan math.ceil math.cos math.deg math.exp math.floor math.fmod math.huge math.log math.max math.maxinteger math.min "
            "math.mininteger math.modf math.pi math.rad math.random math.randomseed math.sin math.sqrt math.tan math.tointeger math.type "
            "math.ult os.clock os.date os.difftime os.time string.byte string.char string.find string.format string.gmatch string.gsub "
            "string.len string.lower string.match string.pack string.packsize string.rep string.reverse string.sub string.unpack "
            "string.upper table.concat table.insert table.move table.pack table.remove table.sort table.unpack utf8.char "
            "utf8.charpattern utf8.codepoint utf8.codes utf8.len utf8.offset").split()))

    def test_nothing_prints_an_address(self):
        worker = self.handler("return tostring({}) .. tostring(print) .. tostring(coroutine.create(print)) .. (pcall(string.format, '%p', {}) and 'p' or '')")
        self.assertEqual(worker.call(1, [""]), ["tablefunctionthread"])
        for code in ("('%s'):format({})", "('%-20s|%5.3s'):format(print, {})", "('%%%d%s'):format(1, coroutine.create(print))", "('%s'):format(ui)",
                     "('%s'):format(setmetatable({}, {__name = 'mine'}))", "select(2, pcall(error, {}))", "select(2, pcall(string.rep, 'x', {}))",
                     "debug.traceback('x')", "select(2, pcall(ui.error, {}))", "('%q'):format('x')", "select(2, pcall(string.format, '%d', {}))",
                     "select(2, pcall(function() return {} < {} end))", "select(2, pcall(function() local t = {} t[nil] = 1 end))"):
            with self.subTest(code):
                self.assertNotIn("0x", json.dumps(self.handler(f"return tostring(({code}))").call(1, [""])))

    def test_bytecode_is_refused(self):
        worker = self.handler("local ok, why = load('\\27Lua') return why")
        self.assertIn("binary chunk", worker.call(1, [""])[0])

    def test_string_methods_cannot_be_changed(self):
        worker = self.handler("return tostring(getmetatable('')) .. tostring(pcall(setmetatable, 'x', {}))")
        self.assertEqual(worker.call(1, [""]), ["falsefalse"])

    def test_files_of_the_repository_can_be_read(self):
        code, bundle, report = describe(folder({"README.md": "", "data/words.txt": "one\ntwo\n", "lib/help.lua": "return { word = 'three' }",
            "app.lua": blocks("local b = ui.textbox{label='b'}\nui.button{'Go'}:click{fn=function() local out = {} for line in io.lines('data/words.txt') do "
                              "out[#out + 1] = line end return table.concat(out, ',') .. require('lib.help').word .. tostring((io.open('/etc/passwd'))) end, outputs=b, api_name='go'}")}))
        self.assertEqual(code, 0, report)
        worker = self.zygote.spawn(bundle)
        self.addCleanup(worker.close)
        self.assertEqual(worker.call(1, []), ["one,twothreenil"])


class Mistakes(WorkerCase):
    """What authors do wrong: the visitor of a demo that shows errors, and the log, read the place and what to write instead."""

    def mistake(self, code, expected):
        worker = self.handler(code)
        error = worker.call(1, ["x"])["error"]
        self.assertRegex(error, r"^app\.lua:\d+: ", code)
        self.assertIn(expected, error, code)
        lines = [m[2]["line"].decode() for m in worker.seen if m[0] == "worker_log"]
        self.assertTrue(any(expected in line for line in lines), lines)
        self.assertTrue(any("stack traceback" in line for line in lines), lines)

    def test_what_does_not_exist_is_named(self):
        for code, expected in (("os.execute('ls')", "a demo starts no programs"), ("return os.getenv('HOME')", "keep settings in a file"),
                               ("io.write('x')", "print writes to the demo's log"), ("io.stderr:write('x')", "print writes to the demo's log"),
                               ("return dofile('x.lua')", "use require"), ("return unpack({})", "table.unpack"),
                               ("return package.path", "require finds"), ("local n return n + 1", "an input that the visitor left empty is nil")):
            with self.subTest(code):
                self.mistake(code, expected)

    def test_code_that_looks_before_it_calls_goes_the_other_way(self):
        worker = self.handler("return tostring(os.getenv) .. tostring(io.popen) .. tostring(package) .. tostring(unpack or table.unpack ~= nil)")
        self.assertEqual(worker.call(1, [""]), ["nilnilniltrue"])

    def test_writing_a_file_is_refused_with_words(self):
        worker = self.handler("local file, why = io.open('x', text) return tostring(file) .. ' ' .. why")
        for event, mode in enumerate(("w", "a", "r+", "wb"), 1):
            self.assertEqual(worker.call(1, [mode], event=event), ['nil x: files can only be read here (mode "r"); keep values in ui.state'])

    def test_require_says_which_module_was_meant(self):
        files = {"README.md": "", "lib/help.lua": "return 1", "lib/init.lua": "return 2", "deep/er/tool.lua": "return 3", "data.txt": "x"}
        for name, expected in (("help", 'write require "lib.help"'), ("lib/help.lua", 'write require "lib.help"'), ("./help", 'write require "lib.help"'),
                               ("tool", 'write require "deep.er.tool"'), ("nothing", "the repository has neither nothing.lua nor nothing/init.lua"),
                               ("a.b", "neither a/b.lua nor a/b/init.lua"), ("socket.http", "only ui, ai and json"), ("", "there is no module")):
            with self.subTest(name):
                code, _, report = describe(folder({**files, "app.lua": f"local found = require {json.dumps(name)}\n"}))
                self.assertEqual(code, 1)
                self.assertRegex(report, r"^app\.lua:1: ")
                self.assertIn(expected, report)

    def test_the_interface_is_made_before_handlers_run(self):
        worker = self.handler("local late = ui.textbox { label = 'late' } return late")
        error = worker.call(1, [""])["error"]
        self.assertIn("app.lua:", error)
        self.assertRegex(error, "ui.textbox")

    def test_outputs_are_counted_and_checked(self):
        two = "local a, b, n = ui.textbox{label='a'}, ui.textbox{label='b'}, ui.number{label='n'}\nui.button{'Go'}:click{fn=function(text) %s end, inputs=a, outputs={b, n}, api_name='go'}"
        self.assertRegex(self.demo(two % "return 'one'").call(1, ["x"])["error"], r"1 values? for 2 outputs.*ui\.skip")
        error = self.demo(two % "return 'text', {}").call(1, ["x"])["error"]
        self.assertRegex(error, r"app\.lua|click")
        self.assertIn("n", error)
        self.assertRegex(self.demo(two % "return function() end, 1").call(1, ["x"])["error"], r"function|text")

    def test_yielding_where_nobody_listens(self):
        code, _, report = describe(folder({"README.md": "", "app.lua": "coroutine.yield(1)\n"}))
        self.assertEqual(code, 1)
        self.assertIn("coroutine.yield sends a partial result from a handler", report)
        worker = self.handler("table.sort({3, 2, 1}, function(a, b) coroutine.yield('x') return a < b end)")
        self.assertIn("Lua cannot suspend a sort comparator", worker.call(1, [""])["error"])

    def test_errors_that_are_no_text(self):
        for code in ("error()", "error(nil)", "error({})", "error(setmetatable({}, {__tostring = function() error('again') end}))", "error(42)", "error(print)",
                     "error(setmetatable({}, {__index = function() while true do end end}))"):
            with self.subTest(code):
                self.assertIsInstance(self.handler(code).call(1, [""])["error"], str)

    def test_a_missing_module_in_a_handler_names_the_line(self):
        self.mistake("return require('nope')", "there is no module")


class Models(WorkerCase):
    """ai.model and ai.pipeline against a backend played by the test: what is sent, what comes back, what is refused before."""
    WINDOW = WINDOW

    def model(self, code, **options):
        return self.demo("local ai = require 'ai'\nlocal model = ai.model('ann/m')\nlocal a, b = ui.textbox{label='a'}, ui.textbox{label='b'}\n"
                         "ui.button{'Go'}:click{fn=function(text)\n" + code + "\nend, inputs=a, outputs=b, api_name='go'}", **options)

    def asked(self, worker, op, stream=1):
        call = worker.until("call_model", stream=stream)
        self.assertEqual((call["model"].decode(), call["op"].decode()), ("ann/m", op))
        return call

    def describe_as(self, worker, *inputs, stream=1):
        call = self.asked(worker, "describe", stream)
        rows = [{"name": name, "type": kind, "shape": [-1]} for name, kind in inputs]
        worker.send("call_answer", {"call": call["call"], "body": json.dumps({"inputs": rows, "outputs": []})}, stream=stream)

    def finish(self, worker, call, tensors, stream=1):
        worker.send("call_answer", {"call": call["call"], "tensors": tensors}, stream=stream)
        values = worker.until("event_done", "event_failed", stream=stream)
        return json.loads(values["data"])[0] if "data" in values else json.loads(values["error"])["error"]

    def test_every_type_is_sent_and_read(self):
        values = {"float32": "0.5, -2", "float64": "0.1, 1e300", "float16": "0.5, 65504", "int64": "math.mininteger, math.maxinteger", "int32": "-2147483648, 5",
                  "int16": "-5, 32767", "int8": "-128, 127", "uint64": "0, 5", "uint32": "4294967295, 0", "uint16": "65535, 0", "uint8": "255, 0",
                  "bool": "true, false", "string": "'', 'grüße'"}
        for kind, pair in values.items():
            with self.subTest(kind):
                worker = self.model(f"local out = model:run{{ x = {{ type = '{kind}', shape = {{2}}, {pair} }} }}.y\n"
                                    f"local want = {{ {pair} }} return tostring(out[1] == want[1] and out[2] == want[2]) .. out.type .. #out.shape .. out.shape[1]")
                worker.start(1, 1, [""])
                call = self.asked(worker, "run")
                self.assertEqual(self.finish(worker, call, call["tensors"].replace(b"\1\0\0\0x", b"\1\0\0\0y", 1)), f"true{kind}12")

    def test_the_models_own_type_is_taken_when_none_is_given(self):
        worker = self.model("local out = model:run{ ids = {{1, 2}, {3, 4}}, flag = true, name = 'x' } return out.ids.type .. out.flag.type .. out.name.type")
        worker.start(1, 1, [""])
        self.describe_as(worker, ("ids", "int64"), ("flag", "bool"), ("name", "string"))
        call = self.asked(worker, "run")
        self.assertEqual(self.finish(worker, call, call["tensors"]), "int64boolstring")
        worker.start(2, 1, [""])
        call = self.asked(worker, "run", stream=2)
        self.assertEqual(self.finish(worker, call, call["tensors"], stream=2), "int64boolstring", "asked once per worker")

    def test_wrong_values_name_the_tensor_and_the_value(self):
        for tensor, expected in (("{ type = 'int64', 1, 1.5 }", 'value 2 of the tensor "x" is 1.5, which is no int64'),
                                 ("{ type = 'uint8', 256 }", 'value 1 of the tensor "x" is 256, which is no uint8'),
                                 ("{ type = 'float32', 1, 'a' }", 'value 2 of the tensor "x" is string, which is no float32'),
                                 ("{ type = 'string', 'a', 1 }", 'value 2 of the tensor "x" is 1, which is no string'),
                                 ("{ type = 'string', '\\xff' }", 'value 1 of the tensor "x" is not UTF-8 text'),
                                 ("{ type = 'int4', 1 }", 'has the type int4, which does not exist; float32'),
                                 ("{ type = 'float32', shape = {3}, 1, 2 }", 'the tensor "x" has 2 values, but its shape says 3'),
                                 ("{ type = 'float32', shape = {-1}, 1 }", "a dimension that is no whole number of at least 0: -1"),
                                 ("{ type = 'float32', shape = {1 << 40, 1 << 40} }", "larger than 16 MiB"),
                                 ("{ type = 'float32', shape = {1,1,1,1,1,1,1,1,1}, 1 }", "has 9 dimensions; 8 are possible"),
                                 ("{ type = 'float32', {1, 2}, {3} }", 'the tensor "x" has lists of different lengths (2 and 1) at depth 2'),
                                 ("print", 'the tensor "x" is a function')):
            with self.subTest(tensor):
                error = self.model(f"model:run{{ x = {tensor} }}").call(1, [""])["error"]
                self.assertIn(expected, error)
        for code, expected in (("model.run{ x = 1 }", "with a colon"), ("model:run(5)", "not a number"), ("model:run{ 1, 2 }", "by name")):
            with self.subTest(code):
                self.assertIn(expected, self.model(code).call(1, [""])["error"])

    def test_the_backends_sentence_gets_the_authors_line(self):
        worker = self.model("local out = model:run{ x = { type = 'float32', 1 } } return out")
        worker.start(1, 1, [""])
        call = self.asked(worker, "run")
        worker.send("call_answer", {"call": call["call"], "status": 2, "body": 'model ann/m: the model\'s input "x" takes int64, not float32'}, stream=1)
        error = json.loads(worker.until("event_failed", stream=1)["error"])["error"]
        self.assertRegex(error, r'^app\.lua:\d+: model ann/m: the model\'s input "x" takes int64, not float32$')

    def numbers(self, worker, offset):
        return set(struct.unpack("<190000d", os.pread(worker.window, 8 * 190000, offset)))

    def test_large_tensors_have_places_of_their_own(self):
        code = "local t = { type = 'float64', shape = { 190000 } } for i = 1, 190000 do t[i] = tonumber(text) end\nmodel:run{ x = t } return text"
        worker = self.model(code, limits='{"slice_ms": 20000}')
        places = []
        for event in (1, 2):
            worker.start(event, 1, [str(event)])
            call = self.asked(worker, "run", stream=event)
            offset, length = struct.unpack("<QQ", call["tensors"][-16:])
            self.assertEqual(length, 8 * 190000)
            places.append((offset, call["call"]))
            self.assertEqual(self.numbers(worker, offset), {event})
        self.assertGreaterEqual(abs(places[0][0] - places[1][0]), 8 * 190000)
        self.assertEqual(self.numbers(worker, places[0][0]), {1}, "the second call left the first one's alone")
        worker.start(3, 1, ["3"])
        sleep = worker.until("call_sleep", stream=3)    # full: 4 MiB hold two of them
        worker.send("call_answer", {"call": places[0][1], "tensors": b""}, stream=1)
        worker.until("event_done", stream=1)
        worker.send("call_answer", {"call": sleep["call"]}, stream=3)
        call = self.asked(worker, "run", stream=3)
        self.assertEqual(struct.unpack("<QQ", call["tensors"][-16:])[0], places[0][0], "the place that came free")

    def test_a_large_answer_is_fetched(self):
        worker = self.model("local out = model:run{ x = { type = 'float32', 1 } } return #out.y .. ' ' .. out.y[100000]")
        worker.start(1, 1, [""])
        call = self.asked(worker, "run")
        worker.send("call_answer", {"call": call["call"], "body": '{"held":7,"bytes":100032}'}, stream=1)
        fetch = self.asked(worker, "fetch")
        arguments = json.loads(fetch["arguments"])
        self.assertEqual((arguments["held"], arguments["length"]), (7, 100032))
        os.pwrite(worker.window, bytes([5]) * 100000, arguments["offset"])
        answer = b"\1\0\0\0" + b"\1\0\0\0y" + bytes([2, 1, 1, 0]) + struct.pack("<QQQ", 100000, arguments["offset"], 100000)
        self.assertEqual(self.finish(worker, fetch, answer), "100000 5")

    def test_damaged_answers_of_the_backend(self):
        code = "local out = model:run{ x = { type = 'float32', 1 } } return 'fine'"
        for tensors in (b"\xff" * 30, b"\1\0\0\0", b"\2\0\0\0" + bytes(4), b"\1\0\0\0" + b"\1\0\0\0y" + bytes([2, 1, 1, 0]) + struct.pack("<QQQ", 10, WINDOW - 5, 10)):
            worker = self.model(code)
            worker.start(1, 1, [""])
            call = self.asked(worker, "run")
            self.assertIn("answer is damaged", self.finish(worker, call, tensors))

    def test_a_window_of_a_cancelled_event_is_free_again(self):
        code = "local t = { type = 'float64', shape = { 380000 } } for i = 1, 380000 do t[i] = 1 end\nmodel:run{ x = t } return text"
        worker = self.model(code, limits='{"slice_ms": 20000}')
        worker.start(1, 1, [""])
        self.asked(worker, "run")
        worker.send("event_cancel", stream=1)
        worker.start(2, 1, [""])
        self.asked(worker, "run", stream=2)


class Locked(WorkerCase):
    def test_the_kernel_says_so_too(self):
        worker = self.handler("return ''")
        worker.until("worker_ready")
        pid = self.zygote.await_pid(worker.slot)
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status") if ":\t" in line)
        self.assertEqual(status["Seccomp"].strip(), "2")
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NSpid"].split()[-1], "1")
        if os.geteuid() == 0:
            self.assertEqual(set(status["Uid"].split()), {str(1879048192 + worker.slot)})
            self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd"), key=int), ["0", "1", "2", "3"])
            self.assertEqual(os.listdir(f"/proc/{pid}/root"), [])


class Describing(unittest.TestCase):
    def refused(self, files, expected):
        code, _, report = describe(folder(files))
        self.assertEqual(code, 1, report)
        self.assertRegex(report, expected)

    def test_sentences_name_file_and_line(self):
        good = blocks("ui.markdown 'x'")
        self.refused({"README.md": "---\ntitle: [1]\n---\n", "app.lua": good}, r"^README.md:2: title must be a text\n$")
        self.refused({"README.md": "---\ntitle: a\n", "app.lua": good}, r"^README.md:1: the front matter has no closing")
        self.refused({"README.md": "---\na: b: c\n---\n", "app.lua": good}, r"^README.md:2: the front matter is not YAML")
        self.refused({"app.lua": "local x =\nreturn 1"}, r"^app.lua:2: unexpected symbol")
        self.refused({"app.lua": "local ui = require 'ui'\nerror('no')"}, r"^app.lua:2: no")
        self.refused({"app.lua": "while true do end"}, r"^app.lua:1: computed for more than")
        self.refused({"app.lua": blocks("ui.textbox{ lable = 'x' }")}, r"^app.lua:3: .*lable.*label")
        self.refused({"app.lua": blocks("require('ai').model('a/b'):run{}")}, r"^app.lua:\d+: .*handler")
        self.refused({"app.lua": "return 5"}, r"^app.lua: .*must return an interface")
        self.refused({"README.md": "x"}, r"NO_APP_FILE")
        self.refused({"app.lua": good, ".vitrine/config.json": "{}"}, r"^.vitrine/config.json: the folder .vitrine is reserved")

    def test_warnings_do_not_stop(self):
        code, _, report = describe(folder({"README.md": "---\nfoo: 1\n---\n", "app.lua": blocks("ui.markdown 'x'")}))
        self.assertEqual((code, report), (0, 'warning: README.md:2: the key "foo" is not known here\n'))

    def test_the_same_tree_gives_the_same_bundle(self):
        files = {"app.lua": blocks("ui.number{ label = 'n', value = math.random(1000) }"), "README.md": ""}
        one, two = describe(folder(files))[1].read(), describe(folder(files))[1].read()
        self.assertEqual(one, two)


if __name__ == "__main__":
    unittest.main()
