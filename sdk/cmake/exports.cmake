# SPDX-License-Identifier: Apache-2.0
# Writes the version script of libstint.so from the public headers, so that what they declare is what it exports:
#   cmake -DHEADERS="<file>;..." -DOUT=<file> -P exports.cmake
# A function of the interface is declared with STINT_API; its name is the last word before the first parenthesis.
cmake_minimum_required(VERSION 3.25)

set(names "")
foreach(header IN LISTS HEADERS)
    file(READ ${header} text)
    string(REGEX MATCHALL "STINT_API[^;(]*[^a-z0-9_]stint_[a-z0-9_]+\\(" declarations "${text}")
    foreach(declaration IN LISTS declarations)
        string(REGEX REPLACE "^.*[^a-z0-9_](stint_[a-z0-9_]+)\\($" "\\1" name "${declaration}")
        list(APPEND names ${name})
    endforeach()
endforeach()
list(SORT names)
list(REMOVE_DUPLICATES names)
list(JOIN names ";\n        " lines)
if(names STREQUAL "")
    message(FATAL_ERROR "exports.cmake: no STINT_API in `${HEADERS}`")
endif()
file(WRITE ${OUT} "/* Written by the build from the public headers. */\nSTINT_0 {\n    global:\n        ${lines};\n"
    "    local:\n        *;\n};\n")
