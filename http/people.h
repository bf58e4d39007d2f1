/*
 * The routes of people: sessions and login, users, tenants, members, tokens. login.c carries a
 * session from the portal to an instance's host and back.
 */
#pragma once

#include "core/text.h"

struct account;
struct call;
struct db;
struct err;
struct hosts;
struct router;

struct people_config {
    struct account *account;
    struct db *control;
    struct hosts *hosts;
    const char *public_url;   /* of the portal, no trailing slash */
    const char *cookie_name;  /* "redhouse_ab12", with __Host- in front under https */
    const char *shared_scope; /* "@name", which no tenant may be called; NULL: none */
    void *arg;
    /* Is the npm scope of that slug somebody's already? */
    bool (*has_scope)(void *arg, struct text slug);
    /* May this tenant (id) be removed? err says why not. Removes what the areas hold of it. */
    int (*remove_tenant)(void *arg, const char *tenant, struct err *err);
    /* How many instances it has. */
    int (*count_instances)(void *arg, const char *tenant, long long *n, struct err *err);
};

struct people;
struct people *people_new(const struct people_config *config);
void people_free(struct people *people);
int people_routes(struct people *people, struct router *router, struct err *err);
