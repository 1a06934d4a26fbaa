/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler that ZeroMQ asks, for each peer that connects, whether it may (ZAP, RFC
 * 27). It admits every peer that proved a CURVE key and labels its frames with that key
 * (`User-Id`, 64 hex digits); what the key may do, the session's certificate decides.
 * It refuses every other mechanism.
 *
 * The handler is served in the net's own loop: a net that is not stepped admits nobody,
 * and its listener is bound after the handler and closed before it.
 */
#ifndef STINT_LINK_ZAP_H
#define STINT_LINK_ZAP_H

#include <stdbool.h>
#include <stdint.h>

enum zap_answer {
    ZAP_NONE, /* nobody asks */
    ZAP_ADMITTED,
    ZAP_REFUSED,
    ZAP_BROKEN, /* the socket failed; nobody is admitted any more */
};

/* The handler's socket in `context`; one for each context. NULL with errno. Close with
 * zmq_close. */
void *zap_open(void *context);

/* Answers one request, if there is one. Never blocks. */
enum zap_answer zap_serve(void *socket);

#endif
