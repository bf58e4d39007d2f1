#include "http/scope.h"

#define VIEWER (SCOPE_TENANT_READ | SCOPE_EDITOR_READ | SCOPE_APP_USE | SCOPE_PACKAGE_READ)
#define DEVELOPER                                                                                  \
    (VIEWER | SCOPE_INSTANCE_CONTROL | SCOPE_INSTANCE_LOGS | SCOPE_EDITOR_WRITE |                  \
     SCOPE_PACKAGE_PUBLISH | SCOPE_PACKAGE_STAGE | SCOPE_SOURCE_WRITE)

static const struct {
    const char *name;
    uint32_t scopes;
} roles[] = {
    [ROLE_NONE] = {"none", 0},
    [ROLE_DASHBOARD] = {"dashboard", SCOPE_APP_USE},
    [ROLE_VIEWER] = {"viewer", VIEWER},
    [ROLE_DEVELOPER] = {"developer", DEVELOPER},
    [ROLE_OWNER] = {"owner", DEVELOPER | SCOPE_TENANT_ADMIN | SCOPE_THEME_WRITE},
};

static const char *const scopes[] = {
    "tenant:read",  "tenant:admin", "instance:control", "instance:logs",   "editor:read",
    "editor:write", "app:use",      "package:read",     "package:publish", "source:write",
    "theme:write",  "platform",     "package:stage"};

const char *role_name(enum role role)
{
    return roles[role].name;
}

bool role_parse(struct text name, enum role *role)
{
    for (int i = ROLE_DASHBOARD; i <= ROLE_OWNER; i++) {
        if (text_is(name, roles[i].name)) {
            *role = (enum role)i;
            return true;
        }
    }
    return false;
}

uint32_t role_scopes(enum role role)
{
    return roles[role].scopes;
}

const char *scope_name(unsigned bit)
{
    return bit < sizeof(scopes) / sizeof(scopes[0]) ? scopes[bit] : NULL;
}

bool scope_parse(struct text name, uint32_t *scope)
{
    for (unsigned i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (text_is(name, scopes[i])) {
            *scope = 1u << i;
            return true;
        }
    }
    return false;
}

uint32_t scope_complete(uint32_t set)
{
    return (set & SCOPE_PACKAGE_PUBLISH) != 0 ? set | SCOPE_PACKAGE_STAGE : set;
}
