/*
 * By what right something is open: what a person may do at an instance, and whether that still
 * holds when sessions, tokens or roles have ended.
 */
#pragma once

#include "http/route.h"

struct account;

/* Of a WebSocket or a stream; texts on the heap. */
struct bearer {
    char *user;       /* id; NULL: nobody, nothing to end */
    char *credential; /* a session's cookie value or a token; NULL: not found again */
    bool token;
    const char *permissions; /* what it was opened with, a static text */
};

/* Node-RED's permissions: "*", "read", or "" on the app face; NULL: no identity. A static text. */
const char *bearer_permissions(const struct identity *who, const char *tenant, enum face face);
/* Whether the credential still gives the same permissions. account NULL: no. */
bool bearer_holds(const struct bearer *bearer, struct account *account, const char *tenant,
                  const char *host, enum face face);
void bearer_release(struct bearer *bearer);
