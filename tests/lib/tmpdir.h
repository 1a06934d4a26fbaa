/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for one test, removed with all that is in it. */
#ifndef STINT_TESTS_TMPDIR_H
#define STINT_TESTS_TMPDIR_H

#define TMPDIR_SIZE 256

/* Makes a new, empty directory (0700) below $TMPDIR or /tmp; aborts when it cannot. */
void tmpdir_make(char path[TMPDIR_SIZE]);

/* Removes it and everything below. */
void tmpdir_remove(const char *path);

/* Writes a whole file with the mode, replacing one that is there; aborts when it
 * cannot. */
void tmpdir_write(const char *path, const char *text, unsigned mode);

#endif
