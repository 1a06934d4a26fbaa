/* SPDX-License-Identifier: Apache-2.0 */
#include "client/candidates.h"

#include <string.h>

#include "base/text.h"

bool
candidate_is_loopback(const char *endpoint)
{
    static const char *const prefixes[] = { "tcp://127.", "tcp://localhost:", "tcp://[::1]:" };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(endpoint, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static struct candidate *
add(struct candidates *c, const char *endpoint)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->list[i].endpoint, endpoint) == 0) {
            return &c->list[i];
        }
    }
    if (c->count == CLIENT_CANDIDATES || strlen(endpoint) > LIMIT_ENDPOINT) {
        return NULL;
    }
    struct candidate *one = &c->list[c->count++];
    *one = (struct candidate){ .given = false };
    text_copy(one->endpoint, sizeof one->endpoint, endpoint);
    return one;
}

bool
candidates_give(struct candidates *c, const char *endpoint)
{
    struct candidate *one = add(c, endpoint);
    if (one != NULL) {
        one->given = true;
    }
    return one != NULL;
}

void
candidates_view(struct candidates *c, const stint_View *view)
{
    char current[LIMIT_ENDPOINT + 1];
    text_copy(current, sizeof current, candidates_current(c));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        c->list[i].member = false;
        if (c->list[i].given) {
            c->list[kept++] = c->list[i];
        }
    }
    c->count = kept;
    for (pb_size_t i = 0; i < view->members_count; i++) {
        const stint_Member *member = &view->members[i];
        bool serves = member->state == stint_MemberState_MEMBER_ACTIVE ||
                      member->state == stint_MemberState_MEMBER_CORDONED;
        if (serves && text_is_printable(member->endpoint, LIMIT_ENDPOINT) &&
            member->endpoint[0] != '\0' &&
            (!c->loopback_only || candidate_is_loopback(member->endpoint))) {
            struct candidate *one = add(c, member->endpoint);
            if (one != NULL) {
                one->member = true;
            }
        }
    }
    c->current = UINT32_MAX;
    for (uint32_t i = 0; i < c->count; i++) {
        c->current = strcmp(c->list[i].endpoint, current) == 0 ? i : c->current;
    }
}

void
candidates_new_round(struct candidates *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        c->list[i].tried = false;
        c->list[i].refused = STINT_OK;
    }
}

uint32_t
candidates_left(const struct candidates *c)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        left += c->list[i].tried ? 0 : 1;
    }
    return left;
}

const char *
candidates_next(struct candidates *c, struct prng *random, bool in_order)
{
    uint32_t left = candidates_left(c);
    if (left == 0) {
        return NULL;
    }
    bool avoid = left > 1 && !in_order && c->current < c->count && !c->list[c->current].tried;
    uint64_t skip = in_order ? 0 : prng_below(random, avoid ? left - 1 : left);
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->list[i].tried || (avoid && i == c->current)) {
            continue;
        }
        if (skip-- == 0) {
            c->list[i].tried = true;
            c->current = i;
            return c->list[i].endpoint;
        }
    }
    return NULL;
}

void
candidates_refuse(struct candidates *c, enum stint_status status)
{
    if (c->current < c->count) {
        c->list[c->current].refused = status;
    }
}

bool
candidates_handshake_failed(struct candidates *c)
{
    if (c->current >= c->count || ++c->list[c->current].handshakes < CLIENT_HANDSHAKES) {
        return false;
    }
    candidates_refuse(c, STINT_WRONG_CLUSTER);
    return true;
}

void
candidates_handshake_fine(struct candidates *c)
{
    if (c->current < c->count) {
        c->list[c->current].handshakes = 0;
    }
}

enum stint_status
candidates_all_refuse(const struct candidates *c)
{
    enum stint_status status = STINT_OK;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->list[i].refused == STINT_OK) {
            return STINT_OK;
        }
        status = c->list[i].refused;
    }
    return status;
}

const char *
candidates_current(const struct candidates *c)
{
    return c->current < c->count ? c->list[c->current].endpoint : "";
}
