/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive, circular, doubly linked list. A list is a `struct list` that is its own
 * neighbour; a link that is in no list is its own neighbour too, so removing it twice
 * is harmless and list_is_linked() answers.
 */
#ifndef STINT_BASE_LIST_H
#define STINT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

/* The structure of type `type` whose member `member` is at `ptr`. */
#define STINT_CONTAINER_OF(ptr, type, member) \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Walks the links of `head`; the current one may be removed (and freed) in the body. */
#define LIST_EACH(link, head)                                                         \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
         link = link##_next, link##_next = link->next)

static inline void
list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool
list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool
list_is_linked(const struct list *link)
{
    return link->next != link;
}

/* Puts `link` directly behind `place`. */
static inline void
list_insert_after(struct list *place, struct list *link)
{
    link->prev = place;
    link->next = place->next;
    place->next->prev = link;
    place->next = link;
}

static inline void
list_insert_before(struct list *place, struct list *link)
{
    list_insert_after(place->prev, link);
}

static inline void
list_push_front(struct list *head, struct list *link)
{
    list_insert_after(head, link);
}

static inline void
list_push_back(struct list *head, struct list *link)
{
    list_insert_after(head->prev, link);
}

static inline void
list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first link, or NULL. */
static inline struct list *
list_first(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

/* The last link, or NULL. */
static inline struct list *
list_last(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->prev;
}

/* Removes and returns the first link, or NULL. */
static inline struct list *
list_pop_front(struct list *head)
{
    struct list *link = list_first(head);
    if (link != NULL) {
        list_remove(link);
    }
    return link;
}

/* Moves all links of `from`, in order, to the end of `head`; `from` is empty then. */
static inline void
list_splice_back(struct list *head, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    list_init(from);
}

#endif
