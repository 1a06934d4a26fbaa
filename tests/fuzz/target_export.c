/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of an exported tasklet, as a node takes it apart and as the tool does that has no node: what the node reads, it
 * writes again as the same bytes; the tool shows it or says one line.
 */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/code.h"
#include "kernel/pickle_file.h"
#include "kernel/schema.h"
#include "kernel_pair.h"
#include "stint/admin.h"

static void
inside(struct stint_span part, struct stint_span whole)
{
    FUZZ_CHECK(part.size == 0 || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

static bool
as_node(struct stint_span input)
{
    struct fuzz_memory memory;
    struct pickle_file file;
    struct buf again;
    char error[256] = "";
    enum stint_status status = pickle_file_read(input, &file, error, sizeof error);
    if (status != STINT_OK) {
        FUZZ_CHECK(status == STINT_BAD_PICKLE || status == STINT_BAD_VERSION);
        fuzz_check_sentence(error, sizeof error);
        return false;
    }
    inside(file.schema, input);
    inside(file.pickle, input);
    inside(file.certificate, input);
    inside(file.signed_bytes, input);
    FUZZ_CHECK(file.signature.size == PICKLE_FILE_SIGNATURE_SIZE && file.certificate.size <= PICKLE_FILE_CERTIFICATE_MAX);
    buf_init(&again, fuzz_memory_begin(&memory, 0), input.size + 1024);
    FUZZ_CHECK(pickle_file_write(&again, &file) == STINT_OK);
    FUZZ_CHECK(span_equal(buf_span(&again), file.signed_bytes));
    FUZZ_CHECK(pickle_file_sign(&again, file.signature.data) == STINT_OK);
    FUZZ_CHECK(span_equal(buf_span(&again), input));
    buf_fini(&again);
    fuzz_memory_end(&memory);
    return true;
}

static void
as_tool(struct stint_span input)
{
    struct stint_list *list = NULL;
    char path[64], error[512] = "";
    int fd = memfd_create("export", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, input.data, input.size) == (ssize_t)input.size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum stint_status status = stint_file_stack(path, &list, error, sizeof error);
    FUZZ_CHECK((status == STINT_OK) == (list != NULL));
    if (status != STINT_OK) {
        fuzz_check_sentence(error, sizeof error);
    }
    stint_list_free(list);
    (void)close(fd);
}

static bool
judge(struct stint_span input)
{
    bool good = as_node(input);
    as_tool(input);
    return good;
}

/* The check sum inside, else no damaged pickle would be looked at. */
static size_t
mend(uint8_t *data, size_t size, size_t room, uint32_t luck)
{
    struct pickle_file file;
    char error[256];
    (void)room;
    if (luck % 4 != 0 && pickle_file_read(span_of(data, size), &file, error, sizeof error) == STINT_OK) {
        specimen_mend(data + (file.pickle.data - data), file.pickle.size);
    }
    return size;
}

static void
seeds(void)
{
    static const uint8_t signature[PICKLE_FILE_SIGNATURE_SIZE] = { 1, 2, 3 };
    for (unsigned which = 0; which < SPECIMEN_PICKLES; which += 3) {
        struct fuzz_memory memory;
        struct mem *m = fuzz_memory_begin(&memory, 0);
        struct buf pickle, schema, out;
        buf_init(&pickle, m, 1 << 20);
        buf_init(&schema, m, 1 << 20);
        buf_init(&out, m, 1 << 20);
        const char *name = specimen_pickle(which, &pickle);
        struct kernel *k = specimen_kernel(m, 2);
        const struct code *code = kernel_code_at(k, which < SPECIMEN_MODES ? 0 : which - SPECIMEN_MODES + 1);
        struct schema_code described = { "specimen", code->name, code->fingerprint, code->locals };
        FUZZ_CHECK(schema_write(&schema, NULL, &described, 1) == STINT_OK);
        struct pickle_file file = { .schema = buf_span(&schema), .pickle = buf_span(&pickle),
                                    .certificate = span_of("a certificate", 13) };
        FUZZ_CHECK(pickle_file_write(&out, &file) == STINT_OK && pickle_file_sign(&out, signature) == STINT_OK);
        fuzz_seed(name, buf_span(&out));
        kernel_free(k);
        buf_fini(&pickle);
        buf_fini(&schema);
        buf_fini(&out);
    }
}

const struct fuzz_target fuzz_target = {
    .name = "export", .size_max = 32768, .judge = judge, .mend = mend, .seeds = seeds
};
