/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage of up to three machines of protocol M. What they do is written down as a line of
 * words and compared as text; the test decides which message arrives when, so each scene can be
 * the one it names.
 */
#ifndef STINT_TESTS_CLUSTER_STAGE_H
#define STINT_TESTS_CLUSTER_STAGE_H

#include "cluster_test.h"

#include "cluster/move.h"

#define ACTORS 3
#define MAIL_MAX 4096
#define TRACE_SIZE 4096

struct mail {
    uint32_t from, to;
    stint_MoveMessage message;
};

struct stage {
    struct mem mem;
    struct moves *actors[ACTORS];
    struct view *view;
    struct mail mail[MAIL_MAX];
    uint32_t mail_count;
    struct move_key key; /* of the last question or move */
    uint64_t now;
    enum stint_status install; /* answers of the cores */
    enum stint_status admit;
    enum stint_status freeze;
    bool hold_install, hold_freeze, hold_arrival;
    char trace[TRACE_SIZE];
};

static const char *const op_names[] = { "none",     "OFFER", "ACCEPT",   "REFUSE",
                                        "TRANSFER", "NEED",  "PREPARED", "COMMIT",
                                        "DONE",     "ABORT", "ABORTED",  "FORGET" };

static inline void
note(struct stage *s, const char *word)
{
    size_t used = strlen(s->trace);
    (void)text_format(s->trace + used, sizeof s->trace - used, "%s%s", used == 0 ? "" : " ",
                      word);
}

static inline void
expect(struct stage *s, const char *text)
{
    assert_string_equal(s->trace, text);
    s->trace[0] = '\0';
}

static inline struct move_parcel
parcel(uint64_t epoch)
{
    return (struct move_parcel){ .epoch = epoch, .bytes = 1000, .chunks = 4, .digest = { 7 } };
}

static inline void pump(struct stage *s, uint32_t n);

static inline void
ask(struct stage *s, uint32_t n, const struct move_effect *e)
{
    s->key = e->key;
    struct move_parcel p = parcel(10);
    if (e->kind == MOVE_ADMIT) {
        moves_admitted(s->actors[n], e->key, s->admit, NULL, s->now);
    } else if (e->kind == MOVE_FREEZE && !s->hold_freeze) {
        moves_frozen(s->actors[n], e->key, s->freeze, &p, NULL, s->now);
    } else if (e->kind == MOVE_RECEIVE && !s->hold_arrival) {
        moves_arrived(s->actors[n], e->key, STINT_OK, NULL, s->now);
    } else if (e->kind == MOVE_INSTALL && !s->hold_install) {
        moves_installed(s->actors[n], e->key, s->install, "cannot be built", s->now);
    }
}

static inline void
show(struct stage *s, uint32_t n, const struct move_effect *e)
{
    static const char *const names[] = { "send", "admit", "freeze", "ship", "receive", "install",
                                         "run",  "discard", "resume", "drop", "finished" };
    char word[64];
    if (e->kind == MOVE_SEND) {
        (void)text_format(word, sizeof word, "%s", op_names[e->message.op]);
    } else if (e->kind == MOVE_FINISHED) {
        (void)text_format(word, sizeof word, "%u:%s", n, move_outcome_text(e->record->outcome));
    } else if (e->kind == MOVE_RUN || e->kind == MOVE_RESUME || e->kind == MOVE_DROP) {
        (void)text_format(word, sizeof word, "%u:%s/%u%s", n, names[e->kind], (unsigned)e->epoch,
                          e->adopted ? "!" : "");
    } else if (e->kind == MOVE_SHIP) {
        (void)text_format(word, sizeof word, "%u:ship/%u", n, e->first);
    } else {
        (void)text_format(word, sizeof word, "%u:%s", n, names[e->kind]);
    }
    note(s, word);
}

/* Carries out all effects of a machine. */
static inline void
pump(struct stage *s, uint32_t n)
{
    struct move_effect e;
    while (moves_next(s->actors[n], &e)) {
        show(s, n, &e);
        if (e.kind == MOVE_SEND) {
            assert_true(s->mail_count < MAIL_MAX);
            s->mail[s->mail_count++] = (struct mail){ n, e.peer.id.bytes[4], e.message };
        } else {
            ask(s, n, &e);
        }
    }
}

static inline enum stint_status
post(struct stage *s, struct mail mail)
{
    enum stint_status status =
        moves_receive(s->actors[mail.to], test_ref(mail.from, 1), &mail.message, s->now);
    pump(s, mail.to);
    return status;
}

/*
 * Delivers the oldest message of that kind; with `again` it stays and will be delivered once
 * more.
 */
static inline enum stint_status
deliver(struct stage *s, stint_MoveOp op, bool again)
{
    for (uint32_t i = 0; i < s->mail_count; i++) {
        if (s->mail[i].message.op == op) {
            struct mail mail = s->mail[i];
            if (!again) {
                memmove(&s->mail[i], &s->mail[i + 1], (--s->mail_count - i) * sizeof s->mail[0]);
            }
            return post(s, mail);
        }
    }
    fail_msg("no %s is under way", op_names[op]);
    return STINT_OK;
}

static inline void
deliver_all(struct stage *s)
{
    while (s->mail_count > 0) {
        assert_int_equal(deliver(s, s->mail[0].message.op, false), STINT_OK);
    }
}

static inline void
pass(struct stage *s, uint64_t ms)
{
    s->now += ms * TEST_MS;
    for (uint32_t n = 0; n < ACTORS; n++) {
        moves_tick(s->actors[n], s->now);
        pump(s, n);
    }
}

/* Installs at `n` the view without `gone` (none: -1). */
static inline void
install(struct stage *s, uint32_t n, int gone)
{
    s->view->number++;
    s->view->member_count = 0;
    for (uint32_t i = 0; i < ACTORS; i++) {
        if ((int)i != gone) {
            test_member(s->view, i, 1, stint_MEMBER_ACTIVE);
        }
    }
    moves_view(s->actors[n], s->view, s->now);
    pump(s, n);
}

static inline enum stint_status
start(struct stage *s, uint32_t tasklet, uint32_t to)
{
    struct move_order order = { .tasklet = test_id(100 + tasklet),
                                .epoch = 10,
                                .bytes = 900,
                                .fingerprint = 5,
                                .module = "tally",
                                .code = "Tally",
                                .reason = "asked",
                                .by = "ops" };
    enum stint_status status =
        moves_start(s->actors[0], &order, test_ref(to, 1), s->now, &s->key);
    pump(s, 0);
    return status;
}

static inline int
setup(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    test_mem(&s->mem);
    s->now = TEST_S;
    s->view = view_new(&s->mem);
    s->view->authority = test_id(0);
    for (uint32_t n = 0; n < ACTORS; n++) {
        struct moves_config config = { .mem = &s->mem, .self = test_ref(n, 1) };
        s->actors[n] = moves_new(&config);
        assert_non_null(s->actors[n]);
        install(s, n, -1);
    }
    *state = s;
    return 0;
}

static inline int
teardown(void **state)
{
    struct stage *s = *state;
    for (uint32_t n = 0; n < ACTORS; n++) {
        moves_free(s->actors[n]);
    }
    view_free(s->view);
    assert_int_equal(s->mem.used, 0);
    free(s);
    return 0;
}

#endif
