/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to stdout. A handler says each item's fields once, in the order of the contract; the
 * format decides what becomes of them: a table of some of the fields, one JSON object, a JSON
 * object a line, only the names.
 *
 *     out_list(out, "name state tasklets", "id endpoint", "name");     columns, more for wide, what
 * -o name prints out_item(out); out_text(out, "name", ...); ... out_item_end(out);
 *     out_list_end(out, truncated);
 *
 *     out_object(out, "name"); out_text(...); ... out_object_end(out);
 *
 * JSON is written here rather than built with a library: numbers have 64 bits without a sign, which
 * no library of this size keeps, and lists of any length are written as they come.
 */
#ifndef STINT_CLI_OUT_H
#define STINT_CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "args.h"
#include "stint/types.h"

/* A text that grows; `failed` when memory is short. */
struct text {
    char *data; /* terminated, or NULL when empty */
    size_t size, room;
    bool failed;
};

void text_add(struct text *t, const char *bytes, size_t size);
void text_print(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_json(struct text *t, const char *value); /* as a JSON string; NULL: null */
void text_free(struct text *t);
const char *text_or_empty(const struct text *t);

/*
 * A text that somebody gave, fit to stand in one line of a terminal: bytes that are no printable
 * UTF-8 as \xNN, and what is longer than there is room for ends with "...". Gives `out`.
 */
const char *text_shown(const char *text, char *out, size_t size);

enum out_look {
    OUT_PLAIN,
    OUT_NUMBER, /* to the right */
    OUT_STATE,  /* coloured, where there are colours */
};

struct out_cell {
    const char *name; /* of the field: static */
    char *text;
    enum out_look look;
};

struct out {
    FILE *stream;
    enum format format;
    bool list, first;
    bool colour;       /* both only for a terminal */
    unsigned width;    /* of it; 0: none */
    char page[400];    /* where a list that is not whole goes on, "" */
    char columns[384]; /* of this list in this format, separated by spaces */
    const char *name_field;
    struct text json;       /* of the item under way */
    struct out_cell *cells; /* of all items, row by row; of an object all its fields */
    size_t cell_count, cell_room, item_first;
    bool failed;
};

void out_init(struct out *out, FILE *stream, enum format format);

/* Flushes; false when something could not be written or memory was short. */
bool out_end(struct out *out);

void out_list(struct out *out, const char *columns, const char *wide, const char *name_field);
void out_item(struct out *out);
void out_item_end(struct out *out);
void out_list_end(struct out *out, bool truncated);

/* Before the end of a list: the token of the page that follows. */
void out_list_page(struct out *out, const char *page);

void out_object(struct out *out, const char *name_field);
void out_object_end(struct out *out);
void out_object_drop(struct out *out); /* shows nothing of it */

/* Fields. Names are static texts. */
void out_text(struct out *out, const char *name, const char *value);
void out_text_or_null(struct out *out, const char *name, const char *value); /* "" becomes null */
void out_id(struct out *out, const char *name, struct stint_id id);
void out_id_or_null(struct out *out, const char *name, bool there, struct stint_id id);
void out_number(struct out *out, const char *name, uint64_t value);
void out_signed(struct out *out, const char *name, int64_t value);
void out_permille(struct out *out, const char *name, uint64_t value); /* 0.000 */
/* JSON has the number; people read 0.3%, 1.2M, 5m, 220us. A column is named without its unit then.
 */
void out_share(struct out *out, const char *name, uint64_t permille);
void out_size(struct out *out, const char *name, uint64_t bytes);
void out_ms(struct out *out, const char *name, uint64_t ms);
void out_us(struct out *out, const char *name, uint64_t us);
void out_state(struct out *out, const char *name, const char *value); /* "" becomes null */
void out_bool(struct out *out, const char *name, bool value);
void out_time(struct out *out, const char *name, uint64_t wall_ms);
void out_words(struct out *out, const char *name, const char *commas); /* "a,b" as a list */
void out_pairs(struct out *out, const char *name, const char *commas); /* "k=v,k=v" as an object */
/* JSON as it is, and what a table shows in its place. */
void out_json(struct out *out, const char *name, const char *json, const char *shown);

/* A line of its own in the two table formats; nothing in others. */
void out_line(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool out_is_table(const struct out *out);

#endif
