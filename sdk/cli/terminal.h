/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal taken over for a live screen: the other screen, no cursor, keys as they are pressed.
 * However the program ends, by return, exit(), a signal or an abort, the terminal is as it was.
 */
#ifndef STINT_CLI_TERMINAL_H
#define STINT_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Takes it over; false: it is none. Once in a process at a time. */
bool terminal_enter(void);

/* Gives it back; nothing when it was not taken. */
void terminal_leave(void);

/* Its size now; 80 x 24 when it does not tell. */
void terminal_size(unsigned *rows, unsigned *columns);

/* True once after the size changed, or the program was stopped and went on. */
bool terminal_changed(void);

/* Stops the program as Ctrl-Z asks for it, with the terminal given back meanwhile; true: it did. */
bool terminal_stop_if_asked(void);

/* The next key that was pressed, or 0. Never waits. */
char terminal_key(void);

/* Shows a whole screen of lines in the place of the one before. */
void terminal_show(const char *lines, size_t size);

#endif
