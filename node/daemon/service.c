/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "logs.h"
#include "notify.h"

#define NS_PER_MS UINT64_C(1000000)
#define REPORT_NS (1000 * NS_PER_MS)

enum {
    STATE_SIZE = 1024,
    PATIENCE_MS = 15000, /* how long the manager shall wait for the next report */
    FAREWELL_MS = 30000, /* for leaving, after the time for draining is over */
};

static bool
is_heard(const struct service *s)
{
    return s->socket != NULL && s->socket[0] != '\0';
}

STINT_PRINTF(2, 3)
static void
tell(const struct service *s, const char *format, ...)
{
    char state[STATE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(state, sizeof state, format, args);
    va_end(args);
    notify_send(s->socket, state);
}

void
service_init(struct service *s, const char *(*get)(const char *name), long self)
{
    const char *usec = get("WATCHDOG_USEC"), *pid = get("WATCHDOG_PID");
    *s = (struct service){ .socket = get("NOTIFY_SOCKET") };
    /* The variables may be inherited from somebody who was meant. */
    if (is_heard(s) && usec != NULL && (pid == NULL || strtol(pid, NULL, 10) == self)) {
        s->ping_ns = (uint64_t)strtoull(usec, NULL, 10) / 2 * 1000;
    }
}

void
service_joining(struct service *s, uint64_t now_ns, uint64_t timeout_ms)
{
    s->phase = SERVICE_JOINING;
    s->until = now_ns + (timeout_ms + FAREWELL_MS) * NS_PER_MS;
    s->report_due = now_ns + REPORT_NS;
    tell(s, "STATUS=joining");
}

void
service_ready(struct service *s, const char *endpoint)
{
    s->phase = SERVICE_SERVING;
    tell(s, "READY=1\nSTATUS=serving at %s", endpoint);
}

void
service_reloading(const struct service *s, uint64_t now_ns)
{
    /* READY=1 at the end of it would be a lie in any other phase. */
    if (s->phase == SERVICE_SERVING) {
        tell(s, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading", now_ns / 1000);
    }
}

void
service_reloaded(const struct service *s, bool ok)
{
    if (s->phase == SERVICE_SERVING) {
        tell(s, "READY=1\nSTATUS=%s", ok ? "serving, reloaded"
                                         : "serving with the old settings and keys: the "
                                           "reload failed, see the log");
    }
}

void
service_draining(struct service *s, uint64_t now_ns, uint64_t timeout_ms)
{
    s->phase = SERVICE_DRAINING;
    s->until = now_ns + (timeout_ms + FAREWELL_MS) * NS_PER_MS;
    s->report_due = now_ns;
    tell(s, "STOPPING=1\nSTATUS=draining");
}

void
service_ended(struct service *s, const char *why)
{
    bool first = s->phase != SERVICE_DRAINING;
    char line[STATE_SIZE / 2];
    s->phase = SERVICE_ENDED;
    logs_printable(line, sizeof line, why);
    tell(s, "%sSTATUS=%s", first ? "STOPPING=1\n" : "", why[0] == '\0' ? "left" : line);
}

static void
report(struct service *s, uint64_t now_ns, uint32_t tasklets)
{
    uint64_t left_ms = s->until > now_ns ? (s->until - now_ns) / NS_PER_MS : 0;
    char more[64] = "";
    if (left_ms > 0) {
        (void)snprintf(more, sizeof more, "\nEXTEND_TIMEOUT_USEC=%d", PATIENCE_MS * 1000);
    }
    uint64_t seconds = left_ms > FAREWELL_MS ? (left_ms - FAREWELL_MS + 999) / 1000 : 0;
    if (s->phase == SERVICE_JOINING) {
        tell(s, "STATUS=joining, gives up in %" PRIu64 " s%s", seconds, more);
    } else if (seconds > 0) {
        tell(s, "STATUS=draining: %" PRIu32 " tasklet%s here, %" PRIu64 " s left%s",
             tasklets, tasklets == 1 ? "" : "s", seconds, more);
    } else {
        tell(s, "STATUS=leaving with %" PRIu32 " tasklet%s%s", tasklets,
             tasklets == 1 ? "" : "s", more);
    }
}

void
service_tick(struct service *s, uint64_t now_ns, uint32_t tasklets)
{
    if (!is_heard(s)) {
        return;
    }
    if (s->ping_ns != 0 && now_ns >= s->ping_due) {
        s->ping_due = now_ns + s->ping_ns;
        tell(s, "WATCHDOG=1");
    }
    bool reports = s->phase == SERVICE_JOINING || s->phase == SERVICE_DRAINING;
    if (reports && now_ns >= s->report_due) {
        s->report_due = now_ns + REPORT_NS;
        report(s, now_ns, tasklets);
    }
}

uint64_t
service_due(const struct service *s)
{
    bool reports = s->phase == SERVICE_JOINING || s->phase == SERVICE_DRAINING;
    uint64_t due = UINT64_MAX;
    if (!is_heard(s)) {
        return due;
    }
    if (s->ping_ns != 0) {
        due = s->ping_due;
    }
    return reports && s->report_due < due ? s->report_due : due;
}
