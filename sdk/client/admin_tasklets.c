/* SPDX-License-Identifier: Apache-2.0 */
/* Tasklets of admin.h: looking into them, moving, ending, carrying them out to files and back. */
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "client/admin_internal.h"
#include "client/export_file.h"

enum stint_status
stint_admin_stack(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                  struct stint_list **list)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_TASKLET_STACK, timeout_ms);
    if (call != NULL) {
        call->kind = CALL_STACK;
    }
    request_target(call, tasklet, "tasklet");
    return request_run(client, call, list);
}

enum stint_status
stint_admin_explain(struct stint_client *client, const char *tasklet, const char *to,
                    uint32_t timeout_ms, struct stint_list **list)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_TASKLET_EXPLAIN, timeout_ms);
    request_target(call, tasklet, "tasklet");
    if (call != NULL) {
        (void)client_call_text(call, call->ask.to, sizeof call->ask.to, to, "node");
    }
    return request_run(client, call, list);
}

enum stint_status
stint_admin_migrate(struct stint_client *client, const struct stint_migrate *migrate,
                    uint32_t timeout_ms, struct stint_list **list)
{
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_MIGRATE, migrate->reason, timeout_ms);
    bool one = migrate->tasklet != NULL && migrate->tasklet[0] != '\0';
    bool many = migrate->selector != NULL && migrate->selector[0] != '\0';
    if (call != NULL && (one == many || migrate->to == NULL || migrate->to[0] == '\0')) {
        client_call_finish(call, STINT_INVALID,
                           "a tasklet or a selector, and where to, must be named");
    } else if (call != NULL &&
               client_call_text(call, call->ask.target, sizeof call->ask.target,
                                one ? migrate->tasklet : NULL, "tasklet") &&
               client_call_text(call, call->ask.selector, sizeof call->ask.selector,
                                many ? migrate->selector : NULL, "selector") &&
               client_call_text(call, call->ask.to, sizeof call->ask.to, migrate->to, "node")) {
        call->ask.wait = migrate->wait;
        call->ask.dry_run = migrate->dry_run;
        call->changes = !migrate->dry_run;
    }
    return request_run(client, call, list);
}

enum stint_status
stint_admin_kill(struct stint_client *client, const char *tasklet, bool pending, const char *reason,
                 uint32_t timeout_ms)
{
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_KILL, reason, timeout_ms);
    request_target(call, tasklet, "tasklet");
    if (call != NULL) {
        call->ask.pending = pending;
    }
    return request_run(client, call, NULL);
}

enum stint_status
stint_admin_pause(struct stint_client *client, const char *tasklet, bool pause, const char *reason,
                  uint32_t timeout_ms)
{
    stint_Verb verb = pause ? stint_Verb_VERB_TASKLET_PAUSE : stint_Verb_VERB_TASKLET_RESUME;
    struct stint_call *call = request_change(client, verb, reason, timeout_ms);
    request_target(call, tasklet, "tasklet");
    return request_run(client, call, NULL);
}

/* ---- files ---- */

/* The pieces of an answer, one behind the other, into the file. */
static enum stint_status
write_pieces(const struct stint_call *call, struct export_out *out, uint64_t *size, char *error,
             size_t error_size)
{
    struct record record;
    size_t at = 0;
    enum stint_status status = STINT_OK;
    *size = 0;
    while (status == STINT_OK && record_next(&call->records, &at, &record)) {
        if (record.kind == (uint32_t)stint_ItemKind_ITEM_BYTES) {
            *size += record.item.size + record.payload.size;
            status = export_out_write(out, record.item, error, error_size);
            status = status == STINT_OK ? export_out_write(out, record.payload, error, error_size)
                                        : status;
        }
    }
    return status;
}

enum stint_status
stint_admin_export(struct stint_client *client, const char *tasklet, const char *path, bool move,
                   const char *reason, uint32_t timeout_ms)
{
    char error[STINT_CLIENT_ERROR_SIZE] = "";
    struct export_out out;
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_EXPORT, reason, timeout_ms);
    request_target(call, tasklet, "tasklet");
    if (call == NULL) {
        return STINT_BUSY;
    }
    call->changes = move;
    call->stays = move; /* another node could not give the same bytes again */
    call->ask.move = move;
    /* First the file: a full disk or a wrong path must not be found out after the tasklet has left
     * its node, so there is room for the largest from the beginning. */
    enum stint_status made =
        call->over ? STINT_OK
                   : export_out_open(&out, path, move ? CLIENT_FILE_MAX : 0, error, sizeof error);
    if (made != STINT_OK) {
        client_call_finish(call, made, error);
    }
    bool opened = !call->over;
    enum stint_status status = client_run(client, call);
    if (!opened || status == STINT_CANCELLED) {
        if (opened) {
            export_out_drop(&out);
        }
        return status;
    }
    uint64_t size = 0;
    enum stint_status written = write_pieces(call, &out, &size, error, sizeof error);
    if (status == STINT_OK && written == STINT_OK && size == 0) {
        status = client_fail(client, STINT_BAD_FRAME, "the node sent no file");
    } else if (status == STINT_OK && written == STINT_OK) {
        status = export_out_finish(&out, error, sizeof error);
        return status == STINT_OK ? STINT_OK : client_fail(client, status, "%s", error);
    } else if (status == STINT_OK) {
        status = client_fail(client, written, "%s", error);
    }
    /* What came of a tasklet that may live nowhere else is kept. */
    if (move && size != 0) {
        export_out_keep(&out);
    } else {
        export_out_drop(&out);
    }
    return status;
}

enum stint_status
stint_admin_import(struct stint_client *client, const char *path, const char *on, bool paused,
                   const char *reason, uint32_t timeout_ms, struct stint_list **list)
{
    char error[STINT_CLIENT_ERROR_SIZE] = "";
    *list = NULL;
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_IMPORT, reason, timeout_ms);
    if (call == NULL) {
        return STINT_BUSY;
    }
    call->kind = CALL_IMPORT;
    call->stays = true; /* the pieces are at one node */
    call->ask.paused = paused;
    struct stint_id id = prng_id(&client->cache.random);
    call->ask.id.size = sizeof id.bytes;
    memcpy(call->ask.id.bytes, id.bytes, sizeof id.bytes);
    (void)client_call_text(call, call->ask.on, sizeof call->ask.on, on, "node");
    if (!call->over) {
        enum stint_status status = export_file_read(path, &call->payload, error, sizeof error);
        if (status != STINT_OK) {
            client_call_finish(call, status, error);
        }
    }
    return request_run(client, call, list);
}
