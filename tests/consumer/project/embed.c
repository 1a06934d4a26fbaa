/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed DATA_DIR MODULE: a node inside of a program with an event loop of its own. It founds a cluster on a free port
 * of loopback, prints `ready ENDPOINT`, and leaves when standard input ends.
 */
#include <poll.h>
#include <stdio.h>
#include <stint/node.h>
#include <unistd.h>

/* Waits for the node or for the end of standard input, and says whether that has come. */
static bool
wait_for_either(const struct stint_node *node)
{
    struct pollfd fds[2] = { { .fd = stint_node_fd(node), .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN } };
    char ignored[64];
    return poll(fds, 2, stint_node_timeout_ms(node)) > 0 && fds[1].revents != 0
        && read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
}

static enum stint_status
serve(struct stint_node *node)
{
    enum stint_status status;
    bool said = false;
    bool leaving = false;
    while ((status = stint_node_step(node, leaving ? 1000 : 0)) == STINT_OK) {
        if (!said && stint_node_ready(node)) {
            said = true;
            printf("ready %s\n", stint_node_endpoint(node));
            fflush(stdout);
        }
        if (!leaving && wait_for_either(node)) {
            leaving = true;
            stint_node_stop(node, 0);
        }
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct stint_node_options options = STINT_NODE_OPTIONS_INIT;
    char error[STINT_NODE_ERROR_SIZE] = "usage: embed DATA_DIR MODULE";
    struct stint_node *node = NULL;
    if (argc == 3) {
        const char *modules[] = { argv[2] };
        options.name = "embedded";
        options.listen = "tcp://127.0.0.1:0";
        options.data_dir = argv[1];
        options.module_paths = modules;
        options.module_path_count = 1;
        options.found = true;
        options.insecure = true;
        if (stint_node_create(&options, &node, error, sizeof error) == STINT_OK) {
            error[0] = '\0';
        }
    }
    if (node == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    enum stint_status status = serve(node);
    if (status != STINT_CLOSED) {
        fprintf(stderr, "%s: %s\n", stint_status_name(status), stint_node_error(node));
    }
    stint_node_destroy(node);
    return status == STINT_CLOSED ? 0 : 1;
}
