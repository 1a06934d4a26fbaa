/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 28, NAME_MAX_SIZE = 40, LAST_LEAST = 12 };

#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RED "\033[31m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

size_t
table_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

const char *
table_colour(const char *state)
{
    static const struct {
        const char *state, *colour;
    } colours[] = {
        { "up", GREEN },        { "committed", GREEN }, { "cordoned", YELLOW },
        { "draining", YELLOW }, { "suspect", YELLOW },  { "paused", YELLOW },
        { "returned", YELLOW }, { "frozen", YELLOW },   { "down", RED },
        { "in_doubt", RED },    { "failed", RED },
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        if (strcmp(colours[i].state, state) == 0) {
            return colours[i].colour;
        }
    }
    return "";
}

/* What stands over a column, or before a field: its name without the unit, which the value has. */
static const char *
head_of(const char *name, bool upper, char out[NAME_MAX_SIZE])
{
    static const char *const units[] = { "_bytes", "_ms", "_us" };
    snprintf(out, NAME_MAX_SIZE, "%s", name);
    size_t size = strlen(out);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit = strlen(units[i]);
        if (size > unit && strcmp(out + size - unit, units[i]) == 0) {
            size -= unit;
            out[size] = '\0';
        }
    }
    for (char *c = out; upper && *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
    return out;
}

/* The columns in their order, and the width of each. */
struct layout {
    char names[sizeof((struct out *)0)->columns];
    const char *column[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    bool right[COLUMNS_MAX];
    size_t count;
};

static void
lay_out(const struct out *out, struct layout *l)
{
    char *rest = NULL;
    size_t total = 0;
    *l = (struct layout){ .count = 0 };
    snprintf(l->names, sizeof l->names, "%s", out->columns);
    for (char *name = strtok_r(l->names, " ", &rest); name != NULL && l->count < COLUMNS_MAX;
         name = strtok_r(NULL, " ", &rest)) {
        char head[NAME_MAX_SIZE];
        l->column[l->count] = name;
        l->width[l->count++] = strlen(head_of(name, true, head));
    }
    for (size_t i = 0; i < out->cell_count; i++) {
        for (size_t c = 0; c < l->count; c++) {
            if (strcmp(out->cells[i].name, l->column[c]) == 0) {
                size_t width = table_width(out->cells[i].text);
                l->width[c] = width > l->width[c] ? width : l->width[c];
                l->right[c] = l->right[c] || out->cells[i].look == OUT_NUMBER;
            }
        }
    }
    for (size_t c = 0; c + 1 < l->count; c++) {
        total += l->width[c] + 2;
    }
    if (out->format == FORMAT_TABLE && l->count != 0 && out->width > total + LAST_LEAST &&
        l->width[l->count - 1] > out->width - total) {
        l->width[l->count - 1] = out->width - total;
    }
}

static void
put_cell(const struct out *out, const char *text, size_t width, bool right, const char *colour,
         bool last)
{
    size_t wide = table_width(text);
    int blanks = (int)(width > wide ? width - wide : 0);
    const char *end = colour[0] != '\0' ? PLAIN : "";
    if (wide > width) { /* the last column of a terminal */
        size_t bytes = 0;
        for (size_t places = 0; places + 3 < width; places++) {
            do {
                bytes++;
            } while (((unsigned char)text[bytes] & 0xc0) == 0x80);
        }
        fprintf(out->stream, "%s%.*s...%s", colour, (int)bytes, text, end);
    } else if (right) {
        fprintf(out->stream, "%*s%s%s%s", blanks, "", colour, text, end);
    } else {
        fprintf(out->stream, "%s%s%s%*s", colour, text, end, last ? 0 : blanks, "");
    }
    fputs(last ? "\n" : "  ", out->stream);
}

static const char *
colour_of(const struct out *out, const struct out_cell *cell)
{
    bool coloured = out->colour && cell != NULL && cell->look == OUT_STATE;
    return coloured ? table_colour(cell->text) : "";
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
        put_cell(out, cell != NULL ? cell->text : "", l->width[c], l->right[c],
                 colour_of(out, cell), c + 1 == l->count);
    }
    return end;
}

void
table_put_list(const struct out *out)
{
    struct layout l;
    lay_out(out, &l);
    for (size_t c = 0; c < l.count; c++) {
        char head[NAME_MAX_SIZE];
        put_cell(out, head_of(l.column[c], true, head), l.width[c], l.right[c],
                 out->colour ? BOLD : "", c + 1 == l.count);
    }
    for (size_t at = 0; at < out->cell_count && l.count != 0;) {
        at = put_row(out, &l, at);
    }
}

void
table_put_object(const struct out *out)
{
    char head[NAME_MAX_SIZE];
    size_t width = 0;
    for (size_t i = 0; i < out->cell_count; i++) {
        size_t one = strlen(head_of(out->cells[i].name, false, head));
        width = one > width ? one : width;
    }
    for (size_t i = 0; i < out->cell_count; i++) {
        const char *colour = colour_of(out, &out->cells[i]);
        fprintf(out->stream, "%-*s  %s%s%s\n", (int)width, head_of(out->cells[i].name, false, head),
                colour, out->cells[i].text, colour[0] != '\0' ? PLAIN : "");
    }
}
