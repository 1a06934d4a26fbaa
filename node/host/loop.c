/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a node: events in, effects out. A turn looks at everything once, with a
 * bound on each, so that neither a flood of frames nor busy tasklets keep the rest
 * waiting: frames, then the store, then time, then tasklets.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "host/host.h"
#include "link/clock.h"

enum {
    TURN_FRAMES = 128,  /* events of links in one turn */
    BUDGET_MIN = 8, /* turns of tasklets in one turn of the loop, fitted to RUN_NS */
    BUDGET_MAX = 1024,
    RUN_NS = 1000000, /* how long tasklets may keep frames and moves waiting */
    STORE_RETRY_MS = 1000,
    SAMPLE_MS = 1000,
    LOG_SIZE = 640,
    FAREWELL_MS = 250, /* how long the last frames of a node that leaves may take */
};

_Static_assert((int)NODE_LOG_ERROR == (int)STINT_LOG_ERROR &&
                   (int)NODE_LOG_DEBUG == (int)STINT_LOG_DEBUG,
               "the core's levels are the public ones");
_Static_assert(NODE_LINK_INBOUND == LINK_INBOUND, "the core's links are the net's");

static void
emit_log(struct stint_node *n, enum stint_log_level level, const char *text)
{
    if (n->on_log != NULL && level <= n->log_level) {
        n->on_log(n->arg, level, text);
    }
}

void
host_log(struct stint_node *n, enum stint_log_level level, const char *format, ...)
{
    char text[LOG_SIZE];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    emit_log(n, level, text);
}

void
host_save_facts(struct stint_node *n)
{
    char error[STINT_NODE_ERROR_SIZE];
    n->facts_unsaved =
        datadir_save(&n->data, &n->facts, error, sizeof error) != STINT_OK;
    if (n->facts_unsaved) {
        (void)text_copy(n->error, sizeof n->error, error);
        host_log(n, STINT_LOG_ERROR, "%s; tries again", error);
    }
}

/* An effect failed at once. The core is told as of any other event, but not inside its
 * own step. */
static void
answer_later(struct stint_node *n, enum node_event_kind kind, uint64_t number,
             enum store_result result)
{
    if (n->answer_count == HOST_ANSWERS_MAX) {
        host_log(n, STINT_LOG_ERROR,
                 "too many failures at once; the answer to one is lost");
        return;
    }
    uint32_t place = (n->answer_first + n->answer_count++) % HOST_ANSWERS_MAX;
    n->answers[place] = (struct host_answer){ kind, number, result };
}

static void
connect_link(struct stint_node *n, const struct node_effect *e)
{
    enum stint_status status =
        link_connect(n->net, e->link, e->endpoint, n->identity.trust.server_public);
    if (status != STINT_OK) {
        host_log(n, STINT_LOG_WARN, "cannot connect to %s: %s", e->endpoint,
                 stint_strerror(status));
        answer_later(n, NODE_LINK_DOWN, e->link, STORE_FAILED);
    }
}

static void
persist(struct stint_node *n, const struct node_effect *e)
{
    n->facts.incarnation = e->incarnation;
    n->facts.generation = e->generation;
    n->facts.view = e->view;
    host_save_facts(n);
}

static void
end(struct stint_node *n, const struct node_effect *e)
{
    n->ended = true;
    n->status = e->status == STINT_OK ? STINT_CLOSED : e->status;
    (void)text_copy(n->error, sizeof n->error, e->text == NULL ? "" : e->text);
    link_linger(n->net, FAREWELL_MS);
}

static void
carry_out(struct stint_node *n, const struct node_effect *e)
{
    switch (e->kind) {
    case NODE_CONNECT:
        connect_link(n, e);
        break;
    case NODE_DISCONNECT:
        link_disconnect(n->net, e->link);
        break;
    case NODE_SEND:
        /* What a link does not take is lost here and repeated by its session. */
        if (link_send(n->net, e->link, e->bytes) == STINT_LIMIT) {
            host_log(n, STINT_LOG_ERROR, "a frame of %zu bytes cannot be sent",
                     e->bytes.size);
        }
        break;
    case NODE_STORE_COMMIT:
        n->store_due = true;
        if (n->store == NULL || store_commit(n->store, &e->commit) != STINT_OK) {
            answer_later(n, NODE_STORE_DONE, e->commit.number, STORE_FAILED);
        }
        break;
    case NODE_STORE_LOAD:
        n->load_wanted = n->store != NULL;
        n->load_at = 0;
        break;
    case NODE_READY:
        if (n->on_ready != NULL) {
            n->on_ready(n->arg, n);
        }
        break;
    case NODE_PERSIST:
        persist(n, e);
        break;
    case NODE_LOG:
        emit_log(n, (enum stint_log_level)e->level, e->text);
        break;
    case NODE_FENCED:
        if (n->on_fenced != NULL) {
            n->on_fenced(n->arg, n);
        }
        break;
    case NODE_EXIT:
        end(n, e);
        break;
    }
}

/* One event with the time in it, and all that follows from it. */
static void
feed(struct stint_node *n, struct node_event *event)
{
    const struct node_effect *effect;
    event->now_ns = clock_now_ns();
    event->wall_ms = clock_wall_ms();
    node_step(n->core, event);
    while ((effect = node_next_effect(n->core)) != NULL) {
        carry_out(n, effect);
    }
}

/* Requests of other threads and signal handlers. */
static void
take_requests(struct stint_node *n)
{
    uint64_t count;
    uint32_t drain_ms;
    (void)!read(n->wake_fd, &count, sizeof count);
    while (!n->ended &&
           read(n->stop_fd[0], &drain_ms, sizeof drain_ms) == sizeof drain_ms) {
        feed(n, &(struct node_event){ .kind = NODE_STOP, .drain_ms = drain_ms });
    }
}

static void
take_frames(struct stint_node *n)
{
    struct link_event in;
    for (int i = 0; i < TURN_FRAMES && !n->ended && link_next(n->net, &in); i++) {
        struct node_event event = {
            .link = in.link,
            .bytes = in.bytes,
            .peer_key = in.peer_key,
            .text = in.text,
        };
        switch (in.kind) {
        case LINK_UP:
            event.kind = NODE_LINK_UP;
            break;
        case LINK_DOWN:
            event.kind = NODE_LINK_DOWN;
            break;
        case LINK_RECEIVED:
            event.kind = NODE_RECEIVED;
            break;
        }
        feed(n, &event);
    }
}

static void
take_answers(struct stint_node *n)
{
    /* As many as there are now: an answer may lead to the next failure. */
    for (uint32_t left = n->answer_count; left > 0 && !n->ended; left--) {
        struct host_answer a = n->answers[n->answer_first];
        n->answer_first = (n->answer_first + 1) % HOST_ANSWERS_MAX;
        n->answer_count--;
        feed(n, &(struct node_event){
                    .kind = a.kind,
                    .link = a.kind == NODE_LINK_DOWN ? a.number : 0,
                    .number = a.kind == NODE_STORE_DONE ? a.number : 0,
                    .result = a.result,
                    .text = a.kind == NODE_LINK_DOWN ? "cannot connect" : NULL,
                });
    }
}

static void
load_rows(struct stint_node *n)
{
    struct node_event event = { .kind = NODE_STORE_ROWS };
    if (!n->load_wanted || clock_now_ns() < n->load_at) {
        return;
    }
    if (store_load(n->store, &event.rows, &event.row_count, &event.store_view,
                   &event.store_generation) != STINT_OK) {
        (void)text_copy(n->error, sizeof n->error, store_error(n->store));
        host_log(n, STINT_LOG_ERROR, "%s; tries again", store_error(n->store));
        n->load_at = clock_now_ns() + STORE_RETRY_MS * CLOCK_NS_PER_MS;
        return;
    }
    n->load_wanted = false;
    feed(n, &event);
}

static void
take_store(struct stint_node *n)
{
    uint64_t number;
    enum store_result result;
    if (n->store == NULL) {
        return;
    }
    n->store_due = false;
    while (!n->ended && store_next(n->store, &number, &result)) {
        if (result == STORE_FAILED || result == STORE_UNKNOWN) {
            (void)text_copy(n->error, sizeof n->error, store_error(n->store));
            host_log(n, STINT_LOG_ERROR, "%s", store_error(n->store));
        }
        feed(n, &(struct node_event){
                    .kind = NODE_STORE_DONE, .number = number, .result = result });
    }
    if (!n->ended) {
        load_rows(n);
    }
}

/* What this node's thread used since the last sample; a node's own share even beside
 * others in one process. */
static void
sample(struct stint_node *n, uint64_t now_ns)
{
    struct timespec cpu;
    struct node_event event = { .kind = NODE_SAMPLE };
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0) {
        uint64_t cpu_ns =
            (uint64_t)cpu.tv_sec * UINT64_C(1000000000) + (uint64_t)cpu.tv_nsec;
        uint64_t wall = now_ns - n->sampled_at;
        if (n->sampled_at != 0 && wall > 0 && cpu_ns >= n->cpu_ns) {
            uint64_t permille = (cpu_ns - n->cpu_ns) * 1000 / wall;
            event.cpu_permille = permille > 1000 ? 1000 : (uint32_t)permille;
        }
        n->cpu_ns = cpu_ns;
    }
    n->sampled_at = now_ns;
    n->sample_at = now_ns + SAMPLE_MS * CLOCK_NS_PER_MS;
    event.memory_bytes = n->core_mem.used + n->shell_mem.used;
    if (n->facts_unsaved) {
        host_save_facts(n);
    }
    feed(n, &event);
}

/* A turn of a tasklet may take nanoseconds or much longer: the budget follows what the last ones took. */
static void
run_tasklets(struct stint_node *n)
{
    if (n->budget == 0) {
        n->budget = BUDGET_MAX / 8;
    }
    uint64_t begin = clock_now_ns();
    feed(n, &(struct node_event){ .kind = NODE_RUN, .budget = n->budget });
    uint64_t spent = clock_now_ns() - begin;
    if (spent > RUN_NS && n->budget > BUDGET_MIN) {
        n->budget /= 2;
    } else if (spent < RUN_NS / 4 && n->budget < BUDGET_MAX) {
        n->budget *= 2;
    }
}

static void
take_time(struct stint_node *n)
{
    uint64_t now = clock_now_ns();
    if (!n->ended && now >= n->sample_at) {
        sample(n, now);
    }
    if (!n->ended && now >= node_deadline(n->core)) {
        feed(n, &(struct node_event){ .kind = NODE_TIME });
    }
    if (!n->ended && node_runnable(n->core)) {
        run_tasklets(n);
    }
}

/* Waits until something is to be done, and says whether other threads asked for something: reading their descriptors in every turn
 * would cost more than most turns do. */
static bool
wait_for_more(struct stint_node *n, int timeout_ms)
{
    struct epoll_event events[HOST_DESCRIPTORS];
    int due = timeout_ms == 0 ? 0 : host_timeout_ms(n);
    int wait = due < 0 || (timeout_ms >= 0 && timeout_ms < due) ? timeout_ms : due;
    int count = epoll_wait(n->poll_fd, events, HOST_DESCRIPTORS, wait);
    bool asked = count < 0; /* a signal: its handler may have asked */
    for (int i = 0; i < count; i++) {
        asked = asked || events[i].data.fd == n->wake_fd || events[i].data.fd == n->stop_fd[0];
    }
    return asked;
}

void
host_turn(struct stint_node *n, int timeout_ms)
{
    if (wait_for_more(n, timeout_ms)) {
        take_requests(n);
    }
    take_frames(n);
    take_answers(n);
    take_store(n);
    take_time(n);
}

int
host_timeout_ms(const struct stint_node *n)
{
    if (n->ended || link_pending(n->net) || n->answer_count > 0 || n->store_due ||
        node_runnable(n->core)) {
        return 0;
    }
    uint64_t at = node_deadline(n->core);
    uint64_t others[] = { n->sample_at, link_deadline(n->net),
                          n->load_wanted ? n->load_at : UINT64_MAX };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        at = others[i] < at ? others[i] : at;
    }
    return clock_timeout_ms(clock_now_ns(), at);
}
