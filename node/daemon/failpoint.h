/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon of a build with STINT_FAILPOINTS does at a failpoint (core/failpoint.h says what each name means). The
 * environment variable STINT_FAILPOINTS names a file; while it holds one line "NAME ACTION TASKLET" and the node passes that
 * point with that tasklet, the file is removed and the action taken: `kill` is SIGKILL, `stop` SIGSTOP, each to itself. Before
 * it acts it gives the thread of the links time to write what it was handed.
 */
#ifndef STINT_DAEMON_FAILPOINT_H
#define STINT_DAEMON_FAILPOINT_H

#ifdef STINT_FAILPOINTS
/* Looks at a log line; all but failpoints are ignored. */
void failpoint_look(const char *line);
#else
static inline void
failpoint_look(const char *line)
{
    (void)line;
}
#endif

#endif
