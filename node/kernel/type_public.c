/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of stint/stint.proto, for programs that link the kernel; a module brings
 * descriptions of its own. */
#include "stint/tasklet.h"

STINT_TYPE(stint_Channel)
STINT_TYPE(stint_Tasklet)
STINT_TYPE(stint_Node)
STINT_TYPE(stint_Empty)
