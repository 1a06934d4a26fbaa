/* SPDX-License-Identifier: Apache-2.0 */
#include "host/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define FACTS_HEAD "stint node facts 1"
#define FACTS_TEMPORARY DATADIR_FACTS ".new"

enum { FACTS_SIZE_MAX = 8192 };

_Static_assert(FACTS_SIZE_MAX > DATADIR_JOIN_MAX * (DATADIR_ENDPOINT_SIZE + 16) + 1024,
               "the facts fit their file");

/* What to do about what the system said. */
static const char *
advice(int code)
{
    switch (code) {
    case ENOENT:
        return "; make the directory above it first";
    case EACCES:
    case EPERM:
        return "; it must belong to the user that runs the node";
    case EROFS:
        return "; name one that can be written";
    case ENOTDIR:
    case ELOOP:
        return "; name a directory";
    case ENOSPC:
    case EDQUOT:
        return "; make room there";
    default:
        return "";
    }
}

static enum stint_status
system_failed(const char *path, const char *what, char *error, size_t error_size)
{
    (void)text_format(error, error_size, "data directory %s: %s: %s%s", path, what,
                      strerror(errno), advice(errno));
    return STINT_IO;
}

/* The lock is on a file of its own: the facts are replaced, and a lock stays with the
 * old file. */
static enum stint_status
lock(struct datadir *d, char *error, size_t error_size)
{
    d->lock_fd =
        openat(d->fd, DATADIR_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock_fd < 0) {
        return system_failed(d->path, DATADIR_LOCK, error, error_size);
    }
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            (void)text_format(error, error_size,
                              "data directory %s: another node uses it; each needs one "
                              "of its own",
                              d->path);
            return STINT_BUSY;
        }
        return system_failed(d->path, DATADIR_LOCK, error, error_size);
    }
    return STINT_OK;
}

static enum stint_status
take_path(struct datadir *d, const char *path, char *error, size_t error_size)
{
    *d = (struct datadir)DATADIR_INIT;
    if (path == NULL || path[0] == '\0' || strlen(path) > sizeof d->path - 64) {
        (void)text_format(error, error_size,
                          "data directory: the path is empty or too long");
        return STINT_INVALID;
    }
    (void)text_copy(d->path, sizeof d->path, path);
    return STINT_OK;
}

/* The directory that `path` would be made in. */
static void
parent_of(const char *path, char *out, size_t size)
{
    (void)text_copy(out, size, path);
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/') {
        out[--length] = '\0';
    }
    char *slash = strrchr(out, '/');
    if (slash == NULL) {
        (void)text_copy(out, size, ".");
    } else {
        slash[slash == out ? 1 : 0] = '\0';
    }
}

enum stint_status
datadir_look(struct datadir *d, const char *path, struct datadir_facts *facts, char *error,
             size_t error_size)
{
    char parent[DATADIR_PATH_SIZE];
    enum stint_status status = take_path(d, path, error, error_size);
    memset(facts, 0, sizeof *facts);
    if (status != STINT_OK) {
        return status;
    }
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0 && errno == ENOENT) {
        parent_of(path, parent, sizeof parent);
        return access(parent, W_OK | X_OK) == 0
                   ? STINT_NOT_FOUND
                   : system_failed(path, "cannot be made", error, error_size);
    }
    if (d->fd < 0) {
        return system_failed(path, "cannot be opened", error, error_size);
    }
    if (access(path, W_OK | X_OK) != 0) {
        return system_failed(path, "cannot be written", error, error_size);
    }
    return datadir_load(d, facts, error, error_size);
}

enum stint_status
datadir_open(struct datadir *d, const char *path, char *error, size_t error_size)
{
    enum stint_status status = take_path(d, path, error, error_size);
    if (status != STINT_OK) {
        return status;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return system_failed(path, "cannot be made", error, error_size);
    }
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0) {
        return system_failed(path, "cannot be opened", error, error_size);
    }
    status = lock(d, error, error_size);
    if (status != STINT_OK) {
        datadir_close(d);
    }
    return status;
}

void
datadir_close(struct datadir *d)
{
    if (d->lock_fd >= 0) {
        (void)close(d->lock_fd);
    }
    if (d->fd >= 0) {
        (void)close(d->fd);
    }
    d->lock_fd = -1;
    d->fd = -1;
}

enum stint_status
datadir_path(const struct datadir *d, const char *name, char *out, size_t size)
{
    size_t length = text_format(out, size, "%s/%s", d->path, name);
    return length == strlen(d->path) + 1 + strlen(name) ? STINT_OK : STINT_LIMIT;
}

static size_t
write_facts(const struct datadir_facts *f, char *out, size_t size)
{
    char node[STINT_ID_TEXT_SIZE], cluster[STINT_ID_TEXT_SIZE],
        secret[2 * sizeof f->join_secret + 1];
    text_hex(secret, f->join_secret, sizeof f->join_secret);
    size_t at = text_format(
        out, size,
        FACTS_HEAD
        "\nnode = %s\ncluster = %s\nname = %s\nsecret = %s\nincarnation = %llu\n"
        "generation = %llu\nview = %llu\nport = %u\nauthority = %s\n",
        stint_id_text(f->node_id, node), stint_id_text(f->cluster_id, cluster), f->name,
        secret, (unsigned long long)f->incarnation, (unsigned long long)f->generation,
        (unsigned long long)f->view, f->port, f->authority ? "yes" : "no");
    for (uint32_t i = 0; i < f->join_count; i++) {
        at += text_format(out + at, size - at, "join = %s\n", f->join[i]);
    }
    at += text_format(out + at, size - at, "end\n");
    explicit_bzero(secret, sizeof secret);
    return at;
}

static bool
parse_port(const char *value, uint16_t *port)
{
    uint64_t number;
    if (!text_parse_u64(value, &number) || number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

static bool
parse_join(const char *value, struct datadir_facts *f)
{
    if (f->join_count == DATADIR_JOIN_MAX || strlen(value) >= DATADIR_ENDPOINT_SIZE) {
        return false;
    }
    (void)text_copy(f->join[f->join_count++], DATADIR_ENDPOINT_SIZE, value);
    return true;
}

enum fact {
    FACT_NODE,
    FACT_CLUSTER,
    FACT_NAME,
    FACT_SECRET,
    FACT_INCARNATION,
    FACT_GENERATION,
    FACT_VIEW,
    FACT_PORT,
    FACT_AUTHORITY,
    FACT_JOIN, /* any number of times; the others once */
    FACT_COUNT
};

static bool
parse_value(struct datadir_facts *f, enum fact fact, const char *value)
{
    switch (fact) {
    case FACT_NODE:
        return stint_id_parse(value, &f->node_id) == STINT_OK;
    case FACT_CLUSTER:
        return stint_id_parse(value, &f->cluster_id) == STINT_OK;
    case FACT_NAME:
        return text_is_name(value, LIMIT_NAME) &&
               text_copy(f->name, sizeof f->name, value) > 0;
    case FACT_SECRET:
        return text_unhex(f->join_secret, sizeof f->join_secret, value);
    case FACT_INCARNATION:
        return text_parse_u64(value, &f->incarnation);
    case FACT_GENERATION:
        return text_parse_u64(value, &f->generation);
    case FACT_VIEW:
        return text_parse_u64(value, &f->view);
    case FACT_PORT:
        return parse_port(value, &f->port);
    case FACT_AUTHORITY:
        f->authority = strcmp(value, "yes") == 0;
        return f->authority || strcmp(value, "no") == 0;
    case FACT_JOIN:
        return parse_join(value, f);
    case FACT_COUNT:
        break;
    }
    return false;
}

/* One line "key = value"; *seen has a bit for each fact that was there. */
static bool
parse_fact(struct datadir_facts *f, char *line, unsigned *seen)
{
    static const char *const names[FACT_COUNT] = {
        "node",       "cluster", "name", "secret",    "incarnation",
        "generation", "view",    "port", "authority", "join"
    };
    char *equals = strstr(line, " = ");
    if (equals == NULL) {
        return false;
    }
    *equals = '\0';
    for (enum fact fact = 0; fact < FACT_COUNT; fact++) {
        if (strcmp(line, names[fact]) == 0) {
            bool again = (*seen & 1u << fact) != 0;
            *seen |= 1u << fact;
            return (!again || fact == FACT_JOIN) && parse_value(f, fact, equals + 3);
        }
    }
    return false;
}

/* 0 when all is well, else the line that is wrong. Changes the text. */
static unsigned
parse_facts(struct datadir_facts *f, char *text, bool *newer)
{
    static const char family[] = "stint node facts ";
    const unsigned all = (1u << FACT_JOIN) - 1;
    unsigned number = 1, seen = 0;
    char *end = strchr(text, '\n');
    if (end == NULL || strncmp(text, FACTS_HEAD "\n", sizeof FACTS_HEAD) != 0) {
        *newer = end != NULL && strncmp(text, family, sizeof family - 1) == 0;
        return 1;
    }
    for (char *line = end + 1;; line = end + 1) {
        number++;
        end = strchr(line, '\n');
        if (end == NULL) {
            return number;
        }
        *end = '\0';
        if (strcmp(line, "end") == 0) {
            return end[1] == '\0' && (seen & all) == all ? 0 : number;
        }
        if (!parse_fact(f, line, &seen)) {
            return number;
        }
    }
}

static ssize_t
read_all(int fd, char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        ssize_t got = read(fd, text + at, size - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : (ssize_t)at;
        }
        at += (size_t)got;
    }
    errno = EFBIG;
    return -1;
}

enum stint_status
datadir_load(const struct datadir *d, struct datadir_facts *facts, char *error,
             size_t error_size)
{
    char text[FACTS_SIZE_MAX + 1];
    bool newer = false;
    memset(facts, 0, sizeof *facts);
    int fd = openat(d->fd, DATADIR_FACTS, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT
                   ? STINT_NOT_FOUND
                   : system_failed(d->path, DATADIR_FACTS, error, error_size);
    }
    ssize_t size = read_all(fd, text, sizeof text - 1);
    (void)close(fd);
    if (size < 0) {
        return system_failed(d->path, DATADIR_FACTS, error, error_size);
    }
    text[size] = '\0';
    unsigned wrong =
        strlen(text) == (size_t)size ? parse_facts(facts, text, &newer) : 1;
    explicit_bzero(text, sizeof text);
    if (wrong == 0) {
        return STINT_OK;
    }
    memset(facts, 0, sizeof *facts);
    if (wrong == 1 && newer) {
        (void)text_format(error, error_size,
                          "%s/" DATADIR_FACTS ": written by a newer version of Stint",
                          d->path);
        return STINT_BAD_VERSION;
    }
    (void)text_format(error, error_size,
                      "%s/" DATADIR_FACTS
                      ": damaged in line %u; restore it, or start with an empty "
                      "data directory",
                      d->path, wrong);
    return STINT_IO;
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
    return true;
}

enum stint_status
datadir_save(const struct datadir *d, const struct datadir_facts *facts, char *error,
             size_t error_size)
{
    char text[FACTS_SIZE_MAX];
    size_t size = write_facts(facts, text, sizeof text);
    int fd = openat(d->fd, FACTS_TEMPORARY,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return system_failed(d->path, FACTS_TEMPORARY, error, error_size);
    }
    /* The content, then the name, then the directory that has the name: in that order
     * no crash leaves a name with half a content. */
    bool ok = write_all(fd, text, size) && fsync(fd) == 0;
    int saved = errno;
    explicit_bzero(text, sizeof text);
    (void)close(fd);
    errno = saved;
    if (!ok || renameat(d->fd, FACTS_TEMPORARY, d->fd, DATADIR_FACTS) != 0 ||
        fsync(d->fd) != 0) {
        return system_failed(d->path, DATADIR_FACTS, error, error_size);
    }
    return STINT_OK;
}
