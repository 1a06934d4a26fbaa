/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The present code and the corpus of a version.
 *
 *     test_corpus read FOLDER     each file is decoded, shown and compared with its text; pickles
 * run to their end test_corpus same FOLDER     what this version writes is, byte for byte, what the
 * folder holds test_corpus refuse FOLDER   each file of the folder (its manifest names the kinds)
 * must be refused test_corpus write FOLDER    begins the folder of a new version
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/span.h"
#include "corpus.h"
#include "tracked_memory.h"
#include "wire/wire.h"

extern const struct stint_module relics_module;

static const char *doing = "";
static const char *folder = "";

_Noreturn void
legs_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", doing);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

/* Appends a file; false if it cannot be read. */
static bool
read_file(const char *name, const char *ending, struct buf *out)
{
    char path[1024];
    uint8_t bytes[4096];
    size_t size;
    snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0) {
        (void)buf_append(out, bytes, size);
    }
    fclose(file);
    return !out->failed;
}

static void
write_file(const char *name, const char *ending, struct stint_span bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    FILE *file = fopen(path, "wb");
    if (file == NULL || (bytes.size > 0 && fwrite(bytes.data, 1, bytes.size, file) != bytes.size)
        || fclose(file) != 0) {
        legs_fail("%s cannot be written", path);
    }
}

/* ---- reading ---- */

struct reading {
    const struct corpus_tools *tools;
    bool refuses; /* every file must be refused */
    uint32_t files;
    uint32_t faults;
};

static void
check_file(struct reading *r, const struct corpus_item *item)
{
    struct buf text;
    struct buf expected;
    buf_init(&text, r->tools->mem, 1 << 22);
    buf_init(&expected, r->tools->mem, 1 << 22);
    bool good = corpus_show(r->tools, item, &text);
    r->files++;
    if (r->refuses) {
        if (good) {
            fprintf(stderr, "%s/%s, a %s, should be refused and is not\n", folder, item->name,
                item->kind);
            r->faults++;
        }
    } else if (!good) {
        fprintf(stderr, "%s/%s.bin, a %s, is refused or not written as it was read\n", folder,
            item->name, item->kind);
        r->faults++;
    } else if (!read_file(item->name, ".txt", &expected)
        || !span_equal(buf_span(&text), buf_span(&expected))) {
        fprintf(stderr, "%s/%s.bin is read as\n%.*s", folder, item->name, (int)text.size,
            (const char *)text.data);
        fprintf(stderr, "which is not what %s.txt says\n", item->name);
        r->faults++;
    }
    buf_fini(&text);
    buf_fini(&expected);
}

static int
read_all(const struct corpus_tools *tools, bool refuses)
{
    struct reading r = { .tools = tools, .refuses = refuses };
    char path[1024];
    char line[400];
    char name[128], kind[32], what[64];
    snprintf(path, sizeof path, "%s/manifest", folder);
    FILE *manifest = fopen(path, "r");
    if (manifest == NULL) {
        legs_fail("%s cannot be read", path);
    }
    while (fgets(line, sizeof line, manifest) != NULL) {
        struct buf bytes;
        if (line[0] == '#' || sscanf(line, "%127s %31s %63s", name, kind, what) != 3) {
            continue;
        }
        buf_init(&bytes, tools->mem, 1 << 22);
        if (!read_file(name, ".bin", &bytes)) {
            legs_fail("%s/%s.bin cannot be read", folder, name);
        }
        struct corpus_item item = { name, kind, what, buf_span(&bytes) };
        doing = name;
        check_file(&r, &item);
        buf_fini(&bytes);
    }
    fclose(manifest);
    printf("%u files, %u faults\n", r.files, r.faults);
    return r.files > 0 && r.faults == 0 ? 0 : 1;
}

/* ---- the present version's own ---- */

struct making {
    const struct corpus_tools *tools;
    FILE *manifest;     /* of a new folder */
    struct buf *listed; /* the manifest there is */
    uint32_t files;
    uint32_t faults;
};

static void
compare(void *arg, const struct corpus_item *item)
{
    struct making *m = arg;
    struct buf old;
    char line[300];
    buf_init(&old, m->tools->mem, 1 << 22);
    snprintf(line, sizeof line, "%s %s %s\n", item->name, item->kind, item->what);
    m->files++;
    if (!read_file(item->name, ".bin", &old) || !span_equal(buf_span(&old), item->bytes)
        || strstr((const char *)m->listed->data, line) == NULL) {
        fprintf(stderr,
            "%s/%s.bin is not what this version writes: a change of a format needs a new version, "
            "and a"
            " new folder beside this one (test_corpus write)\n",
            folder, item->name);
        m->faults++;
    }
    buf_fini(&old);
}

static void
keep(void *arg, const struct corpus_item *item)
{
    struct making *m = arg;
    struct buf text;
    doing = item->name;
    buf_init(&text, m->tools->mem, 1 << 22);
    if (!corpus_show(m->tools, item, &text)) {
        legs_fail("this version refuses what it writes");
    }
    write_file(item->name, ".bin", item->bytes);
    write_file(item->name, ".txt", buf_span(&text));
    fprintf(m->manifest, "%s %s %s\n", item->name, item->kind, item->what);
    buf_fini(&text);
}

static int
compare_all(const struct corpus_tools *tools)
{
    struct buf listed;
    struct making m = { .tools = tools, .listed = &listed };
    buf_init(&listed, tools->mem, 1 << 20);
    if (!read_file("manifest", "", &listed) || !buf_put_u8(&listed, 0)) {
        legs_fail("%s/manifest cannot be read", folder);
    }
    corpus_each(tools, compare, &m);
    uint32_t lines = 0;
    for (size_t i = 0; i < listed.size; i++) {
        lines += listed.data[i] == '\n';
    }
    buf_fini(&listed);
    if (lines != m.files + 1) {
        fprintf(stderr, "%s/manifest names %u files, this version writes %u\n", folder, lines - 1,
            m.files);
        m.faults++;
    }
    return m.faults == 0 ? 0 : 1;
}

static int
write_all(const struct corpus_tools *tools)
{
    char path[1024];
    struct making m = { .tools = tools };
    snprintf(path, sizeof path, "%s/manifest", folder);
    struct stat there;
    if (stat(path, &there) == 0) {
        legs_fail("%s is there: what was released is never written again", path);
    }
    m.manifest = fopen(path, "w");
    if (m.manifest == NULL) {
        legs_fail("%s cannot be written", path);
    }
    fprintf(
        m.manifest, "# file kind message; each file has its bytes in .bin and its text in .txt\n");
    corpus_each(tools, keep, &m);
    fclose(m.manifest);
    return 0;
}

int
main(int argc, char **argv)
{
    struct tracked_memory tracked = { 0 };
    struct mem mem;
    struct corpus_tools tools = { &mem, &relics_module };
    int result = 2;
    mem_init(&mem, tracked_allocator(&tracked), 0);
    if (argc != 3 || wire_init() != STINT_OK) {
        fprintf(stderr, "usage: test_corpus read|same|refuse|write FOLDER\n");
        return 2;
    }
    doing = argv[1];
    folder = argv[2];
    if (strcmp(argv[1], "read") == 0 || strcmp(argv[1], "refuse") == 0) {
        result = read_all(&tools, argv[1][2] == 'f');
    } else if (strcmp(argv[1], "same") == 0) {
        result = compare_all(&tools);
    } else if (strcmp(argv[1], "write") == 0) {
        result = write_all(&tools);
    }
    if (mem.used != 0) {
        fprintf(stderr, "%zu bytes are left\n", mem.used);
        return 1;
    }
    return result;
}
