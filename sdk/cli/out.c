/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "table.h"

/* Ids in a table are cut: any unique prefix names the object. */
enum { SHORT_ID = 12 };

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

static void
keep(struct out *out, const char *name, const char *text, enum out_look look)
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
    out->cells[out->cell_count++] = (struct out_cell){ name, copy, look };
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
field(struct out *out, const char *name, const char *json, const char *shown, enum out_look look)
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
        keep(out, name, shown, look);
    }
}

void
out_json(struct out *out, const char *name, const char *json, const char *shown)
{
    field(out, name, json, shown, OUT_PLAIN);
}

void
out_text(struct out *out, const char *name, const char *value)
{
    struct text json = { .data = NULL };
    text_json(&json, value);
    out->failed = out->failed || json.failed;
    field(out, name, text_or_empty(&json), value, OUT_PLAIN);
    text_free(&json);
}

void
out_text_or_null(struct out *out, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        field(out, name, "null", "-", OUT_PLAIN);
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
    field(out, name, json, hex, OUT_PLAIN);
}

void
out_id_or_null(struct out *out, const char *name, bool there, struct stint_id id)
{
    if (there) {
        out_id(out, name, id);
    } else {
        field(out, name, "null", "-", OUT_PLAIN);
    }
}

void
out_number(struct out *out, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    field(out, name, text, text, OUT_NUMBER);
}

void
out_signed(struct out *out, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    field(out, name, text, text, OUT_NUMBER);
}

void
out_permille(struct out *out, const char *name, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu.%03u", (unsigned long long)(value / 1000),
             (unsigned)(value % 1000));
    field(out, name, text, text, OUT_NUMBER);
}

void
out_share(struct out *out, const char *name, uint64_t permille)
{
    char json[32];
    char shown[32];
    snprintf(json, sizeof json, "%llu.%03u", (unsigned long long)(permille / 1000),
             (unsigned)(permille % 1000));
    snprintf(shown, sizeof shown, "%llu.%u%%", (unsigned long long)(permille / 10),
             (unsigned)(permille % 10));
    field(out, name, json, shown, OUT_NUMBER);
}

void
out_size(struct out *out, const char *name, uint64_t bytes)
{
    char json[24];
    char shown[CLI_SIZE_SIZE];
    snprintf(json, sizeof json, "%llu", (unsigned long long)bytes);
    field(out, name, json, cli_size(bytes, shown), OUT_NUMBER);
}

void
out_ms(struct out *out, const char *name, uint64_t ms)
{
    char json[24];
    char shown[CLI_SIZE_SIZE];
    snprintf(json, sizeof json, "%llu", (unsigned long long)ms);
    field(out, name, json, cli_duration(ms, shown), OUT_NUMBER);
}

void
out_us(struct out *out, const char *name, uint64_t us)
{
    char json[24];
    char shown[CLI_SIZE_SIZE];
    snprintf(json, sizeof json, "%llu", (unsigned long long)us);
    field(out, name, json, cli_duration_us(us, shown), OUT_NUMBER);
}

void
out_state(struct out *out, const char *name, const char *value)
{
    struct text json = { .data = NULL };
    text_json(&json, value[0] != '\0' ? value : NULL);
    out->failed = out->failed || json.failed;
    field(out, name, text_or_empty(&json), value[0] != '\0' ? value : "-", OUT_STATE);
    text_free(&json);
}

void
out_bool(struct out *out, const char *name, bool value)
{
    field(out, name, value ? "true" : "false", value ? "yes" : "no", OUT_PLAIN);
}

void
out_time(struct out *out, const char *name, uint64_t wall_ms)
{
    char text[CLI_TIME_SIZE];
    if (wall_ms == 0) {
        field(out, name, "null", "-", OUT_PLAIN);
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
    field(out, name, text_or_empty(&json), commas[0] != '\0' ? commas : "-", OUT_PLAIN);
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
    field(out, name, text_or_empty(&json), commas[0] != '\0' ? commas : "-", OUT_PLAIN);
    text_free(&json);
}

/* ---- lists ---- */

void
out_list(struct out *out, const char *columns, const char *wide, const char *name_field)
{
    out->list = true;
    out->first = true;
    out->name_field = name_field;
    out->page[0] = '\0';
    /* The last one may be long, and stays the last. */
    const char *last = strrchr(columns, ' ');
    bool more = out->format == FORMAT_WIDE && wide[0] != '\0' && last != NULL;
    snprintf(out->columns, sizeof out->columns, "%.*s%s%s%s",
             (int)(more ? (size_t)(last - columns) : strlen(columns)), columns, more ? " " : "",
             more ? wide : "", more ? last : "");
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

void
out_list_page(struct out *out, const char *page)
{
    snprintf(out->page, sizeof out->page, "%s", page);
}

void
out_list_end(struct out *out, bool truncated)
{
    if (out->format == FORMAT_JSON) {
        fprintf(out->stream, "],\"truncated\":%s", truncated ? "true" : "false");
        if (truncated && out->page[0] != '\0') {
            struct text page = { .data = NULL };
            text_json(&page, out->page);
            fprintf(out->stream, ",\"page\":%s", text_or_empty(&page));
            out->failed = out->failed || page.failed;
            text_free(&page);
        }
        fputs("}\n", out->stream);
    } else if (out_is_table(out) && !out->failed) {
        table_put_list(out);
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
        table_put_object(out);
    }
    drop_cells(out);
}

void
out_object_drop(struct out *out)
{
    drop_cells(out);
    out->json.size = 0;
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
