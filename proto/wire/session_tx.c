/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending half of a session. Envelopes are gathered into one buffer; a closed
 * buffer is a frame, which moves into the ring without being copied and stays there
 * until the peer has it. Its header is written anew each time it leaves, so every frame
 * of data carries the newest acknowledgement.
 */
#include "base/panic.h"
#include "wire/session_internal.h"

enum { RING_MIN = 16 };

STINT_STATIC_ASSERT((RING_MIN & (RING_MIN - 1)) == 0, "the ring is a power of two");

void
tx_init(struct session *s)
{
    s->tx = (struct session_tx){
        .first = 1,
        .cursor = 1,
        .high = 1,
        .next = 1,
        .rto_ns = LIMIT_RTO_MIN_MS * SESSION_NS_PER_MS,
        .rto_due = SESSION_NEVER,
    };
    buf_init(&s->tx.batch, s->mem, LIMIT_FRAME);
}

static struct tx_frame *
tx_at(struct session_tx *tx, uint64_t number)
{
    return &tx->ring[number & (tx->ring_size - 1)];
}

static void
tx_drop_first(struct session *s)
{
    struct session_tx *tx = &s->tx;
    struct tx_frame *f = tx_at(tx, tx->first);
    tx->queued_bytes -= f->size;
    mem_free(s->mem, f->data, f->capacity);
    *f = (struct tx_frame){ 0 };
    tx->first++;
}

void
tx_fini(struct session *s)
{
    struct session_tx *tx = &s->tx;
    while (tx->first < tx->next) {
        tx_drop_first(s);
    }
    mem_free(s->mem, tx->ring, tx->ring_size * sizeof *tx->ring);
    buf_fini(&tx->batch);
    tx_init(s);
}

/* Makes sure that one more frame fits the ring. */
static enum stint_status
tx_reserve(struct session *s)
{
    struct session_tx *tx = &s->tx;
    if (tx->next - tx->first < tx->ring_size) {
        return STINT_OK;
    }
    uint32_t size = tx->ring_size == 0 ? RING_MIN : tx->ring_size * 2;
    STINT_ASSERT(size <= LIMIT_SESSION_FRAMES);
    struct tx_frame *ring = mem_zalloc(s->mem, size * sizeof *ring);
    if (ring == NULL) {
        return STINT_NO_MEMORY;
    }
    for (uint64_t n = tx->first; n < tx->next; n++) {
        ring[n & (size - 1)] = *tx_at(tx, n);
    }
    mem_free(s->mem, tx->ring, tx->ring_size * sizeof *ring);
    tx->ring = ring;
    tx->ring_size = size;
    return STINT_OK;
}

/* Begins a batch: its place in the ring is made sure of, so that closing it cannot
 * fail. */
static enum stint_status
tx_open_batch(struct session *s, size_t first_size)
{
    struct session_tx *tx = &s->tx;
    STINT_ASSERT(tx->batch.size == 0);
    enum stint_status status = tx_reserve(s);
    if (status != STINT_OK) {
        return status;
    }
    size_t wanted = LIMIT_FRAME_HEADER + first_size;
    if (wanted < tx->last_size) {
        wanted = tx->last_size; /* batches of one session resemble each other */
    }
    status = buf_reserve(&tx->batch, wanted);
    if (status != STINT_OK) {
        return status;
    }
    uint8_t *header = buf_extend(&tx->batch, LIMIT_FRAME_HEADER);
    STINT_ASSERT(header != NULL);
    return STINT_OK;
}

void
session_flush(struct session *s)
{
    struct session_tx *tx = &s->tx;
    if (tx->batch.size == 0) {
        return;
    }
    STINT_ASSERT(tx->batch.size > LIMIT_FRAME_HEADER);
    STINT_ASSERT(tx->next - tx->first < tx->ring_size);
    struct buf batch = tx->batch;
    buf_init(&tx->batch, s->mem, LIMIT_FRAME);
    if (batch.capacity - batch.size > batch.size / 4) {
        uint8_t *fitting = mem_resize(s->mem, batch.data, batch.capacity, batch.size);
        if (fitting != NULL) {
            batch.data = fitting;
            batch.capacity = batch.size;
        }
    }
    tx->end += batch.size;
    tx->queued_bytes += batch.size;
    tx->last_size = (uint32_t)batch.size;
    *tx_at(tx, tx->next) = (struct tx_frame){
        .data = batch.data,
        .size = (uint32_t)batch.size,
        .capacity = (uint32_t)batch.capacity,
        .end = tx->end,
    };
    tx->next++;
}

/* True if an envelope of `size` bytes goes into the window, by whichever frame. */
static bool
tx_has_room(const struct session_tx *tx, size_t size, bool new_frame)
{
    uint64_t frames = tx->next - tx->first + (tx->batch.size != 0) + new_frame;
    uint64_t bytes =
        tx->queued_bytes + tx->batch.size + size + (new_frame ? LIMIT_FRAME_HEADER : 0);
    return frames <= LIMIT_SESSION_FRAMES && bytes <= LIMIT_SESSION_BYTES;
}

enum stint_status
session_send(struct session *s, const struct envelope *envelope, struct stint_span body)
{
    struct session_tx *tx = &s->tx;
    if (s->state == SESSION_CLOSED) {
        return STINT_CLOSED;
    }
    if (body.size > LIMIT_BODY) {
        return STINT_LIMIT;
    }
    size_t size = envelope_size(body.size);
    bool new_frame = tx->batch.size == 0 || tx->batch.size + size > LIMIT_FRAME;
    if (!tx_has_room(tx, size, new_frame)) {
        return STINT_FULL;
    }
    if (new_frame) {
        session_flush(s);
        enum stint_status status = tx_open_batch(s, size);
        if (status != STINT_OK) {
            return status;
        }
    }
    if (envelope_append(&tx->batch, envelope, body) != STINT_OK) {
        if (tx->batch.size == LIMIT_FRAME_HEADER) {
            buf_reset(&tx->batch);
        }
        return STINT_NO_MEMORY;
    }
    s->stats.envelopes_sent++;
    if (tx->batch.size >= LIMIT_GATHER) {
        session_flush(s);
    }
    return STINT_OK;
}

size_t
session_room(const struct session *s)
{
    const struct session_tx *tx = &s->tx;
    uint64_t frames = tx->next - tx->first + (tx->batch.size != 0);
    uint64_t bytes = tx->queued_bytes + tx->batch.size;
    if (s->state == SESSION_CLOSED || frames >= LIMIT_SESSION_FRAMES) {
        return 0;
    }
    /* Two frames in a row hold more than one is allowed to: at least half of each is
     * used. */
    uint64_t by_frames = (LIMIT_SESSION_FRAMES - frames) * (LIMIT_FRAME / 2);
    uint64_t taken = bytes + LIMIT_FRAME_HEADER * (LIMIT_SESSION_FRAMES - frames);
    uint64_t by_bytes = taken < LIMIT_SESSION_BYTES ? LIMIT_SESSION_BYTES - taken : 0;
    return (size_t)(by_frames < by_bytes ? by_frames : by_bytes);
}

bool
tx_is_empty(const struct session *s)
{
    return s->tx.first == s->tx.next && s->tx.batch.size == 0;
}

bool
session_is_idle(const struct session *s)
{
    return tx_is_empty(s);
}

/* Starts or stops the timer after the peer has moved on. */
static void
tx_restart_timer(struct session_tx *tx, uint64_t now_ns)
{
    tx->rto_ns = LIMIT_RTO_MIN_MS * SESSION_NS_PER_MS;
    tx->rto_due = tx->first < tx->next ? now_ns + tx->rto_ns : SESSION_NEVER;
}

bool
tx_acknowledge(struct session *s, uint64_t next, uint64_t credit_frame,
               uint64_t credit_bytes, uint64_t now_ns)
{
    struct session_tx *tx = &s->tx;
    if (next > tx->high) {
        return false;
    }
    /* Credit only grows; an older word, arriving late, takes nothing back. */
    bool granted = credit_frame > tx->credit_frame || credit_bytes > tx->credit_bytes;
    tx->credit_frame =
        credit_frame > tx->credit_frame ? credit_frame : tx->credit_frame;
    tx->credit_bytes =
        credit_bytes > tx->credit_bytes ? credit_bytes : tx->credit_bytes;
    bool moved = next > tx->first;
    while (tx->first < next) {
        tx_drop_first(s);
    }
    if (tx->cursor < tx->first) {
        tx->cursor = tx->first;
    }
    if (moved || (granted && tx->cursor == tx->first)) {
        tx_restart_timer(tx, now_ns);
    }
    return true;
}

void
tx_go_back(struct session *s, uint64_t number, uint64_t now_ns)
{
    struct session_tx *tx = &s->tx;
    if (number != tx->first || number >= tx->cursor) {
        return;
    }
    if (number == tx->nack_number && now_ns < tx->nack_until) {
        return;
    }
    tx->nack_number = number;
    tx->nack_until = now_ns + SESSION_NACK_GAP_MS * SESSION_NS_PER_MS;
    tx->cursor = tx->first;
}

void
tx_timeout(struct session *s, uint64_t now_ns)
{
    struct session_tx *tx = &s->tx;
    if (tx->first == tx->next) {
        tx->rto_due = SESSION_NEVER;
        return;
    }
    if (tx->cursor == tx->first) {
        /* Nothing is under way, so what is missing is credit: the word of it was lost.
         */
        s->out |= OUT_PING;
    }
    tx->cursor = tx->first;
    tx->rto_ns *= 2;
    if (tx->rto_ns > LIMIT_RTO_MAX_MS * SESSION_NS_PER_MS) {
        tx->rto_ns = LIMIT_RTO_MAX_MS * SESSION_NS_PER_MS;
    }
    tx->rto_due = now_ns + tx->rto_ns;
}

bool
tx_output(struct session *s, uint64_t now_ns, struct stint_span *frame)
{
    struct session_tx *tx = &s->tx;
    if (tx->cursor == tx->next) {
        return false;
    }
    if (tx->rto_due == SESSION_NEVER) {
        tx->rto_due = now_ns + tx->rto_ns;
    }
    struct tx_frame *f = tx_at(tx, tx->cursor);
    if (tx->cursor > tx->credit_frame || f->end > tx->credit_bytes) {
        return false;
    }
    struct frame_header header = rx_header(s, tx->cursor);
    frame_put(f->data, FRAME_DATA, f->size, &header);
    rx_said(s);
    if (tx->cursor < tx->high) {
        s->stats.frames_repeated++;
    } else {
        tx->high = tx->cursor + 1;
    }
    tx->cursor++;
    *frame = span_of(f->data, f->size);
    return true;
}
