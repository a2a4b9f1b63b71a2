-- bounds.lua: every limit of the Lua kit, in one place. The C side has runtime/base/bounds.h.
return {
    components = 2000,      -- components and layout blocks of one demo
    functions = 500,        -- events of one demo
    depth = 32,             -- layout blocks inside each other
    json_depth = 64,        -- tables inside each other in a value that travels as JSON
    json_nodes = 200000,    -- tables, strings and numbers in one such value
    choices = 10000,        -- choices of one dropdown or radio
    example_rows = 1000,    -- rows of one ui.examples
    text_bytes = 1048576,   -- a text option, label or value
    name_bytes = 64,        -- an api_name, a parameter name, an elem_id
    toast_bytes = 4096,     -- text of one toast or error
}
