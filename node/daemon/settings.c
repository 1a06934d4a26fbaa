/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct settings_row rows[KEY_COUNT] = {
    [KEY_CONFIG] = { "config", KIND_TEXT, "FILE",
                     "lines 'key = value' with the names below" },
    [KEY_NAME] = { "name", KIND_TEXT, "NAME",
                   "this node; its identity is node-NAME in --keys" },
    [KEY_LISTEN] = { "listen", KIND_TEXT, "ENDPOINT",
                     "default tcp://127.0.0.1:0, any free port" },
    [KEY_ADVERTISE] = { "advertise", KIND_TEXT, "ENDPOINT",
                        "where others reach it, if not at --listen" },
    [KEY_JOIN] = { "join", KIND_LIST, "ENDPOINT",
                   "a member of the cluster to join; repeatable" },
    [KEY_DATA] = { "data", KIND_TEXT, "DIR", "what the node keeps; made when missing" },
    [KEY_KEYS] = { "keys", KIND_TEXT, "DIR", "keys made by 'stint keys'" },
    [KEY_MODULE] = { "module", KIND_LIST, "FILE.so", "a module to load; repeatable" },
    [KEY_STORE] = { "store", KIND_TEXT, "URI",
                    "of a founder: sqlite:FILE, default in --data" },
    [KEY_LABEL] = { "label", KIND_LIST, "K=V", "a label of the node; repeatable" },
    [KEY_FOUND] = { "found", KIND_SWITCH, NULL, "found the cluster, keep its store" },
    [KEY_DRAIN_TIMEOUT] = { "drain-timeout", KIND_DURATION, "D",
                            "for moving tasklets away on SIGTERM, default 30s" },
    [KEY_JOIN_TIMEOUT] = { "join-timeout", KIND_DURATION, "D",
                           "for becoming a member, default 10s" },
    [KEY_DETECT] = { "detect", KIND_CHOICE, "normal|fast",
                     "how soon a dead member is noticed: about 6 s or 3 s" },
    [KEY_MEMORY] = { "memory", KIND_SIZE, "SIZE",
                     "most bytes for tasklets and channels (4G), else no limit" },
    [KEY_LOG_LEVEL] = { "log-level", KIND_CHOICE, "error|warn|info|debug",
                        "default info" },
    [KEY_LOG_FORMAT] = { "log-format", KIND_CHOICE, "text|json", "default text" },
    [KEY_INSECURE] = { "insecure", KIND_SWITCH, NULL,
                       "development keys that everybody has; this machine only" },
};

const struct settings_row *
settings_row(enum settings_key key)
{
    return &rows[key];
}

enum settings_key
settings_find(const char *name, size_t size)
{
    for (enum settings_key key = 0; key < KEY_COUNT; key++) {
        if (strlen(rows[key].name) == size && memcmp(rows[key].name, name, size) == 0) {
            return key;
        }
    }
    return KEY_COUNT;
}

enum { NEAR_ENOUGH = 2, NAME_LENGTH_MAX = 24 };

/* How many letters must be changed, added or left out to make one name of the other. */
static size_t
distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[NAME_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < other ? change : other;
        }
    }
    return row[b_size];
}

enum settings_key
settings_suggest(const char *name, size_t size)
{
    enum settings_key best = KEY_COUNT;
    size_t least = NEAR_ENOUGH + 1;
    for (enum settings_key key = 0; size <= NAME_LENGTH_MAX && key < KEY_COUNT; key++) {
        size_t length = strlen(rows[key].name);
        size_t d = distance(name, size, rows[key].name, length);
        /* More than half of a short word is another word. */
        if (d < least && 2 * d <= length) {
            least = d;
            best = key;
        }
    }
    return best;
}

void
settings_variable(enum settings_key key, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "STINT_%s", rows[key].name);
    for (size_t i = 0; i < at && i < size; i++) {
        char c = out[i];
        out[i] = c == '-' ? '_' : (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
}

void
settings_where(const struct settings *s, enum settings_key key, size_t item,
               const char *path, char *out, size_t size)
{
    const char *name = rows[key].name;
    bool listed = rows[key].kind == KIND_LIST && item < s->list[key].count;
    switch (s->source[key]) {
    case SOURCE_FLAG:
        (void)snprintf(out, size, "--%s", name);
        break;
    case SOURCE_ENVIRONMENT:
        settings_variable(key, out, size);
        break;
    case SOURCE_CONFIG:
        (void)snprintf(out, size, "%s:%u: %s", path,
                       listed ? s->list[key].lines[item] : s->line[key], name);
        break;
    case SOURCE_NONE:
        (void)snprintf(out, size, "%s", name);
        break;
    }
}

void
settings_init(struct settings *s)
{
    memset(s, 0, sizeof *s);
    s->number[KEY_DRAIN_TIMEOUT] = 30000;
    s->number[KEY_LOG_LEVEL] = STINT_LOG_INFO;
}

/* Digits and a unit of `units` (its factor); the whole text, nothing else. */
struct unit {
    const char *name;
    uint64_t factor;
};

static bool
parse_quantity(const char *value, const struct unit *units, uint64_t max, uint64_t *out)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 15) {
        return false;
    }
    uint64_t number = strtoull(value, NULL, 10);
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (strcmp(value + digits, u->name) == 0) {
            if (number > max / u->factor) {
                return false;
            }
            *out = number * u->factor;
            return true;
        }
    }
    *out = 0;
    return number == 0 && value[digits] == '\0';
}

static bool
parse_duration(const char *value, uint64_t *ms)
{
    static const struct unit units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { NULL, 0 }
    };
    return parse_quantity(value, units, SETTINGS_DURATION_MAX_MS, ms);
}

static bool
parse_size(const char *value, uint64_t *bytes)
{
    static const struct unit units[] = { { "K", UINT64_C(1) << 10 },
                                         { "M", UINT64_C(1) << 20 },
                                         { "G", UINT64_C(1) << 30 },
                                         { NULL, 0 } };
    return parse_quantity(value, units, UINT64_C(1) << 46, bytes);
}

/* The place of `value` in "a|b|c". */
static bool
parse_choice(const char *choices, const char *value, uint64_t *place)
{
    size_t size = strlen(value);
    *place = 0;
    for (const char *at = choices;; at++, (*place)++) {
        size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, value, size) == 0) {
            return true;
        }
        at += length;
        if (*at == '\0') {
            return false;
        }
    }
}

static bool
parse_switch(const char *value, uint64_t *out)
{
    static const char *const on[] = { "yes", "true", "1", "on" };
    static const char *const off[] = { "no", "false", "0", "off" };
    for (size_t i = 0; i < sizeof on / sizeof *on; i++) {
        *out = strcmp(value, on[i]) == 0 ? 1 : 0;
        if (*out == 1 || strcmp(value, off[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool
refuse(char *error, size_t error_size, const char *value, const char *wanted)
{
    (void)snprintf(error, error_size, "'%.100s' is not %s", value, wanted);
    return false;
}

static bool
parse(const struct settings_row *row, const char *value, uint64_t *number, char *error,
      size_t error_size)
{
    *number = 0;
    if (value[0] == '\0') {
        (void)snprintf(error, error_size, "empty; give %s, or leave it out",
                       row->value == NULL ? "yes or no" : row->value);
        return false;
    }
    switch (row->kind) {
    case KIND_TEXT:
    case KIND_LIST:
        return true;
    case KIND_SWITCH:
        return parse_switch(value, number) ||
               refuse(error, error_size, value, "yes or no");
    case KIND_DURATION:
        return parse_duration(value, number) ||
               refuse(error, error_size, value,
                      "a time of at most 24h, as 500ms, 30s, 5m");
    case KIND_SIZE:
        return parse_size(value, number) ||
               refuse(error, error_size, value, "a size, as 512M or 4G");
    case KIND_CHOICE:
        return parse_choice(row->value, value, number) ||
               refuse(error, error_size, value, row->value);
    }
    return false;
}

bool
settings_set(struct settings *s, enum settings_key key, const char *value,
             enum settings_source source, unsigned line, char *error, size_t error_size)
{
    const struct settings_row *row = &rows[key];
    uint64_t number;
    if (!parse(row, value, &number, error, error_size)) {
        return false;
    }
    if (source == SOURCE_CONFIG && key == KEY_CONFIG) {
        (void)snprintf(error, error_size, "a config file cannot name another one");
        return false;
    }
    if (source == SOURCE_CONFIG && row->kind != KIND_LIST) {
        if (s->line[key] != 0) {
            (void)snprintf(error, error_size, "given before in line %u; keep one",
                           s->line[key]);
            return false;
        }
        s->line[key] = line;
    }
    if (source < s->source[key]) {
        return true; /* checked, and overridden */
    }
    if (source > s->source[key]) {
        s->source[key] = source;
        s->list[key].count = 0;
    }
    s->text[key] = value;
    s->number[key] = number;
    if (row->kind == KIND_LIST) {
        if (s->list[key].count == SETTINGS_LIST_MAX) {
            (void)snprintf(error, error_size, "at most %d of them", SETTINGS_LIST_MAX);
            return false;
        }
        s->list[key].lines[s->list[key].count] = line;
        s->list[key].items[s->list[key].count++] = value;
    }
    return true;
}

static bool
join_labels(const struct settings_list *list, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        int length =
            snprintf(out + at, size - at, "%s%s", i == 0 ? "" : ",", list->items[i]);
        if (length < 0 || (size_t)length >= size - at) {
            return false;
        }
        at += (size_t)length;
    }
    return true;
}

bool
settings_options(const struct settings *s, struct stint_node_options *o, char *labels,
                 size_t labels_size, char *error, size_t error_size)
{
    if (!join_labels(&s->list[KEY_LABEL], labels, labels_size)) {
        (void)snprintf(error, error_size, "too many or too long: all together may have %zu bytes",
                       labels_size - 1);
        return false;
    }
    o->name = s->text[KEY_NAME];
    o->listen = s->text[KEY_LISTEN];
    o->advertise = s->text[KEY_ADVERTISE];
    o->data_dir = s->text[KEY_DATA];
    o->keys_dir = s->text[KEY_KEYS];
    o->store = s->text[KEY_STORE];
    o->labels = labels;
    o->join = s->list[KEY_JOIN].items;
    o->join_count = s->list[KEY_JOIN].count;
    o->module_paths = s->list[KEY_MODULE].items;
    o->module_path_count = s->list[KEY_MODULE].count;
    o->found = s->number[KEY_FOUND] != 0;
    o->insecure = s->number[KEY_INSECURE] != 0;
    o->detect_fast = s->number[KEY_DETECT] != 0;
    o->join_timeout_ms = (uint32_t)s->number[KEY_JOIN_TIMEOUT];
    o->memory_limit = s->number[KEY_MEMORY];
    o->log_level = (enum stint_log_level)s->number[KEY_LOG_LEVEL];
    return true;
}
