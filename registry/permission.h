/*
 * Who may change a package of ours, judged with its rows inside the caller's transaction or read:
 * owners (people) and grants (teams). Membership and scopes were judged before, in memory
 * (origin.h); the rows only narrow what they allow.
 *
 * In the platform's scope only a package's owners change it. In a tenant, who may publish may
 * publish, tag and deprecate any package that has no grants; a package with grants is for its
 * owners, the teams with read-write and the tenant's owners. Removing versions and saying who may
 * what is for the package's owners and the tenant's; a tenant's package without owners came from
 * git and is for all who may write it.
 */
#pragma once

#include "core/text.h"

struct db_conn;
struct err;
struct identity;
struct json_writer;
struct pool;

enum permission_need {
    PERMISSION_WRITE, /* publish, tag, deprecate */
    PERMISSION_OWN,   /* take away, or say who may */
};

struct permission {
    struct db_conn *conn;
    struct pool *pool;
    const struct identity *who;
    const char *tenant; /* id; NULL: the platform's scope */
    struct text name;
};

/* ERR_FORBIDDEN "not_owner", "not_granted". */
int permission_check(const struct permission *ask, enum permission_need need, struct err *err);

/* The people who may read or write the package, by name; only of this one when user is given.
 * PERMISSION_MAP: {"ann":"write","bob":"read"}; PERMISSION_ROWS: [{"user","permissions"}] with
 * npm's words read-write and read-only. */
enum permission_form { PERMISSION_MAP, PERMISSION_ROWS };
int permission_people(const struct permission *ask, struct text user, enum permission_form form,
                      struct json_writer *w, struct err *err);
/* {"@acme/red":"write"}: the packages of one tenant, or of all tenants where the user is a member,
 * and what the user (id) may do there. see says which packages the asker may know of. */
struct permission_list {
    const char *user;   /* id */
    const char *tenant; /* id; NULL: all of the user's, and the platform's that the user owns */
    bool all;           /* the user is an admin: write everywhere */
    bool (*see)(void *arg, struct text name, struct text tenant); /* absent: the shared scope */
    void *arg;
};
int permission_packages(const struct permission_list *list, struct db_conn *conn, struct pool *pool,
                        struct json_writer *w, struct err *err);
