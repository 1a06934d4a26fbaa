/* SPDX-License-Identifier: Apache-2.0 */
/* list, table, heap: each against a simple model, under random operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/ids.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/table.h"
#include "tracked_memory.h"

struct item {
    int number;
    struct list link;
};

static void
test_list_keeps_order(void **state)
{
    (void)state;
    struct list head;
    struct list other;
    struct item items[6];
    list_init(&head);
    list_init(&other);
    assert_null(list_first(&head));
    assert_null(list_pop_front(&head));
    for (int i = 0; i < 6; i++) {
        items[i].number = i;
        list_push_back(i < 4 ? &head : &other, &items[i].link);
    }
    list_splice_back(&head, &other);
    assert_true(list_is_empty(&other));
    list_splice_back(&head, &other);
    list_remove(&items[2].link);
    assert_false(list_is_linked(&items[2].link));
    list_remove(&items[2].link);
    list_push_front(&head, &items[2].link);
    static const int expected[] = { 2, 0, 1, 3, 4, 5 };
    int at = 0;
    LIST_EACH (link, &head) {
        struct item *item = STINT_CONTAINER_OF(link, struct item, link);
        assert_int_equal(item->number, expected[at++]);
        list_remove(link);
    }
    assert_int_equal(at, 6);
    assert_true(list_is_empty(&head));
    assert_null(list_last(&head));
}

static void
test_table_basics(void **state)
{
    (void)state;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct table t;
    int values[3];
    mem_init(&m, tracked_allocator(&memory), 0);
    table_init(&t, &m, 99);
    assert_null(table_find(&t, id_of_u64(1)));
    assert_null(table_remove(&t, id_of_u64(1)));
    assert_null(table_first(&t));
    assert_int_equal(table_insert(&t, id_of_u64(1), &values[0]), STINT_OK);
    assert_int_equal(table_insert(&t, id_of_u64(1), &values[1]), STINT_EXISTS);
    assert_int_equal(table_insert(&t, STINT_ID_NONE, &values[2]), STINT_OK);
    assert_ptr_equal(table_find(&t, id_of_u64(1)), &values[0]);
    assert_ptr_equal(table_find(&t, STINT_ID_NONE), &values[2]);
    assert_ptr_equal(table_first(&t), &values[0]);
    assert_ptr_equal(table_remove(&t, id_of_u64(1)), &values[0]);
    assert_ptr_equal(table_first(&t), &values[2]);
    assert_int_equal(table_count(&t), 1);
    table_fini(&t);
    assert_int_equal(table_count(&t), 0);
    assert_int_equal(m.used, 0);
}

/* The model: keys in insertion order. */
enum { MODEL_MAX = 4000 };

struct model {
    uint64_t keys[MODEL_MAX];
    uint32_t count;
};

static int
model_find(const struct model *model, uint64_t key)
{
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->keys[i] == key) {
            return (int)i;
        }
    }
    return -1;
}

static void
model_remove(struct model *model, uint32_t at)
{
    memmove(model->keys + at, model->keys + at + 1,
            (model->count - at - 1) * sizeof model->keys[0]);
    model->count--;
}

static void
table_compare(const struct table *t, const struct model *model)
{
    struct table_cursor cursor = { 0 };
    struct stint_id id;
    void *value;
    uint32_t at = 0;
    while (table_each(t, &cursor, &id, &value)) {
        assert_true(at < model->count);
        assert_true(id_to_u64(id) == model->keys[at]);
        assert_true((uintptr_t)value == model->keys[at] + 1);
        at++;
    }
    assert_int_equal(at, model->count);
    assert_int_equal(table_count(t), model->count);
}

static void
test_table_random(void **state)
{
    (void)state;
    struct prng random;
    static struct model model;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct table t;
    prng_init(&random, test_seed("table"));
    mem_init(&m, tracked_allocator(&memory), 0);
    table_init(&t, &m, prng_next(&random));
    model.count = 0;
    for (int phase = 0; phase < 12; phase++) {
        /* Phases that mostly grow and mostly shrink follow each other. */
        uint64_t inserts = phase % 2 == 0 ? 80 : 20;
        for (int step = 0; step < 1500; step++) {
            uint64_t key = prng_below(&random, 3000);
            int at = model_find(&model, key);
            if (prng_below(&random, 100) < inserts) {
                enum stint_status status =
                    table_insert(&t, id_of_u64(key), (void *)(uintptr_t)(key + 1));
                assert_int_equal(status, at < 0 ? STINT_OK : STINT_EXISTS);
                if (at < 0) {
                    model.keys[model.count++] = key;
                }
            } else {
                void *value = table_remove(&t, id_of_u64(key));
                assert_int_equal(value != NULL, at >= 0);
                if (at >= 0) {
                    model_remove(&model, (uint32_t)at);
                }
            }
            assert_int_equal(table_find(&t, id_of_u64(key)) != NULL,
                             model_find(&model, key) >= 0);
        }
        table_compare(&t, &model);
    }
    while (model.count > 0) {
        assert_non_null(table_remove(&t, id_of_u64(model.keys[model.count / 2])));
        model_remove(&model, model.count / 2);
    }
    assert_true(m.used < 1024); /* it has shrunk by itself */
    table_fini(&t);
    assert_int_equal(memory.blocks, 0);
}

/* Removing and inserting during an iteration: each entry that stays is seen once, in order. */
static void
test_table_changes_while_iterating(void **state)
{
    (void)state;
    struct prng random;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct table t;
    prng_init(&random, test_seed("table iteration"));
    mem_init(&m, tracked_allocator(&memory), 0);
    table_init(&t, &m, 5);
    for (uint64_t key = 0; key < 1000; key++) {
        assert_int_equal(table_insert(&t, id_of_u64(key), &t), STINT_OK);
    }
    struct table_cursor cursor = { 0 };
    struct stint_id id;
    uint64_t expected = 0;
    uint64_t added = 1000;
    while (table_each(&t, &cursor, &id, NULL)) {
        uint64_t key = id_to_u64(id);
        assert_true(key == expected);
        expected++;
        if (key % 10 != 0) {
            assert_non_null(table_remove(&t, id)); /* the one just visited */
        }
        if (key < 1000 && prng_below(&random, 10) == 0) {
            (void)table_remove(&t, id_of_u64(prng_below(&random, key + 1)));
        }
        if (added < 1200 && prng_below(&random, 4) == 0) {
            assert_int_equal(table_insert(&t, id_of_u64(added), &t), STINT_OK);
            added++;
        }
    }
    assert_true(expected == added);
    table_fini(&t);
    assert_int_equal(m.used, 0);
}

static void
test_table_without_memory(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 20; fail_at++) {
        struct tracked_memory memory = { .fail_at = fail_at };
        struct mem m;
        struct table t;
        mem_init(&m, tracked_allocator(&memory), 0);
        table_init(&t, &m, 1);
        uint32_t inserted = 0;
        for (uint64_t key = 0; key < 300; key++) {
            enum stint_status status = table_insert(&t, id_of_u64(key), &t);
            assert_true(status == STINT_OK || status == STINT_NO_MEMORY);
            inserted += status == STINT_OK;
            assert_int_equal(table_find(&t, id_of_u64(key)) != NULL,
                             status == STINT_OK);
        }
        assert_true(inserted >= 299);
        assert_int_equal(table_count(&t), inserted);
        table_fini(&t);
        assert_int_equal(memory.blocks, 0);
    }
}

enum { HEAP_ITEMS = 200 };

static void
test_heap_random(void **state)
{
    (void)state;
    struct prng random;
    struct tracked_memory memory = { 0 };
    struct mem m;
    struct heap h;
    static struct heap_item items[HEAP_ITEMS];
    memset(items, 0, sizeof items);
    prng_init(&random, test_seed("heap"));
    mem_init(&m, tracked_allocator(&memory), 0);
    heap_init(&h, &m);
    assert_null(heap_first(&h));
    for (uint64_t step = 0; step < 20000; step++) {
        struct heap_item *item = &items[prng_below(&random, HEAP_ITEMS)];
        uint64_t key = prng_below(&random, 50);
        if (!heap_contains(item)) {
            assert_int_equal(heap_insert(&h, item, key, step), STINT_OK);
        } else if (prng_below(&random, 2) == 0) {
            heap_update(&h, item, key, step);
        } else {
            heap_remove(&h, item);
            heap_remove(&h, item);
        }
        const struct heap_item *least = NULL;
        uint32_t count = 0;
        for (int i = 0; i < HEAP_ITEMS; i++) {
            if (!heap_contains(&items[i])) {
                continue;
            }
            count++;
            if (least == NULL || items[i].key < least->key ||
                (items[i].key == least->key && items[i].tie < least->tie)) {
                least = &items[i];
            }
        }
        assert_ptr_equal(heap_first(&h), least);
        for (uint32_t i = 1; i < h.count; i++) {
            const struct heap_item *child = h.items[i];
            const struct heap_item *parent = h.items[(i - 1) / 2];
            assert_true(parent->key < child->key ||
                        (parent->key == child->key && parent->tie < child->tie));
            assert_int_equal(child->place, i + 1);
        }
        assert_int_equal(h.count, count);
    }
    heap_fini(&h);
    assert_false(heap_contains(&items[0]));
    assert_int_equal(memory.blocks, 0);
}

static void
test_heap_without_memory(void **state)
{
    (void)state;
    struct tracked_memory memory = { .fail_at = 2 };
    struct mem m;
    struct heap h;
    struct heap_item items[17] = { { 0, 0, 0 } };
    mem_init(&m, tracked_allocator(&memory), 0);
    heap_init(&h, &m);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(heap_insert(&h, &items[i], i, i), STINT_OK);
    }
    assert_int_equal(heap_insert(&h, &items[16], 0, 0), STINT_NO_MEMORY);
    assert_false(heap_contains(&items[16]));
    assert_int_equal(heap_reserve(&h, 100), STINT_OK);
    memory.fail_from = memory.calls + 1;
    assert_int_equal(heap_insert(&h, &items[16], 0, 0), STINT_OK);
    heap_fini(&h);
    assert_int_equal(m.used, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_keeps_order),
        cmocka_unit_test(test_table_basics),
        cmocka_unit_test(test_table_random),
        cmocka_unit_test(test_table_changes_while_iterating),
        cmocka_unit_test(test_table_without_memory),
        cmocka_unit_test(test_heap_random),
        cmocka_unit_test(test_heap_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
