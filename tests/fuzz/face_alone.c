/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The faces without libFuzzer:
 *
 *     fuzz_NAME FILE|DIR|-...                    judges files, all files of folders, or stdin
 *     fuzz_NAME --runs N [--seed S] FILE|DIR...  and then N inputs that are mutations of these
 *     fuzz_NAME --write-seeds DIR                writes the good inputs that the target knows
 *     fuzz_NAME --seed S --from K --write FILE DIR...   writes mutation K, to be kept as a regression
 *
 * Mutation K of a seed depends on nothing but seed, K and the files, so that the line which is printed
 * when something breaks repeats it.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"
#include "wire/wire.h"

enum { INPUTS_MAX = 4096, PATH_SIZE = 1024 };

struct input {
    char path[PATH_SIZE];
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t input_count;
static size_t accepted;
static const char *seeds_folder;
static char again[2 * PATH_SIZE + 256]; /* the command that repeats what is being done */

/* Exported by the sanitizers, when there are any. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void
tell_again(void)
{
    static const char head[] = "again: ";
    (void)!write(STDERR_FILENO, head, sizeof head - 1);
    (void)!write(STDERR_FILENO, again, strlen(again));
    (void)!write(STDERR_FILENO, "\n", 1);
}

static void
on_abort(int number)
{
    tell_again();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void
die(const char *what, const char *path)
{
    fprintf(stderr, "%s: %s: %s\n", what, path, strerror(errno));
    exit(2);
}

static void
read_stream(FILE *file, const char *path)
{
    struct input *in = &inputs[input_count];
    size_t room = fuzz_target.size_max + 1;
    if (input_count++ == INPUTS_MAX) {
        fprintf(stderr, "more than %d inputs\n", INPUTS_MAX);
        exit(2);
    }
    (void)snprintf(in->path, sizeof in->path, "%s", path);
    in->data = malloc(room);
    if (in->data == NULL) {
        die("read", path);
    }
    in->size = fread(in->data, 1, room, file);
    if (ferror(file) || in->size == room) {
        fprintf(stderr, "%s cannot be read or is larger than %zu bytes\n", path, room - 1);
        exit(2);
    }
}

static void
read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        die("open", path);
    }
    read_stream(file, path);
    (void)fclose(file);
}

/* The order of a folder is that of names, the same everywhere. */
static void
read_path(const char *path)
{
    struct stat what;
    struct dirent **names;
    if (strcmp(path, "-") == 0) {
        read_stream(stdin, path);
        return;
    }
    if (stat(path, &what) != 0) {
        die("stat", path);
    }
    if (!S_ISDIR(what.st_mode)) {
        read_file(path);
        return;
    }
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char inner[PATH_SIZE];
        if (names[i]->d_name[0] != '.') {
            (void)snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
            read_file(inner);
        }
        free(names[i]);
    }
    free(names);
}

static void
judge(struct stint_span input)
{
    uint8_t *exact = fuzz_copy(input);
    accepted += fuzz_target.judge(span_of(exact, input.size));
    free(exact);
}

/* One change of the kinds that damage decoders: bits, bytes, numbers at their extremes, parts
 * removed, doubled, exchanged with another input. */
static size_t
mutate(struct prng *random, uint8_t *data, size_t size, size_t room)
{
    static const uint64_t extremes[] = { 0, 1, 127, 128, 255, UINT16_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX };
    size_t at = size == 0 ? 0 : (size_t)prng_below(random, size);
    size_t length = 1 + (size_t)prng_below(random, 16);
    const struct input *other = &inputs[prng_below(random, input_count)];
    switch (prng_below(random, 7)) {
    case 0:
        if (size > 0) {
            data[at] ^= (uint8_t)(1u << prng_below(random, 8));
        }
        return size;
    case 1:
        if (size > 0) {
            data[at] = (uint8_t)prng_next(random);
        }
        return size;
    case 2:
        for (uint64_t value = extremes[prng_below(random, 9)]; length > 0 && at < size && length <= 8; length--) {
            data[at++] = (uint8_t)value;
            value >>= 8;
        }
        return size;
    case 3:
        length = length < size - at ? length : size - at;
        memmove(data + at, data + at + length, size - at - length);
        return size - length;
    case 4:
        length = length < size - at ? length : size - at;
        if (size + length <= room) {
            memmove(data + at + length, data + at, size - at);
            size += length;
        }
        return size;
    case 5: {
        size_t from = other->size == 0 ? 0 : (size_t)prng_below(random, other->size);
        size_t part = other->size - from < room - at ? other->size - from : room - at;
        bytes_copy(data + at, other->data + from, part);
        return at + part > size || prng_below(random, 2) == 0 ? at + part : size;
    }
    default:
        return prng_below(random, 4) == 0 ? at : size;
    }
}

static size_t
make(uint64_t seed, uint64_t number, uint8_t *data)
{
    struct prng random;
    prng_init(&random, seed * UINT64_C(1000003) + number);
    const struct input *in = &inputs[prng_below(&random, input_count)];
    size_t size = in->size;
    bytes_copy(data, in->data, size);
    for (uint64_t n = 1 + prng_below(&random, 4); n > 0; n--) {
        size = mutate(&random, data, size, fuzz_target.size_max);
    }
    if (fuzz_target.mend != NULL) {
        size = fuzz_target.mend(data, size, fuzz_target.size_max, (uint32_t)prng_next(&random));
    }
    return size;
}

static void
write_file(const char *path, struct stint_span bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0) {
        die("write", path);
    }
}

static void
run_many(uint64_t seed, uint64_t from, uint64_t runs, const char *program, const char *paths)
{
    uint8_t *data = malloc(fuzz_target.size_max + 1);
    FUZZ_CHECK(data != NULL);
    for (uint64_t number = from; number < from + runs; number++) {
        (void)snprintf(again, sizeof again, "%s --seed %llu --from %llu --runs 1%s", program,
                       (unsigned long long)seed, (unsigned long long)number, paths);
        judge(span_of(data, make(seed, number, data)));
    }
    free(data);
}

void
fuzz_seed(const char *name, struct stint_span input)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", seeds_folder, name);
    FUZZ_CHECK(input.size <= fuzz_target.size_max);
    write_file(path, input);
}

int
main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL), runs = 0, from = 0;
    char paths[PATH_SIZE] = "";
    const char *kept = NULL;
    FUZZ_CHECK(wire_init() == STINT_OK);
    (void)signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(tell_again);
    }
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (more && strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (more && strcmp(argv[i], "--runs") == 0) {
            runs = strtoull(argv[++i], NULL, 10);
        } else if (more && strcmp(argv[i], "--from") == 0) {
            from = strtoull(argv[++i], NULL, 10);
        } else if (more && strcmp(argv[i], "--write") == 0) {
            kept = argv[++i];
        } else if (more && strcmp(argv[i], "--write-seeds") == 0) {
            seeds_folder = argv[++i];
        } else {
            size_t used = strlen(paths);
            (void)snprintf(paths + used, sizeof paths - used, " %s", argv[i]);
            read_path(argv[i]);
        }
    }
    if (seeds_folder != NULL) {
        fuzz_target.seeds();
        return 0;
    }
    if (input_count == 0) {
        fprintf(stderr, "no inputs\n");
        return 2;
    }
    if (kept != NULL) {
        uint8_t *data = malloc(fuzz_target.size_max + 1);
        FUZZ_CHECK(data != NULL);
        write_file(kept, span_of(data, make(seed, from, data)));
        free(data);
        return 0;
    }
    printf("%s: seed %llu\n", fuzz_target.name, (unsigned long long)seed);
    for (size_t i = 0; i < input_count; i++) {
        (void)snprintf(again, sizeof again, "%.255s %.2040s", argv[0], inputs[i].path);
        judge(span_of(inputs[i].data, inputs[i].size));
    }
    size_t good = accepted;
    run_many(seed, from, runs, argv[0], paths);
    printf("%s: %zu of %zu inputs accepted, %zu of %llu mutations\n", fuzz_target.name, good, input_count,
           accepted - good, (unsigned long long)runs);
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i].data);
    }
    if (good == 0 && input_count > 1) {
        fprintf(stderr, "nothing of the corpus is accepted: it is not for this code any more\n");
        return 1;
    }
    return 0;
}
