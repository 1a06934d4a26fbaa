/* SPDX-License-Identifier: Apache-2.0 */
/* Tasklets of admin.h: looking into them, moving, ending, carrying them out to files and back. */
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "client/admin_internal.h"
#include "client/export_file.h"

static struct stint_call *
make_stack(struct stint_client *client, const char *tasklet, uint32_t timeout_ms)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_TASKLET_STACK, timeout_ms);
    if (call != NULL) {
        call->kind = CALL_STACK;
    }
    request_target(call, tasklet, "tasklet");
    return request_lists(call);
}

enum stint_status
stint_admin_stack(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                  struct stint_list **list)
{
    return request_run(client, make_stack(client, tasklet, timeout_ms), list);
}

struct stint_call *
stint_admin_stack_begin(struct stint_client *client, const char *tasklet, uint32_t timeout_ms,
                        stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_stack(client, tasklet, timeout_ms), done, arg);
}

static struct stint_call *
make_explain(struct stint_client *client, const char *tasklet, const char *to, uint32_t timeout_ms)
{
    struct stint_call *call = request_ask(client, stint_Verb_VERB_TASKLET_EXPLAIN, timeout_ms);
    request_target(call, tasklet, "tasklet");
    if (call != NULL) {
        (void)client_call_text(call, call->ask.to, sizeof call->ask.to, to, "node");
    }
    return request_lists(call);
}

enum stint_status
stint_admin_explain(struct stint_client *client, const char *tasklet, const char *to,
                    uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_explain(client, tasklet, to, timeout_ms), list);
}

struct stint_call *
stint_admin_explain_begin(struct stint_client *client, const char *tasklet, const char *to,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_explain(client, tasklet, to, timeout_ms), done, arg);
}

static struct stint_call *
make_migrate(struct stint_client *client, const struct stint_migrate *given, uint32_t timeout_ms)
{
    struct stint_migrate known;
    const struct stint_migrate *migrate = &known;
    bool fits = CLIENT_STRUCT_COPY(&known, given, reason);
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_MIGRATE, known.reason, timeout_ms);
    request_size(call, fits, "STINT_MIGRATE_INIT");
    bool one = migrate->tasklet != NULL && migrate->tasklet[0] != '\0';
    bool many = migrate->selector != NULL && migrate->selector[0] != '\0';
    if (call != NULL && !call->over && (one == many || migrate->to == NULL || migrate->to[0] == '\0')) {
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
    return request_lists(call);
}

enum stint_status
stint_admin_migrate(struct stint_client *client, const struct stint_migrate *migrate,
                    uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_migrate(client, migrate, timeout_ms), list);
}

struct stint_call *
stint_admin_migrate_begin(struct stint_client *client, const struct stint_migrate *migrate,
                          uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_migrate(client, migrate, timeout_ms), done, arg);
}

static struct stint_call *
make_kill(struct stint_client *client, const char *tasklet, bool pending, const char *reason,
          uint32_t timeout_ms)
{
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_KILL, reason, timeout_ms);
    request_target(call, tasklet, "tasklet");
    if (call != NULL) {
        call->ask.pending = pending;
    }
    return call;
}

enum stint_status
stint_admin_kill(struct stint_client *client, const char *tasklet, bool pending, const char *reason,
                 uint32_t timeout_ms)
{
    return request_run(client, make_kill(client, tasklet, pending, reason, timeout_ms), NULL);
}

struct stint_call *
stint_admin_kill_begin(struct stint_client *client, const char *tasklet, bool pending,
                       const char *reason, uint32_t timeout_ms, stint_call_done_fn *done, void *arg)
{
    return client_begin(client, make_kill(client, tasklet, pending, reason, timeout_ms), done, arg);
}

static struct stint_call *
make_pause(struct stint_client *client, const char *tasklet, bool pause, const char *reason,
           uint32_t timeout_ms)
{
    stint_Verb verb = pause ? stint_Verb_VERB_TASKLET_PAUSE : stint_Verb_VERB_TASKLET_RESUME;
    struct stint_call *call = request_change(client, verb, reason, timeout_ms);
    request_target(call, tasklet, "tasklet");
    return call;
}

enum stint_status
stint_admin_pause(struct stint_client *client, const char *tasklet, bool pause, const char *reason,
                  uint32_t timeout_ms)
{
    return request_run(client, make_pause(client, tasklet, pause, reason, timeout_ms), NULL);
}

struct stint_call *
stint_admin_pause_begin(struct stint_client *client, const char *tasklet, bool pause,
                        const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                        void *arg)
{
    return client_begin(client, make_pause(client, tasklet, pause, reason, timeout_ms), done, arg);
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

static struct stint_call *
make_export(struct stint_client *client, const char *tasklet, const char *path, bool move,
            const char *reason, uint32_t timeout_ms)
{
    char error[STINT_CLIENT_ERROR_SIZE] = "";
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_EXPORT, reason, timeout_ms);
    request_target(call, tasklet, "tasklet");
    if (call == NULL || call->over) {
        return call;
    }
    call->kind = CALL_EXPORT;
    call->changes = move;
    call->stays = move; /* another node could not give the same bytes again */
    call->ask.move = move;
    struct export_out *out = mem_zalloc(&call->heap->mem, sizeof *out);
    if (out == NULL) {
        client_call_finish(call, STINT_NO_MEMORY, "");
        return call;
    }
    /* First the file: a full disk or a wrong path must not be found out after the tasklet has left
     * its node, so there is room for the largest from the beginning. */
    enum stint_status made =
        export_out_open(out, path, move ? CLIENT_FILE_MAX : 0, error, sizeof error);
    if (made != STINT_OK) {
        mem_free(&call->heap->mem, out, sizeof *out);
        client_call_finish(call, made, error);
        return call;
    }
    call->out = out;
    return call;
}

enum stint_status
client_export_end(struct stint_call *call, enum stint_status status, char *detail,
                  size_t detail_size)
{
    char error[STINT_CLIENT_ERROR_SIZE] = "";
    struct export_out *out = call->out;
    uint64_t size = 0;
    enum stint_status written = write_pieces(call, out, &size, error, sizeof error);
    call->out = NULL;
    bool finished = false;
    if (status == STINT_OK && written == STINT_OK && size == 0) {
        status = STINT_BAD_FRAME;
        text_copy(detail, detail_size, "the node sent no file");
    } else if (status == STINT_OK) {
        finished = written == STINT_OK;
        status = finished ? export_out_finish(out, error, sizeof error) : written;
        text_copy(detail, detail_size, error);
    }
    /* What came of a tasklet that may live nowhere else is kept. */
    if (!finished && call->ask.move && size != 0) {
        export_out_keep(out);
    } else if (!finished) {
        export_out_drop(out);
    }
    mem_free(&call->heap->mem, out, sizeof *out);
    return status;
}

enum stint_status
stint_admin_export(struct stint_client *client, const char *tasklet, const char *path, bool move,
                   const char *reason, uint32_t timeout_ms)
{
    struct stint_call *call = make_export(client, tasklet, path, move, reason, timeout_ms);
    return request_run(client, call, NULL);
}

struct stint_call *
stint_admin_export_begin(struct stint_client *client, const char *tasklet, const char *path,
                         bool move, const char *reason, uint32_t timeout_ms,
                         stint_call_done_fn *done, void *arg)
{
    struct stint_call *call = make_export(client, tasklet, path, move, reason, timeout_ms);
    return client_begin(client, call, done, arg);
}

static struct stint_call *
make_import(struct stint_client *client, const char *path, const char *on, bool paused,
            const char *reason, uint32_t timeout_ms)
{
    char error[STINT_CLIENT_ERROR_SIZE] = "";
    struct stint_call *call =
        request_change(client, stint_Verb_VERB_TASKLET_IMPORT, reason, timeout_ms);
    if (call == NULL) {
        return NULL;
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
    return request_lists(call);
}

enum stint_status
stint_admin_import(struct stint_client *client, const char *path, const char *on, bool paused,
                   const char *reason, uint32_t timeout_ms, struct stint_list **list)
{
    return request_run(client, make_import(client, path, on, paused, reason, timeout_ms), list);
}

struct stint_call *
stint_admin_import_begin(struct stint_client *client, const char *path, const char *on, bool paused,
                         const char *reason, uint32_t timeout_ms, stint_call_done_fn *done,
                         void *arg)
{
    struct stint_call *call = make_import(client, path, on, paused, reason, timeout_ms);
    return client_begin(client, call, done, arg);
}
