/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol M, scene by scene (stage.h): each a sentence of the protocol, and what the machines
 * do about it.
 */
#include "stage.h"

static void
test_a_move_without_trouble(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    s->now += TEST_MS;
    deliver_all(s);
    expect(s, "OFFER 1:admit ACCEPT 0:freeze TRANSFER 0:ship/0 1:receive 1:install PREPARED "
              "COMMIT 0:drop/11 "
              "1:run/11 1:committed DONE 0:committed FORGET");
    const struct move_record *r = moves_list(s->actors[0], 0);
    assert_int_equal(r->outcome, MOVE_OUTCOME_COMMITTED);
    assert_true(r->outgoing);
    assert_int_equal(r->bytes, 1000);
    assert_string_equal(r->reason, "asked");
    assert_string_equal(r->by, "ops");
    assert_string_equal(r->detail, "");
    const struct move_record *there = moves_list(s->actors[1], 0);
    assert_memory_equal(&there->id, &r->id, sizeof r->id);
    assert_string_equal(there->reason, "asked");
    assert_ptr_equal(moves_find(s->actors[1], r->id), there);
    assert_null(moves_list(s->actors[0], 1));
    assert_int_equal(moves_counts(s->actors[1]).in_committed, 1);
    pass(s, 60000);
    expect(s, "");
}

static void
test_an_offer_is_refused_with_the_reason(void **state)
{
    struct stage *s = *state;
    s->admit = STINT_UNKNOWN_MODULE;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    deliver_all(s);
    expect(s, "OFFER 1:admit REFUSE 1:returned 0:returned FORGET");
    assert_int_equal(moves_list(s->actors[0], 0)->status, STINT_UNKNOWN_MODULE);
    assert_string_equal(moves_list(s->actors[0], 0)->detail,
                        stint_strerror(STINT_UNKNOWN_MODULE));
    moves_accept(s->actors[1], false, "n1 is draining");
    assert_int_equal(start(s, 2, 1), STINT_OK);
    deliver_all(s);
    assert_string_equal(moves_list(s->actors[0], 1)->detail, "n1 is draining");
}

static void
test_a_move_cannot_begin_to_nowhere_twice_or_without_room(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 0), STINT_INVALID);
    assert_int_equal(start(s, 1, 7), STINT_UNREACHABLE);
    for (uint32_t t = 0; t < MOVE_PAIR_MAX; t++) {
        assert_true(moves_has_room(s->actors[0], test_ref(1, 1)));
        assert_int_equal(start(s, t, 1), STINT_OK);
    }
    assert_int_equal(start(s, 3, 2), STINT_EXISTS);
    assert_false(moves_has_room(s->actors[0], test_ref(1, 1)));
    assert_int_equal(start(s, 50, 1), STINT_BUSY);
    assert_int_equal(start(s, 50, 2), STINT_OK);
    assert_int_equal(moves_counts(s->actors[0]).outgoing, MOVE_PAIR_MAX + 1);
}

static void
test_nobody_answers_an_offer(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    for (int i = 0; i < 9; i++) {
        pass(s, 250);
    }
    expect(s, "OFFER OFFER OFFER OFFER 0:returned FORGET");
    assert_int_equal(moves_list(s->actors[0], 0)->status, STINT_TIMED_OUT);
    /*
     * Late answers find nothing to answer; the reservation goes when the source says it is
     * settled.
     */
    assert_int_equal(deliver(s, stint_MOVE_OFFER, false), STINT_OK);
    assert_int_equal(deliver(s, stint_MOVE_ACCEPT, false), STINT_OK);
    expect(s, "1:admit ACCEPT FORGET");
    assert_int_equal(deliver(s, stint_MOVE_FORGET, false), STINT_OK);
    expect(s, "1:returned");
    deliver_all(s);
    expect(s, "");
}

static void
test_a_tasklet_that_cannot_be_frozen_runs_on(void **state)
{
    struct stage *s = *state;
    s->freeze = STINT_NOT_MOVABLE;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    deliver_all(s);
    expect(s, "OFFER 1:admit ACCEPT 0:freeze 0:returned FORGET 1:returned");
    assert_int_equal(moves_list(s->actors[0], 0)->status, STINT_NOT_MOVABLE);
}

static void
test_a_refused_parcel_leaves_a_tombstone_and_comes_back(void **state)
{
    struct stage *s = *state;
    s->install = STINT_UNKNOWN_CODE;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, false);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    (void)deliver(s, stint_MOVE_TRANSFER, true);
    s->trace[0] = '\0';
    s->install = STINT_OK;
    (void)deliver(s, stint_MOVE_TRANSFER, true); /* again: the tombstone answers */
    expect(s, "ABORTED");
    (void)deliver(s, stint_MOVE_ABORTED, false);
    expect(s, "0:resume/12 0:returned FORGET");
    assert_string_equal(moves_list(s->actors[0], 0)->detail, "cannot be built");
    (void)deliver(s, stint_MOVE_FORGET, false);
    deliver_all(s); /* below the watermark nothing is ever answered again */
    expect(s, "FORGET");
}

static void
test_abort_of_a_transfer_never_seen_keeps_it_out(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, true);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    pass(s, 2000); /* the transfer is late: R2 */
    pass(s, 9000); /* and the reservation has run out */
    s->trace[0] = '\0';
    (void)deliver(s, stint_MOVE_ABORT, true);
    expect(s, "ABORTED");
    (void)deliver(s, stint_MOVE_OFFER, false); /* must not make room anew */
    (void)deliver(s, stint_MOVE_TRANSFER, false);
    expect(s, "ABORTED");
    (void)deliver(s, stint_MOVE_ABORTED, false);
    expect(s, "0:resume/12 0:returned FORGET");
}

static void
test_abort_crossing_prepared_never_commits(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, false);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    (void)deliver(s, stint_MOVE_TRANSFER, false);
    pass(s, 2000);
    s->trace[0] = '\0';
    (void)deliver(s, stint_MOVE_PREPARED, false); /* R1 */
    expect(s, "");
    assert_string_equal(moves_of_tasklet(s->actors[0], test_id(101))->detail,
                        "the target did not confirm the parcel in time");
    (void)deliver(s, stint_MOVE_ABORT, true);
    expect(s, "1:discard ABORTED 1:returned");
    (void)deliver(s, stint_MOVE_ABORT, false);
    (void)deliver(s, stint_MOVE_ABORTED, false);
    (void)deliver(s, stint_MOVE_ABORTED, false);
    expect(s, "ABORTED 0:resume/12 0:returned FORGET FORGET");
    assert_int_equal(moves_list(s->actors[0], 0)->status, STINT_TIMED_OUT);
}

static void
test_commit_and_done_are_repeated_until_heard(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, false);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    (void)deliver(s, stint_MOVE_TRANSFER, false);
    (void)deliver(s, stint_MOVE_PREPARED, false);
    s->mail_count = 0; /* COMMIT is lost */
    s->trace[0] = '\0';
    assert_null(moves_of_tasklet(s->actors[0], test_id(101)));
    pass(s, 250);
    expect(s, "COMMIT");
    (void)deliver(s, stint_MOVE_COMMIT, false);
    s->mail_count = 0; /* DONE is lost */
    pass(s, 500);
    pass(s, 1500);
    expect(s, "1:run/11 1:committed DONE COMMIT COMMIT");
    assert_int_equal(moves_counts(s->actors[0]).in_doubt, 1);
    (void)deliver(s, stint_MOVE_COMMIT, false);
    (void)deliver(s, stint_MOVE_COMMIT, false);
    expect(s, "DONE DONE");
    deliver_all(s);
    expect(s, "0:committed FORGET FORGET");
}

/* Brings a move from 0 to 1 as far as the target's PREPARED, which is under way. */
static void
until_prepared(struct stage *s)
{
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, false);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    (void)deliver(s, stint_MOVE_TRANSFER, false);
    s->trace[0] = '\0';
}

static void
test_a_view_without_the_target_resumes(void **state)
{
    struct stage *s = *state;
    until_prepared(s);
    install(s, 0, 1); /* M-S */
    expect(s, "0:resume/12 0:returned");
    assert_int_equal(deliver(s, stint_MOVE_PREPARED, false), STINT_REFUSED);
    expect(s, "");
}

static void
test_a_view_without_the_source_adopts(void **state)
{
    struct stage *s = *state;
    until_prepared(s);
    pass(s, 2000);
    assert_int_equal(moves_counts(s->actors[1]).in_doubt, 1);
    s->trace[0] = '\0';
    install(s, 1, 0); /* M-D */
    expect(s, "1:run/11! 1:committed");
    assert_int_equal(deliver(s, stint_MOVE_ABORT, false), STINT_REFUSED); /* of a zombie */
    expect(s, "");
}

static void
test_a_view_during_the_installation_adopts_what_comes_of_it(void **state)
{
    struct stage *s = *state;
    s->hold_install = true;
    until_prepared(s);
    install(s, 1, 0);
    expect(s, "");
    moves_installed(s->actors[1], s->key, STINT_OK, NULL, s->now);
    pump(s, 1);
    expect(s, "1:run/11! 1:committed");
}

static void
test_a_view_during_the_reception_ends_it(void **state)
{
    struct stage *s = *state;
    s->hold_arrival = true;
    until_prepared(s);
    install(s, 1, 0);
    expect(s, "1:discard 1:failed");
    moves_arrived(s->actors[1], s->key, STINT_OK, NULL, s->now);
    pump(s, 1);
    expect(s, "");
}

static void
test_an_abort_during_the_installation_discards_what_comes_of_it(void **state)
{
    struct stage *s = *state;
    s->hold_install = true;
    until_prepared(s);
    pass(s, 2000);
    s->trace[0] = '\0';
    (void)deliver(s, stint_MOVE_ABORT, true);
    (void)deliver(s, stint_MOVE_ABORT, false);
    expect(s, "ABORTED ABORTED");
    (void)deliver(s, stint_MOVE_ABORTED, false);
    (void)deliver(s, stint_MOVE_FORGET, false);
    expect(s, "0:resume/12 0:returned FORGET");
    moves_installed(s->actors[1], s->key, STINT_OK, NULL, s->now);
    pump(s, 1);
    expect(s, "1:discard 1:returned");
}

static void
test_a_view_without_self_drops_everything(void **state)
{
    struct stage *s = *state;
    until_prepared(s);
    install(s, 1, 1); /* R5 */
    install(s, 0, 0);
    expect(s, "");
    assert_int_equal(deliver(s, stint_MOVE_PREPARED, false), STINT_OK);
    assert_int_equal(start(s, 2, 1), STINT_FENCED);
    assert_int_equal(moves_cancel(s->actors[0], test_id(101), "", s->now), STINT_NOT_FOUND);
    install(s, 1, 0); /* nor does a later view bring it back */
    pass(s, 60000);
    expect(s, "");
    assert_int_equal(moves_deadline(s->actors[0]), UINT64_MAX);
    assert_int_equal(moves_counts(s->actors[1]).incoming, 0);
}

static void
test_the_target_vanishes_after_the_commit(void **state)
{
    struct stage *s = *state;
    until_prepared(s);
    (void)deliver(s, stint_MOVE_PREPARED, false);
    expect(s, "COMMIT 0:drop/11");
    install(s, 0, 1);
    expect(s, "0:in_doubt");
    assert_int_equal(moves_list(s->actors[0], 0)->status, STINT_IN_DOUBT);
    assert_int_equal(moves_counts(s->actors[0]).outgoing, 0);
}

static void
test_a_move_can_be_called_off_until_its_commit(void **state)
{
    struct stage *s = *state;
    struct stint_id tasklet = test_id(101);
    assert_int_equal(moves_cancel(s->actors[0], tasklet, "no", s->now), STINT_NOT_FOUND);
    assert_int_equal(start(s, 1, 1), STINT_OK);
    assert_int_equal(moves_cancel(s->actors[0], tasklet, "no", s->now), STINT_OK);
    pump(s, 0);
    deliver_all(s);
    expect(s, "OFFER 0:returned FORGET 1:admit ACCEPT 1:returned FORGET");

    s->hold_freeze = true;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    deliver_all(s);
    s->trace[0] = '\0';
    assert_int_equal(moves_cancel(s->actors[0], tasklet, "no", s->now), STINT_OK);
    struct move_parcel p = parcel(10);
    moves_frozen(s->actors[0], s->key, STINT_OK, &p, NULL, s->now);
    pump(s, 0);
    expect(s, "0:resume/12 0:returned FORGET");
    deliver_all(s);
    s->hold_freeze = false;

    until_prepared(s);
    assert_int_equal(moves_cancel(s->actors[0], tasklet, "no", s->now), STINT_OK);
    assert_int_equal(moves_cancel(s->actors[0], tasklet, "no", s->now), STINT_OK);
    pump(s, 0);
    deliver_all(s);
    expect(s, "ABORT 1:discard ABORTED 1:returned 0:resume/12 0:returned FORGET");

    until_prepared(s);
    (void)deliver(s, stint_MOVE_PREPARED, false);
    assert_int_equal(moves_cancel(s->actors[0], tasklet, "no", s->now), STINT_REFUSED);
}

static void
test_only_missing_chunks_are_asked_for_again(void **state)
{
    struct stage *s = *state;
    s->hold_arrival = true;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, false);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    (void)deliver(s, stint_MOVE_TRANSFER, false);
    moves_progress(s->actors[1], s->key, 3, s->now);
    s->trace[0] = '\0';
    pass(s, 250);
    deliver_all(s);
    expect(s, "TRANSFER NEED 0:ship/3");
    moves_arrived(s->actors[1], s->key, STINT_BAD_PICKLE, "torn", s->now);
    pump(s, 1);
    deliver_all(s);
    expect(s, "1:discard ABORTED 1:returned 0:resume/12 0:returned FORGET");
}

static void
test_messages_that_make_no_sense_change_nothing(void **state)
{
    struct stage *s = *state;
    until_prepared(s);
    struct mail forged = { 1, 0, stint_MoveMessage_init_zero };
    memcpy(forged.message.key.node, s->key.source.id.bytes, 16);
    forged.message.key.inc = 1;
    forged.message.key.counter = s->key.counter;
    forged.message.op = stint_MOVE_NONE;
    assert_int_equal(post(s, forged), STINT_BAD_FRAME);
    forged.message.op = (stint_MoveOp)77;
    assert_int_equal(post(s, forged), STINT_BAD_FRAME);
    forged.message.op = stint_MOVE_DONE; /* before COMMIT */
    assert_int_equal(post(s, forged), STINT_REFUSED);
    forged.from = 2; /* not the target */
    assert_int_equal(post(s, forged), STINT_REFUSED);
    forged.message.op = stint_MOVE_ABORTED;
    assert_int_equal(post(s, forged), STINT_REFUSED);
    forged.message.key.counter = 99; /* never begun */
    assert_int_equal(post(s, forged), STINT_BAD_FRAME);
    forged.message.op = stint_MOVE_COMMIT; /* of a move of another source */
    forged.to = 1;
    forged.message.key.counter = s->key.counter;
    assert_int_equal(post(s, forged), STINT_BAD_FRAME);
    forged.from = 0;
    forged.message.forget = s->key.counter;
    assert_int_equal(post(s, forged), STINT_BAD_FRAME);
    forged.message.op = stint_MOVE_FORGET; /* of what is not settled */
    assert_int_equal(post(s, forged), STINT_REFUSED);
    expect(s, "");
    assert_int_equal(moves_counts(s->actors[0]).refused_messages, 6);
    deliver_all(s);
    expect(s, "COMMIT 0:drop/11 1:run/11 1:committed DONE 0:committed FORGET");
}

static void
test_a_transfer_must_be_what_was_offered(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, false);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    s->mail[0].message.tasklet[3] ^= 1;
    s->trace[0] = '\0';
    assert_int_equal(deliver(s, stint_MOVE_TRANSFER, false), STINT_BAD_FRAME);
    deliver_all(s);
    expect(s, "ABORTED 1:returned 0:resume/12 0:returned FORGET");
}

static void
test_a_transfer_brings_a_larger_epoch(void **state)
{
    struct stage *s = *state;
    assert_int_equal(start(s, 1, 1), STINT_OK);
    (void)deliver(s, stint_MOVE_OFFER, false);
    (void)deliver(s, stint_MOVE_ACCEPT, false);
    s->mail[0].message.epoch--; /* the one that was offered */
    assert_int_equal(deliver(s, stint_MOVE_TRANSFER, false), STINT_BAD_FRAME);
}

static void
test_prepared_with_another_digest_is_not_committed(void **state)
{
    struct stage *s = *state;
    until_prepared(s);
    s->mail[0].message.digest[0] ^= 1;
    assert_int_equal(deliver(s, stint_MOVE_PREPARED, false), STINT_REFUSED);
    deliver_all(s);
    expect(s, "ABORT 1:discard ABORTED 1:returned 0:resume/12 0:returned FORGET");
}

static void
test_a_source_that_never_forgets_is_refused(void **state)
{
    struct stage *s = *state;
    struct mail forged = { 0, 1, stint_MoveMessage_init_zero };
    memcpy(forged.message.key.node, test_id(0).bytes, 16);
    forged.message.key.inc = 1;
    forged.message.op = stint_MOVE_ABORT;
    for (uint64_t i = 1; i <= MOVE_TOMBSTONES_MAX + 5; i++) {
        forged.message.key.counter = i;
        assert_int_equal(post(s, forged), STINT_OK);
    }
    assert_int_equal(s->mail_count, MOVE_TOMBSTONES_MAX); /* beyond: unanswered */
    s->mail_count = 0;
    s->trace[0] = '\0';
    forged.message.op = stint_MOVE_OFFER;
    forged.message.key.counter = 1000;
    assert_int_equal(post(s, forged), STINT_OK);
    expect(s, "REFUSE");
    forged.message.forget = 999;
    assert_int_equal(post(s, forged), STINT_OK);
    expect(s, "1:admit ACCEPT");
}

static void
test_the_history_is_bounded_and_in_order(void **state)
{
    struct stage *s = *state;
    uint32_t moves = MOVE_HISTORY_MAX + 300;
    for (uint32_t i = 0; i < moves; i++) {
        assert_int_equal(start(s, i, 1), STINT_OK);
        deliver_all(s);
        s->trace[0] = '\0';
    }
    for (uint32_t i = 0; i < 2; i++) { /* none is lost, whatever their number */
        assert_int_equal(moves_list(s->actors[0], 0)->key.counter, moves - MOVE_HISTORY_MAX + 1);
        assert_int_equal(start(s, 0, 1), STINT_OK);
        deliver_all(s);
        s->trace[0] = '\0';
        moves++;
    }
    assert_int_equal(start(s, 1, 2), STINT_OK); /* one under way comes last */
    for (uint32_t i = 0; i < MOVE_HISTORY_MAX; i++) {
        const struct move_record *r = moves_list(s->actors[0], i);
        assert_int_equal(r->key.counter, moves - MOVE_HISTORY_MAX + i + 1);
        assert_ptr_equal(moves_find(s->actors[0], r->id), r);
    }
    assert_int_equal(moves_list(s->actors[0], MOVE_HISTORY_MAX)->phase, MOVE_OFFERED);
    assert_null(moves_list(s->actors[0], MOVE_HISTORY_MAX + 1));
    assert_int_equal(moves_counts(s->actors[0]).out_committed, moves);
}

struct scarce {
    uint32_t left;
};

static void *
scarce_resize(void *arg, void *ptr, size_t old_size, size_t size)
{
    struct scarce *scarce = arg;
    if (size != 0 && scarce->left-- == 0) {
        scarce->left = 0;
        return NULL;
    }
    return test_resize(NULL, ptr, old_size, size);
}

static void
test_short_memory_refuses_and_loses_nothing(void **state)
{
    struct stage *s = *state;
    struct scarce scarce = { 0 };
    struct mem mem;
    mem_init(&mem, (struct stint_allocator){ scarce_resize, &scarce }, 0);
    struct moves_config config = { .mem = &mem, .self = test_ref(1, 1) };
    for (uint32_t k = 0; k < 2; k++) {
        scarce.left = k;
        assert_null(moves_new(&config));
        assert_int_equal(mem.used, 0);
    }
    scarce.left = 2;
    moves_free(s->actors[1]);
    s->actors[1] = moves_new(&config);
    assert_non_null(s->actors[1]);
    install(s, 1, -1);
    assert_int_equal(start(s, 1, 1), STINT_OK);
    assert_int_equal(deliver(s, stint_MOVE_OFFER, true), STINT_NO_MEMORY);
    scarce.left = 1;
    deliver_all(s);
    assert_int_equal(moves_counts(s->actors[0]).out_committed, 1);
    moves_free(s->actors[1]);
    assert_int_equal(mem.used, 0);
    s->actors[1] = NULL;
}

int
main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SCENE(test_a_move_without_trouble),
        SCENE(test_an_offer_is_refused_with_the_reason),
        SCENE(test_a_move_cannot_begin_to_nowhere_twice_or_without_room),
        SCENE(test_nobody_answers_an_offer),
        SCENE(test_a_tasklet_that_cannot_be_frozen_runs_on),
        SCENE(test_a_refused_parcel_leaves_a_tombstone_and_comes_back),
        SCENE(test_abort_of_a_transfer_never_seen_keeps_it_out),
        SCENE(test_abort_crossing_prepared_never_commits),
        SCENE(test_commit_and_done_are_repeated_until_heard),
        SCENE(test_a_view_without_the_target_resumes),
        SCENE(test_a_view_without_the_source_adopts),
        SCENE(test_a_view_during_the_installation_adopts_what_comes_of_it),
        SCENE(test_a_view_during_the_reception_ends_it),
        SCENE(test_an_abort_during_the_installation_discards_what_comes_of_it),
        SCENE(test_a_view_without_self_drops_everything),
        SCENE(test_the_target_vanishes_after_the_commit),
        SCENE(test_a_move_can_be_called_off_until_its_commit),
        SCENE(test_only_missing_chunks_are_asked_for_again),
        SCENE(test_messages_that_make_no_sense_change_nothing),
        SCENE(test_a_transfer_must_be_what_was_offered),
        SCENE(test_a_transfer_brings_a_larger_epoch),
        SCENE(test_prepared_with_another_digest_is_not_committed),
        SCENE(test_a_source_that_never_forgets_is_refused),
        SCENE(test_the_history_is_bounded_and_in_order),
        SCENE(test_short_memory_refuses_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
