# cmake -DROOT=<source> -DOUT=<file.c> -P embed.cmake
# Writes the table declared in runtime/worker/embedded.h: "ui-kit/lua/x.lua" and "runtime/worker/lua/x.lua" are module "x",
# "ui-kit/components/textbox/textbox.lua" is "component.textbox".
file(GLOB library RELATIVE ${ROOT} ${ROOT}/ui-kit/lua/*.lua ${ROOT}/runtime/worker/lua/*.lua)
file(GLOB components RELATIVE ${ROOT} ${ROOT}/ui-kit/components/*/*.lua)
list(FILTER library EXCLUDE REGEX "\\.d\\.lua$") # definitions for editors are not code
list(SORT library)
list(SORT components)

set(text "/* Generated from ui-kit by ops/cmake/embed.cmake. */\n#include \"runtime/worker/embedded.h\"\n\n")
set(table "")
set(count 0)
foreach(path ${library} ${components})
    get_filename_component(stem ${path} NAME_WE)
    if(path MATCHES "^ui-kit/components/")
        set(stem "component.${stem}")
    endif()
    file(READ ${ROOT}/${path} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR length "${digits} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND text "/* ${path} */\nstatic const unsigned char source_${count}[] = {${bytes}0};\n")
    string(APPEND table "    {\"${stem}\", (const char *)source_${count}, ${length}},\n")
    math(EXPR count "${count} + 1")
endforeach()
string(APPEND text "\nconst struct embedded_module embedded_modules[] = {\n${table}    {0, 0, 0},\n};\n")
string(APPEND text "const size_t embedded_module_count = ${count};\n")
file(WRITE ${OUT} "${text}")
