# SPDX-License-Identifier: Apache-2.0
# Building modules: nanopb for the messages, one STINT_TYPE line for each of them, a shared object that exports one symbol.
#
#   stint_generate_protos(<out> ROOT <dir> OUT <dir> PROTOS <file>... [TYPES])
#       <out> is the list of generated C files. With TYPES also <proto>.types.c, a STINT_TYPE(T) for each message.
#   stint_add_module(<name> SOURCES <file>... PROTOS <file>...)

find_program(STINT_PROTOC protoc REQUIRED)
find_program(STINT_NANOPB_PLUGIN protoc-gen-nanopb PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
set(STINT_MODULE_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})
if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/../../proto/schema/stint/stint.proto)
    get_filename_component(STINT_PROTO_DIR ${CMAKE_CURRENT_LIST_DIR}/../../proto/schema ABSOLUTE)
endif()

function(stint_generate_protos out)
    cmake_parse_arguments(G "TYPES" "ROOT;OUT" "PROTOS" ${ARGN})
    set(generated "")
    foreach(proto ${G_PROTOS})
        file(RELATIVE_PATH relative ${G_ROOT} ${proto})
        string(REGEX REPLACE "\\.proto$" "" stem ${relative})
        set(base ${G_OUT}/${stem})
        string(REGEX REPLACE "\\.proto$" ".options" options ${proto})
        if(NOT EXISTS ${options})
            set(options "")
        endif()
        get_filename_component(folder ${base} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        add_custom_command(OUTPUT ${base}.pb.c ${base}.pb.h
            COMMAND ${STINT_PROTOC} -I${G_ROOT} -I${STINT_PROTO_DIR}
                --plugin=protoc-gen-nanopb=${STINT_NANOPB_PLUGIN}
                "--nanopb_opt=-I ${G_ROOT} -I ${STINT_PROTO_DIR} -s proto3_singular_msgs:true" --nanopb_out=${G_OUT} ${proto}
            COMMAND ${CMAKE_COMMAND} -DHEADER=${base}.pb.h -DCHECK=1 -P ${STINT_MODULE_CMAKE_DIR}/stint_types.cmake
            DEPENDS ${proto} ${options} ${STINT_MODULE_CMAKE_DIR}/stint_types.cmake
            COMMENT "nanopb ${relative}" VERBATIM)
        list(APPEND generated ${base}.pb.c)
        if(G_TYPES)
            add_custom_command(OUTPUT ${base}.types.c
                COMMAND ${CMAKE_COMMAND} -DHEADER=${base}.pb.h -DNAME=${stem}.pb.h -DOUT=${base}.types.c
                    -P ${STINT_MODULE_CMAKE_DIR}/stint_types.cmake
                DEPENDS ${base}.pb.h ${STINT_MODULE_CMAKE_DIR}/stint_types.cmake VERBATIM)
            list(APPEND generated ${base}.types.c)
        endif()
    endforeach()
    set(${out} ${generated} PARENT_SCOPE)
endfunction()
