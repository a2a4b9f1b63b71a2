# The Lua side of the kit becomes one generated C file inside the worker.
file(GLOB kit_lua CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ui-kit/lua/*.lua ${CMAKE_SOURCE_DIR}/runtime/worker/lua/*.lua
     ${CMAKE_SOURCE_DIR}/ui-kit/components/*/*.lua)
if(TARGET vitrine-worker_parts)
    set(embedded ${CMAKE_BINARY_DIR}/generated/embedded.c)
    add_custom_command(OUTPUT ${embedded}
        COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR} -DOUT=${embedded} -P ${CMAKE_SOURCE_DIR}/ops/cmake/embed.cmake
        DEPENDS ${kit_lua} ${CMAKE_SOURCE_DIR}/ops/cmake/embed.cmake ${CMAKE_SOURCE_DIR}/runtime/worker/embedded.h
        COMMENT "Embedding the Lua side of the kit" VERBATIM)
    target_sources(vitrine-worker_parts PRIVATE ${embedded})
endif()
