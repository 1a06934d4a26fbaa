/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's shell: the network and the clock go in, effects are carried out, what is over is
 * told. Blocking calls and stint_client_process are the same loop, one of them waits.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/text.h"
#include "client/client_internal.h"
#include "link/clock.h"
#include "link/entropy.h"
#include "wire/wire.h"

#define GOODBYE_MS 2 /* for the last frame to reach the network's thread */

struct session_time
client_time(void)
{
    return (struct session_time){ .now_ns = clock_now_ns(), .wall_ms = clock_wall_ms() };
}

enum stint_status
client_fail(struct stint_client *client, enum stint_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_format_list(client->error, sizeof client->error, format, args);
    va_end(args);
    return status;
}

static void free_client(struct stint_client *client);

/* ---- effects ---- */

static void
carry_out(struct stint_client *client, const struct client_effect *effect)
{
    char why[128];
    switch (effect->kind) {
    case CLIENT_EFFECT_SEND: {
        /* A frame that the link cannot take now is repeated by the session. */
        enum stint_status status = link_send(client->net, effect->link, effect->bytes);
        (void)status;
        break;
    }
    case CLIENT_EFFECT_CONNECT: {
        uint64_t link = effect->link;
        enum stint_status status =
            link_connect(client->net, link, effect->endpoint, client->identity.trust.server_public);
        if (status != STINT_OK) {
            text_copy(why, sizeof why, stint_strerror(status));
            client_machine_link_down(client->machine, link, why, client_time());
        }
        break;
    }
    case CLIENT_EFFECT_DISCONNECT:
        link_disconnect(client->net, effect->link);
        break;
    case CLIENT_EFFECT_STATE:
        client->state_due = true;
        client->state_told = effect->state;
        text_copy(client->state_text, sizeof client->state_text, effect->text);
        client_text_clean(client->state_text);
        break;
    case CLIENT_EFFECT_DONE:
        client_call_request_done(effect->request->owner, effect->request);
        break;
    }
}

static void
effects(struct stint_client *client)
{
    struct client_effect effect;
    while (client_machine_effect(client->machine, client_time(), &effect)) {
        carry_out(client, &effect);
    }
}

static void
network(struct stint_client *client)
{
    struct link_event event;
    while (link_next(client->net, &event)) {
        struct session_time now = client_time();
        switch (event.kind) {
        case LINK_UP:
            client_machine_link_up(client->machine, event.link, now);
            break;
        case LINK_DOWN:
            client_machine_link_down(client->machine, event.link, event.text, now);
            break;
        case LINK_RECEIVED:
            client_machine_received(client->machine, event.link, event.bytes, now);
            break;
        }
        effects(client);
    }
}

/* Calls whose turn it is. */
static void
turns(struct stint_client *client)
{
    struct list *first;
    client_calls_expire(client, client_time().now_ns);
    while ((first = list_pop_front(&client->ready)) != NULL) {
        client_call_advance(STINT_CONTAINER_OF(first, struct stint_call, waiting));
        effects(client);
    }
}

/* Tells what is over. True if anybody was told, who may have asked for more. */
static bool
deliver(struct stint_client *client)
{
    bool told = false;
    client->in_callback = true;
    if (client->state_due) {
        client->state_due = false;
        if (client->settings.on_state != NULL) {
            client->settings.on_state(client->settings.arg, client, client->state_told,
                                      client->state_text);
            told = true;
        }
    }
    struct list *first;
    while ((first = list_pop_front(&client->finished)) != NULL) {
        struct stint_call *call = STINT_CONTAINER_OF(first, struct stint_call, place);
        if (!call->released && call->done != NULL) {
            told = true;
            call->done(call->arg, call); /* may release it: it is freed below, not there */
        }
        call->told = true;
        if (call->released) {
            client_call_free(call);
        }
    }
    client->in_callback = false;
    return told;
}

static void
drain_wake(struct stint_client *client)
{
    uint64_t count;
    if (read(client->wake, &count, sizeof count) == (ssize_t)sizeof count) {
        client->interrupted = true;
    }
}

/* Everything that can be done now. */
static void
pump(struct stint_client *client)
{
    client->depth++;
    do {
        client->touched = false;
        effects(client);
        network(client);
        client_machine_tick(client->machine, client_time());
        effects(client);
        turns(client);
    } while (deliver(client) && !client->closing);
    client->depth--;
}

static int
wait_ms(const struct stint_client *client, uint64_t deadline_ns)
{
    if (client->touched || !list_is_empty(&client->finished) || !list_is_empty(&client->ready) ||
        client->state_due || link_pending(client->net)) {
        return 0;
    }
    uint64_t others[] = { client_machine_deadline(client->machine), client_calls_deadline(client) };
    for (size_t i = 0; i < 2; i++) {
        deadline_ns = others[i] < deadline_ns ? others[i] : deadline_ns;
    }
    return clock_timeout_ms(clock_now_ns(), deadline_ns);
}

/* ---- blocking ---- */

bool
client_may_block(struct stint_client *client)
{
    if (client->in_callback || client->depth != 0) {
        (void)client_fail(client, STINT_BUSY,
                          "a callback may not wait: begin the operation instead");
        return false;
    }
    client->error[0] = '\0';
    return true;
}

static void
drop_last(struct stint_client *client)
{
    stint_call_release(client->last);
    client->last = NULL;
}

enum stint_status
client_run(struct stint_client *client, struct stint_call *call)
{
    drop_last(client);
    if (call == NULL) {
        return STINT_BUSY;
    }
    client->last = call;
    client_call_begin(call);
    for (;;) {
        pump(client);
        if (call->told || client->closing) {
            break;
        }
        link_wait(client->net, wait_ms(client, UINT64_MAX), client->wake);
        drain_wake(client);
        if (client->interrupted) {
            client->interrupted = false;
            client_call_cancel(call);
        }
    }
    if (client->closing) {
        free_client(client);
        return STINT_CANCELLED;
    }
    if (call->status != STINT_OK || call->detail[0] != '\0') {
        (void)client_fail(client, call->status, "%s", call->detail);
    }
    return call->status;
}

enum stint_status
stint_client_connect(struct stint_client *client, uint32_t timeout_ms)
{
    if (!client_may_block(client)) {
        return STINT_BUSY;
    }
    uint64_t deadline = clock_now_ns() + timeout_ms * MACHINE_MS;
    client_machine_start(client->machine, client_time());
    for (;;) {
        pump(client);
        if (client->closing) {
            free_client(client);
            return STINT_CANCELLED;
        }
        if (client_machine_state(client->machine) == STINT_CLIENT_CONNECTED) {
            return STINT_OK;
        }
        const char *why;
        enum stint_status status = client_machine_why(client->machine, &why);
        bool refused = client_machine_state(client->machine) == STINT_CLIENT_REFUSED;
        if (refused || clock_now_ns() >= deadline) {
            char text[CLIENT_DETAIL_SIZE];
            text_copy(text, sizeof text, why);
            client_text_clean(text);
            return client_fail(client, status != STINT_OK ? status : STINT_UNREACHABLE, "%s",
                               text[0] != '\0' ? text : "no node reached in time");
        }
        link_wait(client->net, wait_ms(client, deadline), client->wake);
        drain_wake(client);
        if (client->interrupted) {
            client->interrupted = false;
            return client_fail(client, STINT_CANCELLED, "interrupted");
        }
    }
}

/* ---- event loops ---- */

int
stint_client_fd(const struct stint_client *client)
{
    return client->poll;
}

int
stint_client_timeout_ms(const struct stint_client *client)
{
    return wait_ms(client, UINT64_MAX);
}

void
stint_client_process(struct stint_client *client)
{
    if (client->in_callback || client->depth != 0) {
        return;
    }
    drain_wake(client);
    client->interrupted = false;
    pump(client);
    if (client->closing) {
        free_client(client);
    }
}

void
stint_client_interrupt(struct stint_client *client)
{
    const uint64_t one = 1;
    int saved = errno;
    ssize_t written = write(client->wake, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
    errno = saved;
}

/* ---- life ---- */

static enum stint_status
open_parts(struct stint_client *client, char *error, size_t error_size)
{
    struct link_config net = { .mem = &client->heap->mem };
    memcpy(net.public_key, client->identity.curve_public, sizeof net.public_key);
    memcpy(net.secret_key, client->identity.curve_secret, sizeof net.secret_key);
    enum stint_status status = link_open(&client->net, &net, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    client->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    client->poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = { .events = EPOLLIN };
    if (client->wake < 0 || client->poll < 0 ||
        epoll_ctl(client->poll, EPOLL_CTL_ADD, client->wake, &interest) != 0 ||
        epoll_ctl(client->poll, EPOLL_CTL_ADD, link_fd(client->net), &interest) != 0) {
        text_format(error, error_size, "cannot make descriptors: %s", strerror(errno));
        return STINT_IO;
    }
    const char *endpoints[STINT_CLIENT_ENDPOINTS_MAX];
    for (size_t i = 0; i < client->settings.endpoint_count; i++) {
        endpoints[i] = client->settings.endpoints[i];
    }
    struct client_machine_config machine = { .mem = &client->heap->mem,
                                             .identity = &client->identity,
                                             .endpoints = endpoints,
                                             .endpoint_count = client->settings.endpoint_count,
                                             .loopback_only = client->settings.insecure,
                                             .pending_max = client->settings.pending_max,
                                             .pending_bytes_max =
                                                 client->settings.pending_bytes_max };
    uint8_t seed[32];
    entropy_bytes(machine.seed, sizeof machine.seed);
    entropy_bytes(seed, sizeof seed);
    client_cache_init(&client->cache, &client->heap->mem, seed);
    client->machine = client_machine_new(&machine);
    if (client->machine == NULL) {
        text_copy(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    return STINT_OK;
}

/* Gives back what open_parts made, in whatever state it is. */
static void
close_parts(struct stint_client *client)
{
    client_machine_free(client->machine);
    if (client->cache.mem != NULL) {
        client_cache_fini(&client->cache);
    }
    link_close(client->net);
    if (client->wake >= 0) {
        (void)close(client->wake);
    }
    if (client->poll >= 0) {
        (void)close(client->poll);
    }
    identity_wipe(&client->identity);
    struct client_heap *heap = client->heap;
    mem_free(&heap->mem, client, sizeof *client);
    client_heap_drop(heap);
}

static enum stint_status
open_client(const struct client_settings *settings, struct stint_client **out, char *error,
            size_t error_size)
{
    struct client_heap *heap = client_heap_new(settings->allocator);
    struct stint_client *client = heap != NULL ? mem_zalloc(&heap->mem, sizeof *client) : NULL;
    if (client == NULL) {
        client_heap_drop(heap);
        text_copy(error, error_size, "out of memory");
        return STINT_NO_MEMORY;
    }
    client->heap = heap;
    client->settings = *settings;
    client->wake = -1;
    client->poll = -1;
    list_init(&client->handles);
    list_init(&client->calls);
    list_init(&client->turns);
    list_init(&client->ready);
    list_init(&client->finished);
    enum stint_status status =
        client_identity_load(settings, clock_wall_ms(), &client->identity, error, error_size);
    if (status == STINT_OK) {
        status = open_parts(client, error, error_size);
    }
    if (status != STINT_OK) {
        close_parts(client);
        return status;
    }
    *out = client;
    return STINT_OK;
}

enum stint_status
stint_client_open(const struct stint_client_options *options, struct stint_client **client,
                  char *error, size_t error_size)
{
    char line[STINT_CLIENT_ERROR_SIZE] = "";
    struct client_settings settings;
    *client = NULL;
    enum stint_status status = wire_init();
    if (status != STINT_OK) {
        text_copy(line, sizeof line, "the cryptographic library does not work on this machine");
    } else {
        status = client_settings_read(options, &settings, line, sizeof line);
    }
    if (status == STINT_OK) {
        status = open_client(&settings, client, line, sizeof line);
    }
    if (error != NULL && error_size != 0) {
        client_text_clean(line);
        text_copy(error, error_size, line);
    }
    return status;
}

/* Ends all calls, tells of them, and frees. Handles that were not released live on without a
 * client. */
static void
free_client(struct stint_client *client)
{
    client->closing = true;
    drop_last(client);
    client_machine_stop(client->machine, client_time());
    client->depth++;
    effects(client);
    struct list *first;
    while ((first = list_first(&client->calls)) != NULL) {
        client_call_finish(STINT_CONTAINER_OF(first, struct stint_call, place), STINT_CANCELLED,
                           "the client was closed");
    }
    (void)deliver(client);
    LIST_EACH (link, &client->handles) {
        struct stint_call *call = STINT_CONTAINER_OF(link, struct stint_call, every);
        call->client = NULL;
        list_remove(&call->every);
    }
    link_wait(client->net, GOODBYE_MS, -1);
    close_parts(client);
}

void
stint_client_close(struct stint_client *client, uint32_t drain_ms)
{
    if (client == NULL || client->closing) {
        return;
    }
    if (client->in_callback || client->depth != 0) {
        client->closing = true;
        return;
    }
    uint64_t deadline = clock_now_ns() + drain_ms * MACHINE_MS;
    while (drain_ms != 0 && client->call_count != 0 && clock_now_ns() < deadline) {
        pump(client);
        if (client->closing || client->call_count == 0) {
            break;
        }
        link_wait(client->net, wait_ms(client, deadline), client->wake);
        drain_wake(client);
        if (client->interrupted) {
            break;
        }
    }
    free_client(client);
}

const char *
stint_client_error(const struct stint_client *client)
{
    return client->error;
}

enum stint_client_state
stint_client_state(const struct stint_client *client)
{
    return client_machine_state(client->machine);
}

const char *
stint_client_node(const struct stint_client *client)
{
    return client_machine_node(client->machine);
}

const char *
stint_client_version(void)
{
    return STINT_VERSION;
}
