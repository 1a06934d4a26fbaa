/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a store, from a disk that can be restored from anywhere: an authority either says which row cannot be right and
 * does nothing, or its table keeps the rules of a view; and then, driven with time and the requests of the rest of the input,
 * it writes only rows that it can read again itself.
 *
 * Input: rows as kind (1), length of key (1), length of value (2), key, value; a row of kind 0 ends them, then requests as
 * length (2), message.
 */
#include "fuzz.h"

#include <string.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "base/ids.h"
#include "base/text.h"
#include "cluster/authority.h"
#include "cluster/authority_table.h"

enum { ROWS_MAX = 64, REQUESTS_MAX = 24 };

static const struct stint_id self = { { 1 } };

/* The rows as the store has them, from the input and from commits. */
struct kept {
    struct authority_change rows[ROWS_MAX * 8];
    size_t count;
    uint64_t view;
};

static void
put_row(struct kept *kept, const struct store_row *row, bool remove)
{
    size_t at = 0;
    FUZZ_CHECK(row->key.size <= AUTHORITY_KEY_MAX && row->value.size <= AUTHORITY_VALUE_MAX);
    while (at < kept->count && (kept->rows[at].kind != row->kind ||
                                !span_equal(span_of(kept->rows[at].key, kept->rows[at].key_size), row->key))) {
        at++;
    }
    if (remove) {
        if (at < kept->count) {
            kept->rows[at] = kept->rows[--kept->count];
        }
        return;
    }
    if (at == sizeof kept->rows / sizeof kept->rows[0]) {
        return;
    }
    kept->count += at == kept->count;
    struct authority_change *c = &kept->rows[at];
    c->kind = row->kind;
    c->key_size = row->key.size;
    c->value_size = row->value.size;
    bytes_copy(c->key, row->key.data, row->key.size);
    bytes_copy(c->value, row->value.data, row->value.size);
}

static size_t
kept_rows(const struct kept *kept, struct store_row *rows)
{
    for (size_t i = 0; i < kept->count; i++) {
        const struct authority_change *c = &kept->rows[i];
        rows[i] = (struct store_row){ c->kind, span_of(c->key, c->key_size), span_of(c->value, c->value_size) };
    }
    return kept->count;
}

static void
check_view(struct mem *m, const struct authority *a)
{
    struct buf body;
    if (!authority_is_founded(a)) {
        return;
    }
    struct view *v = view_new(m), *again = view_new(m);
    FUZZ_CHECK(v != NULL && again != NULL);
    authority_view(a, v);
    buf_init(&body, m, stint_View_size);
    FUZZ_CHECK(view_encode(v, &body) == STINT_OK);
    FUZZ_CHECK(view_decode(again, buf_span(&body)) == STINT_OK); /* what it sends, others take */
    buf_fini(&body);
    view_free(v);
    view_free(again);
}

/* Everything it has written loads again. */
static void
check_reload(struct mem *m, const struct kept *kept)
{
    static struct store_row rows[ROWS_MAX * 8];
    char error[256] = "";
    struct authority_config config = { .mem = m, .node = self, .seed = 4 };
    struct authority *again = authority_new(&config);
    FUZZ_CHECK(again != NULL);
    enum stint_status status = authority_load(again, STORE_COMMITTED, rows, kept_rows(kept, rows), kept->view, 1,
                                              UINT64_C(1000000000), error, sizeof error);
    if (status != STINT_OK) {
        fprintf(stderr, "its own rows: %s\n", error);
    }
    FUZZ_CHECK(status == STINT_OK);
    authority_free(again);
}

/* Carries out what it wants; each request ends in one reply. */
static unsigned
settle(struct mem *m, struct authority *a, struct kept *kept, uint64_t now, bool *dead)
{
    struct authority_effect effect;
    unsigned replies = 0;
    for (int i = 0; i < 400 && authority_next(a, &effect); i++) {
        FUZZ_CHECK(i < 399);
        if (effect.kind == AUTHORITY_COMMIT) {
            FUZZ_CHECK(effect.commit.count > 0 && effect.commit.count <= AUTHORITY_WRITES_MAX);
            FUZZ_CHECK(effect.commit.expected_view == kept->view);
            FUZZ_CHECK(effect.commit.next_view - kept->view <= 1);
            for (size_t n = 0; n < effect.commit.count; n++) {
                put_row(kept, &effect.commit.writes[n].row, effect.commit.writes[n].remove);
            }
            kept->view = effect.commit.next_view;
            check_reload(m, kept);
            authority_committed(a, effect.commit.number, STORE_COMMITTED, now);
        } else if (effect.kind == AUTHORITY_REPLY) {
            FUZZ_CHECK(effect.reply.status < STINT_STATUS_COUNT_);
            replies++;
        } else if (effect.kind == AUTHORITY_VIEW) {
            check_view(m, a);
        } else if (effect.kind == AUTHORITY_FENCED) {
            FUZZ_CHECK(effect.text != NULL && effect.text[0] != 0);
            *dead = true;
        }
    }
    return replies;
}

static void
ask(struct mem *m, struct authority *a, struct kept *kept, struct reader *r)
{
    uint64_t now = UINT64_C(2000000000);
    bool dead = false;
    for (int i = 0; i < REQUESTS_MAX && r->rest.size > 0 && !dead; i++) {
        stint_StoreRequest request = stint_StoreRequest_init_zero;
        uint8_t how = reader_u8(r);
        struct stint_span bytes = reader_bytes(r, reader_u8(r));
        pb_istream_t stream = pb_istream_from_buffer(bytes.data, bytes.size);
        now += (uint64_t)(how >> 3) * UINT64_C(100000000);
        authority_tick(a, now);
        (void)settle(m, a, kept, now, &dead);
        if (dead || !pb_decode(&stream, stint_StoreRequest_fields, &request)) {
            continue;
        }
        struct authority_from from = { .token = 1, .local = how & 1, .operates = how & 2 };
        if (how & 4) {
            memcpy(from.ref.id.bytes, request.node, 16);
            from.ref.inc = request.inc;
        }
        authority_request(a, from, &request, now);
        unsigned replies = settle(m, a, kept, now, &dead);
        FUZZ_CHECK(dead || replies == 1);
        authority_contact(a, from.ref, request.installed, now);
    }
    authority_tick(a, now + UINT64_C(120000000000));
    (void)settle(m, a, kept, now + UINT64_C(120000000000), &dead);
}

static size_t
read_rows(struct reader *r, struct store_row *rows)
{
    size_t count = 0;
    uint8_t kind;
    while (count < ROWS_MAX && (kind = reader_u8(r)) != 0) {
        size_t key = reader_u8(r) % (AUTHORITY_KEY_MAX + 1), value = reader_u16(r) % 4097;
        rows[count].kind = kind;
        rows[count].key = reader_bytes(r, key);
        rows[count].value = reader_bytes(r, value);
        if (r->failed) {
            break;
        }
        count++;
    }
    return count;
}

static bool
judge(struct stint_span input)
{
    static struct kept kept;
    struct fuzz_memory memory;
    struct mem *m = fuzz_memory_begin(&memory, 16 << 20);
    struct store_row rows[ROWS_MAX];
    struct reader r;
    char error[256] = "";
    struct authority_config config = { .mem = m, .node = self, .seed = 3 };
    struct authority *a = authority_new(&config);
    FUZZ_CHECK(a != NULL);
    reader_init(&r, input);
    uint64_t view = reader_u8(&r);
    size_t count = read_rows(&r, rows);
    enum stint_status status = authority_load(a, STORE_COMMITTED, rows, count, view, 1, UINT64_C(1000000000), error, sizeof error);
    FUZZ_CHECK(status == STINT_OK || status == STINT_IO);
    if (status == STINT_OK) {
        kept.count = 0;
        kept.view = view;
        for (size_t i = 0; i < count; i++) {
            put_row(&kept, &rows[i], false);
        }
        check_view(m, a);
        ask(m, a, &kept, &r);
    } else {
        fuzz_check_sentence(error, sizeof error);
    }
    FUZZ_CHECK(m->peak <= 4 << 20);
    authority_free(a);
    fuzz_memory_end(&memory);
    return status == STINT_OK && count > 0;
}

static void
put_change(struct buf *out, const struct authority_changes *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct authority_change *row = &c->changes[i];
        (void)buf_put_u8(out, row->kind);
        (void)buf_put_u8(out, (uint8_t)row->key_size);
        (void)buf_put_u16(out, (uint16_t)row->value_size);
        (void)buf_append(out, row->key, row->key_size);
        (void)buf_append(out, row->value, row->value_size);
    }
}

static void
put_request(struct buf *out, uint8_t how, stint_StoreOp op, uint8_t node, const char *name)
{
    uint8_t bytes[stint_StoreRequest_size];
    stint_StoreRequest request = stint_StoreRequest_init_zero;
    request.id[0] = (uint8_t)(op + 1);
    request.op = op;
    request.node[0] = node;
    request.inc = node;
    request.state = stint_MemberState_MEMBER_ACTIVE;
    request.channel[0] = request.claim[0] = 5;
    request.serial = 44;
    text_copy(request.name, sizeof request.name, name);
    text_copy(request.endpoint, sizeof request.endpoint, "tcp://h:1");
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    FUZZ_CHECK(pb_encode(&stream, stint_StoreRequest_fields, &request) && stream.bytes_written < 256);
    (void)buf_put_u8(out, how);
    (void)buf_put_u8(out, (uint8_t)stream.bytes_written);
    (void)buf_append(out, bytes, stream.bytes_written);
}

static void
put_members(struct authority_changes *c, uint8_t members)
{
    (void)authority_write_meta(c, self, true);
    for (uint8_t i = 1; i <= members; i++) {
        struct authority_member m = { .member = { .ref = { { { i } }, i }, .state = stint_MemberState_MEMBER_ACTIVE } };
        m.request.bytes[0] = (uint8_t)(100 + i);
        text_format(m.member.name, sizeof m.member.name, "n%u", i);
        text_format(m.member.endpoint, sizeof m.member.endpoint, "tcp://h:%u", i);
        text_copy(m.member.version, sizeof m.member.version, "0.1.0");
        (void)authority_write_member(c, &m);
    }
}

static void
seeds(void)
{
    static struct authority_changes changes;
    struct fuzz_memory memory;
    struct buf out;
    struct authority_name name = { .name = "things", .channel = { { 5 } }, .host = { { { 2 } }, 2 } };
    struct authority_claim claim = { .request = { { 7 } }, .node = { { { 1 } }, 1 } };
    buf_init(&out, fuzz_memory_begin(&memory, 0), 1 << 16);
    (void)buf_put_u8(&out, 0);
    (void)buf_put_u8(&out, 0);
    put_request(&out, 1, stint_StoreOp_STORE_FOUND, 1, "n1");
    put_request(&out, 0, stint_StoreOp_STORE_JOIN, 2, "n2");
    fuzz_seed("empty", buf_span(&out));
    put_members(&changes, 3);
    (void)authority_write_name(&changes, &name);
    (void)authority_write_claim(&changes, (struct stint_id){ { 9 } }, &claim);
    (void)authority_write_revoked(&changes, 4711, self);
    for (int op = 0; op <= stint_StoreOp_STORE_BALANCER; op++) {
        char file[32];
        buf_reset(&out);
        (void)buf_put_u8(&out, 9);
        put_change(&out, &changes);
        (void)buf_put_u8(&out, 0);
        put_request(&out, 4, (stint_StoreOp)op, 2, "things");
        put_request(&out, 7, (stint_StoreOp)op, 1, "new");
        text_format(file, sizeof file, "members-op-%02d", op);
        fuzz_seed(file, buf_span(&out));
    }
    buf_fini(&out);
}

const struct fuzz_target fuzz_target = { .name = "rows", .size_max = 16384, .judge = judge, .seeds = seeds };
