/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of another version, as far as the first words go: what it says in HELLO and what it refuses is the project's own code,
 * built with other protocol numbers (CMakeLists.txt here). It has no more to say.
 *
 *     other_peer KEYS_DIR NAME                 listens, prints its endpoint, refuses whoever comes; ends with its stdin
 *     other_peer KEYS_DIR NAME ENDPOINT        greets that node, and prints how the session ended
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "host/keyfiles.h"
#include "link/clock.h"
#include "link/entropy.h"
#include "link/link.h"
#include "link/sysmem.h"
#include "wire/session.h"
#include "wire/wire.h"

enum { WITHIN_MS = 20000, LINK = 1 };

static struct identity identity;
static struct mem mem;
static struct prng random_numbers;

static struct session_time
now(void)
{
    return (struct session_time){ clock_now_ns(), clock_wall_ms() };
}

static struct session_config
settings(void)
{
    return (struct session_config){ .mem = &mem, .random = &random_numbers, .identity = &identity };
}

static int
fail(const char *why)
{
    fprintf(stderr, "other_peer: %s\n", why);
    return 1;
}

static int
refuse_all(struct link_net *net)
{
    struct session_config config = settings();
    struct link_event in;
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    while (poll(&input, 1, 0) == 0) {
        link_wait(net, 1000, STDIN_FILENO);
        while (link_next(net, &in)) {
            struct session *session = NULL;
            struct session_refusal refusal;
            if (in.kind != LINK_RECEIVED) {
                continue;
            }
            enum stint_status status = session_accept(&config, in.bytes, in.peer_key, now(), &session, &refusal);
            if (status == STINT_OK) {
                session_free(session);
                return fail("this version took the other one's HELLO");
            }
            (void)!link_send(net, in.link, span_of(refusal.frame, refusal.frame_size));
            fprintf(stderr, "other_peer: refused: %s\n", refusal.text);
        }
    }
    return 0;
}

static int
greet(struct link_net *net, const char *endpoint)
{
    struct session_config config = settings();
    struct session *session = session_open(&config);
    struct stint_span frame, batch;
    struct link_event in;
    uint64_t end = clock_now_ns() + WITHIN_MS * CLOCK_NS_PER_MS;
    if (session == NULL || link_connect(net, LINK, endpoint, identity.trust.server_public) != STINT_OK) {
        return fail("cannot connect");
    }
    while (session_state(session) != SESSION_CLOSED && clock_now_ns() < end) {
        while (link_next(net, &in)) {
            if (in.kind == LINK_UP) {
                session_link_up(session, now());
            } else if (in.kind == LINK_RECEIVED) {
                (void)!session_receive(session, in.bytes, NULL, now(), &batch);
            }
        }
        while (session_output(session, now(), &frame)) {
            (void)!link_send(net, LINK, frame);
        }
        if (session_state(session) != SESSION_CLOSED) {
            link_wait(net, 100, -1);
            session_tick(session, now());
        }
    }
    printf("%s: %s\n", stint_status_name(session_status(session)), session_text(session));
    session_free(session);
    return 0;
}

int
main(int argc, char **argv)
{
    char error[512] = "";
    struct link_net *net;
    if (argc < 3 || wire_init() != STINT_OK || keyfiles_identity(argv[1], argv[2], &identity, error, sizeof error) != STINT_OK) {
        return fail(argc < 3 ? "usage: other_peer KEYS_DIR NAME [ENDPOINT]" : error);
    }
    mem_init(&mem, sysmem_allocator(), 0);
    prng_init(&random_numbers, entropy_u64());
    struct link_config config = { .mem = &mem, .listen = argc == 3 ? "tcp://127.0.0.1:0" : NULL };
    memcpy(config.public_key, identity.curve_public, sizeof config.public_key);
    memcpy(config.secret_key, identity.curve_secret, sizeof config.secret_key);
    memcpy(config.server_secret, identity.server_secret, sizeof config.server_secret);
    if (link_open(&net, &config, error, sizeof error) != STINT_OK) {
        return fail(error);
    }
    printf("%s\n", link_endpoint(net));
    (void)fflush(stdout);
    int code = argc == 3 ? refuse_all(net) : greet(net, argv[3]);
    link_close(net);
    identity_wipe(&identity);
    return code;
}
