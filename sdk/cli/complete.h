/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may stand at the end of a command line that is not finished. The scripts of `stint
 * completion` hand over the words up to the cursor and show what comes back, so all shells know the
 * same and a script never is older than the table of commands.
 */
#ifndef STINT_CLI_COMPLETE_H
#define STINT_CLI_COMPLETE_H

#include <stdio.h>

#include "args.h"

/* The first word by which the scripts ask. */
#define COMPLETE_WORD "__complete"

/* Names that only a cluster knows. */
enum complete_names { COMPLETE_NODES, COMPLETE_CODES, COMPLETE_CHANNELS };

struct complete_source {
    /* Gives each name to `put`; silent, and soon back, when there is no cluster. `args` has the
     * global flags as far as they were given. */
    void (*names)(enum complete_names what, const struct args *args,
                  void (*put)(void *arg, const char *name), void *arg);
};

/*
 * Writes a line for each candidate: the whole word, a tab and what it means. A last line of
 * ":files" or ":directories" tells that paths fit, too; there is then nothing before it. `words` is
 * what stands behind the program's name, its last one the word under the cursor.
 */
void complete(FILE *out, int count, char **words, const struct complete_source *source);

/* For the program: candidates to stdout, names from the cluster. Always 0. */
int complete_main(int count, char **words);

#endif
