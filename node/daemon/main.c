/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stintd: one node with a command line. All it does beside stint/node.h is to read
 * settings, print logs and the ready line, and turn signals into calls.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "failpoint.h"
#include "flags.h"
#include "logs.h"
#include "service.h"
#include "settings.h"
#include "stint/node.h"

enum exit_code {
    EXIT_CLEAN = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2, /* what it was told is wrong by itself */
    EXIT_CANNOT_JOIN = 3,
    EXIT_FENCED = 4,
};

enum {
    LABELS_SIZE = 1024,
    FILES_WANTED = 65536, /* descriptors, as far as the system allows */
    HURRY_MS = 3000,      /* for leaving after the second SIGTERM */
    JOIN_TIMEOUT_MS = 10000, /* what the library takes for 0 */
};

/* Texts of one reading of all sources; the settings point into them. */
struct sources {
    struct settings settings;
    struct flags_storage environment;
    struct config_text config;
};

struct daemon {
    int argc;
    char **argv;
    struct sources *sources;
    struct logs logs;
    struct service service;
    struct stint_node *node;
    int signal_fd;
    unsigned terminations; /* SIGTERMs so far */
    uint64_t hurry_until;  /* ns; 0: no hurry */
    bool was_ready;
};

static uint64_t
now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static const char *
environment(const char *name)
{
    return getenv(name);
}

struct mistakes {
    const struct logs *logs;
    const struct settings *settings;
    bool among_others; /* other mistakes have been named already */
    unsigned count;
};

static void
report_line(void *arg, unsigned line, const char *mistake)
{
    const struct mistakes *m = arg;
    logs_fail(m->logs, "%s:%u: %s", m->settings->text[KEY_CONFIG], line, mistake);
}

/* A value of a list may be several items: labels are joined with commas. */
static size_t
item_of(const struct settings *s, enum settings_key key, size_t index)
{
    const struct settings_list *list = &s->list[key];
    for (size_t i = 0; key == KEY_LABEL && i < list->count; i++) {
        size_t pieces = 1;
        for (const char *at = list->items[i]; (at = strchr(at, ',')) != NULL; at++) {
            pieces++;
        }
        if (index < pieces) {
            return i;
        }
        index -= pieces;
    }
    return index;
}

/* What the node's library has found, with the place where it was given. */
static void
report_option(void *arg, const char *option, size_t index, const char *problem)
{
    struct mistakes *m = arg;
    const struct settings *s = m->settings;
    char where[SETTINGS_ERROR_SIZE];
    enum settings_key key = settings_find(option, strlen(option));
    if (s->text[KEY_CONFIG] == NULL && !s->check && m->count > 0) {
        return; /* a command line is corrected one mistake after the other */
    }
    if (key == KEY_COUNT) {
        logs_fail(m->logs, "%s: %s", option, problem);
    } else if (s->source[key] != SOURCE_NONE || !m->among_others) {
        settings_where(s, key, item_of(s, key, index), s->text[KEY_CONFIG], where,
                       sizeof where);
        logs_fail(m->logs, "%s: %s", where, problem);
    } else {
        return; /* what is missing may be what a line before this one should have given */
    }
    m->count++;
}

/* Whether the values make sense together; every mistake has been named if not. */
static bool
check_options(const struct logs *logs, const struct settings *s, bool among_others,
              enum stint_node_check_depth depth)
{
    struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
    struct mistakes m = { .logs = logs, .settings = s, .among_others = among_others };
    char labels[LABELS_SIZE], error[SETTINGS_ERROR_SIZE];
    if (!settings_options(s, &options, labels, sizeof labels, error, sizeof error)) {
        report_option(&m, "label", 0, error);
    }
    return stint_node_check(&options, depth, report_option, &m) == STINT_OK &&
           m.count == 0;
}

/*
 * Reads flags, environment and config file, in the order of their strength; the file
 * comes last because the others name it. FLAGS_WRONG: everything that is wrong has been
 * said.
 */
static enum flags_result
read_sources(struct daemon *d, struct sources *in)
{
    char error[SETTINGS_ERROR_SIZE];
    settings_init(&in->settings);
    in->environment.used = 0;
    enum flags_result result =
        flags_read(&in->settings, d->argc, d->argv, error, sizeof error);
    if (result == FLAGS_OK &&
        !flags_environment(&in->settings, environment, &in->environment, error,
                           sizeof error)) {
        result = FLAGS_WRONG;
    }
    const char *path = in->settings.text[KEY_CONFIG];
    if (result == FLAGS_OK && path != NULL &&
        !config_load(&in->config, path, error, sizeof error)) {
        result = FLAGS_WRONG;
    }
    if (result == FLAGS_WRONG) {
        logs_fail(&d->logs, "%s", error);
    }
    if (result != FLAGS_OK) {
        return result;
    }
    struct mistakes m = { .logs = &d->logs, .settings = &in->settings };
    unsigned mistakes =
        path == NULL ? 0 : config_read(&in->settings, &in->config, report_line, &m);
    bool sensible = check_options(&d->logs, &in->settings, mistakes > 0,
                                  STINT_NODE_CHECK_OPTIONS);
    return mistakes == 0 && sensible ? FLAGS_OK : FLAGS_WRONG;
}

static void
on_log(void *arg, enum stint_log_level level, const char *text)
{
    const struct daemon *d = arg;
    logs_write(&d->logs, level, text);
    failpoint_look(text);
}

/* The one line on stdout: scripts wait for it. */
static void
on_ready(void *arg, struct stint_node *node)
{
    struct daemon *d = arg;
    char id[STINT_ID_TEXT_SIZE], name[128], endpoint[512];
    d->was_ready = true;
    (void)logs_escape(name, sizeof name, stint_node_name(node));
    (void)logs_escape(endpoint, sizeof endpoint, stint_node_endpoint(node));
    (void)printf(
        "{\"event\":\"ready\",\"name\":\"%s\",\"node\":\"%s\",\"endpoint\":\"%s\","
        "\"pid\":%ld}\n",
        name, stint_id_text(stint_node_id(node), id), endpoint, (long)getpid());
    (void)fflush(stdout);
    service_ready(&d->service, stint_node_endpoint(node));
}

/* Signals become readable before any thread exists, so none is ever delivered
 * elsewhere. */
static bool
open_signals(struct daemon *d)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return false;
    }
    d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return d->signal_fd >= 0;
}

static void
raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_WANTED) {
        limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void
terminate(struct daemon *d)
{
    d->terminations++;
    if (d->terminations == 1) {
        logs_write(&d->logs, STINT_LOG_INFO,
                   "asked to stop: moves tasklets away and leaves");
        uint64_t drain_ms = d->sources->settings.number[KEY_DRAIN_TIMEOUT];
        service_draining(&d->service, now_ns(), drain_ms);
        stint_node_stop(d->node, (uint32_t)drain_ms);
        return;
    }
    logs_write(&d->logs, STINT_LOG_INFO, "asked again: leaves at once");
    stint_node_stop(d->node, 0);
    if (d->hurry_until == 0) {
        d->hurry_until = now_ns() + HURRY_MS * UINT64_C(1000000);
    }
}

/* Keys, and the log level if the config file says another one now. What is wrong leaves
 * all as it was. */
static void
reload(struct daemon *d)
{
    service_reloading(&d->service, now_ns());
    struct sources *fresh = calloc(1, sizeof *fresh);
    bool ok = fresh != NULL && read_sources(d, fresh) == FLAGS_OK;
    if (ok) {
        d->logs.level = (enum stint_log_level)fresh->settings.number[KEY_LOG_LEVEL];
        stint_node_set_log_level(d->node, d->logs.level);
    } else {
        logs_write(&d->logs, STINT_LOG_ERROR,
                   fresh == NULL ? "reload: out of memory; the log level stays"
                                 : "reload: the settings are wrong; the log level stays");
    }
    free(fresh);
    if (stint_node_reload(d->node) != STINT_OK) {
        logs_write(&d->logs, STINT_LOG_ERROR, stint_node_error(d->node));
        logs_write(&d->logs, STINT_LOG_ERROR, "reload: the keys stay as they were");
        ok = false;
    }
    service_reloaded(&d->service, ok);
}

static void
take_signals(struct daemon *d)
{
    struct signalfd_siginfo info;
    while (read(d->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(d);
        } else {
            terminate(d);
        }
    }
}

/* The wait of the node, shortened by the hurry and by what the service manager is to hear. */
static int
wait_ms(const struct daemon *d)
{
    int node = stint_node_timeout_ms(d->node);
    uint64_t at = service_due(&d->service);
    if (d->hurry_until != 0 && d->hurry_until < at) {
        at = d->hurry_until;
    }
    if (at == UINT64_MAX) {
        return node;
    }
    uint64_t now = now_ns();
    uint64_t left = at <= now ? 0 : (at - now) / 1000000 + 1;
    return node >= 0 && (uint64_t)node < left ? node : left > INT_MAX ? INT_MAX : (int)left;
}

static enum stint_status
serve(struct daemon *d)
{
    for (;;) {
        enum stint_status status = stint_node_step(d->node, 0);
        if (status != STINT_OK) {
            return status;
        }
        if (d->hurry_until != 0 && now_ns() >= d->hurry_until) {
            logs_write(&d->logs, STINT_LOG_WARN,
                       "leaves without the others' agreement");
            return STINT_TIMED_OUT;
        }
        service_tick(&d->service, now_ns(), stint_node_tasklets(d->node));
        struct pollfd fds[] = {
            { .fd = stint_node_fd(d->node), .events = POLLIN },
            { .fd = d->signal_fd, .events = POLLIN },
        };
        if (poll(fds, 2, wait_ms(d)) < 0 && errno != EINTR) {
            logs_write(&d->logs, STINT_LOG_ERROR, strerror(errno));
            return STINT_IO;
        }
        take_signals(d);
    }
}

static enum exit_code
exit_code(const struct daemon *d, enum stint_status status)
{
    if (status == STINT_CLOSED) {
        return EXIT_CLEAN;
    }
    if (status == STINT_FENCED) {
        return EXIT_FENCED;
    }
    return d->was_ready || d->terminations > 0 ? EXIT_FAILED : EXIT_CANNOT_JOIN;
}

static enum exit_code
run(struct daemon *d)
{
    struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
    char labels[LABELS_SIZE], error[STINT_NODE_ERROR_SIZE];
    if (!settings_options(&d->sources->settings, &options, labels, sizeof labels, error,
                          sizeof error)) {
        logs_fail(&d->logs, "%s", error);
        return EXIT_USAGE;
    }
    options.on_log = on_log;
    options.on_ready = on_ready;
    options.arg = d;
    if (!open_signals(d)) {
        logs_fail(&d->logs, "cannot receive signals: %s", strerror(errno));
        return EXIT_FAILED;
    }
    enum stint_status status =
        stint_node_create(&options, &d->node, error, sizeof error);
    if (status != STINT_OK) {
        logs_fail(&d->logs, "%s", error);
        return status == STINT_INVALID ? EXIT_USAGE : EXIT_FAILED;
    }
    uint64_t join_ms = d->sources->settings.number[KEY_JOIN_TIMEOUT];
    service_joining(&d->service, now_ns(), join_ms != 0 ? join_ms : JOIN_TIMEOUT_MS);
    status = serve(d);
    enum exit_code code = exit_code(d, status);
    const char *why = code == EXIT_CLEAN ? "" : stint_node_error(d->node);
    service_ended(&d->service, why);
    if (code != EXIT_CLEAN) {
        /* The node says by itself that it cannot join, except for what went wrong before it tried. */
        bool says_so = strncmp(why, "cannot join", strlen("cannot join")) == 0;
        logs_fail(&d->logs, "%s%s", code == EXIT_CANNOT_JOIN && !says_so ? "cannot join: " : "",
                  why[0] != '\0' ? why : stint_strerror(status));
    }
    stint_node_destroy(d->node);
    return code;
}

/* --check */
static enum exit_code
check(const struct daemon *d)
{
    const struct settings *s = &d->sources->settings;
    if (!check_options(&d->logs, s, false, STINT_NODE_CHECK_FILES)) {
        return EXIT_USAGE;
    }
    char text[256];
    (void)snprintf(text, sizeof text, "settings, keys, data and modules of %s are in order",
                   s->text[KEY_NAME]);
    if (d->logs.json) {
        logs_write(&d->logs, STINT_LOG_INFO, text);
    } else {
        logs_fail(&d->logs, "%s", text);
    }
    return EXIT_CLEAN;
}

int
main(int argc, char **argv)
{
    struct daemon d = {
        .argc = argc,
        .argv = argv,
        .signal_fd = -1,
    };
    enum exit_code code = EXIT_CLEAN;
    service_init(&d.service, environment, (long)getpid());
    d.sources = calloc(1, sizeof *d.sources);
    if (d.sources == NULL) {
        logs_fail(&d.logs, "out of memory");
        return EXIT_FAILED;
    }
    switch (read_sources(&d, d.sources)) {
    case FLAGS_HELP:
        flags_help(stdout);
        break;
    case FLAGS_VERSION:
        (void)printf("stintd %s\n", stint_node_version());
        break;
    case FLAGS_WRONG:
        code = EXIT_USAGE;
        break;
    case FLAGS_OK:
        d.logs.level = (enum stint_log_level)d.sources->settings.number[KEY_LOG_LEVEL];
        d.logs.json = d.sources->settings.number[KEY_LOG_FORMAT] != 0;
        d.logs.name = d.sources->settings.text[KEY_NAME];
        raise_file_limit();
        (void)umask(077);
        code = d.sources->settings.check ? check(&d) : run(&d);
        break;
    }
    if (d.signal_fd >= 0) {
        (void)close(d.signal_fd);
    }
    free(d.sources);
    return (int)code;
}
