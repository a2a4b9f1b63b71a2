# Warnings, hardening and sanitizers, the same for every target.
include(CheckCCompilerFlag)

set(warnings
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wvla -Wundef
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough -Wno-unused-parameter)
# What is wrong in every case stops the build; the rest is read and mended.
set(errors
    implicit-function-declaration implicit-int incompatible-pointer-types int-conversion return-type format-security
    strict-prototypes missing-prototypes vla shadow format unused-variable unused-function unused-result uninitialized
    array-bounds sizeof-pointer-memaccess sequence-point implicit-fallthrough switch)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND warnings -Wduplicated-cond -Wlogical-op -Walloca)
    list(APPEND errors discarded-qualifiers alloca duplicated-cond)
endif()
list(TRANSFORM errors PREPEND -Werror=)
add_compile_options(${warnings} ${errors} -fno-common -fno-strict-aliasing)

# The empty value is the same as a file's own "#define _GNU_SOURCE".
add_compile_definitions(_GNU_SOURCE= _FILE_OFFSET_BITS=64 VITRINE_VERSION="${PROJECT_VERSION}")
include_directories(${CMAKE_SOURCE_DIR})

# Position-independent everywhere; programs are PIE (the worker static-PIE, see worker.cmake).
add_compile_options(-fPIE)
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed)

if(VITRINE_SANITIZE STREQUAL "")
    add_compile_options(-fstack-protector-strong -fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        add_compile_options(-fcf-protection=full)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
        add_compile_options(-mbranch-protection=standard)
    endif()
    if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
        add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    endif()
else()
    set(sanitizers_address -fsanitize=address,undefined -fno-sanitize-recover=undefined)
    set(sanitizers_thread -fsanitize=thread)
    set(sanitizers_fuzz -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
    if(NOT DEFINED sanitizers_${VITRINE_SANITIZE})
        message(FATAL_ERROR "VITRINE_SANITIZE is '${VITRINE_SANITIZE}'; it must be address, thread, fuzz or empty")
    endif()
    add_compile_options(${sanitizers_${VITRINE_SANITIZE}} -fno-omit-frame-pointer)
    add_link_options(${sanitizers_${VITRINE_SANITIZE}})
    string(TOUPPER ${VITRINE_SANITIZE} sanitizer_word)
    add_compile_definitions(VITRINE_SANITIZED VITRINE_SANITIZED_${sanitizer_word})
endif()
