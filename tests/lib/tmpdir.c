/* SPDX-License-Identifier: Apache-2.0 */
#include "tmpdir.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
must(int ok, const char *what, const char *path)
{
    if (!ok) {
        perror(path);
        (void)fprintf(stderr, "tmpdir: cannot %s %s\n", what, path);
        abort();
    }
}

void
tmpdir_make(char path[TMPDIR_SIZE])
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] == '\0' || strlen(base) > TMPDIR_SIZE - 32) {
        base = "/tmp";
    }
    (void)snprintf(path, TMPDIR_SIZE, "%s/stint-test-XXXXXX", base);
    must(mkdtemp(path) != NULL, "make", path);
}

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void
tmpdir_remove(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void
tmpdir_write(const char *path, const char *text, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    must(fd >= 0, "open", path);
    must(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write", path);
    must(fchmod(fd, mode) == 0, "chmod", path);
    must(close(fd) == 0, "close", path);
}
