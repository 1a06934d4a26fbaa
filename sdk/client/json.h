/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as JSON, by the description of their type; client.h says how each kind is written.
 * Encoding is strict and names every mistake with its field path, what was expected and what was
 * found. Decoding is for people and scripts that read: fields that the description does not know
 * are passed over, as protobuf does.
 */
#ifndef STINT_CLIENT_JSON_H
#define STINT_CLIENT_JSON_H

#include "client/types.h"

/*
 * Turns the name or prefix of a channel into its id. STINT_OK; STINT_BLOCKED: it has to be asked
 * for, encode again when it is known; anything else is the mistake.
 */
typedef enum stint_status client_json_resolve(void *arg, const char *name, struct stint_id *id);

struct client_json_in {
    struct mem *mem;
    const struct client_types *types;
    const struct client_type *type;
    const char *text;
    client_json_resolve *resolve; /* NULL: only ids are taken */
    void *arg;
    char *error; /* one line on failure */
    size_t error_size;
};

/*
 * Appends the encoding of a JSON object to `out`. STINT_INVALID, STINT_LIMIT (more than
 * LIMIT_MESSAGE bytes, or CLIENT_JSON_MAX of text), STINT_NO_MEMORY, or what `resolve` answers.
 * `out` is as before on failure.
 */
STINT_MUST_USE enum stint_status client_json_encode(const struct client_json_in *in,
                                                    struct buf *out);

/*
 * Appends the JSON text of an encoded value, without a terminator, to `out` (compact, one line,
 * ASCII but for printable UTF-8). STINT_INVALID what is malformed, STINT_LIMIT when `out` is full,
 * STINT_NO_MEMORY; `out` is as before then.
 */
STINT_MUST_USE enum stint_status client_json_decode(struct mem *mem,
                                                    const struct client_types *types,
                                                    const struct client_type *type,
                                                    struct stint_span bytes, struct buf *out);

/* Appends a text as a JSON string, with its quotes; bytes that are no UTF-8 become U+FFFD. */
void client_json_put_text(struct buf *out, struct stint_span text);

/* Appends the shortest number that reads back as `value`; "NaN", "Infinity", "-Infinity" as
 * strings. */
void client_json_put_double(struct buf *out, double value, bool is_float);

/* Length of the well-formed UTF-8 character at the beginning of `text`; 0 if there is none. */
size_t client_utf8_length(struct stint_span text);

#endif
