/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keydir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium/utils.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/span.h"
#include "base/text.h"

static enum stint_status
fail(char *error, size_t error_size, enum stint_status status, const char *path, const char *what)
{
    text_format(error, error_size, "%s: %s", path, what);
    return status;
}

static enum stint_status
fail_errno(char *error, size_t error_size, const char *path)
{
    enum stint_status status = errno == ENOENT   ? STINT_NOT_FOUND
                               : errno == EEXIST ? STINT_EXISTS
                               : errno == EACCES ? STINT_NOT_AUTHORISED
                                                 : STINT_IO;
    return fail(error, error_size, status, path, strerror(errno));
}

static bool
join(char out[KEYDIR_PATH_SIZE], const char *dir, const char *name)
{
    return text_format(out, KEYDIR_PATH_SIZE, "%s/%s", dir, name) < KEYDIR_PATH_SIZE - 1;
}

static enum stint_status
read_all(int fd, struct keydir_file *file, char *error, size_t error_size)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return fail_errno(error, error_size, file->path);
    }
    if (!S_ISREG(info.st_mode)) {
        return fail(error, error_size, STINT_INVALID, file->path, "is no plain file");
    }
    while (file->size < sizeof file->text) {
        ssize_t got = read(fd, file->text + file->size, sizeof file->text - file->size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_errno(error, error_size, file->path);
        }
        if (got == 0) {
            break;
        }
        file->size += (size_t)got;
    }
    if (file->size == sizeof file->text) {
        return fail(error, error_size, STINT_INVALID, file->path, "is too large for a key file");
    }
    if (keyfile_is_secret(span_of(file->text, file->size)) && (info.st_mode & 077) != 0) {
        return fail(error, error_size, STINT_NOT_AUTHORISED, file->path,
                    "others than its owner can read this secret; chmod 600 it");
    }
    return STINT_OK;
}

enum stint_status
keydir_read(struct keydir_file *file, const char *dir, const char *name, char *error,
            size_t error_size)
{
    file->size = 0;
    if (!join(file->path, dir, name)) {
        return fail(error, error_size, STINT_INVALID, dir, "the path is too long");
    }
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail_errno(error, error_size, file->path);
    }
    enum stint_status status = read_all(fd, file, error, error_size);
    (void)close(fd);
    if (status != STINT_OK) {
        keydir_wipe(file);
    }
    return status;
}

void
keydir_wipe(struct keydir_file *file)
{
    sodium_memzero(file->text, sizeof file->text);
    file->size = 0;
}

static bool
write_all(int fd, const char *text, size_t size)
{
    while (size != 0) {
        ssize_t put = write(fd, text, size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        text += put;
        size -= (size_t)put;
    }
    return fsync(fd) == 0;
}

enum stint_status
keydir_write(const char *dir, const char *name, const char *text, size_t size, unsigned mode,
             char *error, size_t error_size)
{
    char path[KEYDIR_PATH_SIZE];
    if (!join(path, dir, name)) {
        return fail(error, error_size, STINT_INVALID, dir, "the path is too long");
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return fail_errno(error, error_size, path);
    }
    bool fine = write_all(fd, text, size);
    int saved = errno;
    fine = close(fd) == 0 && fine;
    if (!fine) {
        (void)unlink(path);
        errno = saved;
        return fail(error, error_size, STINT_IO, path, strerror(errno));
    }
    return STINT_OK;
}

bool
keydir_has(const char *dir, const char *name)
{
    char path[KEYDIR_PATH_SIZE];
    struct stat info;
    return join(path, dir, name) && lstat(path, &info) == 0;
}

enum stint_status
keydir_make(const char *dir, char *error, size_t error_size)
{
    struct stat info;
    if (mkdir(dir, 0700) == 0) {
        return STINT_OK;
    }
    if (errno != EEXIST) {
        return fail_errno(error, error_size, dir);
    }
    if (stat(dir, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return fail(error, error_size, STINT_INVALID, dir, "is no directory");
    }
    return STINT_OK;
}

enum stint_status
keydir_each(const char *dir, keydir_visit *visit, void *arg, char *error, size_t error_size)
{
    DIR *handle = opendir(dir);
    if (handle == NULL) {
        return fail_errno(error, error_size, dir);
    }
    const struct dirent *entry;
    bool more = true;
    while (more && (entry = readdir(handle)) != NULL) {
        enum cert_role role;
        char name[CERT_NAME_SIZE];
        char secret_file[KEYFILE_NAME_SIZE];
        bool secret;
        if (strlen(entry->d_name) < KEYFILE_NAME_SIZE &&
            keyfile_name_parse(entry->d_name, &role, name, &secret) && !secret) {
            (void)keyfile_name(secret_file, role, name, true);
            more = visit(arg, role, name, keydir_has(dir, secret_file));
        }
    }
    (void)closedir(handle);
    return STINT_OK;
}

enum stint_status
keydir_read_trust(const char *dir, struct trust *trust, char *error, size_t error_size)
{
    struct keydir_file file;
    char detail[256] = "";
    enum stint_status status = keydir_read(&file, dir, KEYFILE_CLUSTER, error, error_size);
    if (status == STINT_OK) {
        status = keyfile_read_cluster(span_of(file.text, file.size), trust, detail, sizeof detail);
        if (status != STINT_OK) {
            text_format(error, error_size, "%s: %s", file.path, detail);
        }
    } else if (status == STINT_NOT_FOUND) {
        text_format(error, error_size, "%s: no %s there; is it a key directory?", dir,
                    KEYFILE_CLUSTER);
    }
    return status;
}
