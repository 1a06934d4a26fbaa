/* SPDX-License-Identifier: Apache-2.0 */
/* The module of specimen.proto, linked in. */
#ifndef STINT_TESTS_FUZZ_SPECIMEN_H
#define STINT_TESTS_FUZZ_SPECIMEN_H

#include "specimen.stint.h"

/* Worker.mode; anything else raises. */
enum specimen_mode {
    SPECIMEN_YIELD,
    SPECIMEN_PAUSE,
    SPECIMEN_PAUSE_FOR,
    SPECIMEN_SLEEP,
    SPECIMEN_RECV,
    SPECIMEN_RECV_WITHIN,
    SPECIMEN_RECV_OWN,
    SPECIMEN_SEND,
    SPECIMEN_SEND_TEMPORARY,
    SPECIMEN_NAME,
    SPECIMEN_EXCEPT,
    SPECIMEN_MODES
};

extern const struct stint_module specimen_module;

#endif
