/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripted nodes for tests of the client: real sessions (the acceptor of wire/session.h), and a
 * function that answers requests. A node is fed with frames and gives frames; whoever drives it is
 * the network.
 */
#ifndef STINT_TESTS_CLIENT_FAKE_NODE_H
#define STINT_TESTS_CLIENT_FAKE_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pb_decode.h>
#include <pb_encode.h>

#include "base/span.h"
#include "base/text.h"
#include "schema/admin.pb.h"
#include "schema/cluster.pb.h"
#include "wire/session.h"
#include "wire/wire.h"

enum { FAKE_SEEN = 64 };

struct fake_node;

/* A request that came: answer with fake_reply and fake_end, now or later. */
typedef void fake_handler(struct fake_node *node, uint64_t number, const stint_Request *request,
                          struct stint_span payload);

struct fake_node {
    struct mem *mem;
    struct prng random;
    struct identity identity;
    struct session *session;
    fake_handler *handler;
    void *arg;
    bool silent; /* takes frames, says nothing */
    bool is_revoked;
    struct {
        struct stint_id id;
        stint_Verb verb;
        uint64_t number;
    } seen[FAKE_SEEN]; /* requests, without those for the view */
    uint32_t seen_count;
    const char *members[4]; /* endpoints in its view */
};

static inline void
fake_node_init(struct fake_node *n, struct mem *mem, const char *name, enum cert_role role,
               fake_handler *handler)
{
    memset(n, 0, sizeof *n);
    n->mem = mem;
    n->handler = handler;
    prng_init(&n->random, (uint64_t)name[strlen(name) - 1]);
    assert_int_equal(cert_dev_identity(role, name, &n->identity), STINT_OK);
}

static inline void
fake_node_fini(struct fake_node *n)
{
    session_free(n->session);
    n->session = NULL;
    identity_wipe(&n->identity);
}

/* ---- answers ---- */

static inline void
fake_send(struct fake_node *n, uint64_t number, const stint_Reply *head, struct stint_span item,
          struct stint_span payload)
{
    uint8_t body[LIMIT_BODY];
    stint_Reply reply = *head;
    reply.item_size = (uint32_t)item.size;
    pb_ostream_t stream = pb_ostream_from_buffer(body + 2, sizeof body - 2);
    assert_true(pb_encode(&stream, stint_Reply_fields, &reply));
    le16_put(body, (uint16_t)stream.bytes_written);
    size_t size = 2 + stream.bytes_written;
    assert_true(size + item.size + payload.size <= sizeof body);
    bytes_copy(body + size, item.data, item.size);
    bytes_copy(body + size + item.size, payload.data, payload.size);
    struct envelope envelope = { .kind = ENVELOPE_REPLY, .number = number };
    assert_int_equal(
        session_send(n->session, &envelope, span_of(body, size + item.size + payload.size)),
        STINT_OK);
    session_flush(n->session);
}

static inline void
fake_item(struct fake_node *n, uint64_t number, stint_ItemKind kind, const pb_msgdesc_t *desc,
          const void *item, struct stint_span payload)
{
    uint8_t bytes[4096];
    size_t size = 0;
    if (desc != NULL) {
        pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
        assert_true(pb_encode(&stream, desc, item));
        size = stream.bytes_written;
    }
    stint_Reply reply = stint_Reply_init_zero;
    reply.kind = kind;
    fake_send(n, number, &reply, span_of(bytes, size), payload);
}

static inline void
fake_end(struct fake_node *n, uint64_t number, enum stint_status status, const char *detail)
{
    stint_Reply reply = stint_Reply_init_zero;
    reply.end = true;
    reply.status = (uint32_t)status;
    text_copy(reply.detail, sizeof reply.detail, detail);
    fake_send(n, number, &reply, span_of(NULL, 0), span_of(NULL, 0));
}

static inline void
fake_view(struct fake_node *n, uint64_t number)
{
    static stint_View view;
    static uint8_t bytes[4096];
    memset(&view, 0, sizeof view);
    view.number = 1;
    for (int i = 0; i < 4 && n->members[i] != NULL; i++) {
        stint_Member *member = &view.members[view.members_count++];
        member->state = stint_MemberState_MEMBER_ACTIVE;
        text_copy(member->endpoint, sizeof member->endpoint, n->members[i]);
    }
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    assert_true(pb_encode(&stream, stint_View_fields, &view));
    fake_item(n, number, stint_ItemKind_ITEM_VIEW, NULL, NULL,
              span_of(bytes, stream.bytes_written));
    fake_end(n, number, STINT_OK, "");
}

/* ---- frames ---- */

static inline void
fake_request(struct fake_node *n, const struct envelope *envelope, struct stint_span body)
{
    struct reader reader;
    stint_Request request = stint_Request_init_zero;
    assert_int_equal(envelope->kind, ENVELOPE_REQUEST);
    reader_init(&reader, body);
    struct stint_span head = reader_bytes(&reader, reader_u16(&reader));
    pb_istream_t stream = pb_istream_from_buffer(head.data, head.size);
    assert_true(!reader.failed && pb_decode(&stream, stint_Request_fields, &request));
    assert_int_equal(request.id.size, 16);
    assert_int_not_equal(request.timeout_ms, 0);
    if (request.verb == stint_Verb_VERB_VIEW) {
        fake_view(n, envelope->number);
        return;
    }
    if (n->seen_count < FAKE_SEEN) {
        memcpy(n->seen[n->seen_count].id.bytes, request.id.bytes, 16);
        n->seen[n->seen_count].verb = request.verb;
        n->seen[n->seen_count++].number = envelope->number;
    }
    if (n->handler != NULL) {
        n->handler(n, envelope->number, &request, reader.rest);
    }
}

/* A frame from the client; `refusal` gets what a refused HELLO is answered with. */
static inline void
fake_receive(struct fake_node *n, struct stint_span frame, const uint8_t *peer_key,
             struct session_time time, struct session_refusal *refusal)
{
    struct session_key key;
    refusal->frame_size = 0;
    if (session_peek_hello(frame, &key)) {
        struct session_config config = { .mem = n->mem,
                                         .random = &n->random,
                                         .identity = &n->identity };
        struct session_key mine;
        if (n->session != NULL) {
            session_get_key(n->session, &mine);
        }
        if (n->session != NULL && memcmp(mine.nonce, key.nonce, sizeof key.nonce) == 0) {
            (void)!session_rebind(n->session, frame, peer_key, time, refusal);
            return;
        }
        struct session *made;
        if (session_accept(&config, frame, peer_key, time, &made, refusal) == STINT_OK) {
            session_free(n->session);
            n->session = made;
            refusal->frame_size = 0;
        }
        return;
    }
    struct stint_span batch, body;
    struct envelope envelope;
    if (n->session == NULL ||
        session_receive(n->session, frame, peer_key, time, &batch) != STINT_OK) {
        return;
    }
    while (envelope_next(&batch, &envelope, &body) == STINT_OK) {
        fake_request(n, &envelope, body);
    }
}

#endif
