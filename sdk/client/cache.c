/* SPDX-License-Identifier: Apache-2.0 */
/* What a client remembers: where names lead, how types look, and how far it is with each channel.
 * All of it is bounded and can be asked for again, except the numbers of a lane that is in use. */
#include <string.h>

#include "base/panic.h"
#include "base/text.h"
#include "client/client_internal.h"

#define CACHE_NS (CLIENT_CACHE_MS * UINT64_C(1000000))

void
client_cache_init(struct client_cache *cache, struct mem *mem, const uint8_t seed[32])
{
    *cache = (struct client_cache){ .mem = mem };
    prng_init_entropy(&cache->random, seed);
    table_init(&cache->lanes, mem, prng_next(&cache->random));
    list_init(&cache->lane_order);
}

static void
free_types(struct client_cache *cache, struct cached_types *types)
{
    client_types_fini(&types->types);
    mem_free(cache->mem, types, sizeof *types);
}

void
client_cache_fini(struct client_cache *cache)
{
    mem_free(cache->mem, cache->names, CLIENT_NAMES * sizeof *cache->names);
    for (uint32_t i = 0; i < cache->type_count; i++) {
        free_types(cache, cache->types[i]);
    }
    struct list *first;
    while ((first = list_pop_front(&cache->lane_order)) != NULL) {
        struct lane *lane = STINT_CONTAINER_OF(first, struct lane, place);
        STINT_ASSERT(lane->holder == NULL && list_is_empty(&lane->waiting));
        mem_free(cache->mem, lane, sizeof *lane);
    }
    table_fini(&cache->lanes);
    *cache = (struct client_cache){ .mem = cache->mem };
    list_init(&cache->lane_order);
}

/* ---- names ---- */

static struct cached_name *
find_name(const struct client_cache *cache, const char *name)
{
    for (uint32_t i = 0; i < cache->name_count; i++) {
        if (strcmp(cache->names[i].name, name) == 0) {
            return &cache->names[i];
        }
    }
    return NULL;
}

const struct cached_name *
client_cache_name(const struct client_cache *cache, const char *name, uint64_t now_ns)
{
    const struct cached_name *found = find_name(cache, name);
    return found != NULL && now_ns < found->until_ns ? found : NULL;
}

void
client_cache_put_name(struct client_cache *cache, const char *name, const stint_ChannelInfo *info,
                      uint64_t now_ns)
{
    if (name[0] == '\0' || strlen(name) > LIMIT_NAME || info->id.size != sizeof(struct stint_id)) {
        return;
    }
    if (cache->names == NULL &&
        (cache->names = mem_zalloc(cache->mem, CLIENT_NAMES * sizeof *cache->names)) == NULL) {
        return;
    }
    struct cached_name *entry = find_name(cache, name);
    if (entry == NULL && cache->name_count < CLIENT_NAMES) {
        entry = &cache->names[cache->name_count++];
    } else if (entry == NULL) {
        entry = &cache->names[cache->name_next++ % CLIENT_NAMES];
    }
    text_copy(entry->name, sizeof entry->name, name);
    memcpy(entry->id.bytes, info->id.bytes, sizeof entry->id.bytes);
    text_copy(entry->type, sizeof entry->type, info->type);
    entry->until_ns = now_ns + CACHE_NS;
}

void
client_cache_forget_name(struct client_cache *cache, const char *name)
{
    struct cached_name *entry = find_name(cache, name);
    if (entry != NULL) {
        entry->until_ns = 0;
    }
}

/* ---- types ---- */

const struct client_types *
client_cache_types(struct client_cache *cache, const char *text, uint64_t now_ns)
{
    for (uint32_t i = 0; i < cache->type_count; i++) {
        if (strcmp(cache->types[i]->text, text) == 0) {
            cache->types[i]->used = ++cache->clock;
            return now_ns < cache->types[i]->until_ns ? &cache->types[i]->types : NULL;
        }
    }
    return NULL;
}

/* The place for a description: that of the same text, a free one, or that of the one used longest
 * ago. */
static uint32_t
place_for_types(struct client_cache *cache, const char *text)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < cache->type_count; i++) {
        if (strcmp(cache->types[i]->text, text) == 0) {
            return i;
        }
        oldest = cache->types[i]->used < cache->types[oldest]->used ? i : oldest;
    }
    return cache->type_count < CLIENT_SCHEMAS ? cache->type_count : oldest;
}

enum stint_status
client_cache_put_types(struct client_cache *cache, const char *text, struct stint_span schema,
                       uint64_t hash, uint64_t now_ns, char *error, size_t error_size)
{
    struct cached_types *made = mem_zalloc(cache->mem, sizeof *made);
    if (made == NULL) {
        return STINT_NO_MEMORY;
    }
    enum stint_status status =
        client_types_read(&made->types, cache->mem, schema, error, error_size);
    if (status == STINT_OK && client_types_root(&made->types) == NULL) {
        text_format(error, error_size, "description of types: it is empty");
        status = STINT_INVALID;
    }
    if (status != STINT_OK) {
        free_types(cache, made);
        return status;
    }
    text_copy(made->text, sizeof made->text, text);
    made->until_ns = now_ns + CACHE_NS;
    made->used = ++cache->clock;
    made->hash = hash;
    uint32_t place = place_for_types(cache, text);
    if (place == cache->type_count) {
        cache->type_count++;
    } else {
        free_types(cache, cache->types[place]);
    }
    cache->types[place] = made;
    return STINT_OK;
}

uint64_t
client_cache_hash(const struct client_cache *cache, const char *text)
{
    for (uint32_t i = 0; i < cache->type_count; i++) {
        if (strcmp(cache->types[i]->text, text) == 0) {
            return cache->types[i]->hash;
        }
    }
    return 0;
}

/* ---- lanes ---- */

void
client_cache_renew_lane(struct client_cache *cache, struct lane *lane)
{
    lane->participant = prng_id(&cache->random);
    lane->next = 1;
}

/* Room for one more lane: an idle one goes. The cluster forgets what it knew of it in its own time.
 */
static bool
make_room(struct client_cache *cache)
{
    if (table_count(&cache->lanes) < CLIENT_LANES) {
        return true;
    }
    LIST_EACH (link, &cache->lane_order) {
        struct lane *lane = STINT_CONTAINER_OF(link, struct lane, place);
        if (lane->holder == NULL && list_is_empty(&lane->waiting)) {
            (void)table_remove(&cache->lanes, lane->key);
            list_remove(&lane->place);
            mem_free(cache->mem, lane, sizeof *lane);
            return true;
        }
    }
    return false;
}

/* Ids are random, so that of a channel turned round is no other channel's. */
static struct stint_id
lane_key(struct stint_id channel, bool receives)
{
    for (size_t i = 0; receives && i < sizeof channel.bytes; i++) {
        channel.bytes[i] = (uint8_t)~channel.bytes[i];
    }
    return channel;
}

struct lane *
client_cache_lane(struct client_cache *cache, struct stint_id channel, bool receives)
{
    struct stint_id key = lane_key(channel, receives);
    struct lane *lane = table_find(&cache->lanes, key);
    if (lane == NULL) {
        if (!make_room(cache) || (lane = mem_zalloc(cache->mem, sizeof *lane)) == NULL) {
            return NULL;
        }
        lane->key = key;
        list_init(&lane->place);
        list_init(&lane->waiting);
        client_cache_renew_lane(cache, lane);
        if (table_insert(&cache->lanes, key, lane) != STINT_OK) {
            mem_free(cache->mem, lane, sizeof *lane);
            return NULL;
        }
    }
    list_remove(&lane->place);
    list_push_back(&cache->lane_order, &lane->place);
    return lane;
}
