#include "http/bearer.h"

#include "http/account.h"

#include <stdlib.h>
#include <string.h>

const char *bearer_permissions(const struct identity *who, const char *tenant, enum face face)
{
    uint32_t scopes;

    if (who->user == NULL || who->must_change ||
        (who->kind != IDENTITY_SESSION && who->kind != IDENTITY_TOKEN))
        return NULL;
    scopes = identity_scopes(who, tenant);
    if (face == FACE_APP)
        return (scopes & SCOPE_APP_USE) != 0 ? "" : NULL;
    if ((scopes & SCOPE_EDITOR_WRITE) != 0)
        return "*";
    return (scopes & SCOPE_EDITOR_READ) != 0 ? "read" : NULL;
}

bool bearer_holds(const struct bearer *bearer, struct account *account, const char *tenant,
                  const char *host, enum face face)
{
    struct snapshot *now;
    struct identity who;
    struct text credential = text_of(bearer->credential);
    const char *permissions = NULL;

    if (account == NULL || bearer->credential == NULL)
        return false;
    now = account_snapshot(account);
    if (bearer->token ? account_token_find(now, credential, &who)
                      : account_session_find(now, credential, host, &who))
        permissions = bearer_permissions(&who, tenant, face);
    snapshot_drop(now);
    return permissions != NULL && strcmp(permissions, bearer->permissions) == 0;
}

void bearer_release(struct bearer *bearer)
{
    free(bearer->user);
    free(bearer->credential);
    *bearer = (struct bearer){0};
}
