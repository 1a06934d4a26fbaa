/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

const char *
cli_time(uint64_t wall_ms, char out[CLI_TIME_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    char date[24];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        snprintf(out, CLI_TIME_SIZE, "9999-12-31T23:59:59Z"); /* beyond every calendar */
        return out;
    }
    snprintf(out, CLI_TIME_SIZE, "%s.%03uZ", date, (unsigned)(wall_ms % 1000));
    return out;
}

const char *
cli_size(uint64_t bytes, char out[CLI_SIZE_SIZE])
{
    static const char units[] = "BKMGTPE";
    unsigned unit = 0;
    double value = (double)bytes;
    while (value >= 1024 && unit < sizeof units - 2) {
        value /= 1024;
        unit++;
    }
    snprintf(out, CLI_SIZE_SIZE, unit == 0 || value >= 100 ? "%.0f%c" : "%.1f%c", value,
             units[unit]);
    return out;
}

const char *
cli_duration(uint64_t ms, char out[CLI_SIZE_SIZE])
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "d", UINT64_C(86400000) }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 } };
    for (unsigned i = 0; i < 4; i++) {
        if (ms >= 2 * units[i].ms || (i == 3 && ms >= 1000)) {
            snprintf(out, CLI_SIZE_SIZE, "%llu%s", (unsigned long long)(ms / units[i].ms),
                     units[i].unit);
            return out;
        }
    }
    snprintf(out, CLI_SIZE_SIZE, "%llums", (unsigned long long)ms);
    return out;
}

const char *
cli_duration_us(uint64_t us, char out[CLI_SIZE_SIZE])
{
    if (us < 1000) {
        snprintf(out, CLI_SIZE_SIZE, "%lluus", (unsigned long long)us);
        return out;
    }
    if (us < 10000) {
        snprintf(out, CLI_SIZE_SIZE, "%llu.%llums", (unsigned long long)(us / 1000),
                 (unsigned long long)(us % 1000 / 100));
        return out;
    }
    return cli_duration(us / 1000, out);
}

char *
cli_json(const char *argument)
{
    enum { JSON_MAX = 4 << 20 };
    if (strcmp(argument, "-") != 0) {
        return strdup(argument);
    }
    char *text = malloc(JSON_MAX + 1);
    size_t size = text != NULL ? fread(text, 1, JSON_MAX + 1, stdin) : 0;
    if (text == NULL || size > JSON_MAX || ferror(stdin) != 0 || memchr(text, '\0', size) != NULL) {
        (void)cli_fail_exit(EXIT_USAGE, "read JSON from stdin", NULL,
                            "it cannot be read, holds a zero byte, or is longer than 4 MiB");
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}
