/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire.h"

#include <sodium/core.h>

enum stint_status
wire_init(void)
{
    return sodium_init() < 0 ? STINT_ERROR : STINT_OK;
}
