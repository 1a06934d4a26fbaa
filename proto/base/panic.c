/* SPDX-License-Identifier: Apache-2.0 */
#include "base/panic.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

_Noreturn void
panic_assertion(const char *file, int line, const char *expr)
{
    char text[512];
    size_t size =
        text_format(text, sizeof text, "%s:%d: assertion failed: %s", file, line, expr);
    /* The terminator's place takes the newline: one write, so that two processes cannot
     * mix lines. */
    text[size] = '\n';
    if (write(STDERR_FILENO, text, size + 1) < 0) {
        abort();
    }
    abort();
}
