/* SPDX-License-Identifier: Apache-2.0 */
/* What happened last, as lines for people. Kept only in a run that is told; the others pay nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "schema/cluster.pb.h"
#include "sim.h"
#include "wire/envelope.h"
#include "wire/session_frames.h"

#define LINES_MAX 120
#define LINE_SIZE 200

struct story {
    bool print; /* every line at once */
    uint64_t told;
    char lines[LINES_MAX][LINE_SIZE];
};

static const char *const envelope_names[] = { "?",       "OFFER",   "DONE",    "NACK",  "CANCEL",  "FIN",   "MOVE", "PARCEL",
                                              "LOCATE",  "CONTROL", "PROBE",   "REQUEST", "REPLY", "CLOSE", "KILL" };
static const char *const frame_names[] = { "?", "HELLO", "WELCOME", "CONFIRM", "RESET", "DATA", "ACK", "NACK", "PING", "PONG" };

STINT_STATIC_ASSERT(sizeof envelope_names / sizeof envelope_names[0] == ENVELOPE_KIND_END_, "each kind has a name");
STINT_STATIC_ASSERT(sizeof frame_names / sizeof frame_names[0] == FRAME_KIND_END_, "each kind has a name");

static void
add(struct sim *s, const char *text)
{
    struct story *story = s->story;
    char *line = story->lines[story->told++ % LINES_MAX];
    text_format(line, LINE_SIZE, "%10.3f ms  %s", (double)world_now(s->w) / 1e6, text);
    if (story->print) {
        printf("%s\n", line);
    }
}

void
story_say(struct sim *s, const char *format, ...)
{
    if (s->story == NULL) {
        return;
    }
    char text[LINE_SIZE];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    add(s, text);
}

/* "DATA 12: OFFER MOVE" */
static void
frame_text(struct stint_span frame, char *text, size_t size)
{
    uint8_t kind = frame_kind(frame);
    struct frame_header header;
    text_copy(text, size, frame_names[kind < FRAME_KIND_END_ ? kind : 0]);
    if (kind != FRAME_DATA || !frame_get(frame, &header)) {
        return;
    }
    struct stint_span batch = span_of(frame.data + LIMIT_FRAME_HEADER, frame.size - LIMIT_FRAME_HEADER), body;
    struct envelope envelope;
    size_t at = strlen(text);
    text_format(text + at, size - at, " %llu:", (unsigned long long)header.number);
    while (batch.size != 0 && envelope_next(&batch, &envelope, &body) == STINT_OK) {
        at = strlen(text);
        text_format(text + at, size - at, " %s",
                    envelope_names[envelope.kind < ENVELOPE_KIND_END_ ? envelope.kind : 0]);
    }
}

static const char *
actor_name(struct sim *s, int actor)
{
    return actor >= 0 && actor < world_count(s->w) ? world_name(s->w, actor) : "a client";
}

static void
watch(struct world *w, const struct world_happening *h, void *arg)
{
    struct sim *s = arg;
    (void)w;
    char frame[120] = "";
    const char *name = world_name(s->w, h->node);
    switch (h->what) {
    case WORLD_FRAME:
        frame_text(h->bytes, frame, sizeof frame);
        story_say(s, "%s <- %s  %s", name, actor_name(s, h->peer), frame);
        break;
    case WORLD_LOGS:
        story_say(s, "%s says: %s", name, h->text);
        break;
    case WORLD_BEGINS:
    case WORLD_ENDS:
        story_say(s, "%s %s", name, h->text);
        break;
    case WORLD_LINK_UP:
        story_say(s, "%s has a link to %s", name, actor_name(s, h->peer));
        break;
    case WORLD_LINK_DOWN:
        story_say(s, "%s lost its link to %s", name, actor_name(s, h->peer));
        break;
    case WORLD_STORED:
        story_say(s, "%s hears from its store", name);
        break;
    case WORLD_SENDS:
    case WORLD_TIME:
    case WORLD_RUN:
    case WORLD_EVENT:
        break;
    }
}

struct story *
story_new(struct sim *s, bool print)
{
    struct story *story = calloc(1, sizeof *story);
    if (story != NULL) {
        story->print = print;
        world_on_happening(s->w, watch, s);
    }
    return story;
}

void
story_free(struct story *story)
{
    free(story);
}

void
story_print(const struct story *story)
{
    if (story->print) {
        return;
    }
    uint64_t first = story->told > LINES_MAX ? story->told - LINES_MAX : 0;
    printf("the last %llu of %llu events:\n", (unsigned long long)(story->told - first), (unsigned long long)story->told);
    for (uint64_t i = first; i < story->told; i++) {
        printf("%s\n", story->lines[i % LINES_MAX]);
    }
}
