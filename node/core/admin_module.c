/* SPDX-License-Identifier: Apache-2.0 */
/* Modules, codes and types: what is loaded, and how values look. */
#include <string.h>

#include "base/hash.h"
#include "base/span.h"
#include "base/text.h"
#include "core/admin.h"
#include "kernel/code.h"
#include "kernel/schema.h"

/* ---- naming ---- */

static void
say_modules(const struct node *n, const char *module, char *detail, size_t size)
{
    const struct stint_module *m;
    size_t at = text_format(detail, size, "node %s has no module %s; it has", n->name, module);
    for (uint32_t i = 0; (m = kernel_module_at(n->kernel, i)) != NULL && at + 1 < size; i++) {
        at += text_format(detail + at, size - at, " %s", m->name);
    }
    if (kernel_module_at(n->kernel, 0) == NULL) {
        text_format(detail + at, size - at, " none; start it with --module");
    }
}

static void
say_codes(const struct node *n, const char *module, const char *name, char *detail, size_t size)
{
    const struct code *code;
    size_t at = text_format(detail, size, "module %s on node %s has no code %s; it has", module,
                            n->name, name);
    for (uint32_t i = 0; (code = kernel_code_at(n->kernel, i)) != NULL && at + 1 < size; i++) {
        if (strcmp(code->module->definition->name, module) == 0) {
            at += text_format(detail + at, size - at, " %s", code->name);
        }
    }
}

enum stint_status
admin_find_code(const struct node *n, const char *text, const struct code **code, char *detail,
                size_t detail_size)
{
    char module[LIMIT_NAME + 1];
    const char *slash = strchr(text, '/');
    if (slash == NULL || slash == text || slash[1] == 0 ||
        (size_t)(slash - text) >= sizeof module) {
        text_format(detail, detail_size,
                    "`%.100s` names no code: write MODULE/CODE, as in tally/Tally", text);
        return STINT_INVALID;
    }
    text_copy_span(module, sizeof module, span_of(text, (size_t)(slash - text)));
    enum stint_status status = kernel_find_code(n->kernel, module, slash + 1, code);
    if (status == STINT_UNKNOWN_MODULE) {
        say_modules(n, module, detail, detail_size);
    } else if (status != STINT_OK) {
        say_codes(n, module, slash + 1, detail, detail_size);
    }
    return status;
}

/* ---- modules ---- */

static void
emit_module(struct node *n, struct ask *ask, const struct stint_module *module)
{
    stint_ModuleInfo info = stint_ModuleInfo_init_zero;
    const struct code *code;
    struct hash hash;
    size_t at = 0;
    hash_init(&hash);
    text_copy(info.name, sizeof info.name, module->name);
    text_copy(info.version, sizeof info.version, module->version);
    text_copy(info.node, sizeof info.node, n->name);
    for (uint32_t i = 0; (code = kernel_code_at(n->kernel, i)) != NULL; i++) {
        if (code->module->definition != module) {
            continue;
        }
        hash_add_text(&hash, code->name);
        hash_add_u64(&hash, code->fingerprint);
        if (at + 1 < sizeof info.codes) {
            at += text_format(info.codes + at, sizeof info.codes - at, "%s%s", at == 0 ? "" : ",",
                              code->name);
        }
    }
    info.fingerprint = hash_final(&hash);
    ask_item(n, ask, stint_ItemKind_ITEM_MODULE, stint_ModuleInfo_fields, &info, span_of(NULL, 0),
             NULL);
}

void
admin_modules(struct node *n, struct ask *ask)
{
    const struct stint_module *module;
    for (uint32_t i = 0; (module = kernel_module_at(n->kernel, i)) != NULL; i++) {
        emit_module(n, ask, module);
    }
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

/* ---- schemas ---- */

/* Writes the schema of what `text` names; `detail` says why not. */
static enum stint_status
write_schema(struct node *n, const char *text, struct buf *out, char *detail, size_t size)
{
    if (strchr(text, '/') == NULL) {
        const struct stint_type *type = kernel_find_type(n->kernel, text);
        if (type == NULL) {
            text_format(detail, size, "node %s knows no message type %.100s; is its module loaded?",
                        n->name, text);
            return STINT_NOT_FOUND;
        }
        return schema_write(out, type, NULL, 0);
    }
    const struct code *code;
    enum stint_status status = admin_find_code(n, text, &code, detail, size);
    if (status != STINT_OK) {
        return status;
    }
    struct schema_code named = { code->module->definition->name, code->name, code->fingerprint,
                                 code->locals };
    return schema_write(out, code->locals, &named, 1);
}

/* False: it could not be answered here; *status and detail say why. */
static bool
answer_schema(struct node *n, struct ask *ask, enum stint_status *status, char *detail, size_t size)
{
    struct buf out;
    buf_init(&out, n->mem, LIMIT_MESSAGE);
    detail[0] = 0;
    *status = write_schema(n, ask->request.text, &out, detail, size);
    if (*status == STINT_OK) {
        const struct stint_type *type = kernel_find_type(n->kernel, ask->request.text);
        ask->word = type != NULL ? type_hash(type) : 0; /* a client that hosts a channel of it says so */
        ask_item(n, ask, stint_ItemKind_ITEM_SCHEMA, NULL, NULL, buf_span(&out), NULL);
        ask_end_page(n, ask, STINT_OK, "", false, "");
    }
    buf_fini(&out);
    return *status == STINT_OK;
}

void
admin_schema(struct node *n, struct ask *ask)
{
    enum stint_status status;
    char detail[ADMIN_DETAIL_SIZE];
    if (!answer_schema(n, ask, &status, detail, sizeof detail)) {
        ask_end_page(n, ask, status, detail, false, "");
    }
}

static void
schema_gathered(struct node *n, struct ask *ask)
{
    if (ask->rows->count == 0) {
        ask->failed = 0;
        admin_schema(n, ask); /* fails again, and says what there is here */
        return;
    }
    const struct row *row = &ask->rows->list[0];
    struct admin_reply reply = { .head = row->head,
                                 .word = row->word,
                                 .item = span_of(row->bytes, row->item_size),
                                 .payload = span_of(row->bytes + row->item_size,
                                                    row->size - row->item_size) };
    ask_relay_item(n, ask, &reply, NULL);
    ask_end_page(n, ask, STINT_OK, "", false, "");
}

/* Here if it is known here, else from any node that has other modules. */
void
admin_schema_enter(struct node *n, struct ask *ask)
{
    enum stint_status status;
    char detail[ADMIN_DETAIL_SIZE];
    const struct member *me = view_member(n->view, n->self);
    bool others = false;
    if (ask->request.on[0] != 0) {
        struct node_ref where;
        if (admin_place(n, ask, &where)) {
            ask_forward(n, ask, where);
        }
        return;
    }
    if (answer_schema(n, ask, &status, detail, sizeof detail)) {
        return;
    }
    for (uint32_t i = 0; i < n->view->member_count; i++) {
        const struct member *m = &n->view->members[i];
        others = others || (member_is_living(m) && me != NULL && m->modules != me->modules);
    }
    if (!others || status == STINT_INVALID || status == STINT_LIMIT) {
        ask_end_page(n, ask, status, detail, false, "");
        return;
    }
    stint_Request request = ask_part_request(n, ask);
    request.sort[0] = 0;
    ask_gather(n, ask, &request, schema_gathered);
}
