/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/panic.h"
#include "client/client_internal.h"

/* What is written to the eventfd; it adds up, so both are told apart in one read. */
#define KICK UINT64_C(1)
#define INTERRUPT (UINT64_C(1) << 32)

/* ---- the lock ---- */

bool
client_lock_init(struct client_lock *lock)
{
    return pthread_mutex_init(&lock->mutex, NULL) == 0;
}

void
client_lock_fini(struct client_lock *lock)
{
    STINT_ASSERT(pthread_mutex_destroy(&lock->mutex) == 0);
}

void
client_lock_take(struct client_lock *lock)
{
    STINT_ASSERT(pthread_mutex_lock(&lock->mutex) == 0);
}

void
client_lock_give(struct client_lock *lock)
{
    STINT_ASSERT(pthread_mutex_unlock(&lock->mutex) == 0);
}

static pthread_mutex_t *
mutex_of(const struct stint_client *client)
{
    return &client->heap->lock.mutex;
}

/* ---- slots ---- */

bool
client_threads_init(struct client_threads *threads)
{
    pthread_condattr_t monotonic;
    list_init(&threads->slots);
    list_init(&threads->waiting);
    threads->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (threads->wake < 0 || pthread_condattr_init(&monotonic) != 0) {
        return false;
    }
    list_init(&threads->library_slot.waiting);
    threads->ready = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                     pthread_cond_init(&threads->quiet, &monotonic) == 0 &&
                     pthread_cond_init(&threads->library_slot.woken, NULL) == 0;
    (void)pthread_condattr_destroy(&monotonic);
    return threads->ready;
}

static void
free_slot(struct stint_client *client, struct client_slot *slot)
{
    client_call_release(slot->last);
    list_remove(&slot->place);
    client->threads.slot_count--;
    STINT_ASSERT(slot->inside == 0 && pthread_cond_destroy(&slot->woken) == 0);
    mem_free(&client->heap->mem, slot, sizeof *slot);
}

void
client_slots_free(struct stint_client *client)
{
    struct list *first;
    while ((first = list_first(&client->threads.slots)) != NULL) {
        free_slot(client, STINT_CONTAINER_OF(first, struct client_slot, place));
    }
}

void
client_threads_fini(struct client_threads *threads)
{
    if (threads->ready) {
        STINT_ASSERT(pthread_cond_destroy(&threads->quiet) == 0);
        STINT_ASSERT(pthread_cond_destroy(&threads->library_slot.woken) == 0);
    }
    if (threads->wake >= 0) {
        (void)close(threads->wake);
    }
}

struct client_slot *
client_slot_find(const struct stint_client *client)
{
    pthread_t self = pthread_self();
    LIST_EACH (link, &client->threads.slots) {
        struct client_slot *slot = STINT_CONTAINER_OF(link, struct client_slot, place);
        if (pthread_equal(slot->thread, self) != 0) {
            return slot;
        }
    }
    return NULL;
}

/* The slot used longest ago whose thread is elsewhere goes: perhaps that thread is no more. */
static bool
make_room(struct stint_client *client)
{
    struct client_slot *oldest = NULL;
    if (client->threads.slot_count < CLIENT_SLOTS) {
        return true;
    }
    LIST_EACH (link, &client->threads.slots) {
        struct client_slot *slot = STINT_CONTAINER_OF(link, struct client_slot, place);
        oldest = slot->inside == 0 ? slot : oldest;
    }
    if (oldest != NULL) {
        free_slot(client, oldest);
    }
    return oldest != NULL;
}

struct client_slot *
client_slot_own(struct stint_client *client)
{
    struct client_threads *threads = &client->threads;
    struct client_slot *slot = client_slot_find(client);
    if (slot == NULL) {
        if (!make_room(client) || (slot = mem_zalloc(&client->heap->mem, sizeof *slot)) == NULL) {
            return NULL;
        }
        if (pthread_cond_init(&slot->woken, NULL) != 0) {
            mem_free(&client->heap->mem, slot, sizeof *slot);
            return NULL;
        }
        slot->thread = pthread_self();
        list_init(&slot->place);
        list_init(&slot->waiting);
        threads->slot_count++;
    }
    list_remove(&slot->place);
    list_push_front(&threads->slots, &slot->place);
    return slot;
}

/* ---- waiting ---- */

void
client_slot_wait(struct stint_client *client, struct client_slot *slot, bool urgent)
{
    if (urgent) {
        list_push_front(&client->threads.waiting, &slot->waiting);
        client_kick(client);
    } else {
        list_push_back(&client->threads.waiting, &slot->waiting);
    }
    slot->wakes = false;
    while (!slot->wakes) {
        STINT_ASSERT(pthread_cond_wait(&slot->woken, mutex_of(client)) == 0);
    }
}

void
client_slot_wake(struct client_slot *slot)
{
    list_remove(&slot->waiting);
    slot->wakes = true;
    STINT_ASSERT(pthread_cond_signal(&slot->woken) == 0);
}

void
client_wait_quiet(struct stint_client *client, uint64_t ns)
{
    struct timespec until;
    STINT_ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    uint64_t nanoseconds = (uint64_t)until.tv_nsec + ns % UINT64_C(1000000000);
    until.tv_sec += (time_t)(ns / UINT64_C(1000000000) + nanoseconds / UINT64_C(1000000000));
    until.tv_nsec = (long)(nanoseconds % UINT64_C(1000000000));
    int rc = pthread_cond_timedwait(&client->threads.quiet, mutex_of(client), &until);
    STINT_ASSERT(rc == 0 || rc == ETIMEDOUT);
}

void
client_quiet(struct stint_client *client)
{
    STINT_ASSERT(pthread_cond_broadcast(&client->threads.quiet) == 0);
}

/* ---- roles ---- */

static bool
is_for_library(const struct stint_client *client)
{
    return client->threads.library_runs &&
           pthread_equal(client->threads.library, pthread_self()) == 0;
}

bool
client_may_deliver(const struct stint_client *client)
{
    return !client->threads.delivering && !is_for_library(client);
}

bool
client_lead_is_wanted(const struct stint_client *client)
{
    return is_for_library(client) && list_is_linked(&client->threads.library_slot.waiting);
}

bool
client_lead(struct stint_client *client)
{
    if (client->threads.led || (is_for_library(client) && !client->threads.delivering)) {
        return false;
    }
    client->threads.led = true;
    client->threads.leader = pthread_self();
    return true;
}

void
client_pass_on(struct stint_client *client)
{
    struct list *first = list_first(&client->threads.waiting);
    if (!client->threads.led && first != NULL) {
        client_slot_wake(STINT_CONTAINER_OF(first, struct client_slot, waiting));
    }
}

void
client_unlead(struct stint_client *client)
{
    client->threads.led = false;
    client_pass_on(client);
    client_quiet(client);
}

bool
client_in_callback(const struct stint_client *client)
{
    return client->threads.delivering &&
           pthread_equal(client->threads.deliverer, pthread_self()) != 0;
}

bool
client_led_elsewhere(const struct stint_client *client)
{
    return client->threads.led && pthread_equal(client->threads.leader, pthread_self()) == 0;
}

static void
write_wake(const struct stint_client *client, uint64_t what)
{
    int saved = errno;
    ssize_t written = write(client->threads.wake, &what, sizeof what);
    (void)written; /* a full counter wakes as well */
    errno = saved;
}

void
client_kick(struct stint_client *client)
{
    if (!client->threads.kicked) {
        client->threads.kicked = true;
        write_wake(client, KICK);
    }
}

bool
client_take_kicks(struct stint_client *client)
{
    uint64_t count = 0;
    client->threads.kicked = false;
    return read(client->threads.wake, &count, sizeof count) == (ssize_t)sizeof count &&
           count >= INTERRUPT;
}

/* From signal handlers, so without the lock: the descriptor is there as long as the client is. */
void
stint_client_interrupt(struct stint_client *client)
{
    write_wake(client, INTERRUPT);
}

/* ---- the library thread ---- */

enum stint_status
client_library_start(struct stint_client *client, void *(*lead)(void *client))
{
    sigset_t all;
    pthread_attr_t attributes;
    (void)sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0) {
        return STINT_NO_MEMORY;
    }
    bool started = pthread_attr_setsigmask_np(&attributes, &all) == 0 &&
                   pthread_create(&client->threads.library, &attributes, lead, client) == 0;
    (void)pthread_attr_destroy(&attributes);
    client->threads.has_library = started;
    client->threads.library_runs = started;
    client->threads.inside += started ? 1 : 0;
    return started ? STINT_OK : STINT_NO_MEMORY;
}

void
client_library_join(struct stint_client *client)
{
    if (client->threads.has_library) {
        client->threads.has_library = false;
        client_lock_give(&client->heap->lock);
        STINT_ASSERT(pthread_join(client->threads.library, NULL) == 0);
        client_lock_take(&client->heap->lock);
    }
}

void
client_library_detach(struct stint_client *client)
{
    if (client->threads.has_library) {
        client->threads.has_library = false;
        STINT_ASSERT(pthread_detach(client->threads.library) == 0);
    }
}
