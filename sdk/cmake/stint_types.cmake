# SPDX-License-Identifier: Apache-2.0
# Reads a header that nanopb wrote.
#   -DHEADER=<x>.pb.h -DPROTO=<x>.proto -DCHECK=1      fails if a field became a callback or a pointer
#   -DHEADER=<x>.pb.h -DNAME=<x>.pb.h -DOUT=<x>.stint.c  describes each message T: STINT_TYPE(T) there, its
#                                                        declaration in <x>.stint.h
cmake_minimum_required(VERSION 3.18)

if(CHECK)
    # A field of a FIELDLIST reads: X(a, CALLBACK, SINGULAR, STRING, name, 1). The message is the last one begun above it.
    file(READ ${HEADER} header)
    # Backslashes and semicolons mean something else in a list of CMake.
    string(REGEX REPLACE "[;\\\\]" "" header "${header}")
    string(REGEX MATCHALL "[^\n]+" lines "${header}")
    set(message "")
    set(bad "")
    foreach(line IN LISTS lines)
        if(line MATCHES "^#define ([A-Za-z0-9_]+)_FIELDLIST")
            set(message ${CMAKE_MATCH_1})
        elseif(line MATCHES "^X\\(a_?, *(CALLBACK|POINTER), *[A-Z]+, *([A-Z0-9_]+), *([^ ]+), ")
            set(form ${CMAKE_MATCH_1})
            set(kind ${CMAKE_MATCH_2})
            string(REGEX REPLACE "^\\([^,]*,([^,]*),.*$" "\\1" field "${CMAKE_MATCH_3}")
            string(TOLOWER ${form} form)
            set(bound "max_count")
            if(kind STREQUAL "STRING" OR kind STREQUAL "BYTES")
                set(bound "max_size (and max_count if it is repeated)")
            endif()
            string(REGEX REPLACE "\\.proto$" ".options" options "${PROTO}")
            string(APPEND bad "\n  ${PROTO}: message ${message}: field `${field}` has no bound (nanopb made it a "
                "${form}); give it ${bound} in ${options}")
        endif()
    endforeach()
    # What the lines above did not understand must not pass.
    if(NOT bad)
        string(REGEX MATCH "[^\n]*(pb_callback_t|pb_extension_t|(CALLBACK|POINTER),)[^\n]*" other "${header}")
        if(other)
            set(bad "\n  ${PROTO}: a field without a bound: `${other}`; give it max_size or max_count in the .options file")
        endif()
    endif()
    if(bad)
        # Else the next build would find the header there and take it for good.
        file(REMOVE ${HEADER})
        message(FATAL_ERROR "messages must be bounded:${bad}")
    endif()
endif()

if(OUT)
    file(READ ${HEADER} header)
    string(REGEX MATCHALL "\n#define [A-Za-z0-9_]+_FIELDLIST\\(" lines "${header}")
    string(REGEX REPLACE "\\.c$" ".h" out_header "${OUT}")
    string(REGEX REPLACE "\\.pb\\.h$" ".stint.h" name "${NAME}")
    string(MAKE_C_IDENTIFIER "STINT_TYPES_${name}" guard)
    string(TOUPPER ${guard} guard)
    set(top "/* Written by the build from ${NAME}. */\n")
    set(source "${top}#include \"${name}\"\n\n")
    set(declarations "${top}#ifndef ${guard}\n#define ${guard}\n\n#include <stint/tasklet.h>\n#include \"${NAME}\"\n\n")
    foreach(public Channel Tasklet Node Empty) # of stint/stint.proto, which every module has
        string(APPEND declarations "extern STINT_HIDDEN const struct stint_type stint_${public}_stint;\n")
    endforeach()
    foreach(line IN LISTS lines)
        string(REGEX REPLACE "^\n#define ([A-Za-z0-9_]+)_FIELDLIST.*" "\\1" type "${line}")
        string(APPEND source "STINT_TYPE(${type})\n")
        string(APPEND declarations "extern STINT_HIDDEN const struct stint_type ${type}_stint;\n")
    endforeach()
    file(WRITE ${OUT} "${source}")
    file(WRITE ${out_header} "${declarations}\n#endif\n")
endif()
