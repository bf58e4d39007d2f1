/*
 * What somebody may do. Roles are named sets of scopes; a token can only narrow its owner's scopes.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

enum scope {
    SCOPE_TENANT_READ = 1u << 0,      /* see the tenant, its instances and their states */
    SCOPE_TENANT_ADMIN = 1u << 1,     /* members, name, quotas; remove the tenant */
    SCOPE_INSTANCE_CONTROL = 1u << 2, /* create, start, stop, restart, remove */
    SCOPE_INSTANCE_LOGS = 1u << 3,
    SCOPE_EDITOR_READ = 1u << 4,  /* open the editor, change nothing */
    SCOPE_EDITOR_WRITE = 1u << 5, /* deploy, install: code in the instance */
    SCOPE_APP_USE = 1u << 6,      /* pages of flows that ask for platform login */
    SCOPE_PACKAGE_READ = 1u << 7,
    SCOPE_PACKAGE_PUBLISH = 1u << 8, /* whoever may publish may also stage: scope_complete() */
    SCOPE_SOURCE_WRITE = 1u << 9,
    SCOPE_THEME_WRITE = 1u << 10,
    SCOPE_PLATFORM = 1u << 11, /* everything outside a tenant: users, tenants, stacks, claims */
    SCOPE_PACKAGE_STAGE = 1u << 12, /* hand in a version that a person approves */
};
#define SCOPE_ALL 0x1fffu
/* What a token's list of packages limits, and what such a token keeps. */
#define SCOPE_PACKAGES (SCOPE_PACKAGE_READ | SCOPE_PACKAGE_PUBLISH | SCOPE_PACKAGE_STAGE)
/* What a read-only token keeps. */
#define SCOPE_READ_ONLY                                                                            \
    (SCOPE_TENANT_READ | SCOPE_INSTANCE_LOGS | SCOPE_EDITOR_READ | SCOPE_PACKAGE_READ)

enum role { ROLE_NONE, ROLE_DASHBOARD, ROLE_VIEWER, ROLE_DEVELOPER, ROLE_OWNER };

const char *role_name(enum role role);
bool role_parse(struct text name, enum role *role);
uint32_t role_scopes(enum role role);
/* "tenant:read" of bit 0 and so on; NULL past the last. */
const char *scope_name(unsigned bit);
bool scope_parse(struct text name, uint32_t *scope);
/* With what some of them include: publishing includes staging. */
uint32_t scope_complete(uint32_t set);
