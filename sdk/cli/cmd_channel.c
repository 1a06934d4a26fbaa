/* SPDX-License-Identifier: Apache-2.0 */
/* Channels, and values through them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void
put_channel(struct out *out, const struct stint_channel_item *c)
{
    out_id(out, "id", c->id);
    out_text_or_null(out, "name", c->name);
    out_text(out, "node", c->node);
    out_id_or_null(out, "owner", c->has_owner, c->owner);
    out_number(out, "capacity", c->capacity);
    out_signed(out, "balance", c->balance);
    out_number(out, "buffered", c->buffered);
    out_number(out, "senders", c->senders);
    out_number(out, "receivers", c->receivers);
    out_text_or_null(out, "type", c->type);
    out_bool(out, "closing", c->closing);
}

static bool
put_next_channel(struct out *out, struct stint_list *list)
{
    const struct stint_channel_item *c = stint_list_channel(list);
    if (c != NULL) {
        put_channel(out, c);
    }
    return c != NULL;
}

int
cmd_channel_list(struct cli *cli)
{
    static const struct list_kind channels = {
        .what = "list channels",
        .ask = stint_admin_channels,
        .put = put_next_channel,
        .columns = "id name node capacity buffered balance type",
        .wide = "owner senders receivers closing",
        .name = "id",
    };
    return cli_list(cli, &channels);
}

int
cmd_channel_describe(struct cli *cli)
{
    const char *name = cli->args->words[0];
    struct stint_list *list;
    enum stint_status status = stint_admin_channel(cli->client, name, cli_left(cli), &list);
    const struct stint_channel_item *c = list != NULL ? stint_list_channel(list) : NULL;
    if (list == NULL) {
        return cli_fail(cli, status, "describe channel", name);
    }
    if (c != NULL) {
        out_object(&cli->out, "id");
        put_channel(&cli->out, c);
        out_object_end(&cli->out);
    }
    stint_list_free(list);
    return c != NULL ? EXIT_DONE
                     : cli_fail_text(STINT_NOT_FOUND, "describe channel", name,
                                     "there is no such channel");
}

static int
would_create(struct cli *cli, const struct stint_channel *ch)
{
    struct stint_id id;
    struct stint_span bytes;
    enum stint_status status = cli_look_up_node(cli, ch->on);
    if (status == STINT_OK && ch->type != NULL) {
        status = stint_client_encode(cli->client, ch->type, "{}", cli_left(cli), &bytes);
    }
    if (status != STINT_OK) {
        return cli_fail(cli, status, "make the channel", ch->name);
    }
    if (ch->name != NULL &&
        stint_client_resolve(cli->client, ch->name, cli_left(cli), &id) == STINT_OK) {
        return cli_fail_text(STINT_EXISTS, "make the channel", ch->name, "the name is taken");
    }
    cli_result(cli, "name", "make a channel %s", ch->name != NULL ? ch->name : "without a name");
    out_text_or_null(&cli->out, "name", ch->name);
    return cli_result_end(cli);
}

int
cmd_channel_create(struct cli *cli)
{
    const struct args *args = cli->args;
    struct stint_channel ch = STINT_CHANNEL_INIT;
    struct stint_id id;
    ch.name = args_text(args, "name");
    ch.capacity = (uint32_t)args_number(args, "capacity", 0);
    ch.type = args_text(args, "type");
    ch.on = args_text(args, "on");
    if (args->dry_run) {
        return would_create(cli, &ch);
    }
    enum stint_status status = stint_client_channel_create(cli->client, &ch, &id, cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "make the channel", ch.name);
    }
    out_object(&cli->out, "id");
    out_id(&cli->out, "id", id);
    out_text_or_null(&cli->out, "name", ch.name);
    out_object_end(&cli->out);
    return EXIT_DONE;
}

/* What did not happen in time is known not to have happened: that is a failure, not a doubt (exit
 * 1). */
static int
fail_operation(const struct cli *cli, enum stint_status status, const char *what,
               const char *channel)
{
    if (status == STINT_TIMED_OUT && !cli_interrupted()) {
        return cli_fail_exit(EXIT_FAILED, what, channel, stint_client_error(cli->client));
    }
    return cli_fail(cli, status, what, channel);
}

/* The channel must be there, and take such a value. */
static enum stint_status
check_value(struct cli *cli, const char *channel, const char *json, const char *type)
{
    struct stint_list *list;
    struct stint_id id;
    struct stint_span bytes;
    enum stint_status status = stint_admin_channel(cli->client, channel, cli_left(cli), &list);
    if (status == STINT_NOT_AUTHORISED) {
        return stint_client_resolve(cli->client, channel, cli_left(cli), &id);
    }
    const struct stint_channel_item *c = list != NULL ? stint_list_channel(list) : NULL;
    char of_channel[128];
    snprintf(of_channel, sizeof of_channel, "%s", c != NULL ? c->type : "");
    stint_list_free(list);
    type = of_channel[0] != '\0' ? of_channel : type;
    return status != STINT_OK || type == NULL
               ? status
               : stint_client_encode(cli->client, type, json, cli_left(cli), &bytes);
}

/* In a dry run nothing is done to a channel, but it must be there. */
static int
would_use(struct cli *cli, const char *what, const char *channel, const char *field)
{
    struct stint_id id;
    enum stint_status status = stint_client_resolve(cli->client, channel, cli_left(cli), &id);
    if (status != STINT_OK) {
        return cli_fail(cli, status, what, channel);
    }
    cli_result(cli, "channel", "%s %s", what, channel);
    out_id(&cli->out, "channel", id);
    if (field != NULL) {
        out_bool(&cli->out, field, false);
    }
    return cli_result_end(cli);
}

int
cmd_channel_send(struct cli *cli)
{
    const char *channel = cli->args->words[0];
    char *json = cli_json(cli->args->words[1]);
    if (json == NULL) {
        return EXIT_USAGE;
    }
    const char *type = args_text(cli->args, "type");
    enum stint_status status =
        cli->args->dry_run
            ? check_value(cli, channel, json, type)
            : stint_client_send_json(cli->client, channel, json, type, cli_left(cli));
    free(json);
    if (status != STINT_OK) {
        return fail_operation(cli, status, "send to", channel);
    }
    if (!out_is_table(&cli->out) || cli->args->dry_run) {
        cli_result(cli, "channel", "send to %s", channel);
        out_text(&cli->out, "channel", channel);
        out_bool(&cli->out, "sent", !cli->args->dry_run);
        return cli_result_end(cli);
    }
    return EXIT_DONE;
}

/* Bytes that nobody could show are shown as hex digits: they were taken, so they must not be lost.
 */
static void
put_bytes(struct text *json, struct stint_span bytes)
{
    text_add(json, "\"", 1);
    for (size_t i = 0; i < bytes.size; i++) {
        text_print(json, "%02x", bytes.data[i]);
    }
    text_add(json, "\"", 1);
}

static void
put_value(struct cli *cli, const struct stint_value *value, bool item)
{
    struct text bytes = { .data = NULL };
    if (value->json == NULL) {
        put_bytes(&bytes, value->bytes);
        cli_note(cli, "the value is shown as bytes: %s", stint_client_error(cli->client));
    }
    const char *json = value->json != NULL ? value->json : text_or_empty(&bytes);
    if (out_is_table(&cli->out)) {
        out_line(&cli->out, "%s", json);
        (void)fflush(cli->out.stream);
    } else {
        item ? out_item(&cli->out) : out_object(&cli->out, "value");
        out_id(&cli->out, "channel", value->channel);
        out_text_or_null(&cli->out, "type", value->type);
        out_json(&cli->out, "value", json, json);
        item ? out_item_end(&cli->out) : out_object_end(&cli->out);
    }
    cli->out.failed = cli->out.failed || bytes.failed;
    text_free(&bytes);
}

int
cmd_channel_receive(struct cli *cli)
{
    const char *channel = cli->args->words[0];
    uint64_t count = args_number(cli->args, "count", 1);
    bool list = args_on(cli->args, "count") && !out_is_table(&cli->out);
    if (cli->args->dry_run) {
        return would_use(cli, "receive from", channel, NULL);
    }
    enum stint_status status = STINT_OK;
    uint64_t got = 0;
    while (got < count && status == STINT_OK) {
        struct stint_value value;
        status = stint_client_receive(cli->client, channel, true, cli_left(cli), &value);
        if (status == STINT_OK) {
            if (list && got == 0) {
                out_list(&cli->out, "", "", "value");
            }
            put_value(cli, &value, list);
            got++;
        }
    }
    if (list && got != 0) {
        out_list_end(&cli->out, got < count);
    }
    if (status == STINT_OK) {
        return EXIT_DONE;
    }
    bool late = status == STINT_TIMED_OUT;
    if (got != 0 && (late || exit_of(status) == EXIT_FAILED) && !cli_interrupted()) {
        char why[STINT_CLIENT_ERROR_SIZE + 64];
        snprintf(why, sizeof why, "%llu of %llu came%s%s", (unsigned long long)got,
                 (unsigned long long)count, late ? " in time" : ": ",
                 late ? "; try again for the others" : stint_client_error(cli->client));
        return cli_fail_exit(EXIT_PARTLY, "receive from", channel, why);
    }
    return fail_operation(cli, status, "receive from", channel);
}

int
cmd_channel_close(struct cli *cli)
{
    const char *channel = cli->args->words[0];
    if (cli->args->dry_run) {
        return would_use(cli, "close channel", channel, "closed");
    }
    enum stint_status status =
        stint_client_channel_close(cli->client, channel, args_on(cli->args, "wake"), cli_left(cli));
    if (status != STINT_OK) {
        return cli_fail(cli, status, "close channel", channel);
    }
    out_object(&cli->out, "channel");
    out_text(&cli->out, "channel", channel);
    out_bool(&cli->out, "closed", true);
    out_object_end(&cli->out);
    return EXIT_DONE;
}
