# SPDX-License-Identifier: Apache-2.0
# The pure layers a second time, with the mutants of base/mutant.h in them. Only what is linked to these libraries
# is compiled with STINT_MUTANTS; they are never installed, and nothing that is installed is linked to them.
function(stint_mutant_layer layer)
    get_target_property(sources ${layer} SOURCES)
    add_library(${layer}_mut STATIC ${sources})
    target_compile_definitions(${layer}_mut PUBLIC STINT_MUTANTS)
    target_link_libraries(${layer}_mut PRIVATE stint_flags PUBLIC ${ARGN})
endfunction()

stint_mutant_layer(base sdk_headers proto_dirs)
stint_mutant_layer(wire base_mut schema PkgConfig::SODIUM)
stint_mutant_layer(cluster wire_mut)
stint_mutant_layer(kernel base_mut schema)
stint_mutant_layer(core kernel_mut cluster_mut)
# Not pure, but it gets links, clocks and entropy of the world's own (tests/world/world_sdk_net.c).
stint_mutant_layer(client wire_mut schema PkgConfig::JANSSON)

# The virtual-time world over them, and the table of their names.
get_target_property(world_sources world SOURCES)
list(TRANSFORM world_sources PREPEND ${PROJECT_SOURCE_DIR}/tests/world/)
add_library(world_mut STATIC ${world_sources} ${CMAKE_CURRENT_SOURCE_DIR}/mutants.c)
target_include_directories(world_mut PUBLIC ${PROJECT_SOURCE_DIR}/tests/world ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(world_mut PRIVATE stint_flags PUBLIC core_mut client_mut)

# The SDK's clients in it, and their work, which is done by the module mill.
get_target_property(world_sdk_sources world_sdk SOURCES)
list(TRANSFORM world_sdk_sources PREPEND ${PROJECT_SOURCE_DIR}/tests/world/)
add_library(world_sdk_mut OBJECT ${world_sdk_sources})
target_link_libraries(world_sdk_mut PRIVATE stint_flags PUBLIC mill world_mut)
