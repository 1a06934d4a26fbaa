/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emptying a node. The drain is the cluster's work: it goes on when the tool that asked for it is
 * gone, and asking again only watches it. So an interrupt ends the watching, and says how to watch
 * again and how to end the drain.
 */
#include <stdio.h>
#include <string.h>

#include "bar.h"
#include "cli.h"

enum {
    DRAIN_PACE_MS = 250,
    PROGRESS_BAR = 24,
    EXPLAINED_MAX = 32,
    WHY_SIZE = 256,
    LAST_WORD_MS = 2000,
    LEAVE_MS = 10000
};

/* What the last answer said. */
struct drained {
    uint64_t total, moved, remaining;
    bool done;
    uint64_t stuck; /* how many have been named */
    struct stint_id example;
    char why[WHY_SIZE];
};

static void
read_answer(struct stint_list *list, struct drained *d)
{
    const struct stint_drain_item *item;
    *d = (struct drained){ .done = false };
    stint_list_rewind(list);
    for (bool head = true; (item = stint_list_drain(list)) != NULL; head = false) {
        if (head) {
            d->total = item->total;
            d->moved = item->moved;
            d->remaining = item->remaining;
            d->done = item->done;
        }
        if (item->is_stuck) {
            d->stuck++;
            d->example = item->stuck;
            snprintf(d->why, sizeof d->why, "%s", item->why);
        }
    }
}

/* ---- what cannot move ---- */

/* All that is left on the node, each with why it stays. */
struct stuck {
    struct text json, shown;
    unsigned count, explained;
    const struct drained *drained;
};

static void
add_stuck(struct stuck *s, struct stint_id id, const char *code, const char *why)
{
    char hex[STINT_ID_TEXT_SIZE];
    text_print(&s->json, "%s{\"id\":\"%s\",\"code\":", s->count != 0 ? "," : "",
               stint_id_text(id, hex));
    text_json(&s->json, code[0] != '\0' ? code : NULL);
    text_print(&s->json, ",\"why\":");
    text_json(&s->json, why);
    text_print(&s->json, "}");
    text_print(&s->shown, "%s%.12s %s%s%s", s->count != 0 ? "; " : "", hex, code,
               code[0] != '\0' ? ": " : "", why);
    s->count++;
}

/* A tasklet that could move by itself stays because of those that it could go to: they say why. */
static void
ask_why(struct cli *cli, struct stuck *s, struct stint_id id, char why[WHY_SIZE])
{
    char hex[STINT_ID_TEXT_SIZE];
    struct stint_list *list = NULL;
    const struct stint_explain_item *e;
    size_t used = 0;
    if (memcmp(&id, &s->drained->example, sizeof id) == 0) {
        snprintf(why, WHY_SIZE, "%s", s->drained->why);
        return;
    }
    snprintf(why, WHY_SIZE, "it waits for its turn");
    if (s->explained++ >= EXPLAINED_MAX ||
        stint_admin_explain(cli->client, stint_id_text(id, hex), NULL, cli_left(cli), &list) !=
            STINT_OK) {
        stint_list_free(list);
        return;
    }
    while ((e = stint_list_explain(list)) != NULL && used < WHY_SIZE) {
        if (e->text[0] == '\0' || (e->target[0] != '\0' && e->target_ok)) {
            continue;
        }
        int put = snprintf(why + used, WHY_SIZE - used, "%s%s%s%s", used != 0 ? "; " : "",
                           e->target, e->target[0] != '\0' ? ": " : "", e->text);
        used += put > 0 ? (size_t)put : 0;
    }
    stint_list_free(list);
}

/* A plan of the drain names what is left, with the reason of each that cannot be frozen. */
static void
gather_stuck(struct cli *cli, const struct stint_drain *drain, struct stuck *s)
{
    struct stint_drain plan = *drain;
    struct stint_list *list;
    const struct stint_plan_item *p;
    plan.dry_run = true;
    /* The time of the command may be over; a last question is due. */
    uint64_t least = cli_now_ms() + LAST_WORD_MS;
    cli->deadline_ms = cli->deadline_ms > least ? cli->deadline_ms : least;
    enum stint_status status = stint_admin_drain(cli->client, &plan, cli_left(cli), &list);
    while (list != NULL && (p = stint_list_plan(list)) != NULL) {
        char why[WHY_SIZE];
        struct stint_id id = p->tasklet;
        char code[80];
        bool stays = p->to[0] == '\0' && p->reason[0] != '\0';
        snprintf(code, sizeof code, "%s", p->code);
        snprintf(why, sizeof why, "%s", p->reason);
        if (!stays) {
            ask_why(cli, s, id, why);
        }
        add_stuck(s, id, code, why);
    }
    if (list != NULL && stint_list_truncated(list)) {
        cli_note(cli, "only the first %u that stay are named", s->count);
    }
    if (status != STINT_OK || s->count == 0) {
        add_stuck(s, s->drained->example, "", s->drained->why);
    }
    stint_list_free(list);
}

/* ---- what is shown ---- */

static void
put_drain(struct cli *cli, const struct stint_drain *drain, const struct drained *d)
{
    struct stuck s = { .drained = d };
    text_add(&s.json, "[", 1);
    if (d->stuck != 0) {
        gather_stuck(cli, drain, &s);
    }
    text_add(&s.json, "]", 1);
    out_object(&cli->out, "node");
    out_text(&cli->out, "node", drain->node);
    out_number(&cli->out, "total", d->total);
    out_number(&cli->out, "moved", d->moved);
    out_number(&cli->out, "remaining", d->remaining);
    out_bool(&cli->out, "done", d->done);
    out_json(&cli->out, "stuck", text_or_empty(&s.json),
             s.count != 0 ? text_or_empty(&s.shown) : "-");
    out_object_end(&cli->out);
    cli->out.failed = cli->out.failed || s.json.failed || s.shown.failed;
    text_free(&s.json);
    text_free(&s.shown);
}

/* How fast, measured over the last answers. */
struct pace {
    uint64_t since_ms, moved;
    uint64_t per_second;
};

static void
put_progress(struct cli *cli, const char *node, const struct drained *d, struct pace *pace)
{
    char bar[BAR_SIZE(PROGRESS_BAR)];
    char stuck[96] = "";
    uint64_t now = cli_now_ms();
    if (pace->since_ms == 0) {
        *pace = (struct pace){ .since_ms = now, .moved = d->moved };
    } else if (now >= pace->since_ms + 1000 && d->moved >= pace->moved) {
        pace->per_second = (d->moved - pace->moved) * 1000 / (now - pace->since_ms);
        pace->since_ms = now;
        pace->moved = d->moved;
    }
    if (d->stuck != 0) {
        char hex[STINT_ID_TEXT_SIZE];
        snprintf(stuck, sizeof stuck, ", %.8s stays: %.48s", stint_id_text(d->example, hex),
                 d->why);
    }
    bar_fill(bar, d->moved, d->total != 0 ? d->total : 1, PROGRESS_BAR, bar_is_unicode());
    cli_progress(cli, "%.32s %s %llu of %llu moved, %llu left, %llu/s%s", node, bar,
                 (unsigned long long)d->moved, (unsigned long long)d->total,
                 (unsigned long long)d->remaining, (unsigned long long)pace->per_second, stuck);
}

/* ---- watching ---- */

/* Asks again until it is over. *list is the last answer; STINT_TIMED_OUT, STINT_CANCELLED: it goes
 * on. */
static enum stint_status
follow_drain(struct cli *cli, const struct stint_drain *drain, struct stint_list **list)
{
    struct pace pace = { .since_ms = 0 };
    for (;;) {
        struct drained d;
        read_answer(*list, &d);
        if (d.done) {
            return STINT_OK;
        }
        put_progress(cli, drain->node, &d, &pace);
        if (!cli_pause(cli, DRAIN_PACE_MS)) {
            return cli_interrupted() ? STINT_CANCELLED : STINT_TIMED_OUT;
        }
        struct stint_list *next;
        enum stint_status status = stint_admin_drain(cli->client, drain, cli_left(cli), &next);
        /* A node that is busy giving its work away may be slow to answer. */
        bool again =
            (status == STINT_OUTCOME_UNKNOWN || status == STINT_NOT_SENT || status == STINT_BUSY) &&
            cli_left(cli) > 1;
        if (cli_interrupted()) {
            stint_list_free(next);
            return STINT_CANCELLED;
        }
        if (next == NULL && !again) {
            return status;
        }
        if (next != NULL) {
            stint_list_free(*list);
            *list = next;
            if (status == STINT_PARTIAL) {
                return status;
            }
        }
    }
}

/* An empty node that leaves is gone in a moment: until no other node lists it as living. */
static void
await_leave(struct cli *cli, const char *node)
{
    uint64_t end = cli_now_ms() + LEAVE_MS;
    bool there = true;
    while (there && cli_now_ms() < end && cli_pause(cli, DRAIN_PACE_MS / 2)) {
        struct stint_list *list;
        enum stint_status status = stint_admin_node(cli->client, node, cli_left(cli), &list);
        const struct stint_node_item *n = list != NULL ? stint_list_node(list) : NULL;
        there = status != STINT_NOT_FOUND && (n == NULL || strcmp(n->state, "down") != 0);
        stint_list_free(list);
    }
    if (there && !cli_interrupted()) {
        cli_note(cli, "node %s is empty, and has not left yet", node);
    }
}

/* The line about an end that is none, or not a whole one; and the exit code. */
static int
say_end(const struct cli *cli, const struct stint_drain *drain, enum stint_status status,
        const struct drained *d)
{
    const char *node = drain->node;
    unsigned long long moved = d->moved, total = d->total;
    if (status == STINT_CANCELLED) {
        return cli_say_exit(EXIT_INTERRUPTED,
                            "interrupted; the drain of %s goes on, %llu of %llu moved: the same "
                            "command watches it again, `stint node uncordon %s` ends it",
                            node, moved, total, node);
    }
    bool waits = args_on(cli->args, "wait");
    if (status == STINT_PARTIAL || (status == STINT_TIMED_OUT && d->stuck != 0)) {
        return cli_say_exit(EXIT_PARTLY,
                            "node %s is not empty: %llu left, of which some cannot be moved; they "
                            "are tried again until `stint node uncordon %s`",
                            node, (unsigned long long)d->remaining, node);
    }
    if (status == STINT_TIMED_OUT) {
        return cli_say_exit(EXIT_UNKNOWN,
                            "node %s is not empty yet, %llu of %llu moved; the drain goes on, the "
                            "same command watches it again",
                            node, moved, total);
    }
    if (status != STINT_OK) {
        return cli_fail(cli, status, "see the end of the drain of node", node);
    }
    if (!waits && !d->done) {
        cli_note(cli,
                 "the drain of %s goes on; with --wait it is watched, `stint node uncordon %s` "
                 "ends it",
                 node, node);
    }
    return EXIT_DONE;
}

int
cmd_node_drain(struct cli *cli)
{
    const struct args *args = cli->args;
    struct stint_drain drain = STINT_DRAIN_INIT;
    struct stint_list *list;
    drain.node = args->words[0];
    drain.to = args_text(args, "to");
    drain.rate = (uint32_t)args_number(args, "rate", 0);
    drain.leave = args_on(args, "leave");
    drain.dry_run = args->dry_run;
    drain.reason = args->reason;
    enum stint_status status = stint_admin_drain(cli->client, &drain, cli_left(cli), &list);
    if (list == NULL) {
        return cli_fail(cli, status, "drain node", drain.node);
    }
    if (drain.dry_run) {
        return cli_put_plan(cli, "drain node", EXIT_PARTLY, status, list);
    }
    if (status == STINT_OK && args_on(args, "wait")) {
        status = follow_drain(cli, &drain, &list);
    }
    struct drained d;
    read_answer(list, &d);
    if (status == STINT_OK && d.done && drain.leave && args_on(args, "wait")) {
        await_leave(cli, drain.node);
    }
    cli_progress(cli, "%s", "");
    stint_list_free(list);
    put_drain(cli, &drain, &d);
    return say_end(cli, &drain, status, &d);
}
