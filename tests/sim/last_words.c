/* SPDX-License-Identifier: Apache-2.0 */
#include "last_words.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define RUN_SECONDS 1200
#else
#define RUN_SECONDS 120
#endif

static char seed_text[32];
static char again_text[400];

static void
put(const char *text)
{
    ssize_t written = write(STDOUT_FILENO, text, strlen(text));
    (void)written;
}

/* In the words of a fault that was found in the ordinary way. */
static void
say(const char *what)
{
    put("seed ");
    put(seed_text);
    put(what);
    put("\nagain: ");
    put(again_text);
    put("\n");
}

static void
on_signal(int number)
{
    if (number == SIGABRT) {
        say(": assertion does not hold: the code itself has noticed, see above");
    } else if (number == SIGPROF) {
        say(": end does not hold: the run has taken two minutes of a core and is not over");
    } else {
        say(": memory does not hold: the process has crashed");
    }
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

#ifdef __SANITIZE_ADDRESS__
static void
on_report(void)
{
    say(": memory does not hold: a sanitizer has found something");
}
#endif

void
last_words_begin(void)
{
    (void)signal(SIGABRT, on_signal);
    (void)signal(SIGPROF, on_signal);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(on_report);
#else
    (void)signal(SIGSEGV, on_signal);
    (void)signal(SIGBUS, on_signal);
    (void)signal(SIGFPE, on_signal);
#endif
}

void
last_words_run(uint64_t seed, const char *again)
{
    struct itimerval limit = { .it_value = { .tv_sec = RUN_SECONDS } };
    (void)snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
    (void)snprintf(again_text, sizeof again_text, "%s", again);
    (void)setitimer(ITIMER_PROF, &limit, NULL);
}
