/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a node and keeping it: links, handshakes, backoff. What is sent over the session is in
 * requests.c. */
#include "client/machine.h"

#include <string.h>

#include "base/panic.h"
#include "base/span.h"
#include "base/text.h"
#include "client/machine_internal.h"

static void seek(struct client_machine *m, struct session_time time);

/* ---- effects ---- */

static void
effect(struct client_machine *m, struct client_effect e)
{
    STINT_ASSERT(m->effect_count < MACHINE_EFFECTS);
    m->effects[(m->effect_first + m->effect_count++) % MACHINE_EFFECTS] = e;
}

enum stint_client_state
client_machine_state(const struct client_machine *m)
{
    switch (m->phase) {
    case MACHINE_OPEN:
        return STINT_CLIENT_CONNECTED;
    case MACHINE_REFUSED:
        return STINT_CLIENT_REFUSED;
    case MACHINE_OFFLINE:
    case MACHINE_STOPPED:
        return STINT_CLIENT_OFFLINE;
    default:
        return STINT_CLIENT_CONNECTING;
    }
}

static void
set_phase(struct client_machine *m, enum machine_phase phase, uint64_t deadline)
{
    m->phase = phase;
    m->phase_deadline = deadline;
    enum stint_client_state state = client_machine_state(m);
    /* One change is told once; it is taken back if it did not last until anybody looked. */
    for (uint32_t i = 0; i < m->effect_count; i++) {
        struct client_effect *e = &m->effects[(m->effect_first + i) % MACHINE_EFFECTS];
        if (e->kind == CLIENT_EFFECT_STATE) {
            e->state = state;
            m->shown_state = state;
            return;
        }
    }
    if (state != m->shown_state) {
        m->shown_state = state;
        effect(m, (struct client_effect){ .kind = CLIENT_EFFECT_STATE, .state = state });
    }
}

bool
client_machine_effect(struct client_machine *m, struct session_time time, struct client_effect *e)
{
    struct stint_span frame;
    *e = (struct client_effect){ .kind = CLIENT_EFFECT_SEND };
    if (m->session != NULL && m->link_up && session_output(m->session, time, &frame)) {
        e->link = m->link;
        e->bytes = frame;
        return true;
    }
    if (m->effect_count != 0) {
        *e = m->effects[m->effect_first];
        m->effect_first = (m->effect_first + 1) % MACHINE_EFFECTS;
        m->effect_count--;
        if (e->kind == CLIENT_EFFECT_STATE) {
            e->text = e->state == STINT_CLIENT_CONNECTED ? m->node : m->why_text;
        }
        return true;
    }
    struct list *first = list_pop_front(&m->done);
    if (first != NULL) {
        e->kind = CLIENT_EFFECT_DONE;
        e->request = STINT_CONTAINER_OF(first, struct client_request, place);
        return true;
    }
    return false;
}

/* ---- links ---- */

static void
drop_link(struct client_machine *m)
{
    session_free(m->session);
    m->session = NULL;
    if (m->link != 0) {
        effect(m, (struct client_effect){ .kind = CLIENT_EFFECT_DISCONNECT, .link = m->link });
    }
    m->link = 0;
    m->link_up = false;
    m->node[0] = '\0';
}

static void
remember_why(struct client_machine *m, enum stint_status status, const char *text)
{
    /* A refusal says more than silence elsewhere in the same round. */
    if (status == STINT_UNREACHABLE && m->why != STINT_OK && m->why != STINT_UNREACHABLE) {
        return;
    }
    m->why = status;
    text_format(m->why_text, sizeof m->why_text, "%s: %s", candidates_current(&m->candidates),
                text);
}

static bool
is_refusal(enum stint_status status)
{
    switch (status) {
    case STINT_BAD_CERTIFICATE:
    case STINT_WRONG_CLUSTER:
    case STINT_EXPIRED:
    case STINT_REVOKED:
    case STINT_BAD_VERSION:
    case STINT_NOT_AUTHORISED:
        return true;
    default:
        return false;
    }
}

/* A new session over the link that is up. */
static void
greet(struct client_machine *m, struct session_time time)
{
    struct session_config config = { .mem = m->mem, .random = &m->random, .identity = m->identity };
    session_free(m->session);
    m->session = session_open(&config);
    if (m->session == NULL) {
        remember_why(m, STINT_NO_MEMORY, stint_strerror(STINT_NO_MEMORY));
        drop_link(m);
        seek(m, time);
        return;
    }
    session_link_up(m->session, time);
    uint64_t most = CLIENT_ATTEMPT_MS * MACHINE_NS_PER_MS;
    set_phase(m, MACHINE_GREETING, time.now_ns + most);
}

/* The round is over without success: refused by all, or try again later. */
static void
end_round(struct client_machine *m, struct session_time time)
{
    enum stint_status refused = candidates_all_refuse(&m->candidates);
    if (refused != STINT_OK) {
        set_phase(m, MACHINE_REFUSED, UINT64_MAX);
        machine_fail_all(m, refused, m->why_text);
        return;
    }
    uint64_t wait = m->backoff_ms / 2 + prng_below(&m->random, m->backoff_ms);
    m->backoff_ms =
        m->backoff_ms * 2 > CLIENT_BACKOFF_MAX_MS ? CLIENT_BACKOFF_MAX_MS : m->backoff_ms * 2;
    set_phase(m, MACHINE_WAITING, time.now_ns + wait * MACHINE_NS_PER_MS);
}

/* Tries the next endpoint. */
static void
seek(struct client_machine *m, struct session_time time)
{
    STINT_ASSERT(m->link == 0 && m->session == NULL);
    const char *endpoint = candidates_next(&m->candidates, &m->random, !m->was_open);
    if (endpoint == NULL) {
        end_round(m, time);
        return;
    }
    m->link = m->next_link++;
    m->link_up = false;
    effect(m, (struct client_effect){
                  .kind = CLIENT_EFFECT_CONNECT, .link = m->link, .endpoint = endpoint });
    /* The last one left in a round may take its time: there is no other. */
    uint64_t most =
        CLIENT_ATTEMPT_MS * MACHINE_NS_PER_MS * (candidates_left(&m->candidates) == 0 ? 2 : 1);
    set_phase(m, MACHINE_SEEKING, time.now_ns + most);
}

static void
fail_attempt(struct client_machine *m, enum stint_status status, const char *why,
             struct session_time time)
{
    remember_why(m, status, why);
    if (is_refusal(status)) {
        candidates_refuse(&m->candidates, status);
    }
    drop_link(m);
    seek(m, time);
}

static void
new_round(struct client_machine *m, struct session_time time)
{
    candidates_new_round(&m->candidates);
    m->why = STINT_OK;
    seek(m, time);
}

void
machine_lose(struct client_machine *m, const char *why, struct session_time time)
{
    m->why = STINT_OK;
    remember_why(m, STINT_UNREACHABLE, why);
    drop_link(m);
    machine_requeue(m);
    m->backoff_ms = CLIENT_BACKOFF_MIN_MS;
    candidates_new_round(&m->candidates);
    seek(m, time);
}

/* ---- sessions ---- */

static void
opened(struct client_machine *m, struct session_time time)
{
    bool resumed = m->phase == MACHINE_RESUMING;
    text_copy(m->node, sizeof m->node, session_peer(m->session)->name);
    m->was_open = true;
    m->backoff_ms = CLIENT_BACKOFF_MIN_MS;
    m->why = STINT_OK;
    m->why_text[0] = '\0';
    set_phase(m, MACHINE_OPEN, UINT64_MAX);
    if (!resumed) {
        own_session(m->own);
        machine_ask_view(m, time);
    }
    machine_push(m, time);
}

/* After anything that may have changed the session. */
static void
look_at_session(struct client_machine *m, struct session_time time)
{
    if (m->session == NULL || m->phase == MACHINE_STOPPED) {
        return;
    }
    enum session_state state = session_state(m->session);
    if (state == SESSION_OPEN && m->phase != MACHINE_OPEN) {
        opened(m, time);
    } else if (state == SESSION_OPEN) {
        machine_push(m, time);
    } else if (state == SESSION_CLOSED) {
        enum stint_status status = session_status(m->session);
        char text[SESSION_TEXT_SIZE];
        text_copy(text, sizeof text, session_text(m->session));
        if (status == STINT_NOT_FOUND && session_was_open(m->session)) {
            /* The node has begun a new life: so does the session. */
            machine_requeue(m);
            greet(m, time);
        } else if (is_refusal(status) && session_was_open(m->session)) {
            machine_lose(m, text, time);
        } else if (session_was_open(m->session)) {
            machine_lose(m, text[0] != '\0' ? text : "the node has left", time);
        } else {
            fail_attempt(m, is_refusal(status) ? status : STINT_UNREACHABLE,
                         text[0] != '\0' ? text : stint_strerror(status), time);
        }
    }
}

void
client_machine_link_up(struct client_machine *m, uint64_t link, struct session_time time)
{
    if (link != m->link || m->phase == MACHINE_STOPPED) {
        return;
    }
    m->link_up = true;
    candidates_handshake_fine(&m->candidates);
    if (m->session == NULL) {
        greet(m, time);
    } else {
        session_link_up(m->session, time);
    }
    look_at_session(m, time);
}

void
client_machine_link_down(struct client_machine *m, uint64_t link, const char *why,
                         struct session_time time)
{
    if (link != m->link || m->phase == MACHINE_STOPPED) {
        return;
    }
    const char *text = why != NULL ? why : "the connection broke";
    m->link_up = false;
    if (m->phase == MACHINE_OPEN) {
        session_link_down(m->session);
        set_phase(m, MACHINE_RESUMING, time.now_ns + CLIENT_RESUME_MS * MACHINE_NS_PER_MS);
        m->why = STINT_OK;
        remember_why(m, STINT_UNREACHABLE, text);
    } else if (m->phase == MACHINE_RESUMING) {
        session_link_down(m->session);
    } else if (m->phase == MACHINE_SEEKING || m->phase == MACHINE_GREETING) {
        /* Encryption alone refuses those of another cluster, and its refusal has no more words than
         * this. */
        bool keys = strncmp(text, "the handshake failed", 20) == 0 &&
                    candidates_handshake_failed(&m->candidates);
        fail_attempt(m, keys ? STINT_WRONG_CLUSTER : STINT_UNREACHABLE, text, time);
    }
}

void
client_machine_received(struct client_machine *m, uint64_t link, struct stint_span frame,
                        struct session_time time)
{
    struct stint_span batch;
    if (link != m->link || m->session == NULL || m->phase == MACHINE_STOPPED) {
        return;
    }
    enum stint_status status = session_receive(m->session, frame, NULL, time, &batch);
    if (status == STINT_OK && batch.size != 0 && !machine_replies(m, batch, time)) {
        session_close(m->session, STINT_BAD_FRAME, "an answer that cannot be read");
        machine_lose(m, "it sends what cannot be read", time);
        return;
    }
    look_at_session(m, time);
}

/* ---- time ---- */

/* When the silence of a node that owes an answer has lasted too long. */
static uint64_t
silence_deadline(const struct client_machine *m)
{
    if (m->phase != MACHINE_OPEN || list_is_empty(&m->sent)) {
        return UINT64_MAX;
    }
    const struct client_request *oldest =
        STINT_CONTAINER_OF(list_first(&m->sent), struct client_request, place);
    uint64_t heard = session_heard(m->session);
    return (heard > oldest->sent_ns ? heard : oldest->sent_ns) +
           CLIENT_SILENCE_MS * MACHINE_NS_PER_MS;
}

static void
phase_over(struct client_machine *m, struct session_time time)
{
    switch (m->phase) {
    case MACHINE_SEEKING:
        fail_attempt(m, STINT_UNREACHABLE, "no connection within the time", time);
        break;
    case MACHINE_GREETING:
        fail_attempt(m, STINT_UNREACHABLE, "connected, but it does not answer", time);
        break;
    case MACHINE_RESUMING: {
        char why[CLIENT_DETAIL_SIZE];
        text_copy(why, sizeof why, "the connection broke");
        machine_lose(m, why, time);
        break;
    }
    case MACHINE_WAITING:
        new_round(m, time);
        break;
    default:
        m->phase_deadline = UINT64_MAX;
    }
}

void
client_machine_tick(struct client_machine *m, struct session_time time)
{
    if (m->phase == MACHINE_STOPPED) {
        return;
    }
    own_tick(m->own, time.now_ns);
    if (m->session != NULL) {
        session_tick(m->session, time);
        look_at_session(m, time);
    }
    if (time.now_ns >= m->phase_deadline) {
        phase_over(m, time);
    }
    if (time.now_ns >= silence_deadline(m)) {
        machine_lose(m, "it does not answer any more", time);
    }
    if (m->phase == MACHINE_OPEN && time.now_ns >= m->view_due) {
        machine_ask_view(m, time);
    }
    machine_expire(m, time);
}

uint64_t
client_machine_deadline(const struct client_machine *m)
{
    if (m->phase == MACHINE_STOPPED) {
        return UINT64_MAX;
    }
    uint64_t deadline = m->phase_deadline;
    const struct heap_item *timer = heap_first(&m->timers);
    uint64_t others[] = { timer != NULL ? timer->key : UINT64_MAX,
                          m->session != NULL ? session_deadline(m->session) : UINT64_MAX,
                          silence_deadline(m),
                          m->phase == MACHINE_OPEN ? m->view_due : UINT64_MAX,
                          own_deadline(m->own) };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        deadline = others[i] < deadline ? others[i] : deadline;
    }
    return deadline;
}

/* ---- life ---- */

struct client_machine *
client_machine_new(const struct client_machine_config *config)
{
    struct client_machine *m = mem_zalloc(config->mem, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->mem = config->mem;
    m->identity = config->identity;
    m->pending_max = config->pending_max;
    m->pending_bytes_max = config->pending_bytes_max;
    prng_init_entropy(&m->random, config->seed);
    m->candidates.loopback_only = config->loopback_only;
    m->candidates.current = UINT32_MAX;
    for (size_t i = 0; i < config->endpoint_count; i++) {
        (void)candidates_give(&m->candidates, config->endpoints[i]);
    }
    m->next_link = 1;
    m->next_number = 1;
    m->phase_deadline = UINT64_MAX;
    m->view_due = UINT64_MAX;
    m->backoff_ms = CLIENT_BACKOFF_MIN_MS;
    list_init(&m->queue);
    list_init(&m->sent);
    list_init(&m->done);
    table_init(&m->by_number, m->mem, prng_next(&m->random));
    heap_init(&m->timers, m->mem);
    buf_init(&m->body, m->mem, LIMIT_BODY);
    struct prng random = m->random; /* a copy: what is drawn from it stays what it was */
    struct own_config own = { .mem = m->mem,
                              .seed = ~prng_next(&random),
                              .bytes_max = CLIENT_OWN_BYTES,
                              .relations_max = CLIENT_OWN_RELATIONS,
                              .role = (uint8_t)m->identity->certificate.role,
                              .subject = m->identity->certificate.subject };
    m->own = own_new(&own);
    if (m->own == NULL) {
        mem_free(m->mem, m, sizeof *m);
        return NULL;
    }
    return m;
}

void
client_machine_free(struct client_machine *m)
{
    if (m == NULL) {
        return;
    }
    machine_fail_all(m, STINT_CANCELLED, "");
    struct list *first;
    while ((first = list_pop_front(&m->done)) != NULL) {
        client_request_free(m, STINT_CONTAINER_OF(first, struct client_request, place));
    }
    session_free(m->session);
    own_free(m->own);
    table_fini(&m->by_number);
    heap_fini(&m->timers);
    buf_fini(&m->body);
    mem_free(m->mem, m, sizeof *m);
}

void
client_machine_start(struct client_machine *m, struct session_time time)
{
    if (m->phase == MACHINE_OFFLINE || m->phase == MACHINE_REFUSED) {
        m->backoff_ms = CLIENT_BACKOFF_MIN_MS;
        new_round(m, time);
    }
}

void
client_machine_stop(struct client_machine *m, struct session_time time)
{
    (void)time;
    if (m->phase == MACHINE_STOPPED) {
        return;
    }
    if (m->session != NULL) {
        session_close(m->session, STINT_OK, "");
    }
    set_phase(m, MACHINE_STOPPED, UINT64_MAX);
    machine_fail_all(m, STINT_CANCELLED, "the client was closed");
}

const char *
client_machine_node(const struct client_machine *m)
{
    return m->node;
}

enum stint_status
client_machine_why(const struct client_machine *m, const char **text)
{
    *text = m->why != STINT_OK ? m->why_text : "";
    return m->why;
}

uint32_t
client_machine_pending(const struct client_machine *m)
{
    return m->pending;
}
