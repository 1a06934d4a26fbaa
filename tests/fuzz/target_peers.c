/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another member of the cluster, over a real session, that says anything: operations, their results, moves with pickles,
 * places, probes, the store's requests and replies, views, requests passed on. The input is a program of envelopes with fields
 * of the fuzzer's, whole moves of good and damaged pickles, time and broken links. A member may end the node (a view without
 * it), but not crash it, nor make it take more memory than its bound; what it sends is well-formed; and if it goes on serving,
 * it answers.
 */
#include "fuzz.h"

#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/text.h"
#include "cluster/move.h"
#include "core/node.h"
#include "kernel/type.h"
#include "kernel_pair.h"
#include "lone_node.h"
#include "schema/admin.pb.h"
#include "wire/parcel.h"

enum { STEPS_MAX = 48, ACTIONS = 8 };

struct heard {
    bool alive; /* the operator's question was answered */
    unsigned count;
};

static void
got(void *arg, enum stranger_kind who, const struct envelope *e, struct stint_span body)
{
    struct heard *h = arg;
    FUZZ_CHECK(e->kind >= ENVELOPE_OFFER && e->kind < ENVELOPE_KIND_END_ && e->hops <= LIMIT_HOPS && body.size <= LIMIT_BODY);
    FUZZ_CHECK(e->status < STINT_STATUS_COUNT_);
    if (who == STRANGER_OPERATOR && e->kind == ENVELOPE_REPLY) {
        h->alive = true;
    }
    if (e->kind == ENVELOPE_MOVE) {
        stint_MoveMessage message = stint_MoveMessage_init_zero;
        pb_istream_t stream = pb_istream_from_buffer(body.data, body.size);
        FUZZ_CHECK(pb_decode(&stream, stint_MoveMessage_fields, &message) && message.op != stint_MoveOp_MOVE_NONE);
    }
    h->count++;
}

static struct stint_id
draw_id(struct reader *r)
{
    uint8_t which = reader_u8(r);
    return which == 0    ? lone_self()
           : which == 1  ? lone_member(STRANGER_MEMBER)
           : which == 2  ? lone_member(STRANGER_CLIENT)
           : which == 255 ? reader_id(r)
                          : lone_id(which);
}

static void
send_envelope(struct lone *l, struct reader *r)
{
    struct envelope e = { .kind = (uint8_t)(1 + reader_u8(r) % (ENVELOPE_KIND_END_ - 1)) };
    uint8_t how = reader_u8(r);
    e.flags = how & ENVELOPE_FLAGS;
    e.hops = (how >> 4) & 3;
    e.op = reader_u8(r);
    e.status = reader_u8(r) % STINT_STATUS_COUNT_;
    e.number = how & 64 ? reader_u64(r) : reader_u8(r);
    e.epoch = how & 128 ? reader_u64(r) : reader_u8(r);
    e.word = e.kind == ENVELOPE_OFFER || e.kind == ENVELOPE_DONE ? type_hash(&specimen_Item_stint) : reader_u8(r);
    e.source = draw_id(r);
    e.target = draw_id(r);
    size_t size = reader_u16(r);
    lone_send(l, STRANGER_MEMBER, &e, reader_bytes(r, size < r->rest.size ? size : r->rest.size));
}

static void
send_move(struct lone *l, stint_MoveMessage *message)
{
    uint8_t bytes[stint_MoveMessage_size];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    struct envelope e = { .kind = ENVELOPE_MOVE };
    FUZZ_CHECK(pb_encode(&stream, stint_MoveMessage_fields, message));
    lone_send(l, STRANGER_MEMBER, &e, span_of(bytes, stream.bytes_written));
}

static void
send_chunks(struct lone *l, struct stint_span pickle, struct move_key key, struct stint_id tasklet)
{
    for (uint32_t i = 0; i < parcel_chunks(pickle.size); i++) {
        struct envelope e = { .kind = ENVELOPE_PARCEL, .number = i, .source = tasklet, .target = move_key_id(key) };
        lone_send(l, STRANGER_MEMBER, &e, parcel_chunk(pickle, i));
    }
}

/* A pickle with one byte changed, in the place and way that the input says; or as it is. */
static struct stint_span
draw_pickle(struct reader *r, struct buf *out)
{
    (void)specimen_pickle(reader_u8(r) % SPECIMEN_PICKLES, out);
    uint8_t how = reader_u8(r);
    size_t at = reader_u16(r) % out->size;
    if (how & 1) {
        out->data[at] ^= reader_u8(r);
        specimen_mend(out->data, how & 2 ? out->size : 0);
    }
    return buf_span(out);
}

/* A whole move to the node, of which steps may be missing. */
static void
move_in(struct lone *l, struct reader *r)
{
    struct fuzz_memory memory;
    struct buf buf;
    struct pickle_reader pickled;
    char error[256];
    buf_init(&buf, fuzz_memory_begin(&memory, 0), PICKLE_SIZE_MAX);
    struct stint_span pickle = draw_pickle(r, &buf);
    uint8_t steps = reader_u8(r), counter = reader_u8(r);
    struct stint_id tasklet = lone_id(counter);
    stint_MoveMessage message = stint_MoveMessage_init_zero;
    struct move_key key = { .source = { lone_member(STRANGER_MEMBER), 2 }, .counter = counter };
    if (pickle_read_begin(&pickled, pickle, error, sizeof error) == STINT_OK) {
        memcpy(tasklet.bytes, pickled.head.id, 16);
    }
    memcpy(message.key.node, key.source.id.bytes, 16);
    message.key.inc = key.source.inc;
    message.key.counter = counter;
    memcpy(message.tasklet, tasklet.bytes, 16);
    message.epoch = steps & 64 ? reader_u8(r) : 1;
    message.bytes = pickle.size;
    message.chunks = parcel_chunks(pickle.size);
    seal_digest(message.digest, pickle);
    text_copy(message.module, sizeof message.module, "specimen");
    text_copy(message.code, sizeof message.code, "Worker");
    static const stint_MoveOp ops[] = { stint_MoveOp_MOVE_OFFER, stint_MoveOp_MOVE_TRANSFER, stint_MoveOp_MOVE_COMMIT,
                                        stint_MoveOp_MOVE_FORGET };
    for (unsigned i = 0; i < 4; i++) {
        message.op = ops[i];
        message.forget = i == 3 ? counter : 0;
        message.epoch += i == 1;
        if ((steps & (1u << i)) == 0) {
            send_move(l, &message);
        }
        if (i == 1 && (steps & 16) == 0) {
            send_chunks(l, pickle, key, tasklet);
        }
        lone_pass(l, 2);
    }
    buf_fini(&buf);
}

static bool
ask_operator(struct lone *l, struct heard *h, stint_Verb verb, uint8_t target, const char *to)
{
    uint8_t bytes[256];
    stint_Request request = stint_Request_init_zero;
    request.verb = verb;
    request.timeout_ms = 1000;
    request.id.size = 16;
    request.id.bytes[0] = target;
    request.id.bytes[1] = (uint8_t)verb;
    for (size_t i = 0; i < 16 && target != 0; i++) {
        (void)snprintf(request.target + 2 * i, 3, "%02x", target);
    }
    text_copy(request.to, sizeof request.to, to);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes + 2, sizeof bytes - 2);
    FUZZ_CHECK(pb_encode(&stream, stint_Request_fields, &request));
    le16_put(bytes, (uint16_t)stream.bytes_written);
    struct envelope e = { .kind = ENVELOPE_REQUEST, .number = 1 };
    h->alive = false;
    lone_send(l, STRANGER_OPERATOR, &e, span_of(bytes, 2 + stream.bytes_written));
    return h->alive;
}

static void
run(struct lone *l, struct heard *h, struct reader *r)
{
    for (int i = 0; i < STEPS_MAX && r->rest.size > 0; i++) {
        uint8_t op = reader_u8(r);
        switch (op % ACTIONS) {
        case 0: case 1: case 2:
            send_envelope(l, r);
            break;
        case 3:
            move_in(l, r);
            break;
        case 4: /* an operator moves a tasklet to the member, which answers by envelopes, or not */
            (void)ask_operator(l, h, stint_Verb_VERB_TASKLET_MIGRATE, reader_u8(r), "n2");
            break;
        case 5:
            lone_reconnect(l, STRANGER_MEMBER);
            break;
        case 6:
            lone_pass(l, (uint64_t)reader_u8(r) * 20);
            break;
        default:
            lone_pass(l, 2);
            break;
        }
    }
}

static bool
judge(struct stint_span input)
{
    struct heard h = { .alive = false };
    struct lone *l = lone_new();
    struct reader r;
    reader_init(&r, input);
    lone_on_envelope(l, got, &h);
    unsigned before = h.count;
    run(l, &h, &r);
    bool any = h.count > before;
    lone_pass(l, 3000);
    for (int i = 0; i < 3 && lone_serves(l) && !ask_operator(l, &h, stint_Verb_VERB_PING, 0, ""); i++) {
        lone_pass(l, 2000);
    }
    FUZZ_CHECK(!lone_serves(l) || h.alive);
    lone_free(l);
    return any;
}

/* ---- seeds ---- */

static void
put(struct buf *out, uint8_t kind, uint8_t how, uint8_t op, uint8_t status, uint8_t number, uint8_t epoch, uint8_t source,
    uint8_t target, struct stint_span body)
{
    uint8_t word[1] = { 0 };
    bool typed = kind == ENVELOPE_OFFER || kind == ENVELOPE_DONE;
    uint8_t head[] = { 0, (uint8_t)(kind - 1), how, op, status, number, epoch };
    (void)buf_append(out, head, sizeof head);
    (void)buf_append(out, word, typed ? 0 : 1);
    (void)buf_put_u8(out, source);
    (void)buf_put_u8(out, target);
    (void)buf_put_u16(out, (uint16_t)body.size);
    (void)buf_append_span(out, body);
}

static void
put_message(struct buf *out, uint8_t kind, uint8_t op, const pb_msgdesc_t *type, const void *message)
{
    static uint8_t bytes[32768];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    FUZZ_CHECK(pb_encode(&stream, type, message));
    put(out, kind, 0, op, 0, 1, 0, 0, 0, span_of(bytes, stream.bytes_written));
}

static void
finish(struct buf *out, const char *name)
{
    (void)buf_append(out, "\x07\x06\x20", 3);
    fuzz_seed(name, buf_span(out));
    buf_reset(out);
}

static void
seed_operations(struct buf *out)
{
    static const uint8_t item[] = { 0x08, 0x05, 0x12, 0x01, 'x' };
    for (uint8_t number = 1; number < 5; number++) {
        put(out, ENVELOPE_OFFER, number == 1, KERNEL_SEND, 0, number, 1, 0x66, LONE_CHANNEL, span_of(item, sizeof item));
    }
    put(out, ENVELOPE_OFFER, 1, KERNEL_RECEIVE, 0, 1, 1, 0x77, LONE_CHANNEL, span_of(NULL, 0));
    put(out, ENVELOPE_CANCEL, 0, KERNEL_RECEIVE, 0, 1, 1, 0x77, LONE_CHANNEL, span_of(NULL, 0));
    put(out, ENVELOPE_FIN, 0, 0, 0, 4, 1, 0x66, LONE_CHANNEL, span_of(NULL, 0));
    finish(out, "offers");
    put(out, ENVELOPE_DONE, 0, 0, STINT_OK, 1, 1, LONE_ELSEWHERE, LONE_DEEP, span_of(item, sizeof item));
    put(out, ENVELOPE_NACK, 0, 0, 0, 0, 1, LONE_ELSEWHERE, LONE_DEEP, span_of(NULL, 0));
    finish(out, "results");
    put(out, ENVELOPE_CLOSE, 0, 2, 0, 0, 0, 0, LONE_CHANNEL, span_of(NULL, 0));
    put(out, ENVELOPE_KILL, 0, 0, 0, 0, 0, 0, LONE_BOSS, span_of(NULL, 0));
    finish(out, "close-and-kill");
}

static void
seed_control(struct buf *out)
{
    stint_Probe probe = { .sent_ns = 5, .generation = 1, .view = 3, .installed = 3, .lhm = 1 };
    put_message(out, ENVELOPE_PROBE, 0, stint_Probe_fields, &probe);
    finish(out, "probe");
    stint_Locate locate = { .op = stint_LocateOp_LOCATE_WHERE, .number = 1, .places_count = 2 };
    for (int op = stint_LocateOp_LOCATE_UPDATE; op <= stint_LocateOp_LOCATE_WHO; op++) {
        locate.op = (stint_LocateOp)op;
        memset(locate.places[0].id, LONE_DEEP, 16);
        memset(locate.places[1].id, LONE_ELSEWHERE, 16);
        memcpy(locate.places[1].node, lone_member(STRANGER_MEMBER).bytes, 16);
        locate.places[1].inc = 2;
        locate.places[1].epoch = 1;
        locate.places[1].kind = stint_LocateKind_LOCATE_CHANNEL;
        put_message(out, ENVELOPE_LOCATE, 0, stint_Locate_fields, &locate);
    }
    finish(out, "places");
    for (int op = stint_StoreOp_STORE_FOUND; op <= stint_StoreOp_STORE_BALANCER; op++) {
        stint_StoreRequest request = { .op = (stint_StoreOp)op, .inc = 2, .name = "things", .endpoint = "lone://n2",
                                       .state = stint_MemberState_MEMBER_CORDONED, .installed = 3 };
        memset(request.id, op + 1, 16);
        memcpy(request.node, lone_member(STRANGER_MEMBER).bytes, 16);
        memset(request.channel, LONE_ELSEWHERE, 16);
        put_message(out, ENVELOPE_CONTROL, CONTROL_STORE_REQUEST, stint_StoreRequest_fields, &request);
        if (op % 5 == 0) {
            finish(out, op == 5 ? "store-votes" : op == 10 ? "store-names" : "store-others");
        }
    }
    put(out, ENVELOPE_CONTROL, 0, CONTROL_VIEW_GET, 0, 0, 0, 0, 0, span_of(NULL, 0));
    put(out, ENVELOPE_CONTROL, 0, CONTROL_RESYNC, 0, 0, 0, 0, 0, span_of(NULL, 0));
    finish(out, "view-get-and-resync");
}

static void
seed_moves(struct buf *out)
{
    for (uint8_t which = 0; which < SPECIMEN_PICKLES; which += 4) {
        char name[24];
        (void)buf_append(out, (uint8_t[]){ 3, which, 0, 0, 0, 0, (uint8_t)(which + 1) }, 7);
        (void)snprintf(name, sizeof name, "move-in-%u", which);
        finish(out, name);
    }
    stint_MoveMessage message = { .op = stint_MoveOp_MOVE_ACCEPT };
    (void)buf_append(out, (uint8_t[]){ 4, LONE_DEEP }, 2);
    for (int op = stint_MoveOp_MOVE_ACCEPT; op <= stint_MoveOp_MOVE_ABORTED; op++) {
        message.op = (stint_MoveOp)op;
        memcpy(message.key.node, lone_self().bytes, 16);
        message.key.inc = 3;
        message.key.counter = 1;
        memset(message.tasklet, LONE_DEEP, 16);
        put_message(out, ENVELOPE_MOVE, 0, stint_MoveMessage_fields, &message);
    }
    finish(out, "move-out");
}

static void
seeds(void)
{
    struct fuzz_memory memory;
    struct buf out;
    buf_init(&out, fuzz_memory_begin(&memory, 0), 1 << 16);
    seed_operations(&out);
    seed_control(&out);
    seed_moves(&out);
    buf_fini(&out);
}

const struct fuzz_target fuzz_target = { .name = "peers", .size_max = 8192, .judge = judge, .seeds = seeds };
