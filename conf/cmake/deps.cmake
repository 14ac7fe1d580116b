# SPDX-License-Identifier: Apache-2.0
#
# What comes from outside. Each entry becomes a target that the floors name in NEEDS. All that is
# missing is told at once, with the command that installs it.

find_package(PkgConfig QUIET)
if(NOT PkgConfig_FOUND)
    message(FATAL_ERROR "pkg-config is missing: run conf/install-deps build")
endif()
find_package(Threads REQUIRED)

set(missing "")
macro(tsa_need prefix module)
    pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${module})
    if(NOT ${prefix}_FOUND)
        list(APPEND missing ${module})
    endif()
endmacro()

tsa_need(CRYPTO "libcrypto>=3.0")
tsa_need(SSL "libssl>=3.0")
tsa_need(CONFIG libconfig)
tsa_need(SECCOMP libseccomp)
tsa_need(EVENT libevent_core)
tsa_need(EVENT_EXTRA libevent_extra)
tsa_need(EVENT_OPENSSL libevent_openssl)
tsa_need(CURL libcurl)
tsa_need(JANSSON jansson)

# llhttp: a system library where there is one (Debian 13), else the generated C sources that Debian
# 12's node-llhttp installs. Include it as <llhttp.h> in both cases.
pkg_check_modules(LLHTTP QUIET IMPORTED_TARGET libllhttp)
if(NOT LLHTTP_FOUND)
    find_library(TSA_LLHTTP_LIBRARY llhttp)
    find_path(TSA_LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp)
    file(GLOB TSA_LLHTTP_SOURCES /usr/share/llhttp/*.c)
    if(NOT TSA_LLHTTP_INCLUDE OR NOT (TSA_LLHTTP_LIBRARY OR TSA_LLHTTP_SOURCES))
        list(APPEND missing llhttp)
    endif()
endif()

if(missing)
    list(JOIN missing ", " missing)
    message(FATAL_ERROR "missing to build: ${missing}. Run conf/install-deps build")
endif()

if(NOT LLHTTP_FOUND AND TSA_LLHTTP_LIBRARY)
    add_library(llhttp INTERFACE)
    target_link_libraries(llhttp INTERFACE "${TSA_LLHTTP_LIBRARY}")
    target_include_directories(llhttp SYSTEM INTERFACE "${TSA_LLHTTP_INCLUDE}")
elseif(NOT LLHTTP_FOUND)
    add_library(llhttp STATIC ${TSA_LLHTTP_SOURCES})
    target_compile_options(llhttp PRIVATE -w)
    # Without it a chunk may end in anything, and a head in CR alone. Newer versions know no other mode.
    target_compile_definitions(llhttp PRIVATE LLHTTP_STRICT_MODE=1)
    target_include_directories(llhttp SYSTEM PUBLIC "${TSA_LLHTTP_INCLUDE}")
endif()

# The names that floors use -> the targets behind them.
foreach(name CRYPTO SSL CONFIG SECCOMP EVENT EVENT_EXTRA EVENT_OPENSSL CURL JANSSON)
    set(TSA_NEED_${name} PkgConfig::${name})
endforeach()
set(TSA_NEED_THREADS Threads::Threads)
set(TSA_NEED_LLHTTP llhttp)
if(LLHTTP_FOUND)
    set(TSA_NEED_LLHTTP PkgConfig::LLHTTP)
endif()
