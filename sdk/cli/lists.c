/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: asked for page by page until there is what is wanted, written as they come. A list that
 * is not whole says so, in the data and on stderr, and by which token it goes on.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { LIST_DEFAULT = 1000, TOKEN_SIZE = 128, SHOWN_TOKEN_SIZE = 3 * TOKEN_SIZE };

/* What a list over several pages has come to. */
struct paged {
    size_t shown;
    bool begun; /* there is a list: before that nothing may be on stdout */
    bool truncated;
    bool partly;           /* a node did not answer, as the note says */
    char page[TOKEN_SIZE]; /* behind what was shown */
    char note[512];
};

/* ---- tokens: any bytes inside, on a command line only those that need no quotes ---- */

static bool
is_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char *
shown_token(const char *token, char out[SHOWN_TOKEN_SIZE])
{
    size_t used = 0;
    for (; *token != '\0' && used + 4 < SHOWN_TOKEN_SIZE; token++) {
        bool plain = is_safe(*token) || *token == ' ';
        int put = snprintf(out + used, SHOWN_TOKEN_SIZE - used, plain ? "%c" : "_%02x",
                           *token == ' ' ? '-' : (unsigned char)*token);
        used += put > 0 ? (size_t)put : 0;
    }
    out[used] = '\0';
    return out;
}

static int
digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: it is none of ours. */
static bool
read_token(const char *shown, char token[TOKEN_SIZE])
{
    size_t used = 0;
    while (*shown != '\0') {
        int high = *shown == '_' ? digit_of(shown[1]) : -1;
        int low = high >= 0 ? digit_of(shown[2]) : -1;
        bool coded = low >= 0 && high + low > 0;
        if (used + 1 == TOKEN_SIZE || (!coded && !is_safe(*shown) && *shown != '-')) {
            return false;
        }
        token[used++] = (char)(coded ? high << 4 | low : *shown == '-' ? ' ' : *shown);
        shown += coded ? 3 : 1;
    }
    token[used] = '\0';
    return true;
}

/* ---- pages ---- */

static void
put_items(struct cli *cli, const struct list_kind *kind, struct stint_list *list)
{
    bool more = true;
    while (more) {
        out_item(&cli->out);
        more = kind->put(&cli->out, list);
        if (more) {
            out_item_end(&cli->out);
        }
    }
}

static void
put_page(struct cli *cli, const struct list_kind *kind, struct stint_list *list, struct paged *p)
{
    if (!p->begun) {
        out_list(&cli->out, kind->columns, kind->wide, kind->name);
        p->begun = true;
    }
    put_items(cli, kind, list);
    p->shown += stint_list_count(list);
    snprintf(p->note, sizeof p->note, "%s", stint_list_note(list));
}

/* Pages until there are as many as are wanted (0: all). */
static enum stint_status
put_pages(struct cli *cli, const struct list_kind *kind, struct stint_query *query, uint64_t wanted,
          struct paged *p)
{
    enum stint_status worst = STINT_OK;
    for (;;) {
        struct stint_list *list;
        uint64_t left = wanted == 0 ? CLI_PAGE : wanted - p->shown;
        query->limit = (uint32_t)(left > CLI_PAGE ? CLI_PAGE : left);
        query->page = p->page[0] != '\0' ? p->page : NULL;
        enum stint_status status = kind->ask(cli->client, query, cli_left(cli), &list);
        if (list == NULL) {
            return status;
        }
        worst = status == STINT_PARTIAL ? status : worst;
        put_page(cli, kind, list, p);
        p->truncated = stint_list_truncated(list);
        bool more = p->truncated && stint_list_page(list)[0] != '\0' &&
                    strcmp(p->page, stint_list_page(list)) != 0;
        snprintf(p->page, sizeof p->page, "%s", stint_list_page(list));
        stint_list_free(list);
        if (!more || (wanted != 0 && p->shown >= wanted)) {
            return worst;
        }
    }
}

static void
end_list(struct cli *cli, const struct paged *p, bool truncated)
{
    char token[SHOWN_TOKEN_SIZE];
    out_list_page(&cli->out, shown_token(p->page, token));
    out_list_end(&cli->out, truncated);
    if (p->note[0] != '\0' && !p->partly) {
        cli_note(cli, "%s", p->note);
    }
    if (truncated && token[0] != '\0') {
        cli_note(cli, "only %zu are shown; --limit 0 shows all, --page %s goes on", p->shown,
                 token);
    }
}

/* There is an answer, but it is not what was asked for, or not all of it. */
static int
say_note(enum stint_status status, const char *note)
{
    return cli_say_exit((int)exit_of(status), "%s",
                        note[0] != '\0' ? note : stint_strerror(status));
}

static const char *
text_of(const struct args *args, const char *name)
{
    return args_has(args, name) ? args_text(args, name) : NULL;
}

int
cli_list(struct cli *cli, const struct list_kind *kind)
{
    const struct args *args = cli->args;
    struct stint_query query = STINT_QUERY_INIT;
    struct paged p = { .shown = 0 };
    const char *page = text_of(args, "page");
    query.selector = text_of(args, "selector");
    query.node = text_of(args, "node");
    query.sort = text_of(args, "sort");
    query.all = args_has(args, "all") && args_on(args, "all");
    if (page != NULL && !read_token(page, p.page)) {
        return cli_fail_exit(EXIT_USAGE, "go on with the page", page,
                             "a page is a token that a list which was cut has told");
    }
    enum stint_status status =
        put_pages(cli, kind, &query, args_number(args, "limit", LIST_DEFAULT), &p);
    p.partly = status == STINT_PARTIAL;
    bool fine = status == STINT_OK || p.partly;
    if (p.begun) {
        end_list(cli, &p, p.truncated || !fine);
    }
    if (!fine) {
        char what[96];
        bool selector = status == STINT_INVALID && query.selector != NULL;
        snprintf(what, sizeof what, "%s%s", kind->what, selector ? " by the selector" : "");
        return cli_fail(cli, status, what, selector ? query.selector : NULL);
    }
    return p.partly ? say_note(status, p.note) : EXIT_DONE;
}

int
cli_put_list(struct cli *cli, const struct list_kind *kind, enum stint_status status,
             struct stint_list *list)
{
    if (list == NULL) {
        return cli_fail(cli, status, kind->what, NULL);
    }
    out_list(&cli->out, kind->columns, kind->wide, kind->name);
    put_items(cli, kind, list);
    out_list_end(&cli->out, stint_list_truncated(list));
    int code = EXIT_DONE;
    if (status != STINT_OK) {
        code = say_note(status, stint_list_note(list));
    } else if (stint_list_note(list)[0] != '\0') {
        cli_note(cli, "%s", stint_list_note(list));
    } else if (stint_list_truncated(list)) {
        cli_note(cli, "only the first %zu are shown", stint_list_count(list));
    }
    stint_list_free(list);
    return code;
}
