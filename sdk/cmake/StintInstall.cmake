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
install(DIRECTORY proto/schema/stint DESTINATION ${CMAKE_INSTALL_DATADIR}/stint/proto)

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
configure_file(${CMAKE_CURRENT_LIST_DIR}/stint.pc.in ${CMAKE_BINARY_DIR}/stint.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/stint.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
