/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module files: shared objects that export `stint_module` and nothing else (stint_add_module builds
 * them). Opening one checks all that can be checked about the file itself; kernel_add_module() then
 * checks what is in it. A module is code: its constructors run on opening, with the rights of the
 * process.
 */
#ifndef STINT_MODULE_MODULE_H
#define STINT_MODULE_MODULE_H

#include <stddef.h>

#include "stint/tasklet.h"
#include "stint/types.h"

struct module_file {
    void *handle;
    const struct stint_module *module; /* valid until module_close() */
};

/*
 * Opens the file at `path` (a path without `/` is one in the working directory, never searched
 * for). On failure *file is zeroed and `error` holds one line: file, what is wrong, what to do.
 * STINT_IO (no such file, no shared object, something that it needs is missing), STINT_INVALID (not
 * a module, or a damaged one), STINT_BAD_VERSION (built for another ABI).
 */
STINT_MUST_USE enum stint_status
module_open(const char *path, struct module_file *file, char *error, size_t error_size);

/* Unloads it; nothing of the module may be in use: the kernels that have it are freed before. A
 * zeroed one is ignored. */
void module_close(struct module_file *file);

#endif
