# SPDX-License-Identifier: Apache-2.0
# What is installed beside the example modules: the programs, the library, and what others need to build against it, the
# CMake package `stint` (the library stint::stint and stint_add_module) and stint.pc. Everything finds the rest relative to
# itself, so what was installed may be moved as a whole.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

file(RELATIVE_PATH STINT_BIN_TO_LIB /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${CMAKE_INSTALL_LIBDIR})
foreach(program stintd stint_cli wordcount-drive)
    if(TARGET ${program})
        set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/${STINT_BIN_TO_LIB}")
    endif()
endforeach()
foreach(target stint stintd stint_cli)
    if(TARGET ${target})
        install(TARGETS ${target})
    endif()
endforeach()
install(DIRECTORY sdk/include/stint TYPE INCLUDE)

# Manual pages and completions: the programs say what stands in them.
if(TARGET stintd AND TARGET stint_cli)
    find_program(PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
    set(texts "")
    foreach(page stint.1 stintd.8 stint.conf.5)
        set(template ${PROJECT_SOURCE_DIR}/deploy/manual/${page}.in)
        set(script ${PROJECT_SOURCE_DIR}/deploy/manual/manual.py)
        add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/man/${page}
            COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
            COMMAND ${PYTHON3} -B ${script} --template ${template} --out ${CMAKE_BINARY_DIR}/man/${page}
                --version ${PROJECT_VERSION} --stint $<TARGET_FILE:stint_cli> --stintd $<TARGET_FILE:stintd>
            DEPENDS ${template} ${script} stint_cli stintd COMMENT "manual page ${page}" VERBATIM)
        list(APPEND texts ${CMAKE_BINARY_DIR}/man/${page})
        string(REGEX REPLACE "^.*\\." "" section ${page})
        install(FILES ${CMAKE_BINARY_DIR}/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endforeach()
    set(script ${PROJECT_SOURCE_DIR}/deploy/manual/completion.py)
    foreach(program stint stintd)
        foreach(entry bash:bash-completion/completions:${program} zsh:zsh/site-functions:_${program}
                fish:fish/vendor_completions.d:${program}.fish)
            string(REGEX MATCH "^([a-z]+):([^:]*):(.*)$" parts ${entry})
            set(completion ${CMAKE_BINARY_DIR}/completion/${CMAKE_MATCH_3})
            set(command stint_cli completion ${CMAKE_MATCH_1} > ${completion})
            if(program STREQUAL stintd)
                set(command ${PYTHON3} -B ${script} --shell ${CMAKE_MATCH_1} --out ${completion}
                    --stintd $<TARGET_FILE:stintd>)
            endif()
            add_custom_command(OUTPUT ${completion}
                COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completion
                COMMAND ${command} DEPENDS stint_cli stintd ${script}
                COMMENT "completion of ${program} for ${CMAKE_MATCH_1}" VERBATIM)
            list(APPEND texts ${completion})
            install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/${CMAKE_MATCH_2})
        endforeach()
    endforeach()
    add_custom_target(stint_texts ALL DEPENDS ${texts})
endif()
install(DIRECTORY proto/schema/stint DESTINATION ${CMAKE_INSTALL_DATADIR}/stint/proto)
install(FILES sdk/cmake/module.mk DESTINATION ${CMAKE_INSTALL_DATADIR}/stint)
install(DIRECTORY sdk/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/stint)

set(STINT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/stint)
set(STINT_INSTALL_PROTO_DIR ${CMAKE_INSTALL_DATADIR}/stint/proto)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/stintConfig.cmake.in ${CMAKE_BINARY_DIR}/stintConfig.cmake
    INSTALL_DESTINATION ${STINT_PACKAGE_DIR}
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR STINT_INSTALL_PROTO_DIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/stintConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/stintConfig.cmake ${CMAKE_BINARY_DIR}/stintConfigVersion.cmake
    ${CMAKE_CURRENT_LIST_DIR}/StintModule.cmake ${CMAKE_CURRENT_LIST_DIR}/stint_types.cmake
    ${CMAKE_CURRENT_LIST_DIR}/module.map
    DESTINATION ${STINT_PACKAGE_DIR})

file(RELATIVE_PATH STINT_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" STINT_PC_PREFIX ${STINT_PC_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/stint.pc.in ${CMAKE_BINARY_DIR}/stint.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/stint.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
