/* SPDX-License-Identifier: Apache-2.0 */
#include "link/keydir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/span.h"
#include "base/text.h"

#define KEYDIR_DETAIL_SIZE 256

/* The text of one file, terminated, in memory of the caller that is wiped after use. */
struct key_text {
    char bytes[KEYFILE_SIZE_MAX + 1];
    size_t size;
};

static enum stint_status
system_failed(const char *dir, const char *file, char *error, size_t error_size)
{
    int saved = errno;
    (void)text_format(error, error_size, "%s/%s: %s", dir, file, strerror(saved));
    switch (saved) {
    case ENOENT:
    case ENOTDIR:
        return STINT_NOT_FOUND;
    case EACCES:
    case EPERM:
        return STINT_NOT_AUTHORISED;
    case EEXIST:
        return STINT_EXISTS;
    default:
        return STINT_IO;
    }
}

/* Looks at the open file, not at its name: what is checked is what is read. */
static enum stint_status
check_file(int fd, const char *dir, const char *file, bool secret, char *error, size_t error_size)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return system_failed(dir, file, error, error_size);
    }
    if (!S_ISREG(st.st_mode) || st.st_size > KEYFILE_SIZE_MAX) {
        (void)text_format(error, error_size, "%s/%s: not a key file", dir, file);
        return STINT_INVALID;
    }
    if (secret && (st.st_mode & 077) != 0) {
        (void)text_format(error, error_size,
                          "%s/%s: a secret that others may access (mode %04o); chmod 600 it and "
                          "consider issuing it anew",
                          dir, file, (unsigned)(st.st_mode & 07777));
        return STINT_NOT_AUTHORISED;
    }
    if (secret && st.st_uid != geteuid() && st.st_uid != 0) {
        (void)text_format(error, error_size, "%s/%s: a secret that belongs to another user", dir,
                          file);
        return STINT_NOT_AUTHORISED;
    }
    return STINT_OK;
}

static enum stint_status
read_all(int fd, struct key_text *text)
{
    text->size = 0;
    while (text->size <= KEYFILE_SIZE_MAX) {
        ssize_t got = read(fd, text->bytes + text->size, KEYFILE_SIZE_MAX + 1 - text->size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return STINT_IO;
        }
        if (got == 0) {
            text->bytes[text->size] = '\0';
            return STINT_OK;
        }
        text->size += (size_t)got;
    }
    errno = EFBIG;
    return STINT_IO;
}

static enum stint_status
read_file(const char *dir, const char *file, bool secret, struct key_text *text, char *error,
          size_t error_size)
{
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return system_failed(dir, file, error, error_size);
    }
    int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int saved = errno;
    (void)close(dir_fd);
    if (fd < 0) {
        errno = saved;
        return system_failed(dir, file, error, error_size);
    }
    enum stint_status status = check_file(fd, dir, file, secret, error, error_size);
    if (status == STINT_OK && read_all(fd, text) != STINT_OK) {
        status = system_failed(dir, file, error, error_size);
    }
    (void)close(fd);
    /* A secret that was saved under a public name is as secret. */
    if (status == STINT_OK && !secret && keyfile_is_secret(span_of(text->bytes, text->size))) {
        (void)text_format(error, error_size, "%s/%s: holds a secret under a public name", dir,
                          file);
        status = STINT_INVALID;
    }
    return status;
}

static enum stint_status
with_file(enum stint_status status, const char *dir, const char *file, const char *detail,
          char *error, size_t error_size)
{
    if (status != STINT_OK) {
        (void)text_format(error, error_size, "%s/%s: %s", dir, file, detail);
    }
    return status;
}

enum stint_status
keydir_trust(const char *dir, struct trust *trust, char *error, size_t error_size)
{
    struct key_text text;
    char detail[KEYDIR_DETAIL_SIZE] = "";
    enum stint_status status = read_file(dir, KEYFILE_CLUSTER, false, &text, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    status = keyfile_read_cluster(span_of(text.bytes, text.size), trust, detail, sizeof detail);
    return with_file(status, dir, KEYFILE_CLUSTER, detail, error, error_size);
}

enum stint_status
keydir_identity(const char *dir, enum cert_role role, const char *name, struct identity *out,
                char *error, size_t error_size)
{
    struct trust trust;
    struct key_text certificate, secret, server = { .size = 0 };
    char file[KEYFILE_NAME_SIZE], detail[KEYDIR_DETAIL_SIZE] = "";
    identity_wipe(out);
    if (!text_is_name(name, LIMIT_NAME)) {
        (void)text_format(error, error_size, "'%.80s' is not a name ([A-Za-z0-9._-], %d at most)",
                          name == NULL ? "" : name, LIMIT_NAME);
        return STINT_INVALID;
    }
    enum stint_status status = keydir_trust(dir, &trust, error, error_size);
    if (status == STINT_OK) {
        (void)keyfile_name(file, role, name, false);
        status = read_file(dir, file, false, &certificate, error, error_size);
    }
    if (status == STINT_OK) {
        (void)keyfile_name(file, role, name, true);
        status = read_file(dir, file, true, &secret, error, error_size);
    }
    if (status == STINT_OK && role == ROLE_NODE) {
        status = read_file(dir, KEYFILE_SERVER, true, &server, error, error_size);
    }
    if (status == STINT_OK) {
        (void)keyfile_name(file, role, name, false);
        file[strlen(file) - strlen(".cert")] = '\0';
        status = keyfile_read_identity(&trust, span_of(certificate.bytes, certificate.size),
                                       span_of(secret.bytes, secret.size),
                                       span_of(server.bytes, server.size), out, detail,
                                       sizeof detail);
        status = with_file(status, dir, file, detail, error, error_size);
    }
    explicit_bzero(&secret, sizeof secret);
    explicit_bzero(&server, sizeof server);
    return status;
}

enum stint_status
keydir_cluster(const char *dir, struct cluster_keys *out, char *error, size_t error_size)
{
    struct key_text text;
    char detail[KEYDIR_DETAIL_SIZE] = "";
    const char *file = KEYFILE_AUTHORITY;
    cluster_keys_wipe(out);
    enum stint_status status = keydir_trust(dir, &out->trust, error, error_size);
    if (status == STINT_OK) {
        status = read_file(dir, file, true, &text, error, error_size);
    }
    if (status == STINT_OK) {
        status = keyfile_read_authority(span_of(text.bytes, text.size), out, detail,
                                        sizeof detail);
        status = with_file(status, dir, file, detail, error, error_size);
    }
    if (status == STINT_OK) {
        file = KEYFILE_SERVER;
        status = read_file(dir, file, true, &text, error, error_size);
    }
    if (status == STINT_OK) {
        status = keyfile_read_server(span_of(text.bytes, text.size), out, detail, sizeof detail);
        status = with_file(status, dir, file, detail, error, error_size);
    }
    explicit_bzero(&text, sizeof text);
    if (status != STINT_OK) {
        cluster_keys_wipe(out);
    }
    return status;
}

static bool
write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
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
keydir_write(const char *dir, const char *file, const char *text, char *error, size_t error_size)
{
    bool secret = keyfile_is_secret(span_text(text));
    enum stint_status status = STINT_OK;
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return system_failed(dir, file, error, error_size);
    }
    int fd = openat(dir_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    secret ? 0600 : 0644);
    if (fd < 0) {
        status = system_failed(dir, file, error, error_size);
        (void)close(dir_fd);
        return status;
    }
    if (!write_all(fd, text, strlen(text)) || fsync(dir_fd) != 0) {
        status = system_failed(dir, file, error, error_size);
        (void)unlinkat(dir_fd, file, 0);
    }
    (void)close(fd);
    (void)close(dir_fd);
    return status;
}

static int
compare_entries(const void *a, const void *b)
{
    const struct keydir_entry *x = a;
    const struct keydir_entry *y = b;
    if (x->role != y->role) {
        return x->role < y->role ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/* All certificates of the directory, in its order; *entries is the caller's to free. */
static enum stint_status
collect_entries(DIR *stream, struct keydir_entry **entries, size_t *count)
{
    size_t capacity = 0;
    struct dirent *file;
    *entries = NULL;
    *count = 0;
    while (errno = 0, (file = readdir(stream)) != NULL) {
        struct keydir_entry entry = { .has_secret = false };
        char secret_file[KEYFILE_NAME_SIZE];
        bool secret = false;
        if (!keyfile_name_parse(file->d_name, &entry.role, entry.name, &secret) || secret) {
            continue;
        }
        (void)keyfile_name(secret_file, entry.role, entry.name, true);
        entry.has_secret = faccessat(dirfd(stream), secret_file, F_OK, 0) == 0;
        if (*count == KEYDIR_IDENTITIES_MAX) {
            return STINT_LIMIT;
        }
        if (*count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            void *grown = realloc(*entries, capacity * sizeof **entries);
            if (grown == NULL) {
                return STINT_NO_MEMORY;
            }
            *entries = grown;
        }
        (*entries)[(*count)++] = entry;
    }
    return errno == 0 ? STINT_OK : STINT_IO;
}

enum stint_status
keydir_list(const char *dir, bool (*each)(void *arg, const struct keydir_entry *entry), void *arg,
            char *error, size_t error_size)
{
    struct keydir_entry *entries;
    size_t count;
    DIR *stream = opendir(dir);
    if (stream == NULL) {
        return system_failed(dir, ".", error, error_size);
    }
    enum stint_status status = collect_entries(stream, &entries, &count);
    if (status != STINT_OK) {
        (void)text_format(error, error_size, "%s: cannot list the keys: %s", dir,
                          stint_strerror(status));
    } else if (count > 0) {
        qsort(entries, count, sizeof *entries, compare_entries);
        for (size_t i = 0; i < count && each(arg, &entries[i]); i++) {
        }
    }
    free(entries);
    (void)closedir(stream);
    return status;
}
