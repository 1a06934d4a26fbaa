/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel does with message types, given only their run-time description (struct stint_type
 * of stint/tasklet.h, which a module's build writes): check them, name them, hash them, encode,
 * decode, and walk the channel handles inside a value. Nothing here keeps state; the registry
 * (code.h) keeps what is worth keeping.
 *
 * A checked type holds no callback and no pointer, bounds every field, does not contain itself and
 * is at most TYPE_DEPTH_MAX messages deep. All functions but type_check take checked types only; so
 * walking and decoding recurse at most that deep, whatever the input.
 */
#ifndef STINT_KERNEL_TYPE_H
#define STINT_KERNEL_TYPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "stint/tasklet.h"

enum {
    TYPE_NAME_SIZE = 96, /* of a shown name, with its terminator */
    TYPE_FIELD_NAME_SIZE = 64,
    TYPE_DEPTH_MAX = 8,    /* messages in messages */
    TYPE_FIELDS_MAX = 256, /* of one message */
    TYPE_SIZE_MAX = 65536, /* of the struct, and of the encoding of any value */
    TYPE_REACH_MAX = 256   /* types that one type contains, itself included */
};

/*
 * Checks a type with all it contains. STINT_OK, or STINT_INVALID with one sentence in `error` (cut
 * to fit) that names message, field, reason and remedy: "message upload.Chunk: field `data` has no
 * max_size (nanopb would make it a callback); give it one in upload.options".
 */
STINT_MUST_USE enum stint_status
type_check(const struct stint_type *type, char *error, size_t error_size);

/* The shown name of a C name: each `_` before an upper-case letter is a `.` (tally_Add ->
 * tally.Add). Cut to fit; returns `out`. */
const char *type_show_name(const char *c_name, char out[TYPE_NAME_SIZE]);

/* The shown name of a type. */
const char *type_name(const struct stint_type *type, char out[TYPE_NAME_SIZE]);

/*
 * A hash of everything that decides how values are encoded and what they mean: shown names, field
 * names, tags, kinds, rules, bounds, with the types inside. The same on every machine, compiler and
 * struct layout. Stored in pickles and schemas.
 */
uint64_t type_hash(const struct stint_type *type);

/*
 * Whether values of both may be copied as bytes into each other and mean the same: one description,
 * or two equal ones (two modules that have a message in common bring a copy each).
 */
bool type_same(const struct stint_type *a, const struct stint_type *b);

/* The most bytes that an encoded value takes; UINT32_MAX if that is more than TYPE_SIZE_MAX
 * (type_check refuses those). */
uint32_t type_encoded_max(const struct stint_type *type);

/* Whether a value can hold channel handles, at any depth. */
bool type_has_channels(const struct stint_type *type);

/* Calls `visit` for each channel handle in `value` that is set, in order of fields; handles in
 * unused array places and in oneof members that are not chosen are not there. */
typedef void (*type_visit)(void *arg, stint_Channel *ch);
void type_each_channel(const struct stint_type *type, void *value, type_visit visit, void *arg);

/* Zeroes `slot` in each of them. To be done before a value leaves the kernel, and with every value
 * that came from outside. */
void type_scrub(const struct stint_type *type, void *value);

/* Makes `value` (type->size bytes, aligned to 8) the default value: all fields zero or empty,
 * padding included. */
void type_init_value(const struct stint_type *type, void *value);

/*
 * Appends the encoding of `value`, without slots, to `out`. Equal values give equal bytes.
 * STINT_LIMIT when it does not fit, STINT_NO_MEMORY, STINT_INVALID for a value that has none (a
 * count past its bound, a text without terminator); then nothing is appended.
 */
STINT_MUST_USE enum stint_status
type_encode(const struct stint_type *type, const void *value, struct buf *out);

/*
 * Decodes all of `bytes` into `value` (type->size bytes, aligned to 8, fully overwritten; padding
 * is zero). Fields that the type does not know are skipped, absent ones get their default, slots
 * are zeroed. STINT_LIMIT for more than TYPE_SIZE_MAX bytes; STINT_INVALID for anything malformed
 * or over a bound, `value` then being the default value. `why` (may be NULL) gets nanopb's reason,
 * static storage.
 */
STINT_MUST_USE enum stint_status
type_decode(const struct stint_type *type, struct stint_span bytes, void *value, const char **why);

/*
 * The fingerprint of a code (DECISIONS 6): hash of its locals, labels of its resume points in
 * order, and `mark`, by which an author tells that older tasklets must not go on in it. Equal
 * fingerprints: resume points are found by index.
 */
uint64_t type_fingerprint(
    uint64_t locals_hash, const struct stint_point *const *points, uint32_t count, uint32_t mark);

#endif
