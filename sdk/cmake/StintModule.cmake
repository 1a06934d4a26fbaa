# SPDX-License-Identifier: Apache-2.0
# Building modules for Stint: nanopb for the messages, one STINT_TYPE line for each of them, and a shared object
# that exports one symbol. Used by the project itself and, through find_package(stint), by others.
#
#   stint_add_module(<name> SOURCES <file>... PROTOS <file>... [VERSION_SCRIPT <file>])
#       The target <name> builds <name>.so into ${CMAKE_BINARY_DIR}/modules. The protos may import each other by their
#       file names and "stint/stint.proto". Each <x>.proto may have an <x>.options beside it with nanopb's bounds. Sources
#       include "<x>.stint.h", which brings the messages, their types and <stint/tasklet.h>.
#
#   stint_add_module(<name> LINKED SOURCES <file>... [PROTOS <file>...])
#       The same for a program that has nodes in it: the target <name> is linked into the program with
#       target_link_libraries(<program> PRIVATE <name>), which then finds "<x>.stint.h" too. Such a module ends with
#       STINT_MODULE_AS, and the program names it in stint_node_options.modules (stint/node.h).
#
#   stint_generate_protos(<out> ROOT <dir> OUT <dir> PROTOS <file>... [TYPES])
#       <out> becomes the list of generated C files: <OUT>/<x>.pb.c for each <ROOT>/<x>.proto, and with TYPES also
#       <x>.stint.c and <x>.stint.h, which describe each message to the kernel. The includes are relative to <OUT>.
#
# The build fails when a field of a message has no bound: nanopb would make it a callback or a pointer, and what holds one
# can neither be pickled nor be decoded safely.

include_guard(GLOBAL)

# Not needed by who only links with stint::stint; stint_generate_protos says what is missing.
find_program(STINT_PROTOC protoc)
find_program(STINT_NANOPB_PLUGIN protoc-gen-nanopb PATHS /usr/bin)
find_library(STINT_NANOPB_LIBRARY protobuf-nanopb)
set(STINT_MODULE_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

# In the tree the public proto and headers stand in their folders; an installed package has set both before.
if(NOT STINT_PROTO_DIR)
    get_filename_component(STINT_PROTO_DIR ${CMAKE_CURRENT_LIST_DIR}/../../proto/schema ABSOLUTE)
endif()
if(NOT STINT_INCLUDE_DIR)
    get_filename_component(STINT_INCLUDE_DIR ${CMAKE_CURRENT_LIST_DIR}/../include ABSOLUTE)
endif()
if(NOT EXISTS ${STINT_PROTO_DIR}/stint/stint.proto OR NOT EXISTS ${STINT_INCLUDE_DIR}/stint/types.h)
    message(FATAL_ERROR "StintModule: no stint/stint.proto in `${STINT_PROTO_DIR}` or no stint/types.h in "
        "`${STINT_INCLUDE_DIR}`; use find_package(stint), or set STINT_PROTO_DIR and STINT_INCLUDE_DIR")
endif()

function(stint_generate_protos out)
    cmake_parse_arguments(PARSE_ARGV 1 G "TYPES" "ROOT;OUT" "PROTOS")
    if(NOT G_ROOT OR NOT G_OUT OR NOT G_PROTOS OR G_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "stint_generate_protos: needs ROOT, OUT and PROTOS")
    endif()
    foreach(tool STINT_PROTOC STINT_NANOPB_PLUGIN STINT_NANOPB_LIBRARY)
        if(NOT ${tool})
            message(FATAL_ERROR "stint_generate_protos: no protoc, protoc-gen-nanopb or libprotobuf-nanopb: ${tool} is not "
                "found; install protobuf-compiler, nanopb and libnanopb-dev")
        endif()
    endforeach()
    set(types_script ${STINT_MODULE_CMAKE_DIR}/stint_types.cmake)
    # A change in one proto or its bounds may change the layout of messages in another that imports it.
    set(inputs ${G_PROTOS} ${types_script} ${STINT_PROTO_DIR}/stint/stint.proto)
    foreach(proto IN LISTS G_PROTOS)
        string(REGEX REPLACE "\\.proto$" ".options" options ${proto})
        if(EXISTS ${options})
            list(APPEND inputs ${options})
            # nanopb reads the options by itself; when one appears or goes, configure again to see it.
            set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${options})
        endif()
    endforeach()
    set(generated "")
    foreach(proto IN LISTS G_PROTOS)
        file(RELATIVE_PATH relative ${G_ROOT} ${proto})
        string(REGEX REPLACE "\\.proto$" "" stem ${relative})
        set(base ${G_OUT}/${stem})
        get_filename_component(folder ${base} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        # Singular messages without has_ flags: a flag that one forgets to set would lose the field in silence.
        set(nanopb_options "-I '${G_ROOT}' -I '${STINT_PROTO_DIR}' -s proto3_singular_msgs:true")
        add_custom_command(OUTPUT ${base}.pb.c ${base}.pb.h
            COMMAND ${STINT_PROTOC} -I${G_ROOT} -I${STINT_PROTO_DIR}
                --plugin=protoc-gen-nanopb=${STINT_NANOPB_PLUGIN}
                "--nanopb_opt=${nanopb_options}" --nanopb_out=${G_OUT} ${proto}
            COMMAND ${CMAKE_COMMAND} -DHEADER=${base}.pb.h -DPROTO=${relative} -DCHECK=1 -P ${types_script}
            DEPENDS ${inputs} COMMENT "nanopb ${relative}" VERBATIM)
        list(APPEND generated ${base}.pb.c)
        if(G_TYPES)
            add_custom_command(OUTPUT ${base}.stint.c ${base}.stint.h
                COMMAND ${CMAKE_COMMAND} -DHEADER=${base}.pb.h -DNAME=${stem}.pb.h -DOUT=${base}.stint.c
                    -P ${types_script}
                DEPENDS ${base}.pb.h ${types_script} COMMENT "types of ${relative}" VERBATIM)
            list(APPEND generated ${base}.stint.c)
        endif()
    endforeach()
    set(${out} ${generated} PARENT_SCOPE)
endfunction()

# Warnings that find a plain C variable used across a suspension point: its initialisation is jumped over on resume.
function(stint_module_warnings target)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${target} PRIVATE -Werror=jump-misses-init -Werror=maybe-uninitialized)
    elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
        target_compile_options(${target} PRIVATE -Werror=sometimes-uninitialized
            -Werror=conditional-uninitialized)
    endif()
endfunction()

# Where a module finds the public headers. The compiler is silent about what comes out of a macro of a system header, and
# the resume points do; so of headers that are installed as such, copies are taken.
function(stint_module_headers result out)
    if(NOT STINT_INCLUDE_DIR IN_LIST CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES)
        set(${result} ${STINT_INCLUDE_DIR} PARENT_SCOPE)
        return()
    endif()
    file(GLOB headers ${STINT_INCLUDE_DIR}/stint/*.h)
    foreach(header IN LISTS headers)
        get_filename_component(file ${header} NAME)
        configure_file(${header} ${out}/stint/${file} COPYONLY)
    endforeach()
    set(${result} ${out} PARENT_SCOPE)
endfunction()

# The public messages, once for all modules that are linked into programs; modules that are loaded have copies of their own.
function(stint_linked_messages)
    if(TARGET stint_messages)
        return()
    endif()
    set(out ${CMAKE_BINARY_DIR}/stint_messages.generated)
    stint_generate_protos(public ROOT ${STINT_PROTO_DIR} OUT ${out} PROTOS ${STINT_PROTO_DIR}/stint/stint.proto TYPES)
    add_library(stint_messages STATIC ${public})
    stint_module_headers(headers ${out})
    set_target_properties(stint_messages PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_VISIBILITY_PRESET hidden
        POSITION_INDEPENDENT_CODE ON)
    target_include_directories(stint_messages PUBLIC ${out} ${headers})
    target_link_libraries(stint_messages PUBLIC ${STINT_NANOPB_LIBRARY})
endfunction()

function(stint_add_module name)
    cmake_parse_arguments(PARSE_ARGV 1 M "LINKED" "VERSION_SCRIPT" "SOURCES;PROTOS")
    if(NOT M_SOURCES OR M_UNPARSED_ARGUMENTS OR (M_LINKED AND M_VERSION_SCRIPT))
        message(FATAL_ERROR "stint_add_module(${name}): needs SOURCES <file>..., and takes PROTOS <file>... and, first, LINKED")
    endif()
    set(protos "")
    foreach(proto IN LISTS M_PROTOS)
        get_filename_component(proto ${proto} ABSOLUTE)
        list(APPEND protos ${proto})
    endforeach()
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.generated)
    set(own "")
    if(protos)
        stint_generate_protos(own ROOT ${CMAKE_CURRENT_SOURCE_DIR} OUT ${out} PROTOS ${protos} TYPES)
    endif()
    if(M_LINKED)
        stint_linked_messages()
        add_library(${name} OBJECT ${M_SOURCES} ${own})
        target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${out})
        target_link_libraries(${name} PUBLIC stint_messages)
    else()
        # Each module has a copy of the public messages of its own, so it needs nothing but nanopb at run time.
        stint_generate_protos(public ROOT ${STINT_PROTO_DIR} OUT ${out}
            PROTOS ${STINT_PROTO_DIR}/stint/stint.proto TYPES)
        add_library(${name} MODULE ${M_SOURCES} ${own} ${public})
        stint_loaded_module(${name} ${out} "${M_VERSION_SCRIPT}")
    endif()
    set_target_properties(${name} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_VISIBILITY_PRESET hidden
        POSITION_INDEPENDENT_CODE ON)
    # A module is the same wherever it is built: the places of its frames are named from here.
    target_compile_options(${name} PRIVATE -Wall -Wextra -fmacro-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/=)
    stint_module_warnings(${name})
endfunction()

function(stint_loaded_module name out version_script)
    if(NOT version_script)
        set(version_script ${STINT_MODULE_CMAKE_DIR}/module.map)
    endif()
    set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/modules
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/modules
        LINK_DEPENDS ${version_script})
    stint_module_headers(headers ${out})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${out} ${headers})
    target_link_libraries(${name} PRIVATE ${STINT_NANOPB_LIBRARY})
    target_link_options(${name} PRIVATE -Wl,--version-script=${version_script})
endfunction()
