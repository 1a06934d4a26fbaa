/* SPDX-License-Identifier: Apache-2.0 */
#include "screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bar.h"
#include "cli.h"
#include "table.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

enum { ID_PLACES = 8, BAR_LEAST = 6, BAR_MOST = 30, CELL_SIZE = 256, NODES_LEAST = 3 };

/* One line under way. */
struct line {
    struct text *out;
    const struct screen_form *form;
    unsigned used;
};

static void
end_line(struct line *l)
{
    text_add(l->out, "\n", 1);
    l->used = 0;
}

/* How many bytes of a UTF-8 text the first so many places take. */
static size_t
bytes_of(const char *text, unsigned places)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < places && text[bytes] != '\0'; i++) {
        do {
            bytes++;
        } while (((unsigned char)text[bytes] & 0xc0) == 0x80);
    }
    return bytes;
}

/*
 * A text of `width` places (0: its own), to the right if `right`; cut at the edge of the screen.
 * What is wider than its place ends with a mark.
 */
static void
put(struct line *l, const char *text, unsigned width, bool right, const char *colour)
{
    unsigned wide = (unsigned)table_width(text);
    unsigned left = l->form->columns - l->used;
    unsigned room = width == 0 ? wide : width;
    room = room < left ? room : left;
    bool coloured = l->form->colour && colour[0] != '\0' && room != 0;
    bool cut = wide > room;
    if (cut && room < 4) { /* a letter or two tell nothing */
        text = "";
        wide = 0;
        cut = false;
    }
    unsigned shown = cut ? (room != 0 ? room - 1 : 0) : wide;
    unsigned blanks = room - shown - (cut && room != 0 ? 1 : 0);
    text_print(l->out, "%s%*s%.*s%s%s%*s", coloured ? colour : "", (int)(right ? blanks : 0), "",
               (int)bytes_of(text, shown), text,
               !cut || room == 0  ? ""
               : l->form->unicode ? "\xe2\x80\xa6"
                                  : "~",
               coloured ? PLAIN : "", (int)(right ? 0 : blanks), "");
    l->used += room;
}

static void
gap(struct line *l, unsigned places)
{
    put(l, "", places, false, "");
}

static void put_number(struct line *l, unsigned width, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A number is there as a whole or not at all. */
static bool
fits(const struct line *l, unsigned width)
{
    return l->used + 2 + width <= l->form->columns;
}

static void
put_number(struct line *l, unsigned width, const char *format, ...)
{
    if (!fits(l, width)) {
        l->used = l->form->columns; /* nor what stands behind it */
        return;
    }
    char cell[CELL_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(cell, sizeof cell, format, list);
    va_end(list);
    gap(l, 2);
    put(l, cell, width, true, "");
}

/* What stands over numbers. */
static void
put_title(struct line *l, const char *title, unsigned width)
{
    if (!fits(l, width)) {
        l->used = l->form->columns;
        return;
    }
    gap(l, 2);
    put(l, title, width, true, BOLD);
}

/* "950", "12.3k", "4.5M" */
static const char *
count_of(uint64_t number, char out[CELL_SIZE])
{
    static const char units[] = "kMGTPE";
    if (number < 10000) {
        snprintf(out, CELL_SIZE, "%llu", (unsigned long long)number);
        return out;
    }
    double value = (double)number / 1000;
    unsigned unit = 0;
    for (; value >= 1000 && units[unit + 1] != '\0'; unit++) {
        value /= 1000;
    }
    snprintf(out, CELL_SIZE, value >= 100 ? "%.0f%c" : "%.1f%c", value, units[unit]);
    return out;
}

/* ---- the head ---- */

/* One statement of the head, if it fits as a whole. */
static void state(struct line *l, const char *colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
state(struct line *l, const char *colour, const char *format, ...)
{
    char cell[CELL_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(cell, sizeof cell, format, list);
    va_end(list);
    if (l->used == 0 || l->used + 2 + table_width(cell) <= l->form->columns) {
        gap(l, l->used == 0 ? 0 : 2);
        put(l, cell, 0, false, colour);
    }
}

static void
put_head(struct line *l, const struct screen *s)
{
    char hex[STINT_ID_TEXT_SIZE];
    char count[CELL_SIZE];
    char at[CLI_TIME_SIZE];
    stint_id_text(s->cluster, hex);
    hex[ID_PLACES] = '\0';
    state(l, BOLD, "cluster %s", hex);
    state(l, s->up < s->members ? RED : "", "%u of %u nodes up", s->up, s->members);
    state(l, s->in_doubt != 0 ? RED : "", "in doubt %u", s->in_doubt);
    state(l, "", "%llu.%llu moves/s", (unsigned long long)(s->moves_decis / 10),
          (unsigned long long)(s->moves_decis % 10));
    state(l, "", "%s tasklet%s", count_of(s->tasklets, count), s->tasklets == 1 ? "" : "s");
    state(l, "", "view %llu", (unsigned long long)s->view);
    state(l, "", "in flight %u", s->in_flight);
    state(l, "", "imbalance %llu.%02u", (unsigned long long)(s->imbalance_permille / 1000),
          (unsigned)(s->imbalance_permille % 1000 / 10));
    state(l, "", "balancer %s", s->balancer ? "on" : "off");
    (void)cli_time(s->wall_ms, at);
    state(l, "", "%.8sZ", strlen(at) > 19 ? at + 11 : "");
    end_line(l);
    if (s->trouble[0] != '\0') {
        put(l, s->trouble, 0, false, RED);
    } else if (s->paused) {
        put(l, "paused", 0, false, BOLD);
    }
    end_line(l);
}

/* ---- nodes ---- */

static unsigned
widest_code(const struct screen *s)
{
    unsigned widest = 4;
    for (size_t i = 0; i < s->hottest_count; i++) {
        unsigned wide = (unsigned)table_width(s->hottest[i].code);
        widest = wide > widest ? wide : widest;
    }
    return widest < 18 ? widest : 18;
}

static unsigned
widest_name(const struct screen *s)
{
    unsigned widest = 4;
    for (size_t i = 0; i < s->node_count; i++) {
        unsigned wide = (unsigned)table_width(s->nodes[i].name);
        widest = wide > widest ? wide : widest;
    }
    return widest < 16 ? widest : 16;
}

/* What stands behind name, state and bar: columns that fit, so many places each. */
enum { FIXED_PLACES = 2 + 9 + 2 + 6, NUMBERS_PLACES = 11 + 11 + 7 + 9 + 15 };

static void
put_node(struct line *l, const struct screen_node *n, unsigned name, unsigned bar, uint64_t full)
{
    char cell[CELL_SIZE];
    char moves[CELL_SIZE];
    put(l, n->name, name, false, "");
    gap(l, 2);
    put(l, n->state, 9, false, table_colour(n->state));
    gap(l, 2);
    bar_fill(cell, n->load_permille, full, bar, l->form->unicode);
    put(l, cell, bar, false, "");
    put_number(l, 4, "%llu.%u", (unsigned long long)(n->load_permille / 1000),
               (unsigned)(n->load_permille % 1000 / 100));
    put_number(l, 9, "%s", count_of(n->tasklets, cell));
    put_number(l, 9, "%s", count_of(n->steps, cell));
    put_number(l, 5, "%llu%%", (unsigned long long)(n->cpu_permille + 5) / 10);
    put_number(l, 7, "%s", cli_size(n->memory_bytes, cell));
    put_number(l, 13, "%s/%s", count_of(n->moves_in, cell), count_of(n->moves_out, moves));
    end_line(l);
}

/* Whether `a` is looked at before `b` when not all fit: what is wrong first, then what is full. */
static bool
comes_before(const struct screen_node *a, const struct screen_node *b)
{
    bool a_up = strcmp(a->state, "up") == 0;
    bool b_up = strcmp(b->state, "up") == 0;
    return a_up != b_up ? b_up : a->load_permille > b->load_permille;
}

/* The `fit` nodes to be shown, in their order: all, or those that matter most. */
static void
choose_nodes(const struct screen *s, size_t fit, bool shown[SCREEN_NODES_MAX])
{
    for (size_t i = 0; i < s->node_count; i++) {
        size_t before = 0;
        for (size_t j = 0; j < s->node_count && fit < s->node_count; j++) {
            bool first = comes_before(&s->nodes[j], &s->nodes[i]);
            bool equal = !first && !comes_before(&s->nodes[i], &s->nodes[j]);
            before += first || (equal && j < i) ? 1 : 0;
        }
        shown[i] = before < fit;
    }
}

/* At most `rows` lines with the head; returns how many. */
static unsigned
put_nodes(struct line *l, const struct screen *s, unsigned rows)
{
    unsigned name = widest_name(s);
    unsigned taken = name + FIXED_PLACES + NUMBERS_PLACES;
    unsigned bar = l->form->columns > taken + BAR_LEAST ? l->form->columns - taken : BAR_LEAST;
    bar = bar < BAR_MOST ? bar : BAR_MOST;
    uint64_t full = 1;
    for (size_t i = 0; i < s->node_count; i++) {
        full = s->nodes[i].load_permille > full ? s->nodes[i].load_permille : full;
    }
    put(l, "NODE", name, false, BOLD);
    gap(l, 2);
    put(l, "STATE", 9, false, BOLD);
    gap(l, 2);
    put(l, "LOAD", bar + 6, false, BOLD);
    static const struct {
        const char *head;
        unsigned width;
    } heads[] = {
        { "TASKLETS", 9 }, { "STEPS/S", 9 }, { "CPU", 5 }, { "MEMORY", 7 }, { "MOVES IN/OUT", 13 }
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        put_title(l, heads[i].head, heads[i].width);
    }
    end_line(l);
    size_t fit = s->node_count <= rows - 1 ? s->node_count : rows >= 3 ? rows - 2 : rows - 1;
    bool shown[SCREEN_NODES_MAX];
    choose_nodes(s, fit, shown);
    for (size_t i = 0; i < s->node_count; i++) {
        if (shown[i]) {
            put_node(l, &s->nodes[i], name, bar, full);
        }
    }
    if (fit < s->node_count && fit + 1 < rows) {
        char cell[CELL_SIZE];
        snprintf(cell, sizeof cell, "and %zu more nodes", s->node_count - fit);
        put(l, cell, 0, false, DIM);
        end_line(l);
        return (unsigned)fit + 2;
    }
    return (unsigned)fit + 1;
}

/* ---- tasklets ---- */

static const char *
sort_name(enum screen_sort sort)
{
    return sort == SCREEN_BY_RATE ? "STEPS/S" : sort == SCREEN_BY_MOVES ? "MOVES" : "SIZE";
}

static void
put_tasklets(struct line *l, const struct screen *s, unsigned rows)
{
    static const unsigned widths[] = { 8, 6, 6 };
    unsigned name = widest_name(s);
    unsigned code = widest_code(s);
    put(l, "TASKLET", ID_PLACES, false, BOLD);
    gap(l, 2);
    put(l, "NODE", name, false, BOLD);
    gap(l, 2);
    put(l, "CODE", code, false, BOLD);
    gap(l, 2);
    put(l, "STATE", 8, false, BOLD);
    static const char *const heads[] = { "STEPS/S", "MOVES", "SIZE" };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char head[CELL_SIZE];
        bool sorted = strcmp(heads[i], sort_name(s->sort)) == 0;
        snprintf(head, sizeof head, "%s%s", heads[i], sorted ? "*" : "");
        put_title(l, head, widths[i]);
    }
    gap(l, 2);
    put(l, "AT", 0, false, BOLD);
    end_line(l);
    for (size_t i = 0; i < s->hottest_count && i + 1 < rows; i++) {
        const struct screen_tasklet *t = &s->hottest[i];
        char hex[STINT_ID_TEXT_SIZE];
        char cell[CELL_SIZE];
        stint_id_text(t->id, hex);
        hex[ID_PLACES] = '\0';
        put(l, hex, ID_PLACES, false, "");
        gap(l, 2);
        put(l, t->node, name, false, "");
        gap(l, 2);
        put(l, t->code, code, false, "");
        gap(l, 2);
        put(l, t->state, 8, false, table_colour(t->state));
        put_number(l, widths[0], "%s", count_of(t->rate, cell));
        put_number(l, widths[1], "%s", count_of(t->moves, cell));
        put_number(l, widths[2], "%s", cli_size(t->size_bytes, cell));
        gap(l, 2);
        put(l, t->at, 0, false, "");
        end_line(l);
    }
    if (s->hottest_count == 0 && rows > 1) {
        put(l, "there are no tasklets", 0, false, DIM);
        end_line(l);
    }
}

/* ---- moves ---- */

static void
put_moves(struct line *l, const struct screen *s, unsigned rows)
{
    unsigned name = widest_name(s);
    static const char *const heads[] = { "MOVED AT", "TASKLET", "FROM", "TO", "OUTCOME" };
    const unsigned widths[] = { 8, ID_PLACES, name, name, 9 };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        gap(l, i != 0 ? 2 : 0);
        put(l, heads[i], widths[i], false, BOLD);
    }
    put_title(l, "FROZEN", 7);
    put_title(l, "BYTES", 7);
    gap(l, 2);
    put(l, "REASON", 0, false, BOLD);
    end_line(l);
    for (size_t i = 0; i < s->move_count && i + 1 < rows; i++) {
        const struct screen_move *m = &s->moves[i];
        char hex[STINT_ID_TEXT_SIZE];
        char cell[CELL_SIZE];
        char at[CLI_TIME_SIZE];
        (void)cli_time(m->started_ms, at);
        stint_id_text(m->tasklet, hex);
        hex[ID_PLACES] = '\0';
        snprintf(cell, sizeof cell, "%.8s", strlen(at) > 19 ? at + 11 : "");
        put(l, cell, 8, false, m->fresh ? BOLD : "");
        gap(l, 2);
        put(l, hex, ID_PLACES, false, m->fresh ? BOLD : "");
        gap(l, 2);
        put(l, m->from, name, false, "");
        gap(l, 2);
        put(l, m->to, name, false, "");
        gap(l, 2);
        put(l, m->outcome, 9, false, table_colour(m->outcome));
        put_number(l, 7, "%s", cli_duration_us(m->frozen_us, cell));
        put_number(l, 7, "%s", cli_size(m->bytes, cell));
        gap(l, 2);
        put(l, m->reason, 0, false, "");
        end_line(l);
    }
    if (s->move_count == 0 && rows > 1) {
        put(l, "nothing has moved yet", 0, false, DIM);
        end_line(l);
    }
}

/* ---- the whole ---- */

/* How the rows are shared out: nodes first, then moves, and tasklets take what is left. */
struct share {
    unsigned nodes, tasklets, moves; /* with their heads; 0: not shown */
    bool keys;
};

static unsigned
at_most(unsigned a, size_t b)
{
    return a < b ? a : (unsigned)b;
}

static struct share
share_rows(const struct screen *s, const struct screen_form *form)
{
    struct share share = { 0, 0, 0, false };
    unsigned nodes = (unsigned)s->node_count + 1;
    unsigned tasklets = (unsigned)(s->hottest_count != 0 ? s->hottest_count : 1) + 1;
    unsigned moves = (unsigned)(s->move_count != 0 ? s->move_count : 1) + 1;
    if (form->rows == 0) {
        return (struct share){ nodes, tasklets, moves, false };
    }
    unsigned left = form->rows > 2 ? form->rows - 2 : 0; /* the head */
    share.keys = form->live && left > NODES_LEAST + 2;
    left -= share.keys ? 1 : 0;
    unsigned third = left / 3 > NODES_LEAST + 1 ? left / 3 : NODES_LEAST + 1;
    share.nodes = at_most(at_most(third, left), nodes);
    left -= share.nodes;
    if (left >= 8) { /* a blank line and a head each */
        share.moves = at_most(left / 3, moves);
        left -= share.moves + 1;
    }
    if (left >= 3) {
        share.tasklets = at_most(left - 1, tasklets);
        left -= share.tasklets + 1;
    }
    /* What tasklets do not need the others may have. */
    unsigned more = at_most(left, nodes - share.nodes);
    share.nodes += more;
    left -= more;
    share.moves += share.moves != 0 ? at_most(left, moves - share.moves) : 0;
    return share;
}

void
screen_render(struct text *out, const struct screen *s, const struct screen_form *form)
{
    struct line l = { out, form, 0 };
    struct share share = share_rows(s, form);
    unsigned used = 2;
    if (form->rows == 1) {
        state(&l, "", "%u of %u nodes up, in doubt %u", s->up, s->members, s->in_doubt);
        end_line(&l);
        return;
    }
    put_head(&l, s);
    if (share.nodes != 0) {
        used += put_nodes(&l, s, share.nodes);
    }
    if (share.tasklets != 0) {
        end_line(&l);
        put_tasklets(&l, s, share.tasklets);
        used += share.tasklets + 1;
    }
    if (share.moves != 0) {
        end_line(&l);
        put_moves(&l, s, share.moves);
        used += share.moves + 1;
    }
    if (share.keys) {
        for (; used + 1 < form->rows; used++) {
            end_line(&l);
        }
        put(&l, "q quit   s steps   m moves   b bytes   space pause", 0, false, DIM);
        end_line(&l);
    }
}
