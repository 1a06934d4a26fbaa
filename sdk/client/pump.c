/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's shell: the network and the clock go in, effects are carried out, what is over is
 * told. Blocking calls, stint_client_process and the library thread are the same loop (threads.h
 * says who runs it).
 */
#include <stdarg.h>
#include <string.h>

#include "base/panic.h"
#include "base/text.h"
#include "client/client_internal.h"
#include "link/clock.h"

/* An event loop looks again after so long while another thread does its work. */
#define ELSEWHERE_MS 10

struct session_time
client_time(void)
{
    return (struct session_time){ .now_ns = clock_now_ns(), .wall_ms = clock_wall_ms() };
}

enum stint_status
client_fail(struct stint_client *client, enum stint_status status, const char *format, ...)
{
    struct client_slot *slot = client_slot_own(client);
    if (slot != NULL) {
        va_list args;
        va_start(args, format);
        text_format_list(slot->error, sizeof slot->error, format, args);
        va_end(args);
        slot->status = status;
    }
    return status;
}

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
    client_own_deliver(client);
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

/* Calls that wait for the connection look whether it is there, or will not be. */
static void
connections(struct stint_client *client)
{
    enum stint_client_state state = client_machine_state(client->machine);
    struct list *first;
    if (state != STINT_CLIENT_CONNECTED && state != STINT_CLIENT_REFUSED) {
        return;
    }
    while ((first = list_pop_front(&client->connecting)) != NULL) {
        client_call_advance(STINT_CONTAINER_OF(first, struct stint_call, waiting));
    }
}

void
client_pump(struct stint_client *client)
{
    client->touched = false;
    effects(client);
    network(client);
    client_machine_tick(client->machine, client_time());
    effects(client);
    connections(client);
    turns(client);
}

void
client_stop(struct stint_client *client)
{
    if (client->stopped) {
        return;
    }
    client->closing = true;
    client->stopped = true;
    client_own_end(client);
    effects(client);
    client_machine_stop(client->machine, client_time());
    effects(client);
    struct list *first;
    while ((first = list_first(&client->calls)) != NULL) {
        client_call_finish(STINT_CONTAINER_OF(first, struct stint_call, place), STINT_CANCELLED,
                           "the client was closed");
    }
}

/* ---- telling ---- */

bool
client_has_news(const struct stint_client *client)
{
    return client->state_due || !list_is_empty(&client->finished);
}

static void
tell_state(struct stint_client *client)
{
    char text[CLIENT_DETAIL_SIZE];
    enum stint_client_state state = client->state_told;
    text_copy(text, sizeof text, client->state_text);
    client->state_due = false;
    if (client->settings.on_state != NULL) {
        client_lock_give(&client->heap->lock);
        client->settings.on_state(client->settings.arg, client, state, text);
        client_lock_take(&client->heap->lock);
    }
}

static void
tell_done(struct stint_client *client, struct stint_call *call)
{
    if (!call->released && call->done != NULL) {
        client_lock_give(&client->heap->lock);
        call->done(call->arg, call); /* may release it: it is freed below, not there */
        client_lock_take(&client->heap->lock);
    }
    call->told = true;
    if (call->released) {
        client_call_release(call);
    }
}

bool
client_deliver(struct stint_client *client)
{
    bool told = false;
    struct list *first;
    if (!client_may_deliver(client) || !client_has_news(client)) {
        return false;
    }
    client->threads.delivering = true;
    client->threads.deliverer = pthread_self();
    while (client_has_news(client)) {
        told = true;
        if (client->state_due) {
            tell_state(client);
        } else if ((first = list_pop_front(&client->finished)) != NULL) {
            tell_done(client, STINT_CONTAINER_OF(first, struct stint_call, place));
        }
    }
    client->threads.delivering = false;
    client_quiet(client);
    return told;
}

/* ---- sleeping ---- */

static uint64_t
deadline_of(const struct stint_client *client)
{
    uint64_t calls = client_calls_deadline(client);
    uint64_t machine = client_machine_deadline(client->machine);
    return calls < machine ? calls : machine;
}

static int
wait_ms(const struct stint_client *client, uint64_t deadline_ns)
{
    bool tells = client_has_news(client) && client_may_deliver(client);
    if (client->touched || tells || !list_is_empty(&client->ready) || link_pending(client->net)) {
        return 0;
    }
    uint64_t own = deadline_of(client);
    return clock_timeout_ms(clock_now_ns(), own < deadline_ns ? own : deadline_ns);
}

/* stint_client_interrupt ends the blocking calls under way, or else the next one. */
static void
take_kicks(struct stint_client *client)
{
    if (!client_take_kicks(client)) {
        return;
    }
    client->interrupted = true;
    struct list *link = client->calls.next;
    while (link != &client->calls) {
        struct stint_call *call = STINT_CONTAINER_OF(link, struct stint_call, place);
        link = link->next;
        if (call->blocks != NULL) {
            client->interrupted = false;
            client_call_cancel(call);
        }
    }
}

void
client_sleep(struct stint_client *client, uint64_t deadline_ns)
{
    int ms = wait_ms(client, deadline_ns);
    client_lock_give(&client->heap->lock);
    link_wait(client->net, ms, client->threads.wake);
    client_lock_take(&client->heap->lock);
    take_kicks(client);
}

void
client_pump_until(struct stint_client *client, const struct stint_call *call)
{
    for (;;) {
        client_pump(client);
        bool tells = client_has_news(client) && client_may_deliver(client);
        bool over = call != NULL && call->told;
        if (client->closing || tells || over || client_lead_is_wanted(client)) {
            return;
        }
        client_sleep(client, UINT64_MAX);
    }
}

/* ---- blocking ---- */

static bool
may_block(struct stint_client *client, struct client_slot *slot, struct stint_call *call)
{
    if (client_in_callback(client)) {
        (void)client_fail(client, STINT_BUSY,
                          "a callback may not wait: begin the operation instead");
    } else if (slot == NULL) {
        (void)client_fail(client, STINT_BUSY, "%d threads are in calls of this client",
                          CLIENT_SLOTS);
    } else {
        return true;
    }
    if (!call->over) {
        client_call_finish(call, STINT_BUSY, "");
    }
    client_call_release(call);
    return false;
}

enum stint_status
client_run(struct stint_client *client, struct stint_call *call)
{
    struct client_slot *slot = client_slot_own(client);
    client->threads.inside++;
    if (call == NULL) {
        return slot != NULL ? slot->status : STINT_NO_MEMORY;
    }
    if (!may_block(client, slot, call)) {
        return STINT_BUSY;
    }
    client_call_release(slot->last);
    slot->last = call;
    slot->inside++;
    if (call->over) {
        list_remove(&call->place); /* nobody else waits to be told */
        call->told = true;
    }
    call->blocks = slot;
    client_call_begin(call);
    if (client->interrupted) {
        if (!client->threads.led) {
            (void)client_take_kicks(client); /* however often: one call is given up */
        }
        client->interrupted = false;
        client_call_cancel(call);
    }
    if (!call->told && client_led_elsewhere(client)) {
        client_kick(client);
    }
    while (!call->told) {
        if (!client_lead(client)) {
            client_slot_wait(client, slot, false);
            continue;
        }
        if (client->closing) {
            client_stop(client);
        } else {
            client_pump_until(client, call);
        }
        client_unlead(client);
        (void)client_deliver(client);
    }
    call->blocks = NULL;
    slot->inside--;
    if (call->status != STINT_OK || call->detail[0] != '\0') {
        (void)client_fail(client, call->status, "%s", call->detail);
    }
    return call->status;
}

enum stint_status
client_leave(struct stint_client *client, enum stint_status status)
{
    struct client_heap *heap = client->heap;
    client_pass_on(client);
    if (client->closing && client->threads.inside == 1) {
        STINT_ASSERT(client_lead(client));
        client_stop(client);
        client_unlead(client);
        (void)client_deliver(client);
    }
    if (--client->threads.inside == 0 && client->closing) {
        client_free(client);
        client_lock_give(&heap->lock);
        client_heap_drop(heap);
        return status;
    }
    client_quiet(client);
    client_lock_give(&heap->lock);
    return status;
}

struct stint_call *
client_begin(struct stint_client *client, struct stint_call *call, stint_call_done_fn *done,
             void *arg)
{
    if (call != NULL) {
        call->done = done;
        call->arg = arg;
        client_call_begin(call);
        client_kick(client);
    }
    client_lock_give(&client->heap->lock);
    return call;
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
    int ms;
    client_lock_take(&client->heap->lock);
    if (client_led_elsewhere(client)) {
        ms = clock_timeout_ms(clock_now_ns(), deadline_of(client));
        ms = ms >= 0 && ms < ELSEWHERE_MS ? ELSEWHERE_MS : ms;
    } else {
        ms = wait_ms(client, UINT64_MAX);
    }
    client_lock_give(&client->heap->lock);
    return ms;
}

void
stint_client_process(struct stint_client *client)
{
    bool told = true;
    client_lock_take(&client->heap->lock);
    if (client_in_callback(client)) {
        client_lock_give(&client->heap->lock);
        return;
    }
    client->threads.inside++;
    while (told && !client->closing) {
        if (client_lead(client)) {
            take_kicks(client);
            client->interrupted = false;
            client_pump(client);
            client_unlead(client);
        }
        told = client_deliver(client);
    }
    (void)client_leave(client, STINT_OK);
}
