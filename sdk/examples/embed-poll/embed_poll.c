/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two nodes and a client in a program that has a poll loop of its own. The loop waits for its own
 * descriptors (standard input and a timer) and for those of the nodes and the client, which are only
 * three more. Every line of input goes to a tasklet, every answer is printed with the node that it
 * came from.
 *
 * Nothing here blocks but poll: the nodes would stand still meanwhile. So the client is used by the
 * calls that end in _begin, whose callbacks run inside of stint_client_process.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <pb_decode.h>
#include <pb_encode.h>
#include <stint/client.h>
#include <stint/node.h>

#include "scribe.stint.h"

extern const struct stint_module scribe_module; /* scribe.c */

enum { LEFT, RIGHT, NODES, CALL_MS = 10000, DRAIN_MS = 5000, PATIENCE_S = 60, PATH_SIZE = 4096 };

static const char *const names[NODES] = { "left", "right" };

struct app {
    const char *dir;
    struct stint_node *nodes[NODES];
    bool ended[NODES];
    unsigned ready;
    struct stint_client *client;
    bool serving; /* the tasklet is there */
    bool sending; /* a line is on its way: no more input is taken */
    bool over;    /* all is said, or something failed */
    bool leaving;
    int timer;
    char input[sizeof(((scribe_Line *)NULL)->text)];
    size_t input_size;
    bool input_ended;
    bool said_all; /* the tasklet was told to end */
    int exit_code;
};

/* The first thing that fails ends the program, in order. */
static void
fail(struct app *app, const char *what, const char *why)
{
    if (!app->over) {
        fprintf(stderr, "embed-poll: %s: %s\n", what, why);
        app->exit_code = 1;
    }
    app->over = true;
}

/* ---- nodes ---- */

static void
on_log(void *arg, enum stint_log_level level, const char *text)
{
    (void)arg;
    fprintf(stderr, "embed-poll: %s%s\n", level == STINT_LOG_ERROR ? "error: " : "", text);
}

static void
on_ready(void *arg, struct stint_node *node)
{
    struct app *app = arg;
    app->ready++;
    printf("%s is ready\n", stint_node_name(node));
    fflush(stdout);
}

static void
create_node(struct app *app, int number)
{
    const struct stint_module *const modules[] = { &scribe_module };
    struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
    char error[STINT_NODE_ERROR_SIZE], data[PATH_SIZE];
    const char *join[1] = { NULL };
    snprintf(data, sizeof data, "%s/%s", app->dir, names[number]);
    options.name = names[number];
    options.data_dir = data;
    options.insecure = true; /* keys that everybody has: for trying, on loopback */
    options.modules = modules;
    options.module_count = 1;
    options.log_level = STINT_LOG_ERROR;
    options.on_log = on_log;
    options.on_ready = on_ready;
    options.arg = app;
    if (number == LEFT) {
        options.found = true;
    } else {
        join[0] = stint_node_endpoint(app->nodes[LEFT]);
        options.join = join;
        options.join_count = 1;
    }
    if (stint_node_create(&options, &app->nodes[number], error, sizeof error) != STINT_OK) {
        fail(app, names[number], error);
    }
}

static void
step_nodes(struct app *app)
{
    for (int i = 0; i < NODES; i++) {
        if (app->nodes[i] == NULL || app->ended[i]) {
            continue;
        }
        enum stint_status status = stint_node_step(app->nodes[i], 0);
        app->ended[i] = status != STINT_OK;
        if (app->ended[i] && status != STINT_CLOSED) {
            fail(app, names[i], stint_node_error(app->nodes[i]));
        }
    }
}

/* ---- the client ---- */

static void on_answer(void *arg, struct stint_call *call);

static void
await_answer(struct app *app)
{
    if (stint_client_receive_begin(app->client, "answers", false, PATIENCE_S * 1000, on_answer, app) ==
        NULL) {
        fail(app, "receive", stint_client_error(app->client));
    }
}

static void
on_answer(void *arg, struct stint_call *call)
{
    struct app *app = arg;
    struct stint_value value;
    scribe_Answer answer = scribe_Answer_init_zero;
    if (stint_call_status(call) != STINT_OK || stint_call_value(call, &value) != STINT_OK) {
        fail(app, "receive", stint_call_error(call));
    } else {
        pb_istream_t in = pb_istream_from_buffer(value.bytes.data, value.bytes.size);
        if (!pb_decode(&in, scribe_Answer_fields, &answer)) {
            fail(app, "answer", PB_GET_ERROR(&in));
        } else if (answer.text[0] == '\0') {
            app->over = true; /* the answer to the empty line */
        } else {
            struct stint_id left = stint_node_id(app->nodes[LEFT]);
            bool on_left = memcmp(answer.node.id, left.bytes, sizeof left.bytes) == 0;
            printf("%u %s (%s)\n", (unsigned)answer.number, answer.text, names[on_left ? LEFT : RIGHT]);
            fflush(stdout);
            await_answer(app);
        }
    }
    stint_call_release(call);
}

static void
on_sent(void *arg, struct stint_call *call)
{
    struct app *app = arg;
    app->sending = false;
    if (stint_call_status(call) != STINT_OK) {
        fail(app, "send", stint_call_error(call));
    }
    stint_call_release(call);
}

static void
send_line(struct app *app, const char *text, size_t size)
{
    uint8_t bytes[scribe_Line_size];
    scribe_Line line = scribe_Line_init_zero;
    memcpy(line.text, text, size);
    pb_ostream_t out = pb_ostream_from_buffer(bytes, sizeof bytes);
    if (!pb_encode(&out, scribe_Line_fields, &line)) {
        fail(app, "line", PB_GET_ERROR(&out));
        return;
    }
    struct stint_span span = { bytes, out.bytes_written };
    app->sending = stint_client_send_begin(app->client, "lines", span, NULL, CALL_MS, on_sent, app) != NULL;
    if (!app->sending) {
        fail(app, "send", stint_client_error(app->client));
    }
}

static void
on_spawned(void *arg, struct stint_call *call)
{
    struct app *app = arg;
    if (stint_call_status(call) == STINT_OK) {
        app->serving = true;
        await_answer(app);
    } else {
        fail(app, "spawn", stint_call_error(call));
    }
    stint_call_release(call);
}

static void
open_client(struct app *app)
{
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    char error[STINT_CLIENT_ERROR_SIZE];
    const char *endpoints[NODES];
    for (int i = 0; i < NODES; i++) {
        endpoints[i] = stint_node_endpoint(app->nodes[i]);
    }
    options.endpoints = endpoints;
    options.endpoint_count = NODES;
    options.insecure = true;
    options.no_environment = true;
    if (stint_client_open(&options, &app->client, error, sizeof error) != STINT_OK) {
        fail(app, "client", error);
        return;
    }
    spawn.code = "scribe/Scribe";
    spawn.on = names[LEFT];
    if (stint_client_spawn_begin(app->client, &spawn, CALL_MS, on_spawned, app) == NULL) {
        fail(app, "spawn", stint_client_error(app->client));
    }
}

/* ---- the program's own descriptors ---- */

/* One line for each turn of the loop, and none while one is on its way. */
static void
send_input(struct app *app)
{
    if (!app->serving || app->sending || app->said_all || app->over) {
        return;
    }
    char *end = memchr(app->input, '\n', app->input_size);
    bool full = app->input_size == sizeof app->input - 1;
    size_t size = end != NULL ? (size_t)(end - app->input) : app->input_size;
    if (end == NULL && !full && !app->input_ended) {
        return;
    }
    app->said_all = app->input_size == 0;
    if (size > 0 || app->said_all) {
        send_line(app, app->input, size); /* the empty one, at the very end, ends the tasklet */
    }
    size += end != NULL ? 1 : 0;
    app->input_size -= size;
    memmove(app->input, app->input + size, app->input_size);
}

static void
read_input(struct app *app)
{
    ssize_t got = read(STDIN_FILENO, app->input + app->input_size, sizeof app->input - 1 - app->input_size);
    if (got > 0) {
        app->input_size += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
        app->input_ended = true;
    }
}

static bool
wants_input(const struct app *app)
{
    return !app->over && !app->input_ended && app->input_size < sizeof app->input - 1;
}

/* ---- the loop ---- */

static int
sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void
wait_for_any(struct app *app)
{
    struct pollfd fds[3 + NODES] = {
        { .fd = wants_input(app) ? STDIN_FILENO : -1, .events = POLLIN },
        { .fd = app->timer, .events = POLLIN },
        { .fd = app->client != NULL ? stint_client_fd(app->client) : -1, .events = POLLIN },
    };
    int timeout = app->client != NULL ? stint_client_timeout_ms(app->client) : -1;
    for (int i = 0; i < NODES; i++) {
        bool lives = app->nodes[i] != NULL && !app->ended[i];
        fds[3 + i] = (struct pollfd){ .fd = lives ? stint_node_fd(app->nodes[i]) : -1, .events = POLLIN };
        timeout = lives ? sooner(timeout, stint_node_timeout_ms(app->nodes[i])) : timeout;
    }
    if (poll(fds, sizeof fds / sizeof fds[0], timeout) < 0 && errno != EINTR) {
        fail(app, "poll", strerror(errno));
        return;
    }
    if (fds[0].revents != 0) {
        read_input(app);
    }
    if (fds[1].revents != 0) {
        fail(app, "timer", "it takes too long");
    }
}

/* What is next in the program's life, by what has come true. */
static void
advance(struct app *app)
{
    if (app->over) {
        if (!app->leaving) {
            app->leaving = true;
            stint_client_close(app->client, 0);
            app->client = NULL;
            if (app->nodes[RIGHT] != NULL) {
                stint_node_stop(app->nodes[RIGHT], DRAIN_MS);
            }
        }
        /* The founder keeps the cluster's store: it leaves last. */
        if (app->nodes[LEFT] != NULL && (app->nodes[RIGHT] == NULL || app->ended[RIGHT])) {
            stint_node_stop(app->nodes[LEFT], 0);
        }
    } else if (app->nodes[LEFT] == NULL) {
        create_node(app, LEFT);
    } else if (app->ready == 1 && app->nodes[RIGHT] == NULL) {
        create_node(app, RIGHT);
    } else if (app->ready == NODES && app->client == NULL) {
        open_client(app);
    }
}

static bool
lives(const struct app *app)
{
    for (int i = 0; i < NODES; i++) {
        if (app->nodes[i] != NULL && !app->ended[i]) {
            return true;
        }
    }
    return !app->over;
}

int
main(int argc, char **argv)
{
    struct app app = { .dir = argc == 2 ? argv[1] : NULL };
    struct itimerspec patience = { .it_value.tv_sec = PATIENCE_S };
    if (app.dir == NULL || (mkdir(app.dir, 0700) != 0 && errno != EEXIST)) {
        fprintf(stderr, "usage: embed-poll DIR     DIR: where the nodes keep their data\n");
        return 2;
    }
    app.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (app.timer < 0 || timerfd_settime(app.timer, 0, &patience, NULL) != 0) {
        perror("embed-poll: timer");
        return 1;
    }
    for (advance(&app); lives(&app); advance(&app)) {
        send_input(&app);
        wait_for_any(&app);
        if (app.client != NULL) {
            stint_client_process(app.client);
        }
        step_nodes(&app);
    }
    for (int i = 0; i < NODES; i++) {
        stint_node_destroy(app.nodes[i]);
    }
    close(app.timer);
    printf("all is closed\n");
    return app.exit_code;
}
