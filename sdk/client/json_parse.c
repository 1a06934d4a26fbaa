/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a value: jansson reads it, but for integers that it has no room for. */
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "client/json.h"
#include "client/json_parse.h"

/*
 * jansson has 64-bit signed integers and refuses longer ones. Integers of many digits are put into
 * quotes, where integers are taken from, too.
 */
static bool
quote_long_integers(const char *text, struct buf *out)
{
    for (const char *p = text; *p != '\0';) {
        size_t length = 1;
        bool quote = false;
        if (*p == '"') {
            while (p[length] != '\0' && p[length] != '"') {
                length += p[length] == '\\' && p[length + 1] != '\0' ? 2 : 1;
            }
            length += p[length] == '"' ? 1 : 0;
        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            length = strspn(p, "+-.eE0123456789");
            size_t digits = strspn(p + (*p == '-' ? 1 : 0), "0123456789") + (*p == '-' ? 1 : 0);
            quote = digits == length && digits > 18;
        }
        if (quote) {
            (void)buf_put_u8(out, '"');
        }
        (void)buf_append(out, p, length);
        if (quote) {
            (void)buf_put_u8(out, '"');
        }
        p += length;
    }
    return buf_put_u8(out, '\0');
}

json_t *
client_json_parse(const struct client_json_in *in, enum stint_status *status)
{
    struct buf text;
    json_error_t error;
    json_t *root = NULL;
    buf_init(&text, in->mem, CLIENT_JSON_MAX);
    if (!quote_long_integers(in->text, &text)) {
        *status = strlen(in->text) >= CLIENT_JSON_MAX ? STINT_LIMIT : STINT_NO_MEMORY;
        text_format(in->error, in->error_size, "JSON: %s", stint_strerror(*status));
    } else if ((root = json_loads((const char *)text.data, JSON_REJECT_DUPLICATES, &error)) ==
               NULL) {
        *status = STINT_INVALID;
        for (char *p = error.text; *p != '\0'; p++) {
            *p = (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p;
        }
        text_format(in->error, in->error_size, "JSON, line %d, column %d: %s", error.line,
                    error.column, error.text);
    }
    buf_fini(&text);
    return root;
}
