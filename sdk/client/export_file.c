/* SPDX-License-Identifier: Apache-2.0 */
#include "client/export_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/span.h"
#include "base/text.h"
#include "client/limits.h"

static enum stint_status
fail(char *error, size_t error_size, const char *path, int number)
{
    text_format(error, error_size, "%s: %s", path, strerror(number));
    return number == ENOENT   ? STINT_NOT_FOUND
           : number == EEXIST ? STINT_EXISTS
           : number == EACCES ? STINT_NOT_AUTHORISED
                              : STINT_IO;
}

enum stint_status
export_out_open(struct export_out *out, const char *path, size_t reserve, char *error,
                size_t error_size)
{
    struct stat info;
    size_t size = path != NULL ? strlen(path) : 0;
    if (size == 0 || size + 6 > sizeof out->path) {
        text_copy(error, error_size, size == 0 ? "a file must be named" : "the path is too long");
        return STINT_INVALID;
    }
    text_copy(out->path, sizeof out->path, path);
    text_format(out->part, sizeof out->part, "%s.part", path);
    if (lstat(path, &info) == 0) {
        return fail(error, error_size, path, EEXIST);
    }
    out->fd = open(out->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out->fd < 0) {
        return fail(error, error_size, out->part, errno);
    }
    int number = reserve != 0 ? posix_fallocate(out->fd, 0, (off_t)reserve) : 0;
    if (number != 0 && number != EINVAL && number != EOPNOTSUPP) { /* those: it cannot be known here */
        export_out_drop(out);
        return fail(error, error_size, path, number);
    }
    return STINT_OK;
}

enum stint_status
export_out_write(struct export_out *out, struct stint_span bytes, char *error, size_t error_size)
{
    while (bytes.size != 0) {
        ssize_t put = write(out->fd, bytes.data, bytes.size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return fail(error, error_size, out->part, put < 0 ? errno : EIO);
        }
        bytes.data += put;
        bytes.size -= (size_t)put;
    }
    return STINT_OK;
}

/* Cuts the file where writing stopped; true when that failed. */
static bool
give_back(const struct export_out *out)
{
    off_t end = lseek(out->fd, 0, SEEK_CUR);
    return end < 0 || ftruncate(out->fd, end) != 0;
}

enum stint_status
export_out_finish(struct export_out *out, char *error, size_t error_size)
{
    int number = give_back(out) || fsync(out->fd) != 0 ? errno : 0;
    if (close(out->fd) != 0 && number == 0) {
        number = errno;
    }
    out->fd = -1;
    /* A hard link refuses a name that has been taken meanwhile, as rename would not. */
    if (number == 0 && link(out->part, out->path) == 0) {
        (void)unlink(out->part);
        return STINT_OK;
    }
    number = number == 0 ? errno : number;
    if ((number == EPERM || number == EOPNOTSUPP) &&
        renameat2(AT_FDCWD, out->part, AT_FDCWD, out->path, RENAME_NOREPLACE) == 0) {
        return STINT_OK;
    }
    enum stint_status status = fail(error, error_size, out->path, number);
    size_t used = strlen(error);
    text_format(error + used, error_size - used, "; what was exported is in %s", out->part);
    return status;
}

void
export_out_keep(struct export_out *out)
{
    (void)give_back(out);
    (void)fsync(out->fd);
    (void)close(out->fd);
}

void
export_out_drop(struct export_out *out)
{
    (void)close(out->fd);
    (void)unlink(out->part);
}

enum stint_status
export_file_read(const char *path, struct buf *out, char *error, size_t error_size)
{
    static const char magic[] = "\x0a\x0estint tasklet\n";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(error, error_size, path, errno);
    }
    enum stint_status status = STINT_OK;
    for (;;) {
        uint8_t piece[4096];
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            status = fail(error, error_size, path, errno);
        }
        if (got <= 0) {
            break;
        }
        bool whole = out->size + (size_t)got <= CLIENT_FILE_MAX;
        if (!whole || !buf_append(out, piece, (size_t)got)) {
            status = whole ? STINT_NO_MEMORY : STINT_LIMIT;
            text_format(error, error_size, "%s: %s", path,
                        whole ? "out of memory" : "is larger than any exported tasklet");
            break;
        }
    }
    (void)close(fd);
    if (status == STINT_OK &&
        (out->size < sizeof magic - 1 || memcmp(out->data, magic, sizeof magic - 1) != 0)) {
        text_format(error, error_size, "%s: is no exported tasklet", path);
        status = STINT_BAD_PICKLE;
    }
    return status;
}
