/* SPDX-License-Identifier: Apache-2.0 */
/* Exported files, looked at without any node: a good one shows its frames, anything else is refused
 * and harms nobody. */
#include "described.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/prng.h"
#include "client/export_file.h"
#include "schema/pickle.pb.h"
#include "stint/admin.h"
#include "tmpdir.h"
#include "tracked_memory.h"
#include "wire/limits.h"

static struct tracked_memory tracked;
static struct mem mem;
static char dir[TMPDIR_SIZE];
static char path[TMPDIR_SIZE + 16];
static char error[STINT_CLIENT_ERROR_SIZE];
static struct buf file, pickle;

struct recipe {
    uint32_t file_version, pickle_version, frames, head_frames;
    bool no_schema, no_check, moved, shuffled, twice;
};

static const struct recipe good = {
    .file_version = 1, .pickle_version = 1, .frames = 2, .head_frames = 2
};

static int
begin(void **state)
{
    (void)state;
    mem_init(&mem, tracked_allocator(&tracked), 0);
    buf_init(&file, &mem, 1 << 24);
    buf_init(&pickle, &mem, 1 << 24);
    tmpdir_make(dir);
    text_format(path, sizeof path, "%s/t.stint", dir);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    buf_fini(&file);
    buf_fini(&pickle);
    tmpdir_remove(dir);
    assert_int_equal(mem.used, 0);
    return 0;
}

/* The check as node/kernel/pickle_wire.h defines it, written down a second time. */
static uint64_t
check_of(const uint8_t *data, size_t size)
{
    uint64_t h = size;
    uint8_t last[8] = { 0 };
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        h = hash_mix(h ^ le64_get(data + at));
    }
    memcpy(last, data + at, size - at);
    return hash_mix(h ^ le64_get(last));
}

static void
put(struct buf *out, uint32_t tag, const pb_msgdesc_t *desc, const void *message)
{
    described_put(out, tag, desc, message);
}

static void
make_pickle(const struct recipe *r)
{
    stint_PickleHead head = stint_PickleHead_init_zero;
    stint_PickleCode code = stint_PickleCode_init_zero;
    buf_reset(&pickle);
    head.version = r->pickle_version;
    head.codes = 1;
    head.frames = r->head_frames;
    text_copy(code.module, sizeof code.module, "tally");
    text_copy(code.name, sizeof code.name, "Tally");
    text_copy(code.type, sizeof code.type, "tally.Add");
    put(&pickle, 1, stint_PickleHead_fields, &head);
    put(&pickle, 2, stint_PickleCode_fields, &code);
    for (uint32_t i = 0; i < r->frames; i++) {
        const uint8_t locals[2] = { 0x08, (uint8_t)(i + 1) };
        stint_PickleFrame frame = stint_PickleFrame_init_zero;
        frame.resume = i;
        frame.line = 10 + i;
        text_copy(frame.label, sizeof frame.label, i == 0 ? "" : "recv(self->inbox)");
        text_copy(frame.file, sizeof frame.file, "tally.c");
        put(&pickle, 4, stint_PickleFrame_fields, &frame);
        rawpb_put_bytes(&pickle, 5, span_of(locals, 2));
    }
    uint64_t check = check_of(pickle.data, pickle.size);
    if (!r->no_check) {
        rawpb_put_tag(&pickle, 15, RAWPB_FIXED64);
        rawpb_put_number(&pickle, RAWPB_FIXED64, check);
    }
}

static void
make_file(const struct recipe *r)
{
    stint_ExportInfo info = stint_ExportInfo_init_zero;
    struct buf schema;
    buf_init(&schema, &mem, 1 << 16);
    described_add(&schema);
    described_code(&schema, "tally", "Tally", 1);
    make_pickle(r);
    memset(info.tasklet, 0xab, sizeof info.tasklet);
    info.wall_ms = 1800000000000;
    info.moved = r->moved;
    text_copy(info.node, sizeof info.node, "n1");
    buf_reset(&file);
    rawpb_put_bytes(&file, 1, span_text("stint tasklet\n"));
    rawpb_put_tag(&file, 2, RAWPB_VARINT);
    rawpb_put_varint(&file, r->file_version);
    put(&file, 3, stint_ExportInfo_fields, &info);
    if (!r->no_schema) {
        rawpb_put_bytes(&file, 4, buf_span(&schema));
    }
    if (r->twice) {
        rawpb_put_bytes(&file, 4, buf_span(&schema));
    }
    rawpb_put_bytes(&file, r->shuffled ? 6 : 5, buf_span(&pickle));
    rawpb_put_bytes(&file, r->shuffled ? 5 : 6, span_text("certificate"));
    rawpb_put_bytes(&file, 7, span_text("signature"));
    buf_fini(&schema);
}

static enum stint_status
look(struct stint_list **list)
{
    FILE *out = fopen(path, "wbe");
    assert_non_null(out);
    assert_int_equal(fwrite(file.data, 1, file.size, out), file.size);
    assert_int_equal(fclose(out), 0);
    enum stint_status status = stint_file_stack(path, list, error, sizeof error);
    assert_true((status == STINT_OK) == (*list != NULL));
    assert_true((status == STINT_OK) == (error[0] == '\0'));
    assert_true(status == STINT_OK || strstr(error, path) != NULL);
    return status;
}

static void
a_good_file_shows_its_frames_innermost_first(void **state)
{
    struct stint_list *list;
    (void)state;
    make_file(&good);
    assert_int_equal(look(&list), STINT_OK);
    const struct stint_file_item *head = stint_list_file(list);
    assert_int_equal(head->frames, 2);
    assert_string_equal(head->node, "n1");
    assert_int_equal(head->tasklet.bytes[0], 0xab);
    assert_false(head->moved);
    const struct stint_frame_item *f = stint_list_frame(list);
    assert_string_equal(f->code, "Tally");
    assert_string_equal(f->label, "recv(self->inbox)");
    assert_int_equal(f->line, 11);
    assert_string_equal(f->locals, "{\"amount\":2,\"reply\":null}");
    f = stint_list_frame(list);
    assert_string_equal(f->label, "start");
    assert_string_equal(f->locals, "{\"amount\":1,\"reply\":null}");
    assert_null(stint_list_frame(list));
    stint_list_free(list);
}

static void
refused(struct recipe r, enum stint_status expected, const char *words)
{
    struct stint_list *list;
    make_file(&r);
    enum stint_status status = look(&list);
    if (status != expected || strstr(error, words) == NULL) {
        fail_msg("%s: %s", stint_status_name(status), error);
    }
}

static void
what_breaks_the_format_is_refused(void **state)
{
    struct recipe r;
    (void)state;
    r = good, r.file_version = 2;
    refused(r, STINT_BAD_VERSION, "version 2");
    r = good, r.pickle_version = 9;
    refused(r, STINT_BAD_VERSION, "version 9");
    r = good, r.no_check = true;
    refused(r, STINT_BAD_PICKLE, "check");
    r = good, r.head_frames = 3;
    refused(r, STINT_BAD_PICKLE, "missing");
    r = good, r.head_frames = 1;
    refused(r, STINT_BAD_PICKLE, "out of order");
    r = good, r.frames = r.head_frames = 0;
    refused(r, STINT_LIMIT, "frames");
    r = good, r.head_frames = LIMIT_FRAMES + 1;
    refused(r, STINT_LIMIT, "frames");
    r = good, r.shuffled = true;
    refused(r, STINT_BAD_PICKLE, "damaged");
    r = good, r.twice = true;
    refused(r, STINT_BAD_PICKLE, "out of order");
    r = good, r.no_schema = true;
    refused(r, STINT_BAD_PICKLE, "description");
}

static void
every_cut_is_refused(void **state)
{
    struct stint_list *list;
    (void)state;
    make_file(&good);
    for (size_t size = file.size; size-- > 0;) {
        file.size = size;
        enum stint_status status = look(&list);
        assert_int_equal(status, STINT_BAD_PICKLE);
    }
}

/* A flipped bit is found, or stands where only the signature sees it; nothing else happens. */
static void
every_flipped_bit_is_found_or_does_no_harm(void **state)
{
    struct stint_list *list;
    uint32_t found = 0;
    (void)state;
    make_file(&good);
    size_t first =
        (size_t)((const uint8_t *)memmem(file.data, file.size, pickle.data, pickle.size) -
                 file.data);
    for (size_t at = 0; at < file.size; at++) {
        uint8_t bit = (uint8_t)(1u << (at % 8));
        file.data[at] ^= bit;
        enum stint_status status = look(&list);
        assert_true(status != STINT_OK || at < first || at >= first + pickle.size);
        found += status != STINT_OK ? 1 : 0;
        while (status == STINT_OK &&
               (stint_list_file(list) != NULL || stint_list_frame(list) != NULL)) {
        }
        stint_list_free(list);
        file.data[at] ^= bit;
    }
    assert_true(found > pickle.size);
}

static void
noise_is_refused(void **state)
{
    struct stint_list *list;
    struct prng random;
    (void)state;
    prng_init(&random, test_seed("file"));
    for (int round = 0; round < 500; round++) {
        uint8_t noise[256];
        buf_reset(&file);
        prng_bytes(&random, noise, sizeof noise);
        if (round % 2 == 0) {
            (void)buf_append_text(&file, "\x0a\x0estint tasklet\n\x10\x01");
        }
        (void)buf_append(&file, noise, (size_t)prng_below(&random, sizeof noise));
        assert_int_not_equal(look(&list), STINT_OK);
    }
    assert_int_equal(stint_file_stack("/nonexistent/file", &list, error, sizeof error),
                     STINT_NOT_FOUND);
    assert_int_not_equal(stint_file_stack(dir, &list, error, sizeof error), STINT_OK);
    buf_reset(&file);
    (void)buf_append_text(&file, "\x0a\x0estint tasklet\n");
    assert_non_null(buf_extend(&file, (1 << 24) - 100));
    struct buf whole = file;
    whole.size = file.size;
    FILE *out = fopen(path, "wbe");
    assert_int_equal(fwrite(whole.data, 1, whole.size, out), whole.size);
    assert_int_equal(fwrite(whole.data, 1, whole.size, out), whole.size);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(stint_file_stack(path, &list, error, sizeof error), STINT_LIMIT);
}

static void
room_is_there_before_a_tasklet_leaves_its_node(void **state)
{
    (void)state;
    struct export_out out;
    struct stat info;
    struct rlimit limit, small;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 4096; /* as a disk that is nearly full */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum stint_status status = export_out_open(&out, path, 8192, error, sizeof error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(status, STINT_IO);
    assert_non_null(strstr(error, path));
    assert_int_not_equal(stat(out.part, &info), 0); /* nothing is left behind */
    assert_int_equal(export_out_open(&out, path, 8192, error, sizeof error), STINT_OK);
    assert_int_equal(export_out_write(&out, span_text("abc"), error, sizeof error), STINT_OK);
    assert_int_equal(export_out_finish(&out, error, sizeof error), STINT_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 3);
    assert_int_equal(unlink(path), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_good_file_shows_its_frames_innermost_first),
        T(what_breaks_the_format_is_refused),
        T(every_cut_is_refused),
        T(every_flipped_bit_is_found_or_does_no_harm),
        T(noise_is_refused),
        T(room_is_there_before_a_tasklet_leaves_its_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
