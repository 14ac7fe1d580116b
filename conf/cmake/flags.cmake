# SPDX-License-Identifier: Apache-2.0
#
# Language, warnings, hardening and instrumentation. Everything that is compiled from this tree gets
# the same flags; foreign code (llhttp) gets the hardening but not the warnings.

include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)

# Asserts stay in every build: an authority that has met a bug of its own must stop, not sign on.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REGEX REPLACE "[-/]DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

# Strict C11 hides POSIX and Linux calls without it. Empty, so that a file may define it once more.
add_compile_definitions(_GNU_SOURCE= TSA_VERSION="${PROJECT_VERSION}")
include_directories("${CMAKE_SOURCE_DIR}")

set(TSA_WARNINGS
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wwrite-strings
    -Wformat=2 -Wconversion -Wvla)
if(TSA_WERROR)
    list(APPEND TSA_WARNINGS -Werror)
endif()

# ---- hardening -------------------------------------------------------------------------------------
set(instrumented OFF)
if(TSA_SANITIZE OR TSA_COVERAGE OR TSA_FUZZ)
    set(instrumented ON)
endif()

function(tsa_try_flag flag)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
    check_c_compiler_flag(${flag} ${have})
    if(${have})
        add_compile_options(${flag})
    endif()
endfunction()

tsa_try_flag(-fstack-protector-strong)
tsa_try_flag(-fstack-clash-protection)
tsa_try_flag(-fcf-protection)
# _FORTIFY_SOURCE does nothing without optimisation and hides bugs from the sanitizers.
if(NOT instrumented)
    add_compile_options("$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
endif()
foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
    string(MAKE_C_IDENTIFIER "HAVE_LINK${flag}" have)
    check_linker_flag(C ${flag} ${have})
    if(${have})
        add_link_options(${flag})
    endif()
endforeach()

# ---- instrumentation -------------------------------------------------------------------------------
if(NOT TSA_SANITIZE MATCHES "^(|address|thread)$")
    message(FATAL_ERROR "TSA_SANITIZE is \"${TSA_SANITIZE}\"; it may be empty, address or thread")
endif()
if(TSA_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "TSA_FUZZ needs clang: CC=clang cmake -DTSA_FUZZ=ON …")
endif()
if(TSA_FUZZ AND TSA_SANITIZE STREQUAL "thread")
    message(FATAL_ERROR "TSA_FUZZ goes with address, not with thread")
endif()

set(sanitizers "")
if(TSA_SANITIZE STREQUAL "address" OR TSA_FUZZ)
    set(sanitizers address,undefined)
elseif(TSA_SANITIZE STREQUAL "thread")
    set(sanitizers thread)
endif()
if(sanitizers)
    add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${sanitizers})
    add_compile_definitions(TSA_SANITIZED=1)
endif()
if(TSA_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(TSA_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
    add_compile_definitions(TSA_COVERED=1)
endif()
