/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as JSON, by a description of their type that comes from a node: the description is read from hostile bytes, or is a
 * good one. Then the rest is taken as JSON and as an encoded value: what is accepted goes there and back and is the same;
 * what is refused names its mistake.
 *
 * Input: size of the description (2; 0: the good one), description, text.
 */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "client/json.h"
#include "kernel/schema.h"
#include "specimen.h"

static struct mem *scratch;

static enum stint_status
resolve(void *arg, const char *name, struct stint_id *id)
{
    (void)arg;
    memset(id, 0x11, sizeof *id);
    return strcmp(name, "out") == 0 ? STINT_OK : strcmp(name, "later") == 0 ? STINT_BLOCKED : STINT_NOT_FOUND;
}

static enum stint_status
encode(const struct client_types *types, const char *text, struct buf *out)
{
    char error[512] = "";
    struct client_json_in in = { .mem = scratch, .types = types, .type = client_types_root(types), .text = text,
                                 .resolve = resolve, .error = error, .error_size = sizeof error };
    enum stint_status status = client_json_encode(&in, out);
    FUZZ_CHECK(status == STINT_OK || out->size == 0);
    if (status != STINT_OK && status != STINT_BLOCKED) {
        fuzz_check_sentence(error, sizeof error);
    }
    return status;
}

/* One line of text that is JSON by its look; terminated afterwards. */
static void
check_text(struct buf *text)
{
    FUZZ_CHECK(text->size >= 2 && text->data[0] == '{' && text->data[text->size - 1] == '}');
    for (size_t i = 0; i < text->size; i++) {
        FUZZ_CHECK(text->data[i] >= ' ' && text->data[i] != 0x7f);
    }
    FUZZ_CHECK(buf_put_u8(text, '\0'));
}

/* Text to bytes to text to bytes: both bytes are the same. */
static bool
there_and_back(const struct client_types *types, const char *json)
{
    struct buf bytes, text, again;
    buf_init(&bytes, scratch, 1 << 18);
    buf_init(&text, scratch, 1 << 20);
    buf_init(&again, scratch, 1 << 18);
    enum stint_status status = encode(types, json, &bytes);
    if (status == STINT_OK) {
        FUZZ_CHECK(bytes.size <= LIMIT_MESSAGE);
        FUZZ_CHECK(client_json_decode(scratch, types, client_types_root(types), buf_span(&bytes), &text) == STINT_OK);
        check_text(&text);
        FUZZ_CHECK(encode(types, (const char *)text.data, &again) == STINT_OK);
        FUZZ_CHECK(span_equal(buf_span(&bytes), buf_span(&again)));
    }
    buf_fini(&bytes);
    buf_fini(&text);
    buf_fini(&again);
    return status == STINT_OK;
}

/* Bytes to text; and what is shown of them can be sent, if it is shown whole. */
static bool
show(const struct client_types *types, struct stint_span bytes)
{
    struct buf text, again;
    buf_init(&text, scratch, 1 << 20);
    buf_init(&again, scratch, 1 << 18);
    enum stint_status status = client_json_decode(scratch, types, client_types_root(types), bytes, &text);
    FUZZ_CHECK(status == STINT_OK || status == STINT_INVALID || status == STINT_LIMIT);
    FUZZ_CHECK(status == STINT_OK || text.size == 0);
    if (status == STINT_OK) {
        check_text(&text);
        (void)encode(types, (const char *)text.data, &again);
    }
    buf_fini(&text);
    buf_fini(&again);
    return status == STINT_OK;
}

static void
good_schema(struct buf *out)
{
    FUZZ_CHECK(schema_write(out, &specimen_All_stint, NULL, 0) == STINT_OK);
}

static bool
use(const struct client_types *types, struct stint_span rest)
{
    char *text = malloc(rest.size + 1);
    bool any = false;
    FUZZ_CHECK(text != NULL);
    bytes_copy(text, rest.data, rest.size);
    text[rest.size] = '\0';
    for (uint32_t i = 0; i < types->type_count; i++) {
        FUZZ_CHECK(types->types[i].depth >= 1 && types->types[i].depth <= CLIENT_TYPE_DEPTH);
        FUZZ_CHECK(types->types[i].first + types->types[i].count <= types->field_count);
    }
    if (client_types_root(types) != NULL) {
        any = there_and_back(types, text);
        any = show(types, rest) || any;
    }
    free(text);
    return any;
}

static bool
judge(struct stint_span input)
{
    struct fuzz_memory memory;
    struct client_types types;
    struct buf schema;
    struct reader r;
    char error[512] = "";
    scratch = fuzz_memory_begin(&memory, 64 << 20);
    reader_init(&r, input);
    buf_init(&schema, scratch, 1 << 20);
    size_t size = reader_u16(&r);
    struct stint_span described = reader_bytes(&r, size < r.rest.size ? size : r.rest.size);
    if (size == 0) {
        good_schema(&schema);
        described = buf_span(&schema);
    }
    enum stint_status status = client_types_read(&types, scratch, described, error, sizeof error);
    FUZZ_CHECK(status == STINT_OK || size != 0);
    FUZZ_CHECK(status == STINT_OK || status == STINT_INVALID || status == STINT_LIMIT || status == STINT_BAD_VERSION);
    bool any = false;
    if (status == STINT_OK) {
        any = use(&types, r.rest);
    } else {
        fuzz_check_sentence(error, sizeof error);
    }
    client_types_fini(&types);
    buf_fini(&schema);
    fuzz_memory_end(&memory);
    return any;
}

static void
seed(const char *name, struct stint_span schema, struct stint_span rest)
{
    struct fuzz_memory memory;
    struct buf out;
    buf_init(&out, fuzz_memory_begin(&memory, 0), 1 << 20);
    (void)buf_put_u16(&out, (uint16_t)schema.size);
    (void)buf_append_span(&out, schema);
    (void)buf_append_span(&out, rest);
    fuzz_seed(name, buf_span(&out));
    buf_fini(&out);
}

static void
seeds(void)
{
    static const char *const texts[] = {
        "{}", "{\"b\":true,\"i32\":-5,\"i64\":\"-9223372036854775808\",\"u32\":7,\"u64\":18446744073709551615}",
        "{\"s32\":-1,\"s64\":-2,\"f32\":3,\"f64\":4,\"sf32\":-5,\"sf64\":-6,\"f\":1.5,\"d\":-2.5e-300,\"e\":1}",
        "{\"s\":\"a\\u00e9\\ud83d\\ude00\",\"by\":\"AAEC\",\"fixed\":\"AAEC\",\"in\":{\"x\":1,\"name\":\"q\"}}",
        "{\"ch\":\"out\",\"ou32\":0,\"rep\":[1,2,3],\"reps\":[\"a\",\"b\"],\"repin\":[{\"x\":1},{}]}",
        "{\"repd\":[\"NaN\",\"Infinity\"],\"one\":3}", "{\"ch\":\"11111111111111111111111111111111\",\"two\":{\"x\":9}}",
        "{\"ch\":\"later\"}" };
    struct fuzz_memory memory;
    struct buf schema, value;
    buf_init(&schema, fuzz_memory_begin(&memory, 0), 1 << 20);
    buf_init(&value, &memory.mem, 1 << 20);
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char name[16];
        text_format(name, sizeof name, "text-%u", i);
        seed(name, span_of(NULL, 0), span_text(texts[i]));
    }
    good_schema(&schema);
    specimen_All all = { .b = true, .i32 = -1, .u64 = 99, .d = 0.1, .s = "text", .by = { 2, { 1, 2 } }, .rep_count = 2,
                         .which_choice = 26 };
    FUZZ_CHECK(type_encode(&specimen_All_stint, &all, &value) == STINT_OK);
    seed("schema-text", buf_span(&schema), span_text(texts[1]));
    seed("value", span_of(NULL, 0), buf_span(&value));
    buf_reset(&schema);
    FUZZ_CHECK(schema_write(&schema, &specimen_Item_stint, NULL, 0) == STINT_OK);
    seed("schema-small", buf_span(&schema), span_text("{\"n\":1,\"text\":\"x\",\"reply\":\"out\"}"));
    buf_fini(&schema);
    buf_fini(&value);
}

const struct fuzz_target fuzz_target = { .name = "json", .size_max = 8192, .judge = judge, .seeds = seeds };
