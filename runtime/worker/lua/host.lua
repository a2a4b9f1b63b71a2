-- host.lua: what the worker gives to the kit. The primitives are C (module "core", runtime/worker/core.c); what takes several
-- steps, each of which may wait, is written here.
--
--   core.call(kind, …)   sends a request of the running event and suspends it; returns true, body[, tensors] or false, sentence

local core = require "core"
local json = require "json"

local error, setmetatable, tostring, pairs = error, setmetatable, tostring, pairs
local concat = table.concat
local sub, find, match = string.sub, string.find, string.match

local host = {
    partial = function(data) core.partial(json.encode(data)) end,
    context = core.context,
    parameter_names = core.parameter_names,
    can_yield = core.can_yield,
    markdown = core.markdown,
    image_new = core.image_new,
}

local PIECE = 48 * 1024     -- what one message carries

local function answer(ok, body, tensors)
    if not ok then
        error(body, 0)
    end
    return body, tensors
end

-- Suspends the event: "sleep", seconds.
function host.wait(kind, value)
    if kind == "sleep" then
        answer(core.call("sleep", value))
    else
        error("unknown wait " .. tostring(kind))
    end
end

function host.emit(kind, fields)
    if kind == "progress" then
        core.emit("progress", json.encode(json.array({ fields })))
    else
        core.emit("log", json.encode(fields))
    end
end

-- -- files the visitor sent ------------------------------------------------------------------------------------------

local File = { __name = "file" }
File.__index = File
File.__metatable = false
local hidden = setmetatable({}, { __mode = "k" })    -- file -> { handle number, position, rest }

-- The file behind a caller's FileData; raises when the handle is not one of this demo's.
function host.file(data)
    local facts = json.decode((answer(core.call("file_open", data.path))))
    local file = setmetatable({ name = facts.name, size = facts.size, mime_type = facts.mime_type }, File)
    hidden[file] = { number = facts.file, position = 0, rest = "" }
    return file
end

local function piece(state, length)
    local bytes = answer(core.call("file_read", state.number, state.position, length))
    state.position = state.position + #bytes
    return bytes
end

local function read_all(state)
    local parts = { state.rest }
    state.rest = ""
    repeat
        local bytes = piece(state, PIECE)
        parts[#parts + 1] = bytes
    until bytes == ""
    return concat(parts)
end

local function read_line(state, keep)
    while true do
        local stop = find(state.rest, "\n", 1, true)
        if stop then
            local line = sub(state.rest, 1, keep and stop or stop - 1)
            state.rest = sub(state.rest, stop + 1)
            return line
        end
        local bytes = piece(state, PIECE)
        if bytes == "" then
            local line = state.rest
            state.rest = ""
            return line ~= "" and line or nil
        end
        state.rest = state.rest .. bytes
    end
end

-- file:read("a" | "l" | "L" | count), as io files; "l" by default.
function File:read(format)
    local state = hidden[self]
    format = match(tostring(format or "l"), "^%*?(.*)$")
    if format == "a" then
        return read_all(state)
    elseif format == "l" or format == "L" then
        return read_line(state, format == "L")
    end
    local count = math.tointeger(tonumber(format)) or error("invalid format", 2)
    while #state.rest < count do
        local bytes = piece(state, PIECE)
        if bytes == "" then
            break
        end
        state.rest = state.rest .. bytes
    end
    local out = sub(state.rest, 1, count)
    state.rest = sub(state.rest, count + 1)
    return (out ~= "" or count == 0) and out or nil
end

function File:lines(format)
    return function() return self:read(format or "l") end
end

function host.image(file)
    local state = hidden[file]
    state.position, state.rest = 0, ""
    return core.image_decode(read_all(state))
end

-- -- files a handler makes -------------------------------------------------------------------------------------------

-- Keeps `bytes` as a file that the visitor can fetch; returns its FileData.
local function store(name, mime_type, bytes)
    local number = json.decode((answer(core.call("file_make", name, mime_type)))).file
    for at = 1, #bytes, PIECE do
        answer(core.call("file_append", number, sub(bytes, at, at + PIECE - 1)))
    end
    return json.decode((answer(core.call("file_finish", number))))
end

local types = { png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", webp = "image/webp", gif = "image/gif",
    svg = "image/svg+xml", wav = "audio/wav", mp3 = "audio/mpeg", ogg = "audio/ogg", mp4 = "video/mp4", webm = "video/webm",
    txt = "text/plain", json = "application/json", csv = "text/csv", pdf = "application/pdf" }

function host.store_image(image, format)
    if format ~= "png" and format ~= "jpeg" and not (format == "webp" and image.channels >= 3) then
        format = "png"
    end
    return store("image." .. format, types[format], image:encode(format))
end

-- FileData of a file of the repository: served with the release, not copied.
function host.release_file(name)
    local size = core.release_size(name) or error(name .. " is not a file of the repository", 0)
    local extension = match(name, "%.(%w+)$")
    return { path = "release/" .. name, url = json.null, size = size, orig_name = match(name, "[^/]+$"),
        mime_type = extension and types[extension:lower()] or json.null, is_stream = false, meta = { _type = "gradio.FileData" } }
end

return host
