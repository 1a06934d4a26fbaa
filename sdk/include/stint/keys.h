/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: the authority of a cluster and the identities that it issues, in directories of files. No
 * node and no client is needed; secrets never leave their directory but for the one they are issued
 * to.
 *
 *     struct stint_id cluster;
 *     if (stint_keys_init("/etc/stint/keys", &cluster, error, sizeof error) != STINT_OK) {
 *         fprintf(stderr, "%s\n", error);
 *     }
 *
 * `error` (may be NULL with size 0; STINT_KEYS_ERROR_SIZE bytes suffice) gets one line about a
 * failure, "" otherwise. Lists are key items (list.h) and yours; *list is NULL on failure. All
 * functions: any thread; two at a time about one directory are kept apart by the files themselves:
 * the later one finds STINT_EXISTS.
 */
#ifndef STINT_KEYS_H
#define STINT_KEYS_H

#include "stint/list.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STINT_KEYS_ERROR_SIZE 1024

/*
 * Makes a cluster's keys in a new directory, or one that has none (made 0700): cluster.pub,
 * authority.key, server.key; secrets are 0600. *cluster (may be NULL) is its id. STINT_OK;
 * STINT_EXISTS there are keys; STINT_NOT_FOUND, STINT_NOT_AUTHORISED, STINT_IO the directory;
 * STINT_INVALID; STINT_NO_MEMORY.
 *
 *     struct stint_id cluster;
 *     status = stint_keys_init("/etc/stint/keys", &cluster, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_keys_init(const char *dir, struct stint_id *cluster, char *error, size_t error_size);

/* Which identity to issue. */
struct stint_keys_issue {
    size_t size;
    const char *role; /* node client operator observer */
    const char *name; /* 1 to 63 of the characters A-Z a-z 0-9 . _ - */
    const char *out;  /* directory; NULL: the same. Gets cluster.pub, and server.key for a node, if
                         it has none */
    uint32_t days;    /* that it is valid; 0: 90 for nodes and operators, else 30 */
};

STINT_SIZED_(keys_issue);
#define STINT_KEYS_ISSUE_INIT STINT_SIZED_INIT_(keys_issue)

/*
 * Issues an identity: ROLE-NAME.cert and ROLE-NAME.key (0600). One key item. STINT_OK;
 * STINT_NOT_FOUND no authority in `dir`; STINT_NOT_AUTHORISED its secret can be read by others;
 * STINT_INVALID role, name or days; STINT_EXISTS it was issued to that directory before;
 * STINT_WRONG_CLUSTER `out` holds another cluster's keys; STINT_IO, STINT_NO_MEMORY.
 *
 *     struct stint_keys_issue issue = STINT_KEYS_ISSUE_INIT;
 *     issue.role = "client";
 *     issue.name = "web";
 *     if (stint_keys_issue("/etc/stint/keys", &issue, &list, error, sizeof error) == STINT_OK) {
 *         printf("serial %llu\n", (unsigned long long)stint_list_key(list)->serial);
 *         stint_list_free(list);
 *     }
 */
STINT_API STINT_MUST_USE enum stint_status
stint_keys_issue(const char *dir, const struct stint_keys_issue *issue, struct stint_list **list,
                 char *error, size_t error_size);

/*
 * The identities of a directory: key items, by role and name. STINT_OK; STINT_NOT_FOUND,
 * STINT_NOT_AUTHORISED, STINT_IO the directory; STINT_INVALID a file that is none; STINT_NO_MEMORY.
 *
 *     status = stint_keys_list("/etc/stint/keys", &list, error, sizeof error);
 */
STINT_API STINT_MUST_USE enum stint_status
stint_keys_list(const char *dir, struct stint_list **list, char *error, size_t error_size);

#ifdef __cplusplus
}
#endif
#endif
