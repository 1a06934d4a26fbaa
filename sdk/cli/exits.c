/* SPDX-License-Identifier: Apache-2.0 */
#include "exits.h"

enum exit_code
exit_of(enum stint_status status)
{
    /* No default: a status without an exit code is found by the compiler. */
    switch (status) {
    case STINT_OK:
        return EXIT_DONE;
    case STINT_INVALID:
    case STINT_AMBIGUOUS:
    case STINT_TYPE_MISMATCH:
        return EXIT_USAGE;
    case STINT_UNREACHABLE:
    case STINT_NOT_SENT:
    case STINT_FENCED:
        return EXIT_UNREACHABLE;
    case STINT_NOT_FOUND:
    case STINT_DEAD:
    case STINT_UNKNOWN_MODULE:
    case STINT_UNKNOWN_CODE:
    case STINT_NOT_HERE:
        return EXIT_NOT_FOUND;
    case STINT_REFUSED:
    case STINT_NOT_MOVABLE:
    case STINT_BAD_PICKLE:
    case STINT_BAD_VERSION:
    case STINT_INCOMPATIBLE:
    case STINT_DRAINING:
        return EXIT_REFUSED;
    case STINT_PARTIAL:
        return EXIT_PARTLY;
    case STINT_TIMED_OUT:
    case STINT_OUTCOME_UNKNOWN:
    case STINT_IN_DOUBT:
        return EXIT_UNKNOWN;
    case STINT_NOT_AUTHORISED:
    case STINT_BAD_CERTIFICATE:
    case STINT_WRONG_CLUSTER:
    case STINT_EXPIRED:
    case STINT_REVOKED:
        return EXIT_UNAUTHORISED;
    case STINT_CANCELLED:
        return EXIT_INTERRUPTED;
    case STINT_ERROR:
    case STINT_NO_MEMORY:
    case STINT_LIMIT:
    case STINT_EXISTS:
    case STINT_CLOSED:
    case STINT_END_OF_SEQUENCE:
    case STINT_CHANNEL_LOST:
    case STINT_KILLED:
    case STINT_BUSY:
    case STINT_BLOCKED:
    case STINT_BAD_FRAME:
    case STINT_STORE_DOWN:
    case STINT_CONFLICT:
    case STINT_FULL:
    case STINT_IO:
    case STINT_DEPTH:
    case STINT_USER:
    case STINT_STATUS_COUNT_:
        break;
    }
    return EXIT_FAILED;
}
