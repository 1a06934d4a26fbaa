/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the authority: repeated under the same request id until there is an answer or their time is over. */
#include <string.h>

#include "base/ids.h"
#include "base/text.h"
#include "core/codec.h"
#include "core/control.h"

#define CALLS_MAX (AUTHORITY_NAMES_MAX + 4096) /* all names are put again when their hosts are gone */

/* A question to the authority that has no answer yet. */
struct store_call {
    struct list link;
    stint_StoreRequest request;
    store_done_fn *done;
    uint64_t token;
    uint64_t deadline, next;
};

void
control_free_calls(struct node *n)
{
    struct list *link;
    while ((link = list_pop_front(&n->control->calls)) != NULL) {
        mem_free(n->mem, STINT_CONTAINER_OF(link, struct store_call, link), sizeof(struct store_call));
    }
}

static void
send_call(struct node *n, struct store_call *call)
{
    call->next = n->now_ns + CONTROL_REPEAT_NS;
    call->request.installed = n->view->number;
    if (n->authority != NULL) {
        struct authority_from from = { .ref = n->self, .local = true, .operates = n->self.inc != 0 };
        authority_request(n->authority, from, &call->request, n->now_ns);
        return;
    }
    uint8_t body[stint_StoreRequest_size];
    size_t size = codec_write(stint_StoreRequest_fields, &call->request, body, sizeof body);
    struct envelope envelope = { .kind = ENVELOPE_CONTROL, .op = CONTROL_STORE_REQUEST };
    if (n->view->number == 0) {
        (void)peers_reply(n, n->control->seed_conn, &envelope, span_of(body, size));
    } else {
        peers_send(n, n->view->authority, &envelope, span_of(body, size));
    }
}

static void
finish_call(struct node *n, struct store_call *call, const stint_StoreReply *reply)
{
    list_remove(&call->link);
    n->control->call_count--;
    if (call->done != NULL) {
        call->done(n, call->token, reply);
    }
    mem_free(n->mem, call, sizeof *call);
}

void
control_store(struct node *n, stint_StoreRequest *request, uint32_t timeout_ms, store_done_fn *done,
              uint64_t token)
{
    struct control *c = n->control;
    struct store_call *call =
        c->call_count < CALLS_MAX ? mem_zalloc(n->mem, sizeof *call) : NULL;
    if (call == NULL) {
        stint_StoreReply reply = stint_StoreReply_init_zero;
        reply.status = STINT_BUSY;
        reply.op = request->op;
        text_copy(reply.detail, sizeof reply.detail, "too many questions to the authority wait here");
        if (done != NULL) {
            done(n, token, &reply);
        }
        return;
    }
    if (codec_id_is_zero(request->id)) {
        struct stint_id id = prng_id(&n->random);
        memcpy(request->id, id.bytes, sizeof id.bytes);
    }
    call->request = *request;
    call->done = done;
    call->token = token;
    call->deadline = n->now_ns + (uint64_t)timeout_ms * 1000000;
    c->call_count++;
    list_push_back(&c->calls, &call->link);
    send_call(n, call);
}

void
control_take_reply(struct node *n, const stint_StoreReply *reply)
{
    LIST_EACH (link, &n->control->calls) {
        struct store_call *call = STINT_CONTAINER_OF(link, struct store_call, link);
        if (memcmp(call->request.id, reply->id, sizeof reply->id) != 0) {
            continue;
        }
        if (reply->status == STINT_OUTCOME_UNKNOWN || reply->status == STINT_BUSY) {
            call->next = n->now_ns + CONTROL_REPEAT_NS; /* asked again under the same id */
        } else {
            finish_call(n, call, reply);
        }
        return;
    }
}

void
control_expire_calls(struct node *n)
{
    LIST_EACH (link, &n->control->calls) {
        struct store_call *call = STINT_CONTAINER_OF(link, struct store_call, link);
        if (call->deadline <= n->now_ns) {
            stint_StoreReply reply = stint_StoreReply_init_zero;
            reply.status = STINT_STORE_DOWN;
            reply.op = call->request.op;
            text_copy(reply.detail, sizeof reply.detail, "the authority did not answer in time");
            finish_call(n, call, &reply);
        } else if (call->next <= n->now_ns) {
            send_call(n, call);
        }
    }
}

void
control_each_name_put(struct node *n, store_done_fn *except,
                      void (*fn)(struct node *n, const stint_StoreRequest *request))
{
    const struct list *head = &n->control->calls;
    for (const struct list *link = head->next; link != head; link = link->next) { /* new ones come behind */
        const struct store_call *call = STINT_CONTAINER_OF(link, struct store_call, link);
        if (call->request.op == stint_StoreOp_STORE_NAME_PUT && call->done != except) {
            fn(n, &call->request);
        }
    }
}

uint64_t
control_calls_deadline(const struct node *n)
{
    uint64_t at = UINT64_MAX;
    const struct list *head = &n->control->calls;
    for (const struct list *link = head->next; link != head; link = link->next) {
        const struct store_call *call = STINT_CONTAINER_OF(link, struct store_call, link);
        uint64_t due = call->deadline < call->next ? call->deadline : call->next;
        at = due < at ? due : at;
    }
    return at;
}
