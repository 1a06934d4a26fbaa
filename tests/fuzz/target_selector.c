/* SPDX-License-Identifier: Apache-2.0 */
/* The expressions by which operators choose tasklets and sort lists: what is refused is refused with a sentence, and what is
 * accepted can be asked of anything, and says the same each time. */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "core/admin.h"

enum { FIELDS = 5 };

static const struct selector_field fields[FIELDS] = {
    { "id", false, true, NULL },    { "code", false, false, NULL },
    { "tag.", false, false, NULL }, { "moves", true, false, NULL },
    { "state", false, false, "running blocked in_doubt" },
};

static void
get(void *arg, uint32_t field, struct selector_value *out)
{
    const unsigned *which = arg;
    FUZZ_CHECK(field < FIELDS);
    out->number = *which * 3;
    text_copy(out->text, sizeof out->text, *which == 0 ? "" : field == 0 ? "3f9a00000000000000000000000000aa" : "blocked");
}

static bool
parse(const char *text)
{
    struct selector s, again;
    char error[256] = "";
    bool answers[2];
    memset(&s, 0xee, sizeof s);
    enum stint_status status = selector_parse(&s, text, fields, FIELDS, error, sizeof error);
    FUZZ_CHECK(status == STINT_OK || status == STINT_INVALID);
    if (status != STINT_OK) {
        FUZZ_CHECK(memchr(error, 0, sizeof error) != NULL && strlen(error) > 5);
        return false;
    }
    FUZZ_CHECK(s.count <= SELECTOR_TERMS_MAX);
    for (uint32_t i = 0; i < s.count; i++) {
        FUZZ_CHECK(s.terms[i].field < FIELDS && s.terms[i].op <= SELECTOR_GE);
        FUZZ_CHECK(memchr(s.terms[i].text, 0, sizeof s.terms[i].text) != NULL);
    }
    FUZZ_CHECK(selector_parse(&again, text, fields, FIELDS, error, sizeof error) == STINT_OK && again.count == s.count);
    for (unsigned which = 0; which < 2; which++) {
        answers[which] = selector_matches(&s, get, &which);
        FUZZ_CHECK(selector_matches(&again, get, &which) == answers[which]);
        FUZZ_CHECK(s.count > 0 || answers[which]);
    }
    return true;
}

static bool
judge(struct stint_span input)
{
    char *text = malloc(input.size + 1);
    FUZZ_CHECK(text != NULL);
    bytes_copy(text, input.data, input.size);
    text[input.size] = '\0';
    bool good = parse(text);
    int field = selector_field_find(fields, FIELDS, text, strlen(text));
    FUZZ_CHECK(field >= -1 && field < FIELDS);
    uint64_t inc = 0;
    uint32_t place = 0;
    (void)rows_parse_place(text, &inc, &place);
    free(text);
    return good;
}

static void
seeds(void)
{
    fuzz_seed("one", span_text("code=tally.Tally"));
    fuzz_seed("and", span_text("moves>=3 and state!=blocked and id=3f9a"));
    fuzz_seed("quoted", span_text("code='Word Counter' and moves<12"));
    fuzz_seed("comma", span_text("tag.a=b,moves<=0,moves>1"));
    fuzz_seed("empty", span_text(" "));
    fuzz_seed("page", span_text("n00000000000000010000000f"));
}

const struct fuzz_target fuzz_target = { .name = "selector", .size_max = 1024, .judge = judge, .seeds = seeds };
