/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a VIEW message: what is accepted keeps the rules of a view, encodes within its bound, and is the same when it
 * is read again. */
#include "fuzz.h"

#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "cluster/view.h"

/* Two views of some 60 KiB and a buffer that grows by doubling. */
#define MEMORY_MAX (2 * sizeof(struct view) + 4 * (size_t)stint_View_size)

struct walk {
    const struct view *old, *next;
    uint32_t gone, new_ones, changed;
};

static void
report(void *arg, enum view_change change, const struct member *m)
{
    struct walk *walk = arg;
    FUZZ_CHECK(member_is_living(m));
    FUZZ_CHECK(view_has(change == VIEW_GONE ? walk->old : walk->next, m->ref));
    FUZZ_CHECK(change != VIEW_GONE || !view_has(walk->next, m->ref));
    walk->gone += change == VIEW_GONE;
    walk->new_ones += change == VIEW_NEW;
    walk->changed += change == VIEW_CHANGED;
}

static void
check_member(const struct view *v, const struct member *m)
{
    FUZZ_CHECK(memchr(m->name, 0, sizeof m->name) != NULL && memchr(m->endpoint, 0, sizeof m->endpoint) != NULL);
    FUZZ_CHECK(memchr(m->version, 0, sizeof m->version) != NULL);
    FUZZ_CHECK(m->state > stint_MemberState_MEMBER_NONE && m->state <= stint_MemberState_MEMBER_DEAD);
    FUZZ_CHECK(!id_is_zero(m->ref.id) && m->ref.inc != 0);
    FUZZ_CHECK(strcmp(member_state_text(m->state), "") != 0);
    if (member_is_living(m)) {
        FUZZ_CHECK(view_find(v, m->ref.id) == m && view_named(v, m->name) == m);
        FUZZ_CHECK(view_member(v, m->ref) == m && view_has(v, m->ref));
    } else {
        FUZZ_CHECK(!member_is_home(m) && !member_is_target(m));
    }
    FUZZ_CHECK(view_find_any(v, m->ref.id) != NULL);
}

static void
check_rules(const struct view *v)
{
    FUZZ_CHECK(v->number != 0 && v->member_count <= VIEW_MEMBERS_MAX && v->revoked_count <= VIEW_REVOKED_MAX);
    uint32_t living = 0;
    for (uint32_t i = 0; i < v->member_count; i++) {
        check_member(v, &v->members[i]);
        living += member_is_living(&v->members[i]);
    }
    FUZZ_CHECK(view_living(v) == living);
    for (uint32_t i = 0; i < v->revoked_count; i++) {
        FUZZ_CHECK(view_is_revoked(v, v->revoked[i]));
    }
    struct node_ref home = view_home(v, (struct stint_id){ { 1, 2, 3 } });
    FUZZ_CHECK(node_ref_is_none(home) == (living == 0));
    FUZZ_CHECK(living == 0 || view_has(v, home));
}

static void
check_again(struct mem *m, const struct view *v, struct view *again)
{
    struct buf first, second;
    buf_init(&first, m, stint_View_size);
    buf_init(&second, m, stint_View_size);
    FUZZ_CHECK(view_encode(v, &first) == STINT_OK);
    FUZZ_CHECK(view_decode(again, buf_span(&first)) == STINT_OK);
    FUZZ_CHECK(view_encode(again, &second) == STINT_OK);
    FUZZ_CHECK(span_equal(buf_span(&first), buf_span(&second)));
    struct walk walk = { v, again, 0, 0, 0 };
    view_diff(v, again, report, &walk);
    FUZZ_CHECK(walk.gone + walk.new_ones + walk.changed == 0);
    FUZZ_CHECK(view_judge(v->generation, v->number, again, NODE_REF_NONE) == VIEW_SAME);
    view_diff(NULL, again, report, &walk);
    FUZZ_CHECK(walk.new_ones == view_living(again));
    buf_fini(&first);
    buf_fini(&second);
}

static bool
judge(struct stint_span input)
{
    struct fuzz_memory memory;
    struct mem *m = fuzz_memory_begin(&memory, MEMORY_MAX);
    struct view *v = view_new(m), *again = view_new(m);
    FUZZ_CHECK(v != NULL && again != NULL);
    enum stint_status status = view_decode(v, input);
    FUZZ_CHECK(status == STINT_OK || status == STINT_BAD_FRAME);
    if (status == STINT_OK) {
        check_rules(v);
        check_again(m, v, again);
    }
    view_free(again);
    view_free(v);
    fuzz_memory_end(&memory);
    return status == STINT_OK;
}

static void
seed(struct view *v, const char *name)
{
    struct buf out;
    buf_init(&out, v->mem, stint_View_size);
    FUZZ_CHECK(view_encode(v, &out) == STINT_OK);
    fuzz_seed(name, buf_span(&out));
    buf_fini(&out);
}

static void
seeds(void)
{
    struct fuzz_memory memory;
    struct view *v = view_new(fuzz_memory_begin(&memory, 0));
    FUZZ_CHECK(v != NULL);
    v->generation = 1;
    v->number = 9;
    v->authority.bytes[0] = 1;
    v->balancer_on = true;
    for (uint8_t i = 0; i < 6; i++) {
        struct member *m = &v->members[v->member_count++];
        m->ref = (struct node_ref){ { { (uint8_t)(i + 1) } }, (uint64_t)i + 1 };
        m->state = (stint_MemberState)(1 + i % 5);
        m->modules = 77;
        text_format(m->name, sizeof m->name, "n%u", i);
        text_format(m->endpoint, sizeof m->endpoint, "tcp://10.0.0.%u:7000", i);
        text_copy(m->version, sizeof m->version, "0.1.0");
        if (i == 0) {
            seed(v, "one");
        }
    }
    v->revoked[v->revoked_count++] = 12345;
    seed(v, "six");
    view_free(v);
}

const struct fuzz_target fuzz_target = { .name = "view", .size_max = LIMIT_BODY, .judge = judge, .seeds = seeds };
