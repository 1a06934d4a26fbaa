/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exported tasklet looked at without any node: the file carries the description of its types.
 * The order of fields and records is part of the format (proto/schema/pickle.proto); what stands
 * otherwise is refused, and the pickle's own hash finds what was damaged. Whether a node of the
 * cluster wrote it, only the cluster can tell.
 */
#include <string.h>

#include "base/hash.h"
#include "base/span.h"
#include "base/text.h"
#include "client/export_file.h"
#include "client/json.h"
#include "client/list.h"

enum { FILE_VERSION = 1, PICKLE_VERSION = 1 };
enum {
    FILE_MAGIC = 1,
    FILE_VERSION_TAG = 2,
    FILE_INFO = 3,
    FILE_SCHEMA = 4,
    FILE_PICKLE = 5,
    FILE_SIGNATURE = 7
};
enum { PICKLE_HEAD = 1, PICKLE_CODE = 2, PICKLE_FRAME = 4, PICKLE_CONTENT = 5, PICKLE_CHECK = 15 };

struct seen_frame {
    stint_PickleFrame frame;
    struct stint_span locals;
};

struct looking {
    struct mem *mem;
    stint_ExportInfo info;
    struct stint_span schema, pickle;
    struct client_types types;
    stint_PickleHead head;
    stint_PickleCode *codes;
    struct seen_frame *frames;
    uint32_t code_count, frame_count;
    bool frame_open; /* its locals have to come */
    char *error;
    size_t error_size;
};

static enum stint_status
bad(struct looking *l, enum stint_status status, const char *what)
{
    text_copy(l->error, l->error_size, what);
    return status;
}

static enum stint_status
bad_version(struct looking *l, const char *what, uint64_t found, unsigned known)
{
    text_format(l->error, l->error_size, "%s has version %llu, this program reads version %u", what,
                (unsigned long long)found, known);
    return STINT_BAD_VERSION;
}

/* The parts of the file. */
static enum stint_status
split(struct looking *l, struct stint_span file)
{
    struct rawpb_field field;
    enum stint_status status;
    uint32_t last = 0;
    while ((status = rawpb_next(&file, &field)) == STINT_OK) {
        if (field.tag <= last || field.tag > FILE_SIGNATURE ||
            (field.wire == RAWPB_BYTES) == (field.tag == FILE_VERSION_TAG)) {
            return bad(l, STINT_BAD_PICKLE, "is damaged: parts out of order");
        }
        last = field.tag;
        if (field.tag == FILE_VERSION_TAG && field.number != FILE_VERSION) {
            return bad_version(l, "the file", field.number, FILE_VERSION);
        }
        if (field.tag == FILE_INFO &&
            !client_item_decode(field.bytes, stint_ExportInfo_fields, &l->info)) {
            return bad(l, STINT_BAD_PICKLE, "is damaged: its head cannot be read");
        }
        l->schema = field.tag == FILE_SCHEMA ? field.bytes : l->schema;
        l->pickle = field.tag == FILE_PICKLE ? field.bytes : l->pickle;
    }
    if (status != STINT_END_OF_SEQUENCE || last != FILE_SIGNATURE || l->pickle.size == 0) {
        return bad(l, STINT_BAD_PICKLE, "is damaged or cut off");
    }
    return STINT_OK;
}

/* The pickle's check: 64-bit words mixed one after the other, the size first, the last one filled
 * up with zeros. */
static uint64_t
check_of(struct stint_span bytes)
{
    uint64_t h = bytes.size;
    for (; bytes.size >= 8; bytes.data += 8, bytes.size -= 8) {
        h = hash_mix(h ^ le64_get(bytes.data));
    }
    uint8_t last[8] = { 0 };
    bytes_copy(last, bytes.data, bytes.size);
    return hash_mix(h ^ le64_get(last));
}

static bool
check_fits(struct stint_span pickle)
{
    enum { CHECK_SIZE = 9 }; /* one byte of tag, eight of number */
    if (pickle.size < CHECK_SIZE ||
        pickle.data[pickle.size - CHECK_SIZE] != (PICKLE_CHECK << 3 | RAWPB_FIXED64)) {
        return false;
    }
    return check_of(span_of(pickle.data, pickle.size - CHECK_SIZE)) ==
           le64_get(pickle.data + pickle.size - 8);
}

static enum stint_status
read_head(struct looking *l, struct stint_span bytes)
{
    if (!client_item_decode(bytes, stint_PickleHead_fields, &l->head)) {
        return bad(l, STINT_BAD_PICKLE, "is damaged: the pickle's head cannot be read");
    }
    if (l->head.version != PICKLE_VERSION) {
        return bad_version(l, "the pickle", l->head.version, PICKLE_VERSION);
    }
    if (l->head.codes == 0 || l->head.codes > CLIENT_CODES || l->head.frames == 0 ||
        l->head.frames > LIMIT_FRAMES) {
        return bad(l, STINT_LIMIT, "has more frames than a tasklet may have, or none");
    }
    l->codes = mem_zalloc(l->mem, l->head.codes * sizeof *l->codes);
    l->frames = mem_zalloc(l->mem, l->head.frames * sizeof *l->frames);
    return l->codes == NULL || l->frames == NULL ? bad(l, STINT_NO_MEMORY, "out of memory")
                                                 : STINT_OK;
}

static enum stint_status
read_record(struct looking *l, const struct rawpb_field *field)
{
    if (l->codes == NULL) {
        return field->tag == PICKLE_HEAD && field->wire == RAWPB_BYTES
                   ? read_head(l, field->bytes)
                   : bad(l, STINT_BAD_PICKLE, "is damaged: a pickle without head");
    }
    bool fine = true;
    if (l->frame_open) {
        fine = field->tag == PICKLE_CONTENT && field->wire == RAWPB_BYTES;
        l->frames[l->frame_count++].locals = field->bytes;
        l->frame_open = false;
    } else if (field->tag == PICKLE_CODE) {
        fine = l->code_count < l->head.codes &&
               client_item_decode(field->bytes, stint_PickleCode_fields, &l->codes[l->code_count]);
        l->code_count++;
    } else if (field->tag == PICKLE_FRAME) {
        struct seen_frame *seen = &l->frames[l->frame_count < l->head.frames ? l->frame_count : 0];
        fine = l->frame_count < l->head.frames &&
               client_item_decode(field->bytes, stint_PickleFrame_fields, &seen->frame) &&
               seen->frame.code < l->code_count;
        l->frame_open = true;
    }
    return fine ? STINT_OK : bad(l, STINT_BAD_PICKLE, "is damaged: records out of order");
}

static enum stint_status
read_pickle(struct looking *l)
{
    struct stint_span rest = l->pickle;
    struct rawpb_field field;
    enum stint_status status;
    if (!check_fits(l->pickle)) {
        return bad(l, STINT_BAD_PICKLE, "is damaged: the pickle's check does not fit");
    }
    while ((status = rawpb_next(&rest, &field)) == STINT_OK) {
        status = read_record(l, &field);
        if (status != STINT_OK) {
            return status;
        }
    }
    if (status != STINT_END_OF_SEQUENCE || l->frame_open || l->code_count != l->head.codes ||
        l->frame_count != l->head.frames) {
        return bad(l, STINT_BAD_PICKLE, "is damaged: records are missing");
    }
    return STINT_OK;
}

/* The described type of a code's locals. */
static const struct client_type *
locals_type(const struct looking *l, const stint_PickleCode *code)
{
    for (uint32_t i = 0; i < l->types.code_count; i++) {
        const stint_CodeDef *def = &l->types.codes[i];
        if (strcmp(def->module, code->module) == 0 && strcmp(def->name, code->name) == 0) {
            return &l->types.types[def->locals - 1];
        }
    }
    return client_types_find(&l->types, code->type);
}

static bool
put_frame(struct looking *l, const struct seen_frame *seen, struct buf *records)
{
    const stint_PickleCode *code = &l->codes[seen->frame.code];
    stint_FrameInfo info = stint_FrameInfo_init_zero;
    info.tasklet.size = sizeof l->info.tasklet;
    memcpy(info.tasklet.bytes, l->info.tasklet, info.tasklet.size);
    text_copy(info.node, sizeof info.node, l->info.node);
    text_copy(info.code, sizeof info.code, code->name);
    text_copy(info.module, sizeof info.module, code->module);
    text_copy(info.file, sizeof info.file, seen->frame.file);
    info.line = seen->frame.line;
    text_copy(info.label, sizeof info.label, seen->frame.resume == 0 ? "start" : seen->frame.label);
    text_copy(info.type, sizeof info.type, code->type);

    struct buf text;
    buf_init(&text, l->mem, CLIENT_JSON_MAX);
    const struct client_type *type = locals_type(l, code);
    bool shown = type != NULL &&
                 client_json_decode(l->mem, &l->types, type, seen->locals, &text) == STINT_OK;
    if (!shown) {
        (void)buf_append_text(&text, type == NULL ? "!the file does not describe its type"
                                                  : "!does not fit its type's description");
    }
    uint8_t item[stint_FrameInfo_size];
    size_t size = list_encode(stint_FrameInfo_fields, &info, item, sizeof item);
    struct record record = { (uint32_t)stint_ItemKind_ITEM_FRAME,
                             span_of(item, size),
                             { NULL, 0 } };
    bool fine = buf_put_u8(&text, '\0');
    record.payload = buf_span(&text);
    fine = fine && record_append(records, &record);
    buf_fini(&text);
    return fine;
}

static enum stint_status
put_items(struct looking *l, struct stint_list *list)
{
    struct list_file head;
    memset(&head, 0, sizeof head);
    head.info = l->info;
    head.frames = l->frame_count;
    struct record record = { LIST_FILE, span_of(&head, sizeof head), { NULL, 0 } };
    bool fine = record_append(list_records(list), &record);
    for (uint32_t i = l->frame_count; i > 0 && fine; i--) {
        fine = put_frame(l, &l->frames[i - 1], list_records(list));
    }
    return fine ? STINT_OK : bad(l, STINT_NO_MEMORY, "out of memory");
}

static enum stint_status
look(struct looking *l, struct stint_span file, struct stint_list *list)
{
    enum stint_status status = split(l, file);
    if (status == STINT_OK) {
        status = client_types_read(&l->types, l->mem, l->schema, l->error, l->error_size);
        status = status == STINT_INVALID ? STINT_BAD_PICKLE : status;
    }
    if (status == STINT_OK) {
        status = read_pickle(l);
    }
    return status == STINT_OK ? put_items(l, list) : status;
}

enum stint_status
stint_file_stack(const char *path, struct stint_list **list, char *error, size_t error_size)
{
    char what[512] = "";
    char line[STINT_CLIENT_ERROR_SIZE] = "";
    struct buf file;
    *list = NULL;
    struct client_heap *heap = client_heap_new((struct stint_allocator){ NULL, NULL });
    struct stint_list *made = heap != NULL ? list_new(heap) : NULL;
    enum stint_status status = STINT_NO_MEMORY;
    if (made != NULL) {
        struct looking l = { .mem = &heap->mem, .error = what, .error_size = sizeof what };
        buf_init(&file, &heap->mem, CLIENT_FILE_MAX);
        status = export_file_read(path, &file, line, sizeof line);
        if (status == STINT_OK) {
            status = look(&l, buf_span(&file), made);
            text_format(line, sizeof line, "%s: %s", path, what);
        }
        client_types_fini(&l.types);
        mem_free(l.mem, l.codes, l.head.codes * sizeof *l.codes);
        mem_free(l.mem, l.frames, l.head.frames * sizeof *l.frames);
        buf_fini(&file);
    }
    if (status == STINT_OK) {
        *list = made;
    } else {
        stint_list_free(made);
    }
    client_heap_drop(heap);
    if (error != NULL && error_size != 0) {
        client_text_clean(line);
        text_copy(error, error_size,
                  status == STINT_OK ? ""
                  : line[0] != '\0'  ? line
                                     : stint_strerror(status));
    }
    return status;
}
