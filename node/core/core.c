/* SPDX-License-Identifier: Apache-2.0 */
/* The machine itself: takes an event to its room, settles what follows, closes the batches. */
#include "core/core.h"

#include <stdarg.h>
#include <string.h>

#include "base/ids.h"
#include "base/panic.h"
#include "base/text.h"
#include "core/node.h"

#define JOIN_TIMEOUT_MS 10000
#define SETTLE_MAX 1000 /* rounds; more means two rooms answer each other for ever */
#define WALL_PATIENCE_MS 20 /* less is the reading of two clocks one after the other */

STINT_STATIC_ASSERT(KERNEL_FRAMES_MAX == LIMIT_FRAMES, "frames of a tasklet");
STINT_STATIC_ASSERT(KERNEL_WINDOW == LIMIT_WINDOW, "window of a (tasklet, channel)");
STINT_STATIC_ASSERT(KERNEL_OUTSTANDING_BYTES <= LIMIT_PICKLE_DEFAULT / 4, "what a tasklet has sent fits into its pickle");
STINT_STATIC_ASSERT(KERNEL_CAPACITY_MAX == LIMIT_CAPACITY, "capacity");
STINT_STATIC_ASSERT(KERNEL_VALUE_MAX == LIMIT_MESSAGE, "a value is a message");
STINT_STATIC_ASSERT(KERNEL_NAME_MAX == LIMIT_NAME, "names");
STINT_STATIC_ASSERT(KERNEL_NODES_MAX == LIMIT_MEMBERS && VIEW_MEMBERS_MAX == LIMIT_MEMBERS, "members");
STINT_STATIC_ASSERT(VIEW_REVOKED_MAX == LIMIT_REVOKED, "revoked certificates");
STINT_STATIC_ASSERT(VIEW_NAME_SIZE == LIMIT_NAME + 1, "names of nodes");
STINT_STATIC_ASSERT(stint_View_size <= LIMIT_BODY, "a whole view is one message");

static bool
copy_config(struct node *n, const struct node_config *config, char *error, size_t error_size)
{
    if (!text_is_name(config->name, LIMIT_NAME)) {
        text_format(error, error_size, "the node's name may have letters, digits, `.`, `_` and `-`, at most %d",
                    LIMIT_NAME);
        return false;
    }
    if (strcmp(config->identity->certificate.name, config->name) != 0 ||
        config->identity->certificate.role != ROLE_NODE) {
        text_format(error, error_size, "the certificate is of %s %s, not of node %s",
                    cert_role_name(config->identity->certificate.role), config->identity->certificate.name,
                    config->name);
        return false;
    }
    if (strlen(config->endpoint) >= sizeof n->endpoint) {
        text_format(error, error_size, "the endpoint is longer than %zu bytes", sizeof n->endpoint - 1);
        return false;
    }
    text_copy(n->name, sizeof n->name, config->name);
    text_copy(n->endpoint, sizeof n->endpoint, config->endpoint);
    text_copy(n->version, sizeof n->version, config->version != NULL ? config->version : "");
    if (config->labels != NULL && strlen(config->labels) > LIMIT_LABELS) {
        text_format(error, error_size, "labels: together longer than %d bytes", LIMIT_LABELS);
        return false;
    }
    text_copy(n->labels, sizeof n->labels, config->labels != NULL ? config->labels : "");
    for (uint32_t i = 0; i < NODE_JOIN_MAX && config->join[i] != NULL; i++) {
        if (strlen(config->join[i]) >= sizeof n->join[i]) {
            text_format(error, error_size, "an endpoint to join through is longer than %zu bytes",
                        sizeof n->join[i] - 1);
            return false;
        }
        text_copy(n->join[n->join_count++], sizeof n->join[0], config->join[i]);
    }
    n->identity = *config->identity;
    n->self.id = config->identity->certificate.subject;
    n->last_incarnation = config->last_incarnation;
    n->last_generation = config->last_generation;
    n->last_view = config->last_view;
    memcpy(n->secret, config->join_secret, sizeof n->secret);
    memcpy(n->old_secret, config->join_secret, sizeof n->old_secret);
    n->has_store = config->authority;
    n->may_found = config->found;
    n->detect_fast = config->detect_fast;
    n->failpoints = config->failpoints;
    n->pickle_max = config->pickle_max != 0 ? config->pickle_max : LIMIT_PICKLE_DEFAULT;
    n->join_deadline = config->join_timeout_ms != 0 ? config->join_timeout_ms : JOIN_TIMEOUT_MS;
    return true;
}

static enum stint_status
init_rooms(struct node *n)
{
    enum stint_status (*const rooms[])(struct node *) = { peers_init, route_init,  remote_init, mover_init,
                                                          admin_init, unborn_init, guest_init,  control_init };
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        enum stint_status status = rooms[i](n);
        if (status != STINT_OK) {
            return status;
        }
    }
    return STINT_OK;
}

static enum stint_status
out_of_memory(struct node *n, char *error, size_t error_size)
{
    text_copy(error, error_size, "out of memory");
    node_free(n);
    return STINT_NO_MEMORY;
}

enum stint_status
node_new(const struct node_config *config, struct node **node, char *error, size_t error_size)
{
    *node = NULL;
    struct node *n = mem_zalloc(config->mem, sizeof *n);
    if (n == NULL) {
        return out_of_memory(n, error, error_size);
    }
    n->mem = config->mem;
    prng_init(&n->random, config->seed);
    outbox_init(&n->outbox, n->mem->allocator);
    tags_init(n);
    n->view = view_new(n->mem);
    n->next = view_new(n->mem);
    if (!copy_config(n, config, error, error_size)) {
        node_free(n);
        return STINT_INVALID;
    }
    struct kernel_config kernel = { .mem = n->mem, .seed = prng_next(&n->random), .here = { n->self.id, 0 } };
    n->kernel = kernel_new(&kernel);
    if (n->view == NULL || n->next == NULL || n->kernel == NULL || init_rooms(n) != STINT_OK) {
        return out_of_memory(n, error, error_size);
    }
    *node = n;
    return STINT_OK;
}

void
node_free(struct node *n)
{
    if (n == NULL) {
        return;
    }
    control_fini(n);
    admin_fini(n);
    unborn_fini(n);
    tags_fini(n);
    guest_fini(n);
    mover_fini(n);
    remote_fini(n);
    route_fini(n);
    peers_fini(n);
    kernel_free(n->kernel);
    view_free(n->view);
    view_free(n->next);
    outbox_fini(&n->outbox);
    identity_wipe(&n->identity);
    mem_free(n->mem, n, sizeof *n);
}

enum stint_status
node_set_identity(struct node *n, const struct identity *identity)
{
    const struct certificate *old = &n->identity.certificate;
    const struct certificate *renewed = &identity->certificate;
    if (!id_equal(old->subject, renewed->subject) || !id_equal(old->cluster, renewed->cluster) ||
        old->role != renewed->role) {
        return STINT_INVALID;
    }
    n->identity = *identity;
    return STINT_OK;
}

enum stint_status
node_add_module(struct node *n, const struct stint_module *module, char *error, size_t error_size)
{
    return kernel_add_module(n->kernel, module, error, error_size);
}

void
node_log(struct node *n, enum node_log_level level, const char *format, ...)
{
    char text[OUTBOX_TEXT_MAX];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    bool limited = level == NODE_LOG_WARN || level == NODE_LOG_INFO;
    if (!limited || log_limit_allows(&n->log_limit, level, format, text, n->now_ns)) {
        outbox_log(&n->outbox, level, "%s", text);
    }
}

void
node_record(struct node *n, const char *format, ...)
{
    char text[OUTBOX_TEXT_MAX];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    outbox_log(&n->outbox, NODE_LOG_INFO, "%s", text);
}

static void
tell_held(struct node *n, bool all)
{
    struct log_kind kind;
    while (log_limit_next(&n->log_limit, all, n->now_ns, &kind)) {
        if (kind.held == 1) {
            outbox_log(&n->outbox, kind.level, "%s", kind.last);
        } else {
            outbox_log(&n->outbox, kind.level, "%s (and %u more like this)", kind.last, kind.held - 1);
        }
    }
}

const char *
node_name_of(const struct node *n, struct stint_id id)
{
    if (id_equal(id, n->self.id)) {
        return n->name;
    }
    const struct member *m = view_find_any(n->view, id);
    return m != NULL ? m->name : "?";
}

uint32_t
node_tasklets(const struct node *n)
{
    struct kernel_counters counters;
    kernel_count(n->kernel, &counters);
    return counters.tasklets - counters.system;
}

bool
node_is_serving(const struct node *n)
{
    return n->phase == PHASE_MEMBER || n->phase == PHASE_LEAVING;
}

void
node_exit(struct node *n, enum stint_status status, const char *why)
{
    if (n->phase == PHASE_ENDED) {
        return;
    }
    n->phase = PHASE_ENDED;
    tell_held(n, true);
    n->exit_status = status;
    text_copy(n->exit_text, sizeof n->exit_text, why);
    peers_close_all(n);
}

void
node_fence(struct node *n, const char *why)
{
    if (n->phase == PHASE_FENCED || n->phase == PHASE_ENDED) {
        return;
    }
    n->phase = PHASE_FENCED;
    node_log(n, NODE_LOG_ERROR, "fenced: %s; all volatile work is dropped", why);
    if (n->moves != NULL && n->next->number != 0 && !view_has(n->next, n->self)) {
        moves_view(n->moves, n->next, n->now_ns);
    }
    peers_close_all(n);
    outbox_simple(&n->outbox, NODE_FENCED);
    node_exit(n, STINT_FENCED, why);
}

void
node_dispatch(struct node *n, const struct arrival *a)
{
    switch ((enum envelope_kind)a->envelope.kind) {
    case ENVELOPE_OFFER:
    case ENVELOPE_DONE:
    case ENVELOPE_NACK:
    case ENVELOPE_CANCEL:
    case ENVELOPE_FIN:
    case ENVELOPE_CLOSE:
    case ENVELOPE_KILL:
        remote_receive(n, a);
        break;
    case ENVELOPE_MOVE:
    case ENVELOPE_PARCEL:
        mover_receive(n, a);
        break;
    case ENVELOPE_LOCATE:
        route_receive(n, a);
        break;
    case ENVELOPE_CONTROL:
        control_receive(n, a);
        break;
    case ENVELOPE_PROBE:
        control_probe_received(n, a);
        break;
    case ENVELOPE_REQUEST:
    case ENVELOPE_REPLY:
        admin_receive(n, a);
        break;
    case ENVELOPE_KIND_END_:
        break;
    }
}

/* Until nothing follows from anything any more. */
static void
settle(struct node *n)
{
    uint32_t rounds = 0;
    bool any = true;
    while (any && n->phase < PHASE_FENCED) {
        any = remote_settle(n);
        any = mover_settle(n) || any;
        any = control_settle(n) || any;
        any = peers_settle(n) || any;
        if (++rounds == SETTLE_MAX) {
            break; /* the next step goes on; node_deadline is now */
        }
    }
    n->unsettled = any && n->phase < PHASE_FENCED;
    peers_flush(n);
}

static void
begin_join(struct node *n)
{
    n->begun = true;
    n->join_deadline = n->now_ns + n->join_deadline * 1000000;
    if (n->has_store) {
        return;
    }
    if (n->join_count == 0) {
        node_exit(n, STINT_INVALID, "no endpoint to join through; give --join, or --found for a new cluster");
    }
    for (uint32_t i = 0; i < n->join_count; i++) {
        peers_connect(n, n->join[i]);
    }
}

static void
tick(struct node *n)
{
    tell_held(n, false);
    peers_tick(n);
    control_tick(n);
    if (n->phase >= PHASE_FENCED) {
        return;
    }
    route_tick(n);
    remote_tick(n);
    guest_tick(n);
    mover_tick(n);
    admin_tick(n);
    if (!n->stop_requested || n->phase != PHASE_MEMBER) {
        return;
    }
    struct moves_counts moves = moves_counts(n->moves);
    bool empty = node_tasklets(n) == 0 && moves.outgoing == 0 && moves.incoming == 0;
    if (empty || n->now_ns >= n->stop_deadline) {
        control_leave(n);
    }
}

/* From here on, whatever the view says: others may learn late, or never, that this node drains, and what came then would be lost. */
static void
close_doors(struct node *n)
{
    if (n->moves != NULL) {
        moves_accept(n->moves, false, "the node is leaving");
    }
}

static void
stop(struct node *n, uint32_t drain_ms)
{
    close_doors(n);
    if (n->phase != PHASE_MEMBER || drain_ms == 0) {
        n->stop_requested = true;
        control_leave(n);
        return;
    }
    if (n->stop_requested) {
        return;
    }
    n->stop_requested = true;
    n->stop_deadline = n->now_ns + (uint64_t)drain_ms * 1000000;
    uint32_t others = 0;
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        others += member_is_target(m) && !id_equal(m->ref.id, n->self.id) ? 1 : 0;
    }
    if (others == 0) {
        control_leave(n); /* nobody could take anything */
        return;
    }
    control_set_state(n, stint_MemberState_MEMBER_DRAINING, NULL, 0);
    mover_drain(n, NULL, 0, 0);
}

void
node_stop_after_drain(struct node *n, uint32_t drain_ms)
{
    stop(n, drain_ms);
}

void
node_step(struct node *n, const struct node_event *event)
{
    outbox_clear(&n->outbox);
    if (n->phase == PHASE_ENDED) {
        return;
    }
    if (event->now_ns > n->now_ns) {
        n->now_ns = event->now_ns;
    }
    n->wall_ms = event->wall_ms;
    int64_t zero_ms = (int64_t)n->wall_ms - (int64_t)(n->now_ns / 1000000);
    int64_t off_ms = zero_ms - n->wall_zero_ms;
    if (off_ms > WALL_PATIENCE_MS || off_ms < -WALL_PATIENCE_MS) {
        n->wall_zero_ms = zero_ms;
    }
    if (!n->begun) {
        n->begun_ns = n->now_ns;
        n->begun_wall_ms = n->wall_ms;
    }
    kernel_set_time(n->kernel, n->now_ns, n->wall_ms);
    if (!n->begun) {
        begin_join(n);
    }
    switch (event->kind) {
    case NODE_TIME:
        break;
    case NODE_LINK_UP:
        peers_link_up(n, event->link);
        break;
    case NODE_LINK_DOWN:
        peers_link_down(n, event->link, event->text);
        break;
    case NODE_RECEIVED:
        peers_receive(n, event);
        break;
    case NODE_STORE_ROWS:
        control_rows(n, event);
        break;
    case NODE_STORE_DONE:
        control_committed(n, event);
        break;
    case NODE_RUN:
        if (node_is_serving(n)) {
            (void)kernel_run(n->kernel, event->budget);
        }
        break;
    case NODE_SAMPLE:
        n->load.cpu_permille = event->cpu_permille;
        n->load.memory_bytes = event->memory_bytes;
        n->load.memory_limit = n->mem->limit;
        break;
    case NODE_STOP:
        stop(n, event->drain_ms);
        break;
    }
    if (n->now_ns >= n->tick_due || event->kind == NODE_TIME) {
        tick(n);
    }
    settle(n);
    if (kernel_is_broken(n->kernel)) {
        node_fence(n, "memory ran out where nothing could be undone");
        peers_flush(n);
    }
    if (n->phase == PHASE_ENDED) { /* after the last frames */
        outbox_exit(&n->outbox, n->exit_status, n->exit_text);
    }
    n->tick_due = node_deadline(n);
}

const struct node_effect *
node_next_effect(struct node *n)
{
    return outbox_next(&n->outbox);
}

uint64_t
node_deadline(const struct node *n)
{
    if (n->phase == PHASE_ENDED) {
        return UINT64_MAX;
    }
    if (!n->begun || n->unsettled) {
        return n->now_ns;
    }
    uint64_t (*const rooms[])(const struct node *) = { peers_deadline, control_deadline, route_deadline,
                                                       remote_deadline, guest_deadline,  mover_deadline,
                                                       admin_deadline };
    uint64_t at = kernel_deadline(n->kernel);
    if (!node_is_serving(n)) {
        at = UINT64_MAX;
    }
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        uint64_t room = rooms[i](n);
        at = room < at ? room : at;
    }
    if (n->stop_requested && n->phase == PHASE_MEMBER) {
        uint64_t look = n->now_ns + UINT64_C(20000000);
        at = n->stop_deadline < at ? n->stop_deadline : at;
        at = look < at ? look : at;
    }
    return at;
}

bool
node_runnable(const struct node *n)
{
    return node_is_serving(n) && (kernel_runnable(n->kernel) || kernel_deadline(n->kernel) <= n->now_ns);
}

bool
node_is_ready(const struct node *n)
{
    return n->phase == PHASE_MEMBER;
}

struct stint_id
node_self(const struct node *n)
{
    return n->self.id;
}
