/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The corpus: bytes of each format that this version writes, kept for ever. `v1/` holds what
 * version 1 wrote; whoever changes a format leaves it as it is and begins a new folder, so that
 * both are read from then on.
 *
 * A file is of one of these kinds, named in the manifest: `message NAME` (of proto/schema), `batch`
 * (of envelopes), `frame` (of a session), `pickle` and `file` (an exported tasklet), which are run
 * on too, `schema`, `certificate`, `keys` (a text) and `box` (a seal).
 */
#ifndef STINT_TESTS_CORPUS_H
#define STINT_TESTS_CORPUS_H

#include <pb.h>

#include "base/buf.h"
#include "stint/tasklet.h"

/* What of the world that makes and runs the pickles is needed before. */
struct corpus_tools {
    struct mem *mem;
    const struct stint_module *relics;
};

struct corpus_item {
    const char *name; /* of the file */
    const char *kind;
    const char *what; /* the message's name, else "-" */
    struct stint_span bytes;
};

typedef void corpus_tell(void *arg, const struct corpus_item *item);

/* Makes each file of the present version, in an order and with bytes that are always the same. */
void corpus_each(const struct corpus_tools *tools, corpus_tell *tell, void *arg);

/* ---- messages of the project's own protos ---- */

enum { CORPUS_MESSAGE_MAX = 262144 };

/* The descriptor of a message by name, or NULL; and the names, by index, NULL at the end. */
const pb_msgdesc_t *corpus_message(const char *name);
const char *corpus_message_name(uint32_t index);

/* Fills every field with something that tells it from the others; `items` elements in what repeats.
 */
void corpus_fill(const pb_msgdesc_t *type, void *message, uint32_t items);

/* Appends its encoding; decodes one into CORPUS_MESSAGE_MAX zeroed bytes, false if it is malformed.
 */
void corpus_encode(struct buf *out, const pb_msgdesc_t *type, const void *message);
bool corpus_decode(struct stint_span bytes, const pb_msgdesc_t *type, void *message);

/* Appends a message as text: `TAG: VALUE` a line, what is empty left out. The second decoder
 * (decode.py) writes the same. */
void corpus_dump(struct buf *out, const pb_msgdesc_t *type, void *message, unsigned indent);

/* ---- whole files ---- */

/* Appends the text of a file; false if the present code refuses it. The code's own checks are done
 * as well: signatures, digests, seals, and that writing it again gives the same bytes. */
bool corpus_show(const struct corpus_tools *tools, const struct corpus_item *item, struct buf *out);

/* What the tasklet in a pickle says when it goes on; false if it is refused. */
bool corpus_run(
    const struct corpus_tools *tools, struct stint_span pickle, char *text, size_t size);

/* Makes a pickle: the program runs to the resume point of that label. */
struct corpus_recipe {
    const char *code;
    const char *args;
    const char *label;
    bool settled;  /* and until nothing is left to do but to wait */
    bool moved;    /* it moves away from its children when it says hello */
    uint32_t more; /* further steps then */
};
void corpus_cook(
    const struct corpus_tools *tools, const struct corpus_recipe *recipe, struct buf *out);

void corpus_text(struct buf *out, const char *format, ...) STINT_PRINTF(2, 3);

_Noreturn void legs_fail(const char *format, ...) STINT_PRINTF(1, 2);

#endif
