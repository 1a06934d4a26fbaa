/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of calls, loops, errors and locals. They tell what they see to the log, each line with
 * the tasklet's part first. */
#include "legs.stint.h"

#include <string.h>

STINT_FRAME(legs_Nest)
{
    STINT_BEGIN;
    STINT_YIELD_AS("down");
    if (self->level < self->depth) {
        STINT_CALL(legs_Nest, .depth = self->depth, .level = self->level + 1, .out = self->out);
        self->sum = STINT_RESULT(legs_Nest)->sum;
        STINT_YIELD_AS("up");
    }
    self->sum = self->sum * 3 + self->level + 1;
    if (self->level % 4 == 0) {
        stint_log(ctx, "main: level %u has %llu", self->level, (unsigned long long)self->sum);
    }
    STINT_END;
}

STINT_FRAME(legs_Loops)
{
    STINT_BEGIN;
    for (self->s.i = 0; self->s.i < 4; self->s.i++) {
        if (self->s.i == 1) {
            continue;
        }
        for (self->s.j = 0; self->s.j < 5; self->s.j++) {
            STINT_YIELD_AS("inner");
            if (self->s.j == 2 + self->s.i) {
                break;
            }
            self->s.sum += self->s.i * 10 + self->s.j;
        }
        stint_log(ctx, "main: %u broke at %u", self->s.i, self->s.j);
    }
    do {
        STINT_SLEEP(0);
        self->s.i--;
    } while (self->s.i > 0);
    while (self->s.sum % 7 != 0) {
        self->s.sum++;
        STINT_YIELD_AS("to seven");
    }
    stint_log(ctx, "main: sum %llu", (unsigned long long)self->s.sum);
    STINT_END;
}

STINT_FRAME(legs_Risky)
{
    STINT_BEGIN;
    for (self->i = 1; self->i <= 4; self->i++) {
        STINT_YIELD_AS("before");
        if (self->i == self->when) {
            STINT_RAISE(STINT_USER, "round %u went wrong", self->i);
        }
        self->sum += self->i;
    }
    STINT_EXCEPT;
    stint_log(ctx, "main: risky got %d %s", (int)stint_status(ctx), stint_error_text(ctx));
    STINT_YIELD_AS("in except");
    stint_log(ctx, "main: risky has %s", stint_error_text(ctx));
    STINT_RERAISE;
    STINT_END;
}

STINT_FRAME(legs_Except)
{
    STINT_BEGIN;
again:
    STINT_CALL(legs_Risky, .when = self->s.i + 1);
    stint_log(ctx, "main: all rounds, %llu", (unsigned long long)STINT_RESULT(legs_Risky)->sum);
    STINT_TRY_CALL(legs_Risky, .when = 1);
    stint_log(ctx, "main: tried, %d", (int)stint_status(ctx));
    STINT_YIELD_AS("after");
    STINT_RETURN;
    STINT_EXCEPT;
    stint_log(ctx, "main: caught %d %s", (int)stint_status(ctx), stint_error_text(ctx));
    STINT_YIELD_AS("in except");
    STINT_SLEEP_AS("rest", 10);
    stint_log(ctx, "main: still %s", stint_error_text(ctx));
    self->s.i += 2;
    STINT_HANDLED;
    goto again;
    STINT_END;
}

/* Level 0 calls the others and sees what they end with: an error in the middle of an except
 * section. */
STINT_FRAME(legs_Double)
{
    STINT_BEGIN;
again:
    if (self->s.i > 0) {
        STINT_RAISE(STINT_LIMIT, "the first of %u", self->s.i);
    }
    while (self->s.j < 2) {
        self->s.j++;
        STINT_CALL_AS("call another", legs_Double, .s.i = self->s.j);
    }
    stint_log(ctx, "main: both seen");
    STINT_RAISE(STINT_USER, "that was all");
    STINT_EXCEPT;
    STINT_YIELD_AS("in except");
    if (self->s.i == 1) {
        STINT_RAISE(STINT_FULL, "the second while %s", stint_error_text(ctx));
    }
    if (self->s.i == 2) {
        STINT_CALL_AS("fail in except", legs_Risky, .when = 2);
    }
    stint_log(ctx, "main: saw %s", stint_error_text(ctx));
    if (self->s.sum++ < 2) {
        STINT_HANDLED;
        goto again;
    }
    STINT_RERAISE;
    STINT_END;
}

static void
next_kinds(legs_Kinds *k)
{
    uint32_t i = k->i;
    k->flag = i % 2 == 1;
    k->small = -(int32_t)i * 1000001;
    k->large = -(int64_t)i * 5000000000001;
    k->zig = (int32_t)i - 2;
    k->zag = -(int64_t)i * 1099511627776;
    k->four = 0xf0000000u + i;
    k->eight = 0xf000000000000000u + i;
    k->signed_eight = -7 - (int64_t)i;
    k->real = (float)i / 4;
    k->fine = (double)i / 1024;
    k->colour = i % 3 == 0 ? legs_Colour_COLOUR_NONE : legs_Colour_COLOUR_BLUE;
    memset(k->text, 'a' + (int)i, i * 7);
    k->raw.size = (pb_size_t)(i * 6);
    memset(k->raw.bytes, (int)(0x80 + i), k->raw.size);
    k->list_count = (pb_size_t)i;
    k->items_count = (pb_size_t)(i % 4);
    for (uint32_t n = 0; n < k->list_count; n++) {
        k->list[n] = (uint64_t)n << (n * 9);
    }
    for (uint32_t n = 0; n < k->items_count; n++) {
        k->items[n].n = i + n;
        k->items[n].text[0] = (char)('0' + n);
    }
    k->has_maybe = i % 2 == 0;
    k->maybe = k->has_maybe ? i * 3 : 0;
    memset(&k->choice, 0, sizeof k->choice);
    k->which_choice = i == 0 ? 0 : i % 2 == 0 ? legs_Kinds_number_tag : legs_Kinds_thing_tag;
    if (i > 0 && i % 2 == 0) {
        k->choice.number = i * 11;
    } else if (i > 0) {
        k->choice.thing.n = i * 13;
    }
    memset(k->exact, (int)i, sizeof k->exact);
}

static unsigned
sum_kinds(const legs_Kinds *k)
{
    uint64_t sum = (uint64_t)k->flag + (uint64_t)(uint32_t)k->small * 3 + (uint64_t)k->large * 5
        + (uint64_t)(uint32_t)k->zig * 7 + (uint64_t)k->zag * 11 + k->four * 13ull + k->eight * 17
        + (uint64_t)k->signed_eight * 19 + (uint64_t)(k->real * 4) * 23
        + (uint64_t)(k->fine * 1024) * 29 + (uint64_t)k->colour * 31 + strlen(k->text) * 37
        + k->raw.size * 41ull + k->maybe * 43ull + (k->has_maybe ? 47u : 0u)
        + k->which_choice * 53ull + k->exact[4] * 59ull + (uint64_t)k->text[0] * 61;
    for (uint32_t n = 0; n < k->list_count; n++) {
        sum += k->list[n] * (67 + n);
    }
    for (uint32_t n = 0; n < k->items_count; n++) {
        sum += k->items[n].n * (71 + n) + (uint64_t)k->items[n].text[0];
    }
    if (k->which_choice == legs_Kinds_number_tag) {
        sum += k->choice.number * 73;
    } else if (k->which_choice == legs_Kinds_thing_tag) {
        sum += k->choice.thing.n * 79;
    }
    if (k->raw.size > 0) {
        sum += k->raw.bytes[k->raw.size - 1] * 83ull;
    }
    return (unsigned)(sum ^ sum >> 32);
}

STINT_FRAME(legs_Kinds)
{
    STINT_BEGIN;
    for (self->i = 0; self->i < 6; self->i++) {
        next_kinds(self);
        STINT_YIELD;
        stint_log(ctx, "main: %u is %08x", self->i, sum_kinds(self));
    }
    STINT_END;
}

STINT_FRAME(legs_Large)
{
    STINT_BEGIN;
    for (self->i = 1; self->i <= 4; self->i++) {
        self->body.size = (pb_size_t)(self->i * 1500);
        memset(self->body.bytes, (int)self->i, self->body.size);
        self->words_count = (pb_size_t)(self->i * 75);
        self->words[self->i * 75 - 1] = self->i * 1000;
        STINT_YIELD;
        stint_log(ctx, "main: %u bytes, last %u, word %llu", (unsigned)self->body.size,
            self->body.bytes[self->body.size - 1],
            (unsigned long long)self->words[self->i * 75 - 1]);
    }
    STINT_END;
}
