/* SPDX-License-Identifier: Apache-2.0 */
#include "module/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "module/elf_file.h"

enum { NAME_MAX_SIZE = 63, CODES_MAX = 32, ENTRIES_MAX = 1 << 20 };

struct opening {
    const char *path;
    char *error;
    size_t error_size;
};

STINT_PRINTF(3, 4)
static enum stint_status
refuse(const struct opening *o, enum stint_status status, const char *format, ...)
{
    char why[512];
    va_list args;
    va_start(args, format);
    text_format_list(why, sizeof(why), format, args);
    va_end(args);
    text_format(o->error, o->error_size, "module %s: %s", o->path, why);
    return status;
}

/* dlerror() begins with the path, which the line has already. */
static const char *
loader_error(const char *path)
{
    const char *text = dlerror();
    size_t size = strlen(path);
    if (text == NULL) {
        return "unknown reason";
    }
    return strncmp(text, path, size) == 0 && strncmp(text + size, ": ", 2) == 0 ? text + size + 2
                                                                                : text;
}

/* What dlopen would say less clearly. */
static enum stint_status
check_path(const struct opening *o)
{
    struct stat st;
    if (stat(o->path, &st) != 0) {
        return refuse(o, STINT_IO, "%s; give the path of a file made by stint_add_module",
            errno == ENOENT ? "there is no such file" : strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return refuse(
            o, STINT_IO, "is not a file; give the path of a file made by stint_add_module");
    }
    const char *problem = elf_file_problem(o->path);
    if (problem != NULL) {
        return refuse(o, STINT_IO,
            "%s; build it with stint_add_module on this machine, or copy it again", problem);
    }
    return STINT_OK;
}

/* dlsym also looks into the libraries that the file needs; a description that is there is somebody
 * else's. */
static bool
is_own(void *handle, const void *symbol)
{
    Dl_info info;
    struct link_map *map = NULL;
    return dladdr(symbol, &info) != 0 && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0
           && strcmp(info.dli_fname, map->l_name) == 0;
}

/* The bounds of a section: both missing (it is empty), or both there and in order. */
static bool
is_section(const void *start, const void *end)
{
    uintptr_t from = (uintptr_t)start;
    uintptr_t to = (uintptr_t)end;
    if (start == NULL || end == NULL) {
        return start == end;
    }
    return from <= to && from % sizeof(void *) == 0 && (to - from) % sizeof(void *) == 0
           && (to - from) / sizeof(void *) <= ENTRIES_MAX;
}

static enum stint_status
check_module(const struct opening *o, const struct stint_module *m)
{
    /* The ABI number is first in every version; nothing else may be looked at before it is known to
     * be ours. */
    if (m->abi != STINT_ABI) {
        return refuse(o, STINT_BAD_VERSION,
            "was built for ABI %u, this node has %u; build it anew with "
            "the headers of this version",
            m->abi, STINT_ABI);
    }
    if (m->size != sizeof(*m)) {
        return refuse(o, STINT_BAD_VERSION,
            "its description has %u bytes, this node expects %zu; build "
            "it anew with the headers of this version",
            m->size, sizeof(*m));
    }
    if (m->name == NULL || !text_is_name(m->name, NAME_MAX_SIZE)) {
        return refuse(o, STINT_INVALID,
            "its name in STINT_MODULE is no name; use 1 to %d letters, digits, "
            "`_`, `-` or `.`",
            NAME_MAX_SIZE);
    }
    if (m->version == NULL || m->version[0] == '\0'
        || !text_is_printable(m->version, NAME_MAX_SIZE)) {
        return refuse(o, STINT_INVALID,
            "its version in STINT_MODULE is not a text of 1 to %d printable "
            "characters",
            NAME_MAX_SIZE);
    }
    if (m->codes == NULL || m->code_count == 0 || m->code_count > CODES_MAX) {
        return refuse(o, STINT_INVALID, "lists no codes; name at least one in STINT_MODULE");
    }
    if (!is_section(m->points, m->points_end) || !is_section(m->types, m->types_end)) {
        return refuse(o, STINT_INVALID,
            "its sections of resume points and types are damaged; link it with "
            "stint_add_module");
    }
    if (m->types == NULL) {
        return refuse(o, STINT_INVALID,
            "describes no message types; list its protos in the PROTOS of "
            "stint_add_module");
    }
    return STINT_OK;
}

static enum stint_status
find_module(const struct opening *o, void *handle, const struct stint_module **module)
{
    const void *symbol = dlsym(handle, "stint_module");
    if (symbol == NULL || !is_own(handle, symbol)) {
        return refuse(o, STINT_INVALID,
            "does not export `stint_module`; end it with STINT_MODULE(name, "
            "version, codes) and build it with stint_add_module");
    }
    *module = symbol;
    return check_module(o, *module);
}

enum stint_status
module_open(const char *path, struct module_file *file, char *error, size_t error_size)
{
    char here[PATH_MAX];
    struct opening o = { path, error, error_size };
    *file = (struct module_file){ NULL, NULL };
    enum stint_status st = check_path(&o);
    if (st != STINT_OK) {
        return st;
    }
    if (strchr(path, '/') == NULL) {
        size_t size = text_format(here, sizeof(here), "./%s", path);
        if (size != strlen(path) + 2) {
            return refuse(&o, STINT_IO, "the path is too long");
        }
        o.path = here;
    }
    void *handle = dlopen(o.path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return refuse(&o, STINT_IO,
            "cannot be loaded: %s; build it with stint_add_module on this machine",
            loader_error(o.path));
    }
    st = find_module(&o, handle, &file->module);
    if (st != STINT_OK) {
        (void)dlclose(handle);
        file->module = NULL;
        return st;
    }
    file->handle = handle;
    return STINT_OK;
}

void
module_close(struct module_file *file)
{
    if (file->handle != NULL) {
        (void)dlclose(file->handle);
    }
    *file = (struct module_file){ NULL, NULL };
}
