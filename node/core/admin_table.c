/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All verbs: who may use them, where they are done, by what. Roles as DECISIONS 23 has them: an
 * operator may do everything; an observer looks, without values of locals; a client works with its
 * own tasklets and channels. A client may describe and await a tasklet of which it knows the whole
 * id: ids are 128 random bits, so it is one that it spawned or was told of.
 */
#include "core/admin.h"

#define C (1u << ROLE_CLIENT)
#define P (1u << ROLE_OPERATOR)
#define V (1u << ROLE_OBSERVER)

#define VERB(name) .verb = stint_Verb_VERB_##name

static const struct admin_verb verbs[] = {
    { VERB(PING), SCOPE_NODE, C | P | V, false, "ping", NULL, admin_ping },
    { VERB(STATUS), SCOPE_EVERY, P | V, false, "cluster status", admin_status_enter, admin_status },
    { VERB(NODE_LIST), SCOPE_EVERY, P | V, false, "node list", admin_node_list, admin_node_self },
    { VERB(NODE_CORDON), SCOPE_NODE, P, true, "node cordon", NULL, admin_cordon },
    { VERB(NODE_UNCORDON), SCOPE_NODE, P, true, "node uncordon", NULL, admin_cordon },
    { VERB(NODE_DRAIN), SCOPE_NODE, P, false, "node drain", admin_drain_enter, admin_drain },
    { VERB(NODE_STOP), SCOPE_NODE, P, true, "node stop", NULL, admin_stop },
    { VERB(BALANCE), SCOPE_EVERY, P, true, "cluster balance", admin_balance_enter, admin_balance },
    { VERB(BALANCER), SCOPE_AUTHORITY, P, true, "cluster balancer", admin_balancer_enter,
      admin_store_change },
    { VERB(MODULE_LIST), SCOPE_EVERY, C | P | V, false, "module list", NULL, admin_modules },
    { VERB(SCHEMA), SCOPE_EVERY, C | P | V, false, "schema", admin_schema_enter, admin_schema },
    { VERB(RESOLVE), SCOPE_CHANNEL, C | P | V, false, "channel resolve", admin_resolve_enter,
      admin_channel_describe },
    { VERB(TASKLET_SPAWN), SCOPE_ON, C | P, true, "tasklet spawn", admin_place_enter, admin_spawn },
    { VERB(TASKLET_LIST), SCOPE_EVERY, P | V, false, "tasklet list", NULL, admin_tasklet_list },
    { VERB(TASKLET_DESCRIBE), SCOPE_TASKLET, C | P | V, false, "tasklet describe",
      admin_describe_enter, admin_describe },
    { VERB(TASKLET_STACK), SCOPE_TASKLET, P | V, false, "tasklet stack", NULL, admin_stack },
    { VERB(TASKLET_EXPLAIN), SCOPE_TASKLET, P | V, false, "tasklet explain", NULL, admin_explain },
    { VERB(TASKLET_MIGRATE), SCOPE_TASKLET, P, true, "tasklet migrate", admin_migrate_enter,
      admin_migrate },
    { VERB(TASKLET_KILL), SCOPE_TASKLET, P, true, "tasklet kill", NULL, admin_control_tasklet },
    { VERB(TASKLET_PAUSE), SCOPE_TASKLET, P, true, "tasklet pause", NULL, admin_control_tasklet },
    { VERB(TASKLET_RESUME), SCOPE_TASKLET, P, true, "tasklet resume", NULL, admin_control_tasklet },
    { VERB(TASKLET_WAIT), SCOPE_TASKLET, C | P, false, "tasklet wait", admin_wait_enter,
      admin_wait },
    { VERB(TASKLET_EXPORT), SCOPE_TASKLET, P, true, "tasklet export", NULL, admin_export },
    { VERB(TASKLET_IMPORT), SCOPE_ON, P, true, "tasklet import", admin_import_enter, admin_import },
    { VERB(UPLOAD), SCOPE_ENTRY, P, false, "tasklet import", admin_upload, admin_upload },
    { VERB(MIGRATION_LIST), SCOPE_EVERY, P | V, false, "migration list", admin_move_list_enter,
      admin_move_list },
    { VERB(MIGRATION_DESCRIBE), SCOPE_EVERY, P | V, false, "migration describe",
      admin_move_list_enter, admin_move_list },
    { VERB(CHANNEL_LIST), SCOPE_EVERY, P | V, false, "channel list", NULL, admin_channel_list },
    { VERB(CHANNEL_DESCRIBE), SCOPE_CHANNEL, P | V, false, "channel describe", NULL,
      admin_channel_describe },
    { VERB(CHANNEL_CREATE), SCOPE_ON, C | P, true, "channel create", admin_place_enter,
      admin_channel_create },
    { VERB(CHANNEL_SEND), SCOPE_CHANNEL, C | P, true, "channel send", admin_operation_enter, NULL },
    { VERB(CHANNEL_RECEIVE), SCOPE_CHANNEL, C | P, true, "channel receive", admin_operation_enter,
      NULL },
    { VERB(CHANNEL_CLOSE), SCOPE_CHANNEL, C | P, true, "channel close", NULL, admin_channel_close },
    { VERB(CHANNEL_ADOPT), SCOPE_CHANNEL, C | P, false, "channel send", NULL, admin_channel_adopt },
    { VERB(CHANNEL_HOST), SCOPE_ENTRY, C | P, false, "channel host", admin_channel_host, NULL },
    { VERB(KEY_REVOKE), SCOPE_AUTHORITY, P, true, "keys revoke", NULL, admin_store_change },
    { VERB(KEY_LIST), SCOPE_ENTRY, P | V, false, "keys list", admin_keys, NULL },
    { VERB(VIEW), SCOPE_ENTRY, C | P | V, false, "view", admin_view_show, NULL },
};

const struct admin_verb *
admin_verb_find(stint_Verb verb)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (verbs[i].verb == verb) {
            return &verbs[i];
        }
    }
    return NULL;
}

bool
admin_allows(stint_Verb verb, enum cert_role role)
{
    const struct admin_verb *v = admin_verb_find(verb);
    return v != NULL && role > ROLE_NODE && role < ROLE_END_ && (v->roles >> role & 1u) != 0;
}
