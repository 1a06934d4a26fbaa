/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is said to be a module, before the loader sees it: either a sentence says what it is instead, or all that its headers
 * promise is in it. */
#include "fuzz.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "module/elf_file.h"

static void
check_whole(struct stint_span file)
{
    ElfW(Ehdr) header;
    FUZZ_CHECK(file.size >= sizeof header);
    memcpy(&header, file.data, sizeof header);
    FUZZ_CHECK(memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_type == ET_DYN && header.e_phnum > 0);
    for (size_t i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) part;
        size_t at = (size_t)header.e_phoff + i * sizeof part;
        FUZZ_CHECK(at >= header.e_phoff && at + sizeof part <= file.size);
        memcpy(&part, file.data + at, sizeof part);
        FUZZ_CHECK(part.p_offset <= file.size && part.p_filesz <= file.size - part.p_offset);
    }
}

static bool
judge(struct stint_span input)
{
    char path[64];
    int fd = memfd_create("elf", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(write(fd, input.data, input.size) == (ssize_t)input.size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const char *problem = elf_file_problem(path);
    (void)close(fd);
    if (problem != NULL) {
        fuzz_check_sentence(problem, strlen(problem) + 1);
        return false;
    }
    check_whole(input);
    return true;
}

/* The headers of a shared object for this machine, taken from this program's own, with one part. */
static void
seeds(void)
{
    struct {
        ElfW(Ehdr) header;
        ElfW(Phdr) part;
        uint8_t rest[64];
    } file = { 0 };
    FILE *self = fopen("/proc/self/exe", "rb");
    FUZZ_CHECK(self != NULL && fread(&file.header, sizeof file.header, 1, self) == 1);
    (void)fclose(self);
    file.header.e_type = ET_DYN;
    file.header.e_phoff = sizeof file.header;
    file.header.e_phnum = 1;
    file.header.e_shoff = 0;
    file.header.e_shnum = 0;
    file.part.p_type = PT_LOAD;
    file.part.p_filesz = sizeof file;
    fuzz_seed("object", span_of(&file, sizeof file));
    fuzz_seed("cut", span_of(&file, sizeof file - 1));
    fuzz_seed("header", span_of(&file, sizeof file.header));
    file.header.e_shoff = sizeof file - 8;
    file.header.e_shnum = 1;
    fuzz_seed("sections", span_of(&file, sizeof file));
}

const struct fuzz_target fuzz_target = { .name = "elf", .size_max = 8192, .judge = judge, .seeds = seeds };
