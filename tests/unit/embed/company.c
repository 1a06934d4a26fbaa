/* SPDX-License-Identifier: Apache-2.0 */
#include "company.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pb_decode.h>
#include <pb_encode.h>

#include "scribe.stint.h"

extern const struct stint_module scribe_module, meter_module; /* two, in one program */

enum { CALL_MS = 10000 };

static void
must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* ---- nodes ---- */

void
company_init(struct company *c)
{
    memset(c, 0, sizeof *c);
    tmpdir_make(c->dir);
    c->level = STINT_LOG_DEBUG;
    c->lines_are_whole = true;
}

void
company_fini(struct company *c)
{
    stint_client_close(c->client, 0);
    c->client = NULL;
    must(c->client_memory.blocks == 0, "the client kept some memory");
    for (int i = COMPANY_NODES - 1; i >= 0; i--) {
        stint_node_destroy(c->nodes[i]);
        c->nodes[i] = NULL;
        must(c->memory[i].blocks == 0, "a node kept some memory");
    }
    tmpdir_remove(c->dir);
}

static void
on_log(void *arg, enum stint_log_level level, const char *text)
{
    struct company *c = arg;
    size_t used = strlen(c->log);
    c->lines[level]++;
    c->lines_are_whole = c->lines_are_whole && text[0] != '\0' && strpbrk(text, "\r\n") == NULL;
    snprintf(c->log + used, sizeof c->log - used, "%s\n", text);
}

static void
on_ready(void *arg, struct stint_node *node)
{
    struct company *c = arg;
    c->ready += stint_node_ready(node) ? 1 : 0;
}

enum stint_status
company_create(struct company *c, int number)
{
    static const char *const names[COMPANY_NODES] = { "n0", "n1", "n2" };
    const struct stint_module *const modules[] = { &scribe_module, &meter_module };
    struct stint_node_options o = STINT_NODE_OPTIONS_INIT;
    char data[TMPDIR_SIZE + 8], endpoint[256];
    const char *join = endpoint;
    snprintf(data, sizeof data, "%s/n%d", c->dir, number);
    o.name = names[number];
    o.data_dir = data;
    o.insecure = true;
    o.modules = modules;
    o.module_count = 2;
    o.join_timeout_ms = 20000; /* a busy machine is no reason */
    o.log_level = c->level;
    o.on_log = on_log;
    o.on_ready = on_ready;
    o.arg = c;
    o.allocator = tracked_allocator(&c->memory[number]);
    if (number == 0) {
        o.found = true;
    } else {
        snprintf(endpoint, sizeof endpoint, "%s", stint_node_endpoint(c->nodes[0]));
        o.join = &join;
        o.join_count = 1;
    }
    c->ends[number] = STINT_OK;
    return stint_node_create(&o, &c->nodes[number], c->error, sizeof c->error);
}

static uint64_t
now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool
company_pump(struct company *c, bool (*done)(struct company *c, void *arg), void *arg,
             uint32_t limit_ms)
{
    uint64_t end = now_ms() + limit_ms;
    for (;;) {
        struct pollfd fds[COMPANY_NODES + 1];
        nfds_t count = 0;
        int timeout = 100, due;
        for (int i = 0; i < COMPANY_NODES; i++) {
            if (c->nodes[i] == NULL || c->ends[i] != STINT_OK ||
                (c->ends[i] = stint_node_step(c->nodes[i], 0)) != STINT_OK) {
                continue;
            }
            due = stint_node_timeout_ms(c->nodes[i]);
            timeout = due >= 0 && due < timeout ? due : timeout;
            fds[count++] = (struct pollfd){ .fd = stint_node_fd(c->nodes[i]), .events = POLLIN };
        }
        if (c->client != NULL) {
            stint_client_process(c->client);
            due = stint_client_timeout_ms(c->client);
            timeout = due >= 0 && due < timeout ? due : timeout;
            fds[count++] = (struct pollfd){ .fd = stint_client_fd(c->client), .events = POLLIN };
        }
        if (done(c, arg)) {
            return true;
        }
        uint64_t now = now_ms();
        if (c->scarce != NULL && c->scarce->failures != 0 && end > now + c->patience_ms) {
            end = now + c->patience_ms;
        }
        if (now >= end) {
            return false;
        }
        (void)poll(fds, count, timeout);
    }
}

bool
company_all_ready(struct company *c, void *arg)
{
    (void)arg;
    for (int i = 0; i < COMPANY_NODES; i++) {
        if (c->nodes[i] != NULL && !stint_node_ready(c->nodes[i])) {
            return false;
        }
    }
    return true;
}

bool
company_all_ended(struct company *c, void *arg)
{
    (void)arg;
    for (int i = 0; i < COMPANY_NODES; i++) {
        if (c->nodes[i] != NULL && c->ends[i] == STINT_OK) {
            return false;
        }
    }
    return true;
}

static bool
ended(struct company *c, void *arg)
{
    return c->ends[*(int *)arg] != STINT_OK;
}

bool
company_stop(struct company *c, uint32_t drain_ms, uint32_t limit_ms)
{
    bool all = true;
    for (int i = COMPANY_NODES - 1; i >= 0; i--) {
        if (c->nodes[i] != NULL && c->ends[i] == STINT_OK) {
            stint_node_stop(c->nodes[i], drain_ms);
            all = company_pump(c, ended, &i, limit_ms) && all;
        }
    }
    return all;
}

/* ---- the client ---- */

enum stint_status
company_open_client(struct company *c)
{
    struct stint_client_options o = STINT_CLIENT_OPTIONS_INIT;
    const char *endpoint = stint_node_endpoint(c->nodes[0]);
    o.endpoints = &endpoint;
    o.endpoint_count = 1;
    o.insecure = true;
    o.no_environment = true;
    o.allocator = tracked_allocator(&c->client_memory);
    return stint_client_open(&o, &c->client, c->error, sizeof c->error);
}

static bool
call_done(struct company *c, void *arg)
{
    (void)c;
    return stint_call_done(arg);
}

/* Waits for a call; NULL is one that could not begin. Whether it went well. */
static bool
finish(struct company *c, struct stint_call *call, uint32_t limit_ms)
{
    return call != NULL && company_pump(c, call_done, call, limit_ms) &&
           stint_call_status(call) == STINT_OK;
}

static bool
answer_is(struct stint_call *call, unsigned number)
{
    struct stint_value value;
    scribe_Answer answer = scribe_Answer_init_zero;
    if (stint_call_value(call, &value) != STINT_OK) {
        return false;
    }
    pb_istream_t in = pb_istream_from_buffer(value.bytes.data, value.bytes.size);
    char wanted[sizeof answer.text];
    snprintf(wanted, sizeof wanted, "LINE %u", number);
    return pb_decode(&in, scribe_Answer_fields, &answer) && answer.number == number &&
           strcmp(answer.text, wanted) == 0;
}

static bool
exchange(struct company *c, unsigned number, uint32_t limit_ms)
{
    uint8_t bytes[scribe_Line_size];
    scribe_Line line = scribe_Line_init_zero;
    snprintf(line.text, sizeof line.text, "line %u", number);
    pb_ostream_t out = pb_ostream_from_buffer(bytes, sizeof bytes);
    must(pb_encode(&out, scribe_Line_fields, &line), "a line that does not fit");
    struct stint_span span = { bytes, out.bytes_written };
    struct stint_call *send =
        stint_client_send_begin(c->client, "lines", span, NULL, CALL_MS, NULL, NULL);
    struct stint_call *receive =
        stint_client_receive_begin(c->client, "answers", false, CALL_MS, NULL, NULL);
    bool fine = finish(c, send, limit_ms) && finish(c, receive, limit_ms) &&
                answer_is(receive, number);
    stint_call_release(send);
    stint_call_release(receive);
    return fine;
}

unsigned
company_converse(struct company *c, unsigned lines, uint32_t limit_ms)
{
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    spawn.code = "scribe/Scribe";
    spawn.on = "n0";
    struct stint_call *call = stint_client_spawn_begin(c->client, &spawn, CALL_MS, NULL, NULL);
    bool fine = finish(c, call, limit_ms);
    unsigned right = 0;
    if (call != NULL && !fine) {
        snprintf(c->error, sizeof c->error, "%s", stint_call_error(call));
    }
    stint_call_release(call);
    while (fine && right < lines && exchange(c, right + 1, limit_ms)) {
        right++;
    }
    return right;
}
