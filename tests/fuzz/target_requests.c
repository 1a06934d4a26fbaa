/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of clients, operators and observers to a whole node, over real sessions. The input is a program: who asks, and the
 * bytes of the request; time; broken links. Every answer is well-formed and belongs to a request of its asker, which ends
 * once; nobody but an operator ends the node; memory stays bounded; and afterwards the node still answers.
 *
 * Input: op (1), and for a request its size (2) and bytes: as in an envelope, size of the message (2), message, payload.
 */
#include "fuzz.h"

#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/text.h"
#include "core/node.h"
#include "lone_node.h"
#include "schema/admin.pb.h"

enum { STEPS_MAX = 40, REQUESTS_MAX = 64, WHO_MASK = 3 };

struct asked {
    uint64_t numbers[STRANGERS];
    bool ended[STRANGERS][REQUESTS_MAX];
    unsigned replies;
    bool operator_asked;
    enum stint_status last_status;
};

static void
got(void *arg, enum stranger_kind who, const struct envelope *e, struct stint_span body)
{
    struct asked *a = arg;
    stint_Reply reply = stint_Reply_init_zero;
    if (who == STRANGER_MEMBER) {
        return;
    }
    FUZZ_CHECK(e->kind == ENVELOPE_REPLY && body.size >= 2);
    size_t head = le16_get(body.data);
    FUZZ_CHECK(head + 2 <= body.size);
    pb_istream_t stream = pb_istream_from_buffer(body.data + 2, head);
    FUZZ_CHECK(pb_decode(&stream, stint_Reply_fields, &reply));
    FUZZ_CHECK(reply.status < STINT_STATUS_COUNT_ && reply.item_size <= body.size - 2 - head);
    FUZZ_CHECK(strchr(reply.detail, '\n') == NULL);
    FUZZ_CHECK(e->number >= 1 && e->number <= a->numbers[who]);
    FUZZ_CHECK(!a->ended[who][e->number % REQUESTS_MAX]);
    if (reply.end) {
        FUZZ_CHECK(reply.status == STINT_OK || reply.detail[0] != '\0');
        a->ended[who][e->number % REQUESTS_MAX] = true;
        a->last_status = (enum stint_status)reply.status;
    }
    a->replies++;
}

static void
ask(struct lone *l, struct asked *a, enum stranger_kind who, struct stint_span body)
{
    struct envelope e = { .kind = ENVELOPE_REQUEST, .number = ++a->numbers[who] };
    a->operator_asked = a->operator_asked || who == STRANGER_OPERATOR;
    lone_send(l, who, &e, body);
}

static size_t
put_request(const stint_Request *request, struct stint_span payload, uint8_t *out, size_t size)
{
    pb_ostream_t stream = pb_ostream_from_buffer(out + 2, size - 2);
    FUZZ_CHECK(pb_encode(&stream, stint_Request_fields, request));
    le16_put(out, (uint16_t)stream.bytes_written);
    FUZZ_CHECK(2 + stream.bytes_written + payload.size <= size);
    bytes_copy(out + 2 + stream.bytes_written, payload.data, payload.size);
    return 2 + stream.bytes_written + payload.size;
}

/* Who has done nothing yet asks whether the node is there. */
static void
check_serves(struct lone *l, struct asked *a)
{
    uint8_t bytes[256];
    stint_Request request = stint_Request_init_zero;
    request.verb = stint_Verb_VERB_PING;
    request.timeout_ms = 5000;
    request.id.size = 16;
    memset(request.id.bytes, 0xee, 16);
    size_t size = put_request(&request, span_of(NULL, 0), bytes, sizeof bytes);
    unsigned before = a->replies;
    a->last_status = STINT_STATUS_COUNT_;
    lone_reconnect(l, STRANGER_OBSERVER);
    for (int i = 0; i < 3 && a->last_status != STINT_OK; i++) {
        ask(l, a, STRANGER_OBSERVER, span_of(bytes, size));
        lone_pass(l, 3000);
    }
    FUZZ_CHECK(a->replies > before && a->last_status == STINT_OK);
}

static void
run(struct lone *l, struct asked *a, struct reader *r)
{
    for (int i = 0; i < STEPS_MAX && r->rest.size > 0; i++) {
        uint8_t op = reader_u8(r);
        enum stranger_kind who = (enum stranger_kind)(op & WHO_MASK);
        if ((op >> 2) % 8 == 7) {
            lone_reconnect(l, who);
        } else if ((op >> 2) % 8 == 6) {
            lone_pass(l, (uint64_t)reader_u8(r) * (who == 0 ? 1 : 50));
        } else {
            size_t size = reader_u16(r);
            struct stint_span body = reader_bytes(r, size < r->rest.size ? size : r->rest.size);
            ask(l, a, who == STRANGER_MEMBER ? STRANGER_OPERATOR : who, body);
            lone_pass(l, 2);
        }
    }
}

static bool
judge(struct stint_span input)
{
    struct asked a = { .replies = 0 };
    struct lone *l = lone_new();
    struct reader r;
    reader_init(&r, input);
    lone_on_envelope(l, got, &a);
    run(l, &a, &r);
    unsigned replies = a.replies;
    lone_pass(l, 4000);
    FUZZ_CHECK(lone_serves(l) || a.operator_asked);
    if (lone_serves(l)) {
        check_serves(l, &a);
    }
    lone_free(l);
    return replies > 0;
}

/* ---- seeds ---- */

static void
put_step(struct buf *out, uint8_t op, const stint_Request *request, struct stint_span payload)
{
    uint8_t bytes[stint_Request_size + 1024];
    size_t size = put_request(request, payload, bytes, sizeof bytes);
    (void)buf_put_u8(out, op);
    (void)buf_put_u16(out, (uint16_t)size);
    (void)buf_append(out, bytes, size);
}

static void
hex_of(char *out, size_t size, uint8_t byte)
{
    FUZZ_CHECK(size > 32);
    for (int i = 0; i < 16; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", byte);
    }
}

static void
seed(stint_Verb verb, const char *name)
{
    struct fuzz_memory memory;
    struct buf out;
    stint_Request r = stint_Request_init_zero;
    uint8_t value[] = { 0x08, 0x05, 0x12, 0x01, 'x' };
    bool channel = verb >= stint_Verb_VERB_CHANNEL_LIST && verb < stint_Verb_VERB_KEY_REVOKE;
    buf_init(&out, fuzz_memory_begin(&memory, 0), 1 << 16);
    r.verb = verb;
    r.timeout_ms = 900;
    r.id.size = r.participant.size = 16;
    r.id.bytes[0] = (uint8_t)verb;
    r.serial = 77;
    r.number = 1;
    r.total = sizeof value;
    hex_of(r.target, sizeof r.target, verb == stint_Verb_VERB_TASKLET_MIGRATE ? LONE_DEEP : LONE_WORKER);
    if (channel || verb == stint_Verb_VERB_RESOLVE) {
        hex_of(r.target, sizeof r.target, LONE_CHANNEL);
    } else if (verb < stint_Verb_VERB_BALANCE) {
        text_copy(r.target, sizeof r.target, "n1");
    }
    text_copy(r.text, sizeof r.text, verb == stint_Verb_VERB_TASKLET_SPAWN || verb == stint_Verb_VERB_SCHEMA ? "specimen/Worker"
                                     : verb == stint_Verb_VERB_TASKLET_WAIT                                  ? "ended"
                                     : verb == stint_Verb_VERB_RESOLVE                                       ? "things"
                                     : verb == stint_Verb_VERB_BALANCER                                      ? "on"
                                                                                                             : "");
    text_copy(r.type, sizeof r.type, channel ? "specimen.Item" : "");
    text_copy(r.to, sizeof r.to, verb == stint_Verb_VERB_TASKLET_MIGRATE || verb == stint_Verb_VERB_TASKLET_EXPLAIN ? "n2" : "");
    struct stint_span payload = verb == stint_Verb_VERB_CHANNEL_SEND || verb == stint_Verb_VERB_UPLOAD
                                    ? span_of(value, sizeof value)
                                    : span_of(NULL, 0);
    for (uint8_t who = STRANGER_CLIENT; who <= STRANGER_OPERATOR; who++) {
        r.id.bytes[1] = who;
        put_step(&out, who, &r, payload);
        (void)buf_put_u8(&out, 6 << 2 | 1);
        (void)buf_put_u8(&out, 4);
    }
    fuzz_seed(name, buf_span(&out));
    buf_fini(&out);
}

static void
seeds(void)
{
    for (int verb = stint_Verb_VERB_PING; verb <= stint_Verb_VERB_VIEW; verb++) {
        char name[24];
        bool known = verb <= 12 || (verb >= 20 && verb <= 32) || verb == 40 || verb == 41 || (verb >= 50 && verb <= 55) || verb >= 60;
        if (known && verb != stint_Verb_VERB_NODE_STOP) {
            text_format(name, sizeof name, "verb-%02d", verb);
            seed((stint_Verb)verb, name);
        }
    }
}

const struct fuzz_target fuzz_target = { .name = "requests", .size_max = 8192, .judge = judge, .seeds = seeds };
