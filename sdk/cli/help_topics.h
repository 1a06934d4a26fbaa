/* SPDX-License-Identifier: Apache-2.0 */
/* Help on what is no command: selectors, exit codes, contexts, formats. */
#ifndef STINT_CLI_HELP_TOPICS_H
#define STINT_CLI_HELP_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

struct help_topic {
    const char *name;  /* in the plural; found without its s, too */
    const char *title; /* a few words */
    const char *text;  /* lines */
};

/* All of them by index; NULL: no more. */
const struct help_topic *help_topic_at(size_t index);

/* NULL: there is none. */
const struct help_topic *help_topic_find(const char *name);

#endif
