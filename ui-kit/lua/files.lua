-- files.lua: file slots: from what a caller sends (FileData) to file and image objects, and back.

local host = require "host"
local values = require "values"

local type, pcall, error, setmetatable = type, pcall, error, setmetatable
local format, find, gsub, byte = string.format, string.find, string.gsub, string.byte

local files = {}

local present = values.present
local came_as = setmetatable({}, { __mode = "k" })      -- file object -> the FileData it was opened from

local function index(value, name)
    return value[name]
end

-- A field of a host object; nil when the value is none or lacks it.
local function field(value, name)
    if type(value) ~= "userdata" and type(value) ~= "table" then
        return nil
    end
    local ok, found = pcall(index, value, name)
    return ok and found or nil
end

function files.is_image(value)
    return field(value, "width") ~= nil and field(value, "channels") ~= nil
end

function files.is_file(value)
    return came_as[value] ~= nil
end

-- Calls a host function that reads foreign data. Trouble with the data is a string: returned as nil and the
-- words; anything else (a cancelled event) goes on up.
local function try(fn, ...)
    local ok, result, message = pcall(fn, ...)
    if ok and result ~= nil then
        return result
    elseif not ok and type(result) ~= "string" then
        error(result, 0)
    end
    return nil, gsub(ok and message or result or "no reason given", "^[^ ]+:%d+: ", "")
end

-- The file object for a caller's FileData, or nil and what is wrong. The worker knows which handles exist.
function files.open(data)
    if type(data) ~= "table" then
        return nil, "must be a file"
    elseif type(present(data.path)) ~= "string" then
        return nil, "is an empty file: the upload failed or was left out"
    elseif find(data.path, "^%a[%w+.-]*://") then
        return nil, "must be a file: send the file itself, not an address"
    end
    local file = try(host.file, data)
    if not file then
        return nil, "names a file that is not here (any more): upload it again"
    end
    came_as[file] = data
    return file
end

-- The caller's picture: an image object, or the file as it came when `as` is "file".
function files.read_image(data, as)
    local file, message = files.open(data)
    if not file or as == "file" then
        return file, message
    end
    local image, reason = try(host.image, file)
    if not image then
        return nil, format("is not a picture that can be read (%s)", reason)
    end
    return image
end

-- The FileData of a file of the repository. Its address is its own path, relative to the page.
local function release_file(name)
    local data, reason = try(host.release_file, name)
    if not data then
        return nil, format('names the file "%s" that the repository does not have (%s)', name, reason)
    end
    data.url = gsub(name, "[^%w/._~-]", function(c)
        return format("%%%02X", byte(c))
    end)
    return data
end

-- The FileData of a handler's picture: an image object, a file object, or the name of a file of the
-- repository.
function files.write_image(value, image_format)
    if type(value) == "string" then
        return release_file(value)
    elseif came_as[value] then
        return came_as[value]
    elseif files.is_image(value) then
        return host.store_image(value, image_format)
    end
    return nil, "takes an image, a file or a file name, not a " .. type(value)
end

return files
