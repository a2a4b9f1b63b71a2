# Target `pages`: the site's page templates, read by the store at its start.
set(pages_folder ${CMAKE_BINARY_DIR}/share/vitrine/pages)
add_custom_target(pages ALL
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${CMAKE_SOURCE_DIR}/ui-kit/pages ${pages_folder}
    COMMENT "Copying the page templates" VERBATIM)
install(DIRECTORY ${pages_folder} DESTINATION share/vitrine)

# Target `kit`: the browser side, built by npm in ui-kit into <build>/share/vitrine/kit. ops/kit skips what is unchanged.
if(NOT VITRINE_KIT OR NOT VITRINE_SANITIZE STREQUAL "")
    return()
endif()
if(NOT EXISTS ${CMAKE_SOURCE_DIR}/ui-kit/package.json)
    message(STATUS "kit is skipped: no ui-kit/package.json")
    return()
endif()
set(kit_folder ${CMAKE_BINARY_DIR}/share/vitrine/kit)
add_custom_target(kit ALL
    COMMAND ${CMAKE_SOURCE_DIR}/ops/kit ${kit_folder}
    COMMENT "Building the browser side of the kit" USES_TERMINAL VERBATIM)
install(DIRECTORY ${kit_folder} DESTINATION share/vitrine)
