# SPDX-License-Identifier: Apache-2.0
#
# tsa_floor(LIBRARY FOLDER SEES libraries… NEEDS externals…) makes the library of one folder (main.c
# left out); tsa_program(NAME MAIN LIBRARY) a program, once its main.c exists. The folder's name is
# kept in a global property, so that tests find the library of the folder that they mirror.

function(tsa_floor library folder)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SEES;NEEDS")
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.c")
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    set(links ${arg_SEES})
    foreach(name IN LISTS arg_NEEDS)
        list(APPEND links ${TSA_NEED_${name}})
    endforeach()

    if(sources)
        add_library(${library} STATIC ${sources})
        target_compile_options(${library} PRIVATE ${TSA_WARNINGS})
        target_link_libraries(${library} PUBLIC ${links})
    else()
        add_library(${library} INTERFACE)
        target_link_libraries(${library} INTERFACE ${links})
    endif()
    set_property(GLOBAL PROPERTY "TSA_FLOOR_${folder}" ${library})
endfunction()

function(tsa_program name main library)
    file(GLOB found CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${main}")
    if(NOT found)
        return()
    endif()
    add_executable(${name} "${main}")
    target_compile_options(${name} PRIVATE ${TSA_WARNINGS})
    target_link_libraries(${name} PRIVATE ${library})
endfunction()

# The library of FOLDER, or of the nearest folder above it that has one.
function(tsa_floor_of folder out_library)
    while(folder)
        get_property(library GLOBAL PROPERTY "TSA_FLOOR_${folder}")
        if(library)
            set(${out_library} ${library} PARENT_SCOPE)
            return()
        endif()
        cmake_path(GET folder PARENT_PATH folder)
    endwhile()
    set(${out_library} "" PARENT_SCOPE)
endfunction()
