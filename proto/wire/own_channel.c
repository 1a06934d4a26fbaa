/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of channels that clients host, and places in bodies. */
#include "wire/own_channel.h"

#include <string.h>

#include "wire/seal.h"

#define MARK_SIZE 4

/* The end of such an id; in hex it is 6f776e00. A random id ends so once in four thousand million
 * times, and is then only searched for longer than it need be. */
static const uint8_t mark[MARK_SIZE] = { 'o', 'w', 'n', 0 };

struct stint_id
own_channel_id(uint8_t role, struct stint_id subject, const uint8_t nonce[OWN_CHANNEL_NONCE_SIZE])
{
    uint8_t digest[SEAL_DIGEST_SIZE];
    struct seal_hash hash;
    struct stint_id id;
    seal_hash_init(&hash);
    seal_hash_add(&hash, span_text("client channel"));
    seal_hash_add(&hash, span_of(&role, 1));
    seal_hash_add(&hash, span_of(subject.bytes, sizeof subject.bytes));
    seal_hash_add(&hash, span_of(nonce, OWN_CHANNEL_NONCE_SIZE));
    seal_hash_final(&hash, digest);
    memcpy(id.bytes, digest, sizeof id.bytes - MARK_SIZE);
    memcpy(id.bytes + sizeof id.bytes - MARK_SIZE, mark, MARK_SIZE);
    return id;
}

bool
own_channel_is(struct stint_id id)
{
    return memcmp(id.bytes + sizeof id.bytes - MARK_SIZE, mark, MARK_SIZE) == 0;
}

void
own_channel_put_place(uint8_t out[OWN_CHANNEL_PLACE_SIZE], const struct own_channel_place *place)
{
    memcpy(out, place->node.bytes, sizeof place->node.bytes);
    le64_put(out + sizeof place->node.bytes, place->incarnation);
}

bool
own_channel_get_place(struct stint_span *body, struct own_channel_place *place)
{
    if (body->size < OWN_CHANNEL_PLACE_SIZE || body->size > OWN_CHANNEL_PLACE_SIZE + LIMIT_MESSAGE) {
        return false;
    }
    memcpy(place->node.bytes, body->data, sizeof place->node.bytes);
    place->incarnation = le64_get(body->data + sizeof place->node.bytes);
    body->data += OWN_CHANNEL_PLACE_SIZE;
    body->size -= OWN_CHANNEL_PLACE_SIZE;
    return true;
}
