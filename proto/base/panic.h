/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when the program itself is wrong: one line on stderr and abort.
 * Assertions stay on in release builds; they are for errors of the programmer only,
 * never for input.
 */
#ifndef STINT_BASE_PANIC_H
#define STINT_BASE_PANIC_H

#define STINT_STATIC_ASSERT(cond, why) _Static_assert((cond), why)

#define STINT_ASSERT(cond) \
    ((cond) ? (void)0 : panic_assertion(__FILE__, __LINE__, #cond))

/* Writes "file:line: assertion failed: expr" to stderr with write(2) and aborts. */
_Noreturn void panic_assertion(const char *file, int line, const char *expr);

#endif
