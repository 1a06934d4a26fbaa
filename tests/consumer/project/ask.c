/* SPDX-License-Identifier: Apache-2.0 */
/* ask ENDPOINT: spawns a greeter, asks it, prints its answer. */
#include <stdio.h>
#include <stint/client.h>

enum { TIMEOUT_MS = 20000 };

static enum stint_status
ask(struct stint_client *client)
{
    struct stint_spawn spawn = STINT_SPAWN_INIT;
    spawn.code = "greet/Greeter";
    enum stint_status status = stint_client_spawn(client, &spawn, NULL, 0, NULL, TIMEOUT_MS);
    if (status != STINT_OK) {
        return status;
    }
    struct stint_channel answers = STINT_CHANNEL_INIT;
    answers.name = "answers";
    answers.capacity = 1;
    answers.type = "greet.Answer";
    struct stint_id id;
    status = stint_client_channel_create(client, &answers, &id, TIMEOUT_MS);
    if (status != STINT_OK) {
        return status;
    }
    status = stint_client_send_json(client, "greeter", "{\"name\":\"Ada\",\"reply\":\"answers\"}", NULL,
        TIMEOUT_MS);
    if (status != STINT_OK) {
        return status;
    }
    struct stint_value value;
    status = stint_client_receive(client, "answers", true, TIMEOUT_MS, &value);
    if (status == STINT_OK) {
        puts(value.json);
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct stint_client_options options = STINT_CLIENT_OPTIONS_INIT;
    char error[STINT_CLIENT_ERROR_SIZE] = "usage: ask ENDPOINT";
    struct stint_client *client = NULL;
    options.uri = argc == 2 ? argv[1] : "";
    options.insecure = true;
    options.no_environment = true;
    if (argc != 2 || stint_client_open(&options, &client, error, sizeof error) != STINT_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    enum stint_status status = ask(client);
    if (status != STINT_OK) {
        fprintf(stderr, "%s: %s\n", stint_status_name(status), stint_client_error(client));
    }
    stint_client_close(client, 1000);
    return status == STINT_OK ? 0 : 1;
}
