/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors: `code=Counter and node=n1 and state!=paused and moves<3`. Terms over documented
 * fields, joined by `and`; a value with spaces stands in quotes. Evaluated by each node over what
 * it has.
 */
#include <string.h>

#include "base/text.h"
#include "core/admin.h"

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static const char *
skip_spaces(const char *at)
{
    while (*at == ' ') {
        at++;
    }
    return at;
}

int
selector_field_find(const struct selector_field *fields, uint32_t field_count, const char *name,
                    size_t length)
{
    for (uint32_t i = 0; i < field_count; i++) {
        size_t known = strlen(fields[i].name);
        bool family = known > 0 && fields[i].name[known - 1] == '.'; /* "tag.": whatever follows */
        if ((family ? length > known : length == known) &&
            strncmp(fields[i].name, name, known) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void
say_unknown(const struct selector *s, uint32_t count, const char *name, size_t length, char *error,
            size_t error_size)
{
    size_t at = text_format(error, error_size, "selector: there is no field `%.*s`; there are",
                            (int)length, name);
    for (uint32_t i = 0; i < count && at + 1 < error_size; i++) {
        at += text_format(error + at, error_size - at, " %s", s->fields[i].name);
    }
}

static const char *
parse_op(const char *at, enum selector_op *op)
{
    static const struct {
        const char *text;
        enum selector_op op;
    } ops[] = { { "!=", SELECTOR_NE }, { "<=", SELECTOR_LE }, { ">=", SELECTOR_GE },
                { "<", SELECTOR_LT },  { ">", SELECTOR_GT },  { "=", SELECTOR_EQ } };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        size_t length = strlen(ops[i].text);
        if (strncmp(at, ops[i].text, length) == 0) {
            *op = ops[i].op;
            return at + length;
        }
    }
    return NULL;
}

/* A bare word or a quoted text; NULL if it does not end or is too long. */
static const char *
parse_value(const char *at, char *out, size_t size)
{
    char quote = *at == '"' || *at == '\'' ? *at++ : ' ';
    size_t length = 0;
    while (*at != 0 && *at != quote) {
        if (length + 1 >= size) {
            return NULL;
        }
        out[length++] = *at++;
    }
    out[length] = 0;
    if (quote != ' ') {
        return *at == quote ? at + 1 : NULL;
    }
    return length > 0 ? at : NULL;
}

/* A value that no item can have is a mistake: what fits nothing would be done to nothing in silence. */
static bool
is_value_of(const struct selector_field *f, const char *text)
{
    size_t size = strlen(text);
    const char *at = f->values;
    while (at != NULL) {
        const char *end = strchr(at, ' ');
        size_t length = end != NULL ? (size_t)(end - at) : strlen(at);
        if (length == size && strncmp(at, text, size) == 0) {
            return true;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    return f->values == NULL;
}

static const char *
parse_term(struct selector *s, const char *at, uint32_t field_count, char *error, size_t error_size)
{
    struct selector_term *term = &s->terms[s->count];
    const char *name = at;
    while (is_word(*at)) {
        at++;
    }
    size_t length = (size_t)(at - name);
    if (length == 0) {
        text_format(error, error_size, "selector: a field is expected at `%.20s`", name);
        return NULL;
    }
    int field = selector_field_find(s->fields, field_count, name, length);
    if (field < 0) {
        say_unknown(s, field_count, name, length, error, error_size);
        return NULL;
    }
    term->field = (uint32_t)field;
    size_t family = strlen(s->fields[field].name);
    family = length > family ? family : length;
    if (length - family >= sizeof term->key) {
        text_format(error, error_size, "selector: `%.40s...` is too long", name);
        return NULL;
    }
    memcpy(term->key, name + family, length - family);
    term->key[length - family] = 0;
    at = parse_op(skip_spaces(at), &term->op);
    if (at == NULL) {
        text_format(error, error_size, "selector: one of = != < <= > >= is expected after `%.*s`",
                    (int)length, name);
        return NULL;
    }
    at = parse_value(skip_spaces(at), term->text, sizeof term->text);
    if (at == NULL) {
        text_format(error, error_size, "selector: a value is expected for `%.*s`", (int)length,
                    name);
        return NULL;
    }
    const struct selector_field *f = &s->fields[field];
    if (f->number && !text_parse_u64(term->text, &term->number)) {
        text_format(error, error_size, "selector: `%s` is a number, not `%.40s`", f->name,
                    term->text);
        return NULL;
    }
    if (!f->number && term->op != SELECTOR_EQ && term->op != SELECTOR_NE) {
        text_format(error, error_size, "selector: `%s` is a text and has only = and !=", f->name);
        return NULL;
    }
    if (!is_value_of(f, term->text)) {
        text_format(error, error_size, "selector: `%s` is one of %s, not `%.40s`", f->name,
                    f->values, term->text);
        return NULL;
    }
    s->count++;
    return at;
}

enum stint_status
selector_parse(struct selector *s, const char *text, const struct selector_field *fields,
               uint32_t field_count, char *error, size_t error_size)
{
    *s = (struct selector){ .fields = fields };
    const char *at = skip_spaces(text);
    while (*at != 0) {
        if (s->count == SELECTOR_TERMS_MAX) {
            text_format(error, error_size, "selector: more than %d terms", SELECTOR_TERMS_MAX);
            return STINT_INVALID;
        }
        at = parse_term(s, at, field_count, error, error_size);
        if (at == NULL) {
            return STINT_INVALID;
        }
        at = skip_spaces(at);
        if (*at == 0) {
            break;
        }
        if (strncmp(at, "and ", 4) != 0) {
            text_format(error, error_size, "selector: `and` is expected at `%.20s`", at);
            return STINT_INVALID;
        }
        at = skip_spaces(at + 4);
        if (*at == 0) {
            text_copy(error, error_size, "selector: a term is expected after `and`");
            return STINT_INVALID;
        }
    }
    return STINT_OK;
}

static bool
number_matches(enum selector_op op, uint64_t a, uint64_t b)
{
    switch (op) {
    case SELECTOR_EQ:
        return a == b;
    case SELECTOR_NE:
        return a != b;
    case SELECTOR_LT:
        return a < b;
    case SELECTOR_LE:
        return a <= b;
    case SELECTOR_GT:
        return a > b;
    case SELECTOR_GE:
        return a >= b;
    }
    return false;
}

bool
selector_matches(const struct selector *s, selector_get_fn *get, void *arg)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct selector_term *term = &s->terms[i];
        const struct selector_field *field = &s->fields[term->field];
        struct selector_value value;
        value.number = 0;
        value.text[0] = 0;
        value.key = term->key;
        get(arg, term->field, &value);
        bool matches;
        if (field->number) {
            matches = number_matches(term->op, value.number, term->number);
        } else {
            bool equal = field->prefix ? strncmp(value.text, term->text, strlen(term->text)) == 0
                                       : strcmp(value.text, term->text) == 0;
            matches = equal == (term->op == SELECTOR_EQ);
        }
        if (!matches) {
            return false;
        }
    }
    return true;
}
