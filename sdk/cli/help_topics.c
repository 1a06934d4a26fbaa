/* SPDX-License-Identifier: Apache-2.0 */
/* Help on what is no command: what all of them have in common. */
#include <stdio.h>
#include <string.h>

#include "help_topics.h"

static const struct help_topic topics[] = {
    { "selectors", "which tasklets are meant, in one line",
      "A selector is conditions joined by `and`; all of them must hold. It is the nodes that look, "
      "so a\n"
      "list is as short as what fits.\n"
      "\n"
      "  code=Counter and node=n1 and state!=paused and moves<3 and tag.tenant=acme\n"
      "\n"
      "Operators:  =  !=  <  <=  >  >=\n"
      "Texts:      id node code module state at file channel movable tag.NAME\n"
      "Numbers:    epoch frames size_bytes line since_ms moves steps\n"
      "\n"
      "id and channel fit by the beginning of an id. movable is true or false. state is running,\n"
      "runnable, blocked, paused, frozen or in_doubt. A value with blanks stands in double "
      "quotes.\n"
      "--sort takes the same fields, with a - in front for descending order.\n" },
    { "exits", "what an exit code says",
      "  0    done\n"
      "  1    failed, or what was asked is false, or it did not happen in time and that is known\n"
      "  2    the command line is wrong, or a value in it\n"
      "  3    no node can be reached\n"
      "  4    what was named is not there\n"
      "  5    refused: not movable, version, epoch, a node that takes nothing\n"
      "  6    partly done: each item says what came of it\n"
      "  7    timed out, and the outcome is unknown: look before you do it again\n"
      "  8    not authorised: another cluster, a wrong role, an expired or revoked certificate\n"
      "  130  interrupted\n"
      "\n"
      "An error is one line on stderr that ends with the code. Data is on stdout, all else on "
      "stderr.\n" },
    { "contexts", "names for clusters",
      "The file is $XDG_CONFIG_HOME/stint/contexts, or ~/.config/stint/contexts:\n"
      "\n"
      "  # comment\n"
      "  [production]\n"
      "  endpoint = tcp://10.0.0.1:7400       any number of them\n"
      "  endpoint = tcp://10.0.0.2:7400\n"
      "  keys = ~/keys/production\n"
      "  identity = operator-me\n"
      "\n"
      "  [desk]\n"
      "  endpoint = tcp://127.0.0.1:7400\n"
      "  insecure = yes\n"
      "\n"
      "`stint --context production node list`, or STINT_CONTEXT. An option comes before the "
      "environment\n"
      "(STINT_ENDPOINT, STINT_KEYS, STINT_IDENTITY), and that before the context.\n" },
    { "formats", "what -o does",
      "  table  for people: short ids, sizes and durations with units\n"
      "  wide   the same with more columns and whole ids\n"
      "  json   one object; a list is {\"schema\":1,\"items\":[...],\"truncated\":false}\n"
      "  jsonl  an object a line, each as it comes\n"
      "  name   only what names each: an id, or a node's name\n"
      "\n"
      "In JSON times are RFC 3339 in UTC, durations numbers that end in _ms or _us, sizes bytes, "
      "ids\n"
      "hex digits. A list that was cut has \"truncated\":true and a \"page\"; --page goes on "
      "behind it,\n"
      "--limit 0 takes all. Fields are only ever added. Colours are for terminals, without "
      "NO_COLOR.\n" },
};

const struct help_topic *
help_topic_at(size_t index)
{
    return index < sizeof topics / sizeof topics[0] ? &topics[index] : NULL;
}

const struct help_topic *
help_topic_find(const char *name)
{
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        size_t size = strlen(name);
        bool plural = size + 1 == strlen(topics[i].name);
        if (strncmp(topics[i].name, name, size) == 0 && (plural || topics[i].name[size] == '\0')) {
            return &topics[i];
        }
    }
    return NULL;
}
