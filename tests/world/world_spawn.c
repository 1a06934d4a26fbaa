/* SPDX-License-Identifier: Apache-2.0 */
/* Tasklets started from inside of a node, past all requests. */
#include <pb_encode.h>

#include "base/panic.h"
#include "base/span.h"
#include "core/node.h"
#include "world.h"

struct stint_id
world_spawn(struct world *w, int node, const char *code_name, const struct pb_msgdesc_s *type, const void *locals)
{
    struct node *n = world_node(w, node);
    const struct code *code;
    uint8_t bytes[1024];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    struct stint_id id = { { 0 } };
    STINT_ASSERT(pb_encode(&stream, type, locals));
    STINT_ASSERT(kernel_find_code(n->kernel, "mill", code_name, &code) == STINT_OK);
    STINT_ASSERT(kernel_spawn(n->kernel, code, span_of(bytes, stream.bytes_written), KERNEL_NOTIFY, &id) ==
                 STINT_OK);
    return id;
}
