/* SPDX-License-Identifier: Apache-2.0 */
/* What type.c, type_value.c and schema.c know about fields in common. */
#ifndef STINT_KERNEL_TYPE_PART_H
#define STINT_KERNEL_TYPE_PART_H

#include "kernel/type.h"

/*
 * The bound of one element that a reader must know: most bytes of a text (without terminator) or of
 * bytes, exact length of fixed bytes, bytes of an integer's C type if that is narrower than its
 * kind; else 0.
 */
uint32_t type_field_bound(const struct stint_field *f);

#endif
