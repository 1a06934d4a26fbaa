/* SPDX-License-Identifier: Apache-2.0 */
#include "module/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/span.h"

enum { HEADERS_MAX = 256 };

/* Whether `size` bytes at `offset` lie in a file of `end` bytes. */
static bool
inside(uint64_t offset, uint64_t size, uint64_t end)
{
    return offset <= end && size <= end - offset;
}

/* The machine that this program was built for. */
static uint16_t
this_machine(void)
{
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#elif defined(__riscv)
    return EM_RISCV;
#elif defined(__powerpc64__)
    return EM_PPC64;
#elif defined(__s390x__)
    return EM_S390;
#elif defined(__i386__)
    return EM_386;
#elif defined(__arm__)
    return EM_ARM;
#else
    return EM_NONE; /* not known by name: the loader judges */
#endif
}

static const char *
header_problem(const ElfW(Ehdr) * h, uint64_t size)
{
    uint8_t class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (h->e_ident[EI_CLASS] != class
        || (this_machine() != EM_NONE && h->e_machine != this_machine())) {
        return "is a shared object for another kind of machine";
    }
    if (h->e_type != ET_DYN || h->e_phentsize != sizeof(ElfW(Phdr)) || h->e_phnum == 0
        || h->e_phnum > HEADERS_MAX) {
        return "is no shared object";
    }
    if (!inside(h->e_phoff, (uint64_t)h->e_phnum * h->e_phentsize, size)
        || !inside(h->e_shoff, (uint64_t)h->e_shnum * h->e_shentsize, size)) {
        return "is cut short";
    }
    return NULL;
}

static const char *
file_problem(int fd)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) parts[HEADERS_MAX];
    struct stat st;
    ssize_t begin = pread(fd, &header, sizeof(header), 0);
    if (begin < SELFMAG || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return "is no shared object";
    }
    if (fstat(fd, &st) != 0 || begin != (ssize_t)sizeof(header)) {
        return "is cut short";
    }
    uint64_t size = (uint64_t)st.st_size;
    const char *problem = header_problem(&header, size);
    if (problem != NULL) {
        return problem;
    }
    size_t bytes = header.e_phnum * sizeof(parts[0]);
    if (pread(fd, parts, bytes, (off_t)header.e_phoff) != (ssize_t)bytes) {
        return "is cut short";
    }
    for (size_t i = 0; i < header.e_phnum; i++) {
        if (!inside(parts[i].p_offset, parts[i].p_filesz, size)) {
            return "is cut short";
        }
    }
    return NULL;
}

const char *
elf_file_problem(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return "cannot be read";
    }
    const char *problem = file_problem(fd);
    (void)close(fd);
    return problem;
}
