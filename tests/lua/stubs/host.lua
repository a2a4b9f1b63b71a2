-- host.lua: what the worker's C side gives to the kit, written down and played for the plain-Lua tests.
--
--   host.wait(kind, ...)            suspends the event until the answer is there; returns it
--   host.emit(kind, table)          "log" { level, log, title, duration, visible }, "progress" { progress, desc, … }
--   host.partial(data)              a partial result: the array of the outputs
--   host.context()                  the context that app.run got, for the event whose coroutine runs; nil when none does
--   host.parameter_names(fn)        the names of a Lua function's parameters, or nil
--   host.file(FileData)             a file object (read, lines, name, size, mime_type); raises for an unknown handle
--   host.image(file)                the decoded picture; waits; raises a string for what is no picture
--   host.store_image(image, format) encodes and keeps a picture; waits; returns FileData
--   host.image_new(w, h, channels, fill)
--   host.release_file(name)         FileData of a file of the repository; raises a string when there is none
--   host.markdown(text)             safe HTML

local json = require "json"

local host = {}

-- What the tests look at and set.
host.log = {}           -- every emit and partial, in order
host.uploads = {}       -- path -> text of the file
host.release = {}       -- name -> text of the file
host.now = nil          -- the context of the running event

local WAIT = {}         -- the private sentinel of waits

function host.wait(kind, ...)
    return coroutine.yield(WAIT, kind, ...)
end

-- As in the worker: a wait inside a coroutine of the author's passes through it to the host, and the answer back.
local raw_resume = coroutine.resume
host.raw_resume = raw_resume

local function pass(thread, ...)
    local ok, first = ...
    if ok and first == WAIT then
        return pass(thread, raw_resume(thread, coroutine.yield(select(2, ...))))
    end
    return ...
end

function coroutine.resume(thread, ...)
    return pass(thread, raw_resume(thread, ...))
end

-- Plays the host for one event: runs `fn` in a coroutine, answers its waits with `answer(kind, ...)`.
function host.play(context, answer, fn, ...)
    host.now = context
    local thread = coroutine.create(fn)
    local step = table.pack(raw_resume(thread, ...))
    while step[1] and coroutine.status(thread) ~= "dead" do
        assert(step[2] == WAIT, "a yield of the handler reached the host")
        host.log[#host.log + 1] = { "wait", table.unpack(step, 3, step.n) }
        step = table.pack(raw_resume(thread, answer and answer(table.unpack(step, 3, step.n))))
    end
    host.now = nil
    return table.unpack(step, 1, step.n)
end

function host.emit(kind, fields)
    host.log[#host.log + 1] = { kind, fields }
end

function host.partial(data)
    host.log[#host.log + 1] = { "partial", json.encode(data) }
end

function host.context()
    return host.now
end

function host.parameter_names(fn)
    local names, info = {}, debug.getinfo(fn, "u")
    for i = 1, info.nparams do
        names[i] = debug.getlocal(fn, i)
    end
    return names
end

local Image = { __name = "image" }
Image.__index = Image

function Image:bytes()
    return self.text
end

function host.file(data)
    local text = host.uploads[data.path]
    if not text then
        error("no such file", 0)
    end
    return { name = data.orig_name, size = #text, text = text, mime_type = data.mime_type }
end

function host.image(file)
    if file.text:sub(1, 5) ~= "IMAGE" then
        error("not a PNG, JPEG or WebP file", 0)
    end
    host.wait("image", file)
    return setmetatable({ width = 2, height = 2, channels = 3, text = file.text }, Image)
end

function host.image_new(width, height, channels)
    return setmetatable({ width = width, height = height, channels = channels or 3, text = "IMAGE" }, Image)
end

local function file_data(path, name, text, mime_type)
    return { path = path, orig_name = name, size = #text, mime_type = mime_type, url = json.null, is_stream = false,
        meta = { _type = "gradio.FileData" } }
end

function host.store_image(image, format)
    host.wait("store", image)
    return file_data("stored/" .. image.width .. "." .. format, "image." .. format, image.text, "image/" .. format)
end

function host.release_file(name)
    local text = host.release[name]
    if not text then
        error("no such file", 0)
    end
    return file_data("release/" .. name, name, text, "image/png")
end

function host.markdown(text)
    return "<p>" .. text:gsub("[<&>]", { ["<"] = "&lt;", ["&"] = "&amp;", [">"] = "&gt;" }) .. "</p>"
end

return host
