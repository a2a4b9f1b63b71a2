# Programs of tests/bench that link parts of the product; target `bench-tools` builds them into <build>/tests. Those that stand
# alone (calls_load.c, unix_backend.c) are compiled by the benchmark that uses them. The figures are of release builds.
if(VITRINE_SANITIZE)
    return()
endif()
add_custom_target(bench-tools)

# bench_tool(<name> <need>...): tests/bench/<name>.c, linked with these libraries when all of them are built
function(bench_tool name)
    set(source ${CMAKE_SOURCE_DIR}/tests/bench/${name}.c)
    foreach(need ${ARGN})
        if(NOT TARGET ${need})
            message(STATUS "${name} is skipped: ${need} is not built")
            return()
        endif()
    endforeach()
    if(NOT EXISTS ${source} OR TARGET ${name})
        return()
    endif()
    add_executable(${name} EXCLUDE_FROM_ALL ${source})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests BUILD_RPATH ${CMAKE_BINARY_DIR}/lib/vitrine)
    target_link_libraries(${name} PRIVATE ${ARGN})
    target_link_options(${name} PRIVATE -pie)
    add_dependencies(bench-tools ${name})
endfunction()

bench_tool(infer_bare vitrine-infer_parts)    # the model alone: bench_digits.py
bench_tool(spawn_driver vitrine_wire vitrine_base) # speaks to a real zygote: bench_spawn.py
