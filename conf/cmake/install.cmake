# SPDX-License-Identifier: Apache-2.0
#
# Where things go: the server to sbin, the client to bin, units where systemd looks. A configuration
# that stands in /etc already is never overwritten; a prefix that is not the system's leaves /etc alone.

if(TARGET tsa)
    install(TARGETS tsa RUNTIME DESTINATION "${CMAKE_INSTALL_SBINDIR}")
endif()
if(TARGET tsclient)
    install(TARGETS tsclient RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

# The units name the program by its full path, so they follow the prefix, which may be given as late as
# cmake --install --prefix.
file(GLOB units CONFIGURE_DEPENDS systemd/*.service systemd/*.socket)
foreach(unit IN LISTS units)
    cmake_path(GET unit FILENAME name)
    install(CODE "
        file(READ \"${unit}\" text)
        string(REPLACE \"/usr/sbin/tsa\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/tsa\" text \"\${text}\")
        file(WRITE \"${CMAKE_BINARY_DIR}/systemd/${name}\" \"\${text}\")")
    install(FILES "${CMAKE_BINARY_DIR}/systemd/${name}" DESTINATION lib/systemd/system)
endforeach()
if(EXISTS "${CMAKE_SOURCE_DIR}/systemd/tsa.sysusers")
    install(FILES systemd/tsa.sysusers DESTINATION lib/sysusers.d RENAME tsa.conf)
    install(FILES systemd/tsa.tmpfiles DESTINATION lib/tmpfiles.d RENAME tsa.conf)
endif()

file(GLOB samples CONFIGURE_DEPENDS conf/*.conf)
install(FILES ${samples} DESTINATION "${CMAKE_INSTALL_DATADIR}/tsa")
if(EXISTS "${CMAKE_SOURCE_DIR}/conf/tsa.conf")
    install(CODE "
        set(conf \"\$ENV{DESTDIR}/etc/tsa/tsa.conf\")
        if(NOT CMAKE_INSTALL_PREFIX MATCHES \"^/usr(/local)?/?\$\")
            message(STATUS \"Left alone: \${conf} (the prefix is not the system's); copy it from\"
                           \" \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/tsa/tsa.conf\")
        elseif(EXISTS \"\${conf}\")
            message(STATUS \"Kept: \${conf}\")
        else()
            file(INSTALL \"${CMAKE_SOURCE_DIR}/conf/tsa.conf\"
                 DESTINATION \"/etc/tsa\")
        endif()")
endif()
