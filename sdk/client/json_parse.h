/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STINT_CLIENT_JSON_PARSE_H
#define STINT_CLIENT_JSON_PARSE_H

#include <jansson.h>

#include "client/json.h"

/*
 * Parses in->text; integers of more than 18 digits become strings of digits, where integers are
 * taken from, too. NULL: *status and in->error say why. The caller's to json_decref.
 */
json_t *client_json_parse(const struct client_json_in *in, enum stint_status *status);

#endif
