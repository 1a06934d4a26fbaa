/* SPDX-License-Identifier: Apache-2.0 */
#include "link/zap.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "link/link_socket.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

enum {
    ZAP_PARTS = 7, /* version, request, domain, address, identity, mechanism, key */
    ZAP_PART_MAX = 256,
};

struct zap_request {
    zmq_msg_t request; /* the number to repeat in the answer */
    uint8_t key[LINK_KEY_SIZE];
    bool version_ok;
    bool curve;
    bool keyed;
};

void *
zap_open(void *context)
{
    void *socket = socket_local(context, ZMQ_REP);
    if (socket == NULL) {
        return NULL;
    }
    if (zmq_bind(socket, ZAP_ENDPOINT) != 0) {
        int saved = errno;
        (void)zmq_close(socket);
        errno = saved;
        return NULL;
    }
    return socket;
}

static bool
part_is(zmq_msg_t *part, const char *text)
{
    return zmq_msg_size(part) == strlen(text) &&
           memcmp(zmq_msg_data(part), text, strlen(text)) == 0;
}

/* Takes one part into the request. False when nothing more follows it. */
static bool
take_part(struct zap_request *r, unsigned index, zmq_msg_t *part)
{
    switch (index) {
    case 0:
        r->version_ok = part_is(part, "1.0");
        break;
    case 1:
        (void)zmq_msg_copy(&r->request, part);
        break;
    case 5:
        r->curve = part_is(part, "CURVE");
        break;
    case 6:
        if (zmq_msg_size(part) == LINK_KEY_SIZE) {
            memcpy(r->key, zmq_msg_data(part), LINK_KEY_SIZE);
            r->keyed = true;
        }
        break;
    default:
        break;
    }
    return zmq_msg_more(part) != 0;
}

static int
send_part(void *socket, const char *text, int flags)
{
    return zmq_send(socket, text, strlen(text), flags | ZMQ_DONTWAIT) >= 0 ? 0 : -1;
}

static int
answer(void *socket, struct zap_request *r, bool admit)
{
    char user[2 * LINK_KEY_SIZE + 1] = "";
    if (admit) {
        text_hex(user, r->key, LINK_KEY_SIZE);
    }
    if (send_part(socket, "1.0", ZMQ_SNDMORE) != 0 ||
        zmq_msg_send(&r->request, socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        send_part(socket, admit ? "200" : "400", ZMQ_SNDMORE) != 0 ||
        send_part(socket, admit ? "OK" : "a CURVE key is needed", ZMQ_SNDMORE) != 0 ||
        send_part(socket, user, ZMQ_SNDMORE) != 0) {
        return -1;
    }
    return send_part(socket, "", 0);
}

enum zap_answer
zap_serve(void *socket)
{
    struct zap_request r = { .version_ok = false };
    zmq_msg_t part;
    unsigned count = 0;
    bool more = true;
    bool failed = false;
    (void)zmq_msg_init(&r.request);
    while (more) {
        (void)zmq_msg_init(&part);
        int got = socket_receive(socket, &part);
        if (got <= 0) {
            (void)zmq_msg_close(&part);
            (void)zmq_msg_close(&r.request);
            return got == 0 && count == 0 ? ZAP_NONE : ZAP_BROKEN;
        }
        failed = failed || zmq_msg_size(&part) > ZAP_PART_MAX;
        more = take_part(&r, count, &part);
        count++;
        (void)zmq_msg_close(&part);
    }
    bool admit = !failed && r.version_ok && r.curve && r.keyed && count == ZAP_PARTS;
    int rc = answer(socket, &r, admit);
    (void)zmq_msg_close(&r.request);
    if (rc != 0) {
        return ZAP_BROKEN;
    }
    return admit ? ZAP_ADMITTED : ZAP_REFUSED;
}
