/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads in a client. One lock guards a client, its calls and its memory; it is given back while
 * somebody sleeps and while a callback runs. Two roles go from thread to thread:
 *
 *     the leader     alone touches the network: it carries effects out, takes what came in, sleeps
 *     the deliverer  alone runs callbacks; it does not lead meanwhile, so no callback, however long,
 *                    holds up a blocking call
 *
 * Who blocks leads if nobody does, else waits for its call to be over or for the lead. If there is a
 * library thread it has both roles, for as long as the client lives; others lead only while it is in
 * a callback. The last thread that is out of a closed client frees it.
 *
 * Each thread has a slot in the client for what its last blocking call handed out and for the line
 * about its last failure.
 */
#ifndef STINT_CLIENT_THREADS_H
#define STINT_CLIENT_THREADS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/list.h"
#include "stint/client.h"
#include "wire/cert.h"

/* ---- the lock: also of handles and lists that outlive their client ---- */

struct client_lock {
    pthread_mutex_t mutex;
};

STINT_MUST_USE bool client_lock_init(struct client_lock *lock);
void client_lock_fini(struct client_lock *lock);
void client_lock_take(struct client_lock *lock);
void client_lock_give(struct client_lock *lock);

/* ---- slots; all that follows is called under the lock ---- */

struct client_slot {
    struct list place;   /* the one used last first */
    struct list waiting; /* for the lead */
    pthread_t thread;
    pthread_cond_t woken;
    bool wakes;
    uint32_t inside;         /* blocking calls of this thread, which keep the slot */
    struct stint_call *last; /* what the last blocking call handed out */
    enum stint_status status;
    char error[STINT_CLIENT_ERROR_SIZE];
    char node[CERT_NAME_SIZE];
};

struct client_threads {
    struct list slots, waiting;
    uint32_t slot_count;
    pthread_t leader, deliverer, library;
    bool led, delivering;
    bool has_library;                /* to be joined or detached */
    bool library_runs;               /* it has not left yet */
    struct client_slot library_slot; /* it waits for the lead there */
    uint32_t inside;      /* threads in functions that may wait */
    pthread_cond_t quiet; /* for who closes: something has ended */
    int wake;             /* eventfd */
    bool kicked;          /* it is readable already */
    bool ready;           /* the parts above were made */
};

STINT_MUST_USE bool client_threads_init(struct client_threads *threads);
void client_threads_fini(struct client_threads *threads);

/* The calling thread's slot, made when new in place of the one used longest ago; NULL when memory
 * is short or CLIENT_SLOTS threads are inside. And without making one: NULL if there is none. */
struct client_slot *client_slot_own(struct stint_client *client);
struct client_slot *client_slot_find(const struct stint_client *client);

/* Waits until the slot is woken: its call is over, or nobody leads. `urgent`: is given the lead
 * before the others. */
void client_slot_wait(struct stint_client *client, struct client_slot *slot, bool urgent);
void client_slot_wake(struct client_slot *slot);

/* Waits until something has ended (client_quiet), at most so long. */
void client_wait_quiet(struct stint_client *client, uint64_t ns);
void client_quiet(struct stint_client *client);

/* ---- roles ---- */

/* Takes the lead; false if another thread has it, or should. */
bool client_lead(struct stint_client *client);

/* Whether the leader, this thread, should give it back: the library thread waits for it. */
bool client_lead_is_wanted(const struct stint_client *client);

/* Whether this thread may deliver: nobody does, and there is no library thread or this is it. */
bool client_may_deliver(const struct stint_client *client);

/* Gives it back; the next one that waits for it is woken. */
void client_unlead(struct stint_client *client);

/* If nobody leads, who waits longest for it is woken. */
void client_pass_on(struct stint_client *client);

/* Whether the calling thread is in a callback of this client. */
bool client_in_callback(const struct stint_client *client);

/* Whether another thread than this one leads. */
bool client_led_elsewhere(const struct stint_client *client);

/* Ends the leader's sleep, or that of an event loop, soon: there is something new to do. */
void client_kick(struct stint_client *client);

/* Makes the descriptor quiet again; true if stint_client_interrupt was called. */
bool client_take_kicks(struct stint_client *client);

/* ---- the library thread ---- */

/* Starts it with all signals blocked, so that the program's handlers run in the program's threads.
 * It runs `lead`, which takes the lock itself. */
STINT_MUST_USE enum stint_status client_library_start(struct stint_client *client,
                                                      void *(*lead)(void *client));

/* It ends by itself: waits for that (without the lock meanwhile), or does not. */
void client_library_join(struct stint_client *client);
void client_library_detach(struct stint_client *client);

#endif
