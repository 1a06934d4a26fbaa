# SPDX-License-Identifier: Apache-2.0
# Reads a header that nanopb wrote. -DCHECK=1: fails if a field became a callback or a pointer.
# -DOUT=file -DNAME=header: writes a STINT_TYPE(T) line for each message T.
file(STRINGS ${HEADER} bad REGEX "pb_callback_t|, *(CALLBACK|POINTER),")
if(bad)
    list(GET bad 0 first)
    message(FATAL_ERROR "${HEADER}: a field without a bound became a callback or a pointer: "
        "`${first}`; give it max_size, max_length or max_count in the .options file")
endif()
if(OUT)
    file(STRINGS ${HEADER} lines REGEX "^#define [A-Za-z0-9_]+_FIELDLIST\\(")
    set(text "/* Written by the build from ${NAME}. */\n#include \"${NAME}\"\n#include <stint/tasklet.h>\n\n")
    foreach(line ${lines})
        string(REGEX REPLACE "^#define ([A-Za-z0-9_]+)_FIELDLIST\\(.*" "\\1" type "${line}")
        string(APPEND text "STINT_TYPE(${type})\n")
    endforeach()
    file(WRITE ${OUT} "${text}")
endif()
