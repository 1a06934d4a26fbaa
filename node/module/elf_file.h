/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at a file before the loader sees it. The loader maps what the headers promise and dies of
 * SIGBUS when the file is shorter; so a file that was cut, or is for another machine, must not get
 * that far.
 */
#ifndef STINT_MODULE_ELF_FILE_H
#define STINT_MODULE_ELF_FILE_H

/* NULL if the file is a whole shared object for this machine, else what it is instead, as a
 * sentence; static storage. */
const char *elf_file_problem(const char *path);

#endif
