/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* Ids in a table are cut: any unique prefix names the object. */
enum { SHORT_ID = 12, COLUMNS_MAX = 24 };

void
out_init(struct out *out, FILE *stream, enum format format)
{
    *out = (struct out){ .stream = stream, .format = format };
}

bool
out_is_table(const struct out *out)
{
    return out->format == FORMAT_TABLE || out->format == FORMAT_WIDE;
}

static void
drop_cells(struct out *out)
{
    for (size_t i = 0; i < out->cell_count; i++) {
        free(out->cells[i].text);
    }
    out->cell_count = 0;
}

bool
out_end(struct out *out)
{
    drop_cells(out);
    free(out->cells);
    out->cells = NULL;
    out->cell_room = 0;
    text_free(&out->json);
    bool written = fflush(out->stream) == 0 && ferror(out->stream) == 0;
    return written && !out->failed;
}

/* ---- cells ---- */

/* How many bytes of a UTF-8 text a terminal shows as one place each; good enough for names. */
static size_t
width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

static void
keep(struct out *out, const char *name, const char *text, bool number)
{
    if (out->cell_count == out->cell_room) {
        size_t room = out->cell_room == 0 ? 64 : out->cell_room * 2;
        struct out_cell *cells = realloc(out->cells, room * sizeof *cells);
        if (cells == NULL) {
            out->failed = true;
            return;
        }
        out->cells = cells;
        out->cell_room = room;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        out->failed = true;
        return;
    }
    out->cells[out->cell_count++] = (struct out_cell){ name, copy, number };
}

static bool
is_column(const struct out *out, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = strstr(out->columns, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == out->columns || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

/* One field: its JSON, and what a table shows. */
static void
field(struct out *out, const char *name, const char *json, const char *shown, bool number)
{
    if (out->format == FORMAT_NAME) {
        if (strcmp(name, out->name_field) == 0) {
            fprintf(out->stream, "%s\n", shown);
        }
    } else if (!out_is_table(out)) {
        text_print(&out->json, "%s", out->json.size != 0 ? "," : "");
        text_json(&out->json, name);
        text_print(&out->json, ":%s", json);
    } else if (!out->list || is_column(out, name)) {
        keep(out, name, shown, number);
    }
}

void
out_json(struct out *out, const char *name, const char *json, const char *shown)
{
    field(out, name, json, shown, false);
}

void
out_text(struct out *out, const char *name, const char *value)
{
    struct text json = { .data = NULL };
    text_json(&json, value);
    out->failed = out->failed || json.failed;
    field(out, name, text_or_empty(&json), value, false);
    text_free(&json);
}

void
out_text_or_null(struct out *out, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        field(out, name, "null", "-", false);
    } else {
        out_text(out, name, value);
    }
}

void
out_id(struct out *out, const char *name, struct stint_id id)
{
    char hex[STINT_ID_TEXT_SIZE];
    char json[STINT_ID_TEXT_SIZE + 2];
    stint_id_text(id, hex);
    snprintf(json, sizeof json, "\"%s\"", hex);
    if (out->list && out->format == FORMAT_TABLE) {
        hex[SHORT_ID] = '\0';
    }
    field(out, name, json, hex, false);
}

void
out_id_or_null(struct out *out, const char *name, bool there, struct stint_id id)
{
    if (there) {
        out_id(out, name, id);
    } else {
        field(out, name, "null", "-", false);
    }
}

void
out_number(struct out *out, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    field(out, name, text, text, true);
}

void
out_signed(struct out *out, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    field(out, name, text, text, true);
}

void
out_permille(struct out *out, const char *name, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu.%03u", (unsigned long long)(value / 1000),
             (unsigned)(value % 1000));
    field(out, name, text, text, true);
}

void
out_bool(struct out *out, const char *name, bool value)
{
    field(out, name, value ? "true" : "false", value ? "yes" : "no", false);
}

void
out_time(struct out *out, const char *name, uint64_t wall_ms)
{
    char text[CLI_TIME_SIZE];
    if (wall_ms == 0) {
        field(out, name, "null", "-", false);
    } else {
        out_text(out, name, cli_time(wall_ms, text));
    }
}

void
out_words(struct out *out, const char *name, const char *commas)
{
    struct text json = { .data = NULL };
    text_add(&json, "[", 1);
    for (const char *at = commas; *at != '\0';) {
        size_t size = strcspn(at, ",");
        struct text word = { .data = NULL };
        text_add(&word, at, size);
        text_print(&json, "%s", json.size > 1 ? "," : "");
        text_json(&json, text_or_empty(&word));
        out->failed = out->failed || word.failed;
        text_free(&word);
        at += size + (at[size] == ',' ? 1 : 0);
    }
    text_add(&json, "]", 1);
    out->failed = out->failed || json.failed;
    field(out, name, text_or_empty(&json), commas[0] != '\0' ? commas : "-", false);
    text_free(&json);
}

void
out_pairs(struct out *out, const char *name, const char *commas)
{
    struct text json = { .data = NULL };
    text_add(&json, "{", 1);
    for (const char *at = commas; *at != '\0';) {
        size_t size = strcspn(at, ",");
        size_t key = strcspn(at, ",=");
        struct text part = { .data = NULL };
        text_print(&json, "%s", json.size > 1 ? "," : "");
        text_add(&part, at, key);
        text_json(&json, text_or_empty(&part));
        text_add(&json, ":", 1);
        part.size = 0;
        text_add(&part, at + key + (key < size ? 1 : 0), size - key - (key < size ? 1 : 0));
        text_json(&json, text_or_empty(&part));
        out->failed = out->failed || part.failed;
        text_free(&part);
        at += size + (at[size] == ',' ? 1 : 0);
    }
    text_add(&json, "}", 1);
    out->failed = out->failed || json.failed;
    field(out, name, text_or_empty(&json), commas[0] != '\0' ? commas : "-", false);
    text_free(&json);
}

/* ---- lists ---- */

void
out_list(struct out *out, const char *columns, const char *wide, const char *name_field)
{
    out->list = true;
    out->first = true;
    out->name_field = name_field;
    snprintf(out->columns, sizeof out->columns, "%s%s%s", columns,
             out->format == FORMAT_WIDE && wide[0] != '\0' ? " " : "",
             out->format == FORMAT_WIDE ? wide : "");
    drop_cells(out);
    if (out->format == FORMAT_JSON) {
        fputs("{\"schema\":1,\"items\":[", out->stream);
    }
}

void
out_item(struct out *out)
{
    out->json.size = 0;
    out->item_first = out->cell_count;
}

void
out_item_end(struct out *out)
{
    if (out->format == FORMAT_JSON) {
        fprintf(out->stream, "%s{%s}", out->first ? "" : ",", text_or_empty(&out->json));
    } else if (out->format == FORMAT_JSONL) {
        fprintf(out->stream, "{%s}\n", text_or_empty(&out->json));
        (void)fflush(out->stream); /* whoever reads line by line gets each as it comes */
    }
    out->failed = out->failed || out->json.failed;
    out->first = false;
}

/* The columns in their order, and the width of each. */
struct layout {
    char names[sizeof((struct out *)0)->columns];
    const char *column[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    size_t count;
};

static void
lay_out(const struct out *out, struct layout *l)
{
    char *rest = NULL;
    snprintf(l->names, sizeof l->names, "%s", out->columns);
    l->count = 0;
    for (char *name = strtok_r(l->names, " ", &rest); name != NULL && l->count < COLUMNS_MAX;
         name = strtok_r(NULL, " ", &rest)) {
        l->column[l->count] = name;
        l->width[l->count++] = strlen(name);
    }
    for (size_t i = 0; i < out->cell_count; i++) {
        for (size_t c = 0; c < l->count; c++) {
            size_t width = width_of(out->cells[i].text);
            if (strcmp(out->cells[i].name, l->column[c]) == 0 && width > l->width[c]) {
                l->width[c] = width;
            }
        }
    }
}

static void
put_cell(FILE *stream, const char *text, size_t width, bool right, bool last)
{
    int blanks = (int)(width - width_of(text));
    if (right) {
        fprintf(stream, "%*s%s", blanks, "", text);
    } else {
        fprintf(stream, "%s%*s", text, last ? 0 : blanks, "");
    }
    fputs(last ? "\n" : "  ", stream);
}

static void
put_head(const struct out *out, const struct layout *l)
{
    for (size_t c = 0; c < l->count; c++) {
        char head[64];
        size_t size = strlen(l->column[c]);
        for (size_t i = 0; i <= size && i < sizeof head; i++) {
            char letter = l->column[c][i];
            head[i] = letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
        }
        head[sizeof head - 1] = '\0';
        bool right = false;
        for (size_t i = 0; i < out->cell_count && !right; i++) {
            right = out->cells[i].number && strcmp(out->cells[i].name, l->column[c]) == 0;
        }
        put_cell(out->stream, head, l->width[c], right, c + 1 == l->count);
    }
}

/* A row's cells stand in the order of the fields; the columns have an order of their own. */
static size_t
put_row(const struct out *out, const struct layout *l, size_t at)
{
    size_t end = at + (l->count < out->cell_count - at ? l->count : out->cell_count - at);
    for (size_t c = 0; c < l->count; c++) {
        const struct out_cell *cell = NULL;
        for (size_t i = at; i < end && cell == NULL; i++) {
            cell = strcmp(out->cells[i].name, l->column[c]) == 0 ? &out->cells[i] : NULL;
        }
        put_cell(out->stream, cell != NULL ? cell->text : "", l->width[c],
                 cell != NULL && cell->number, c + 1 == l->count);
    }
    return end;
}

void
out_list_end(struct out *out, bool truncated)
{
    if (out->format == FORMAT_JSON) {
        fprintf(out->stream, "],\"truncated\":%s}\n", truncated ? "true" : "false");
    } else if (out_is_table(out) && !out->failed) {
        struct layout layout;
        lay_out(out, &layout);
        put_head(out, &layout);
        for (size_t at = 0; at < out->cell_count && layout.count != 0;) {
            at = put_row(out, &layout, at);
        }
    }
    drop_cells(out);
    out->list = false;
}

/* ---- objects ---- */

void
out_object(struct out *out, const char *name_field)
{
    out->list = false;
    out->name_field = name_field;
    out->json.size = 0;
    drop_cells(out);
}

void
out_object_end(struct out *out)
{
    if (out->format == FORMAT_JSON || out->format == FORMAT_JSONL) {
        fprintf(out->stream, "{%s}\n", text_or_empty(&out->json));
        out->failed = out->failed || out->json.failed;
    } else if (out_is_table(out)) {
        size_t width = 0;
        for (size_t i = 0; i < out->cell_count; i++) {
            size_t one = strlen(out->cells[i].name);
            width = one > width ? one : width;
        }
        for (size_t i = 0; i < out->cell_count; i++) {
            fprintf(out->stream, "%-*s  %s\n", (int)width, out->cells[i].name, out->cells[i].text);
        }
    }
    drop_cells(out);
}

void
out_line(struct out *out, const char *format, ...)
{
    if (out_is_table(out)) {
        va_list list;
        va_start(list, format);
        vfprintf(out->stream, format, list);
        va_end(list);
        fputc('\n', out->stream);
    }
}
