/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: every verb with every role, against a table of its own; and that the verbs'
 * table is sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/admin.h"

/* As DECISIONS 23 has it: c client, o observer, p operator. */
static const struct {
    stint_Verb verb;
    const char *roles;
} expected[] = {
    { stint_Verb_VERB_PING, "cop" },
    { stint_Verb_VERB_STATUS, "op" },
    { stint_Verb_VERB_NODE_LIST, "op" },
    { stint_Verb_VERB_NODE_CORDON, "p" },
    { stint_Verb_VERB_NODE_UNCORDON, "p" },
    { stint_Verb_VERB_NODE_DRAIN, "p" },
    { stint_Verb_VERB_NODE_STOP, "p" },
    { stint_Verb_VERB_BALANCE, "p" },
    { stint_Verb_VERB_BALANCER, "p" },
    { stint_Verb_VERB_MODULE_LIST, "cop" },
    { stint_Verb_VERB_SCHEMA, "cop" },
    { stint_Verb_VERB_RESOLVE, "cop" },
    { stint_Verb_VERB_TASKLET_SPAWN, "cp" },
    { stint_Verb_VERB_TASKLET_LIST, "op" },
    { stint_Verb_VERB_TASKLET_DESCRIBE, "cop" },
    { stint_Verb_VERB_TASKLET_STACK, "op" },
    { stint_Verb_VERB_TASKLET_EXPLAIN, "op" },
    { stint_Verb_VERB_TASKLET_MIGRATE, "p" },
    { stint_Verb_VERB_TASKLET_KILL, "p" },
    { stint_Verb_VERB_TASKLET_PAUSE, "p" },
    { stint_Verb_VERB_TASKLET_RESUME, "p" },
    { stint_Verb_VERB_TASKLET_WAIT, "cp" },
    { stint_Verb_VERB_TASKLET_EXPORT, "p" },
    { stint_Verb_VERB_TASKLET_IMPORT, "p" },
    { stint_Verb_VERB_UPLOAD, "p" },
    { stint_Verb_VERB_MIGRATION_LIST, "op" },
    { stint_Verb_VERB_MIGRATION_DESCRIBE, "op" },
    { stint_Verb_VERB_CHANNEL_LIST, "op" },
    { stint_Verb_VERB_CHANNEL_DESCRIBE, "op" },
    { stint_Verb_VERB_CHANNEL_CREATE, "cp" },
    { stint_Verb_VERB_CHANNEL_SEND, "cp" },
    { stint_Verb_VERB_CHANNEL_RECEIVE, "cp" },
    { stint_Verb_VERB_CHANNEL_CLOSE, "cp" },
    { stint_Verb_VERB_CHANNEL_ADOPT, "cp" },
    { stint_Verb_VERB_CHANNEL_HOST, "cp" },
    { stint_Verb_VERB_KEY_REVOKE, "p" },
    { stint_Verb_VERB_KEY_LIST, "op" },
    { stint_Verb_VERB_VIEW, "cop" },
};

enum { EXPECTED = sizeof expected / sizeof expected[0], VERBS_END = 256, ROLES_END = 16 };

static const char *
roles_of(int verb)
{
    for (size_t i = 0; i < EXPECTED; i++) {
        if ((int)expected[i].verb == verb) {
            return expected[i].roles;
        }
    }
    return "";
}

static char
letter_of(int role)
{
    return role == ROLE_CLIENT     ? 'c'
           : role == ROLE_OBSERVER ? 'o'
           : role == ROLE_OPERATOR ? 'p'
                                   : '-';
}

static void
test_each_role_may_do_what_is_decided_and_nothing_else(void **state)
{
    (void)state;
    int allowed = 0;
    for (int verb = 0; verb < VERBS_END; verb++) {
        for (int role = 0; role < ROLES_END; role++) {
            bool may = strchr(roles_of(verb), letter_of(role)) != NULL;
            if (admin_allows((stint_Verb)verb, (enum cert_role)role) != may) {
                fail_msg("verb %d and role %d: %s", verb, role, may ? "refused" : "allowed");
            }
            allowed += may ? 1 : 0;
        }
    }
    assert_true(allowed > EXPECTED);
}

static void
test_an_operator_may_do_everything_a_node_nothing(void **state)
{
    (void)state;
    for (int verb = 0; verb < VERBS_END; verb++) {
        bool known = admin_verb_find((stint_Verb)verb) != NULL;
        assert_int_equal(known, admin_allows((stint_Verb)verb, ROLE_OPERATOR));
        assert_false(admin_allows((stint_Verb)verb, ROLE_NODE));
        assert_false(admin_allows((stint_Verb)verb, ROLE_NONE));
    }
}

static void
test_an_observer_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPECTED; i++) {
        const struct admin_verb *v = admin_verb_find(expected[i].verb);
        assert_non_null(v);
        assert_false(v->changes && admin_allows(expected[i].verb, ROLE_OBSERVER));
    }
}

static void
test_every_verb_has_a_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPECTED; i++) {
        const struct admin_verb *v = admin_verb_find(expected[i].verb);
        assert_non_null(v);
        assert_int_equal(v->verb, expected[i].verb);
        assert_true(v->name[0] != 0);
        assert_true(v->enter != NULL || v->scope != SCOPE_ENTRY); /* the entry knows what to do */
        assert_true(v->enter != NULL || v->run != NULL);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_role_may_do_what_is_decided_and_nothing_else),
        cmocka_unit_test(test_an_operator_may_do_everything_a_node_nothing),
        cmocka_unit_test(test_an_observer_changes_nothing),
        cmocka_unit_test(test_every_verb_has_a_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
