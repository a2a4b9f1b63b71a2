-- describe.lua: the documents of a release, made from the loaded interface: /config, /gradio_api/info, page
-- and manifest.

local host = require "host"
local page = require "page"
local schema = require "schema"
local values = require "values"
local bounds = require "bounds"

local type, ipairs, format = type, ipairs, string.format
local gsub, lower, match = string.gsub, string.lower, string.match

local describe = {}

local or_null, array, list = values.or_null, values.array, values.list

local VERSION = "6.25.0"            -- of the protocol that clients expect; below 4.29 they take other paths
local RESERVED = { api_name = true, fn_index = true, result_callbacks = true, _ = true }

local function example_of(record)
    local example = record.entry.example_input
    if type(example) == "function" then
        example = example(record.props)
    end
    return or_null(example)
end

local function schema_of(record)
    return record.entry.value(record.props)
end

local function props_of(record)
    local props = { name = record.name }
    for _, row in ipairs(record.entry.schema.rows) do
        local value = record.props[row.name]
        if value ~= nil and row.name ~= "value" then
            if type(value) == "table" then
                value = values.copy(value)
            end
            props[row.name] = value
        end
    end
    if record.static ~= nil then
        props.interactive = not record.static
    end
    if not record.entry.layout and not record.entry.session then
        props.value = record.value
    end
    return props
end

local function component(record)
    local out = {
        id = record.id,
        type = record.name,
        props = props_of(record),
        skip_api = record.entry.layout or record.entry.skip_api or false,
    }
    if not record.entry.layout then
        out.api_info = schema_of(record)
        out.example_inputs = example_of(record)
    end
    return out
end

-- The components of /config, in call order.
function describe.components(loaded)
    local out = array()
    for i, record in ipairs(loaded.components) do
        out[i] = component(record)
    end
    return out
end

local function ids(records)
    local out = array()
    for i, record in ipairs(records) do
        out[i] = record.id
    end
    return out
end

local function targets_of(f, root)
    local out = array()
    for i, target in ipairs(f.targets) do
        local record = target[1]
        out[i] = list(record.name == "view" and root.id or record.id, target[2])
    end
    return out
end

-- A word that can name a parameter, or nil.
local function usable(name)
    if type(name) ~= "string" or RESERVED[name] or not match(name, "^[%a_][%w_]*$")
        or #name > bounds.name_bytes then
        return nil
    end
    return name
end

local function from_caption(record)
    if record.given and record.given.label then
        return usable((gsub(gsub(lower(record.props.label), "[^%w]+", "_"), "^_*(.-)_*$", "%1")))
    end
    return nil
end

-- A name per input: the function's own parameter names, else the captions, else param_0, param_1, …
function describe.parameter_names(f)
    local own = f.fn and host.parameter_names and host.parameter_names(f.fn) or nil
    local names, taken = {}, {}
    for i, record in ipairs(f.inputs) do
        local name
        if own and own[i] then
            name = usable(own[i])
        else
            name = from_caption(record)
        end
        if not name or taken[name] then
            name = format("param_%d", i - 1)
        end
        names[i], taken[name] = name, true
    end
    return names
end

-- Whether a call may have partial results. Clients only report it, so a good guess is enough: the code of the
-- handler, or of a function it closes over, has the name "yield" in it.
local function can_yield(f)
    return f.fn ~= nil and host.can_yield ~= nil and host.can_yield(f.fn)
end

local function dependency(f, root)
    return {
        id = f.id,
        targets = targets_of(f, root),
        inputs = ids(f.inputs),
        outputs = ids(f.outputs),
        backend_fn = f.fn ~= nil,
        api_name = f.api_name or false,
        api_visibility = f.api_visibility,
        api_description = f.api_description,
        queue = f.queue,
        connection = "sse",
        types = { generator = can_yield(f), cancel = #f.cancels > 0 },
        cancels = ids(f.cancels),
        trigger_mode = f.trigger_mode,
        trigger_after = or_null(f.after and f.after.id),
        trigger_only_on_success = f.on == "success",
        trigger_only_on_failure = f.on == "failure",
        show_progress = f.show_progress,
        show_progress_on = #f.progress_on > 0 and ids(f.progress_on) or values.null,
        scroll_to_output = f.scroll_to_output,
        batch = false,
        js = values.null,
        collects_event_data = false,
        rendered_in = values.null,
        parameter_names = array(describe.parameter_names(f)),
    }
end

-- The callable functions and chains of /config.
function describe.dependencies(loaded)
    local out = array()
    for i, f in ipairs(loaded.functions) do
        out[i] = dependency(f, loaded.root)
    end
    return out
end

local function layout_of(record)
    local children = array()
    for i, child in ipairs(record.children or {}) do
        children[i] = layout_of(child)
    end
    return { id = record.id, children = children }
end

-- The layout tree; its root has id 0 and stands for the page.
function describe.layout(loaded)
    return layout_of(loaded.root)
end

local function config(loaded, card)
    return {
        version = VERSION, protocol = "sse_v3", api_prefix = "/gradio_api", root = "",
        title = loaded.root.props.title or card.title or "Demo",
        components = describe.components(loaded),
        dependencies = describe.dependencies(loaded),
        layout = describe.layout(loaded),
        mode = "blocks", enable_queue = true, connect_heartbeat = false, run_history = false,
        analytics_enabled = false, dev_mode = false, is_space = false, is_colab = false, pwa = false,
            mcp_server = false,
        show_error = loaded.root.props.show_error == true,
        fill_width = loaded.root.props.fill_width == true or card.fullWidth == true, fill_height = false,
        css = values.null, js = values.null, head = values.null, theme = "default", theme_hash = "",
        stylesheets = array(), body_css = {}, i18n_translations = values.null, footer_links = array(),
    }
end

local function label_of(record, prefix, place)
    local label = record.props.label
    return label and label ~= "" and label or format("%s_%d", prefix, place)
end

local function documented(record, prefix, place)
    local s = schema_of(record)
    return {
        label = label_of(record, prefix, place),
        type = s,
        python_type = { type = schema.python(s), description = s.description or "" },
        component = record.entry.gradio_type,
    }
end

local function parameters_of(f)
    local out, names = array(), describe.parameter_names(f)
    for i, record in ipairs(f.inputs) do
        if not record.entry.skip_api then
            local parameter = documented(record, "parameter", record.id)
            local default = values.present(record.value)
            parameter.parameter_name = names[i]
            parameter.parameter_has_default = default ~= nil
            parameter.parameter_default = or_null(default)
            parameter.example_input = example_of(record)
            out[#out + 1] = parameter
        end
    end
    return out
end

local function returns_of(f)
    local out = array()
    for _, record in ipairs(f.outputs) do
        if not record.entry.skip_api and not record.entry.layout then
            out[#out + 1] = documented(record, "value", #out)
        end
    end
    return out
end

local function info(loaded)
    local named = {}
    for _, f in ipairs(loaded.functions) do
        if f.api_name and f.api_visibility ~= "private" then
            named["/" .. f.api_name] = {
                parameters = parameters_of(f),
                returns = returns_of(f),
                api_visibility = f.api_visibility,
                description = f.api_description or "",
            }
        end
    end
    return { named_endpoints = named, unnamed_endpoints = {} }
end

-- The places (from 0) of the records that `test` picks.
local function places(records, test)
    local out = array()
    for i, record in ipairs(records) do
        if test(record) then
            out[#out + 1] = i - 1
        end
    end
    return out
end

local function is_session(record)
    return record.entry.session == true
end

local function is_file(record)
    return record.entry.file == true
end

-- An input that the API description leaves out: a button, the examples. The page sends it, API callers do not.
local function is_skipped(record)
    return record.entry.skip_api == true and not record.entry.session
end

-- A default per input: its first value, or null where the caller must give one.
local function defaults_of(f)
    local out = array()
    for i, record in ipairs(f.inputs) do
        out[i] = record.entry.session and values.null or record.value
    end
    return out
end

local function manifest_function(f)
    return {
        id = f.id,
        api_name = or_null(f.api_name),
        visibility = f.api_visibility,
        inputs = ids(f.inputs),
        outputs = ids(f.outputs),
        state_inputs = places(f.inputs, is_session),
        state_outputs = places(f.outputs, is_session),
        file_inputs = places(f.inputs, is_file),
        skipped_inputs = places(f.inputs, is_skipped),
        queue = f.queue,
        concurrency_limit = or_null(f.concurrency_limit),
        concurrency_id = or_null(f.concurrency_id),
        trigger_mode = f.trigger_mode,
        time_limit = or_null(f.time_limit),
        defaults = defaults_of(f),
        parameter_names = array(describe.parameter_names(f)),
        max_queue = values.null,
        cancels = ids(f.cancels),
    }
end

local function manifest(loaded, card)
    local functions = array()
    for i, f in ipairs(loaded.functions) do
        functions[i] = manifest_function(f)
    end
    return {
        sdk = "lua",
        title = loaded.root.props.title or card.title or values.null,
        functions = functions,
        show_error = loaded.root.props.show_error == true,
    }
end

-- config, info, page and manifest of the loaded interface.
function describe.all(loaded, card)
    local wide = loaded.root.props.fill_width == true or card.fullWidth == true
    return config(loaded, card), info(loaded), page.render(loaded.root.children, wide), manifest(loaded, card)
end

return describe
