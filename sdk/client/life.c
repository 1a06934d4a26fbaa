/* SPDX-License-Identifier: Apache-2.0 */
/* A client's life: what it is made of, its library thread, its end, and questions about it. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/text.h"
#include "client/client_internal.h"
#include "link/clock.h"
#include "link/entropy.h"
#include "wire/wire.h"

#define GOODBYE_MS 2 /* for the last frame to reach the network's thread */

/* ---- opening ---- */

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
    client->poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = { .events = EPOLLIN };
    if (!client_threads_init(&client->threads) || client->poll < 0 ||
        epoll_ctl(client->poll, EPOLL_CTL_ADD, client->threads.wake, &interest) != 0 ||
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

/* Gives back what open_parts made, in whatever state it is, and the client. */
static void
close_parts(struct stint_client *client)
{
    client_machine_free(client->machine);
    if (client->cache.mem != NULL) {
        client_cache_fini(&client->cache);
    }
    link_close(client->net);
    client_threads_fini(&client->threads);
    if (client->poll >= 0) {
        (void)close(client->poll);
    }
    identity_wipe(&client->identity);
    mem_free(&client->heap->mem, client, sizeof *client);
}

/* The library thread leads whenever it can. */
static void *
lead_always(void *arg)
{
    struct stint_client *client = arg;
    client_lock_take(&client->heap->lock);
    while (!client->stopped) {
        if (!client_lead(client)) {
            client_slot_wait(client, &client->threads.library_slot, true);
            continue;
        }
        if (client->closing) {
            client_stop(client);
        } else {
            client_pump_until(client, NULL);
        }
        client_unlead(client);
        (void)client_deliver(client);
    }
    client->threads.library_runs = false;
    (void)client_leave(client, STINT_OK);
    return NULL;
}

static enum stint_status
start_library(struct stint_client *client, char *error, size_t error_size)
{
    if (!client->settings.own_thread) {
        return STINT_OK;
    }
    client_lock_take(&client->heap->lock);
    enum stint_status status = client_library_start(client, lead_always);
    client_lock_give(&client->heap->lock);
    if (status != STINT_OK) {
        text_copy(error, error_size, "cannot start a thread");
    }
    return status;
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
    client->threads.wake = -1;
    client->poll = -1;
    list_init(&client->handles);
    list_init(&client->calls);
    list_init(&client->turns);
    list_init(&client->ready);
    list_init(&client->connecting);
    list_init(&client->finished);
    enum stint_status status =
        client_identity_load(settings, clock_wall_ms(), &client->identity, error, error_size);
    if (status == STINT_OK) {
        status = open_parts(client, error, error_size);
    }
    if (status == STINT_OK) {
        status = start_library(client, error, error_size);
    }
    if (status != STINT_OK) {
        close_parts(client);
        client_heap_drop(heap);
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

/* ---- closing ---- */

/* What is under way gets its time, whoever leads. */
static void
drain(struct stint_client *client, uint64_t deadline_ns)
{
    client->draining = true;
    for (;;) {
        uint64_t now = clock_now_ns();
        if (client->call_count == 0 || client->closing || client->interrupted ||
            now >= deadline_ns) {
            break;
        }
        if (client_lead(client)) {
            client_pump(client);
            if (client->call_count != 0 && !client_has_news(client)) {
                client_sleep(client, deadline_ns);
            }
            client_unlead(client);
            (void)client_deliver(client);
        } else {
            client_wait_quiet(client, deadline_ns - now);
        }
    }
    client->draining = false;
}

/* All calls end and are told of; a callback that another thread is in may take a while. */
static void
end(struct stint_client *client, uint64_t deadline_ns)
{
    client->closing = true;
    client_kick(client);
    for (;;) {
        if (!client->stopped && client_lead(client)) {
            client_stop(client);
            client_unlead(client);
        }
        (void)client_deliver(client);
        uint64_t now = clock_now_ns();
        bool quiet =
            client->stopped && !client->threads.delivering && !client_has_news(client);
        if (quiet || now >= deadline_ns) {
            break;
        }
        client_wait_quiet(client, deadline_ns - now);
    }
    if (client->threads.delivering) {
        client_library_detach(client);
    } else {
        client_library_join(client);
    }
}

void
stint_client_close(struct stint_client *client, uint32_t drain_ms)
{
    if (client == NULL) {
        return;
    }
    client_lock_take(&client->heap->lock);
    if (!client->closing && client_in_callback(client)) {
        client->closing = true;
        client_library_detach(client); /* it ends when this callback has returned */
        client_kick(client);
    }
    if (client->closing) {
        client_lock_give(&client->heap->lock);
        return;
    }
    client->threads.inside++;
    drain(client, clock_now_ns() + drain_ms * MACHINE_MS);
    end(client, clock_now_ns() + STINT_CLIENT_GRACE_MS * MACHINE_MS);
    (void)client_leave(client, STINT_OK);
}

/* Handles that were not released live on without a client. */
void
client_free(struct stint_client *client)
{
    STINT_ASSERT(client->stopped && client->threads.inside == 0);
    client_slots_free(client);
    struct list *first;
    while ((first = list_first(&client->handles)) != NULL) {
        struct stint_call *call = STINT_CONTAINER_OF(first, struct stint_call, every);
        call->client = NULL;
        list_remove(&call->every);
    }
    link_wait(client->net, GOODBYE_MS, -1);
    close_parts(client);
}

/* ---- questions ---- */

const char *
stint_client_error(const struct stint_client *client)
{
    client_lock_take(&client->heap->lock);
    const struct client_slot *slot = client_slot_find(client);
    client_lock_give(&client->heap->lock);
    return slot != NULL ? slot->error : "";
}

enum stint_client_state
stint_client_state(const struct stint_client *client)
{
    client_lock_take(&client->heap->lock);
    enum stint_client_state state = client_machine_state(client->machine);
    client_lock_give(&client->heap->lock);
    return state;
}

const char *
stint_client_node(struct stint_client *client)
{
    const char *name = "";
    client_lock_take(&client->heap->lock);
    struct client_slot *slot = client_slot_own(client);
    if (slot != NULL) {
        text_copy(slot->node, sizeof slot->node, client_machine_node(client->machine));
        name = slot->node;
    }
    client_lock_give(&client->heap->lock);
    return name;
}

const char *
stint_client_version(void)
{
    return STINT_VERSION;
}
