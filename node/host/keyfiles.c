/* SPDX-License-Identifier: Apache-2.0 */
#include "host/keyfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/span.h"
#include "base/text.h"
#include "wire/keyfile.h"

#define DETAIL_SIZE 256

/* The text of one file, terminated, in memory of the caller that is wiped after use. */
struct key_text {
    char bytes[KEYFILE_SIZE_MAX + 1];
    size_t size;
};

/* What to do about a file that is not there, or not for this user. */
static const char *
advice(const char *file, int code)
{
    if (code == EACCES || code == EPERM) {
        return "; it must be readable for the user that runs the node";
    }
    if (code != ENOENT && code != ENOTDIR) {
        return "";
    }
    return strcmp(file, KEYFILE_CLUSTER) == 0
               ? "; make keys with `stint keys init`, or carry them here"
               : "; make it with `stint keys issue node NAME`, or carry it here";
}

static enum stint_status
system_failed(const char *dir, const char *file, char *error, size_t error_size)
{
    int saved = errno;
    (void)text_format(error, error_size, "%s/%s: %s%s", dir, file, strerror(saved),
                      advice(file, saved));
    switch (saved) {
    case ENOENT:
    case ENOTDIR:
        return STINT_NOT_FOUND;
    case EACCES:
    case EPERM:
        return STINT_NOT_AUTHORISED;
    default:
        return STINT_IO;
    }
}

/* Looks at the open file, not at its name: what is checked is what is read. */
static enum stint_status
check_file(int fd, const char *dir, const char *file, bool secret, char *error,
           size_t error_size)
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
        (void)text_format(
            error, error_size,
            "%s/%s: a secret that others may access (mode %04o); chmod 600 it and "
            "consider issuing it anew",
            dir, file, (unsigned)(st.st_mode & 07777));
        return STINT_NOT_AUTHORISED;
    }
    if (secret && st.st_uid != geteuid() && st.st_uid != 0) {
        (void)text_format(error, error_size,
                          "%s/%s: a secret that belongs to another user", dir, file);
        return STINT_NOT_AUTHORISED;
    }
    return STINT_OK;
}

static enum stint_status
read_all(int fd, struct key_text *text)
{
    text->size = 0;
    while (text->size <= KEYFILE_SIZE_MAX) {
        ssize_t got =
            read(fd, text->bytes + text->size, KEYFILE_SIZE_MAX + 1 - text->size);
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
read_file(const char *dir, const char *file, bool secret, struct key_text *text,
          char *error, size_t error_size)
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
    if (status == STINT_OK && !secret &&
        keyfile_is_secret(span_of(text->bytes, text->size))) {
        (void)text_format(error, error_size,
                          "%s/%s: holds a secret under a public name", dir, file);
        status = STINT_INVALID;
    }
    return status;
}

static enum stint_status
with_file(enum stint_status status, const char *dir, const char *file,
          const char *detail, char *error, size_t error_size)
{
    if (status != STINT_OK) {
        (void)text_format(error, error_size, "%s/%s: %s", dir, file, detail);
    }
    return status;
}

static enum stint_status
read_trust(const char *dir, struct trust *trust, char *error, size_t error_size)
{
    struct key_text text;
    char detail[DETAIL_SIZE] = "";
    enum stint_status status =
        read_file(dir, KEYFILE_CLUSTER, false, &text, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    status = keyfile_read_cluster(span_of(text.bytes, text.size), trust, detail,
                                  sizeof detail);
    return with_file(status, dir, KEYFILE_CLUSTER, detail, error, error_size);
}

enum stint_status
keyfiles_identity(const char *dir, const char *name, struct identity *out, char *error,
                  size_t error_size)
{
    struct trust trust;
    struct key_text certificate, secret, server;
    char file[KEYFILE_NAME_SIZE], detail[DETAIL_SIZE] = "";
    identity_wipe(out);
    if (!text_is_name(name, LIMIT_NAME)) {
        (void)text_format(error, error_size,
                          "'%.80s' is not a name ([A-Za-z0-9._-], %d at most)",
                          name == NULL ? "" : name, LIMIT_NAME);
        return STINT_INVALID;
    }
    enum stint_status status = read_trust(dir, &trust, error, error_size);
    if (status == STINT_OK) {
        (void)keyfile_name(file, ROLE_NODE, name, false);
        status = read_file(dir, file, false, &certificate, error, error_size);
    }
    if (status == STINT_OK) {
        (void)keyfile_name(file, ROLE_NODE, name, true);
        status = read_file(dir, file, true, &secret, error, error_size);
    }
    if (status == STINT_OK) {
        status = read_file(dir, KEYFILE_SERVER, true, &server, error, error_size);
    }
    if (status == STINT_OK) {
        (void)keyfile_name(file, ROLE_NODE, name, false);
        file[strlen(file) - strlen(".cert")] = '\0';
        status = keyfile_read_identity(
            &trust, span_of(certificate.bytes, certificate.size),
            span_of(secret.bytes, secret.size), span_of(server.bytes, server.size), out,
            detail, sizeof detail);
        status = with_file(status, dir, file, detail, error, error_size);
    }
    explicit_bzero(&secret, sizeof secret);
    explicit_bzero(&server, sizeof server);
    return status;
}
