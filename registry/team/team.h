/*
 * Teams: groups of a tenant's members. What a team may do with a package is a grant of that package
 * (change.h, permission.h). Rights are the caller's to judge.
 */
#pragma once

#include "core/text.h"

struct call;
struct err;
struct identity;
struct json_writer;
struct registry;

struct team {
    struct registry *registry;
    const char *tenant; /* id */
    struct text name;
};

/* May this person make and change teams of a tenant (id)? Its owners and admins may, with a token
 * that may publish. ERR_FORBIDDEN "forbidden". */
int team_check_right(const struct identity *who, const char *tenant, struct err *err);
/* ERR_FORBIDDEN "narrow_token" for a token that is limited to some packages or addresses: what it
 * changed would outlive its limits. */
int team_check_whole(const struct identity *who, struct err *err);
/* ERR_UNPROCESSABLE "team_exists" (pnpm 11 repeats a 409 for more than a minute), "too_many_teams",
 * "bad_team". */
int team_create(const struct team *team, struct text description, struct err *err);
/* ERR_NOT_FOUND "team_not_found", as all below. */
int team_describe(const struct team *team, struct text description, struct err *err);
int team_remove(const struct team *team, struct err *err);
/* user: a name. ERR_UNPROCESSABLE "not_a_member" for who is none of the tenant. */
int team_add_user(const struct team *team, struct text user, struct err *err);
/* ERR_NOT_FOUND "user_not_found" for who is not in the team. */
int team_remove_user(const struct team *team, struct text user, struct err *err);
