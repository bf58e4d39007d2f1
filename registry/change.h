/*
 * What may be done to versions that are there: tags, deprecation, removal, owners, grants. Each is
 * one transaction that does the whole of it, so that npm's three unguarded steps of an unpublish
 * cannot stop half-way. Rights towards the name were judged before (origin.h), the package's own
 * permissions are judged here (permission.h).
 */
#pragma once

#include "core/text.h"

struct err;
struct identity;
struct json;
struct pool;
struct registry;
struct snapshot;

struct change {
    struct registry *registry;
    struct pool *pool;
    const struct identity *who;
    struct snapshot *accounts;
    const char *tenant; /* id; NULL: the platform's scope */
    struct text name;
};

/* 0 when who asks may hand the package over: its owners, the tenant's, and who may publish what has
 * no owners or is not there yet. ERR_FORBIDDEN "not_owner". */
int change_check_hand_over(const struct change *c, struct err *err);
int change_set_tag(const struct change *c, struct text tag, struct text version, struct err *err);
int change_remove_tag(const struct change *c, struct text tag, struct err *err);
/* doc is the packument as the client saw it. Only `deprecated` of versions that exist is taken;
 * what is missing in it stays. Its _rev, if any, must be current. */
int change_deprecate(const struct change *c, const struct json *doc, struct err *err);
/* The versions that doc no longer has are removed; latest becomes what doc says, or the highest
 * left. A doc with none left removes the package. */
int change_keep_versions(const struct change *c, const struct json *doc, struct text rev,
                         struct err *err);
int change_remove(const struct change *c, struct text rev, struct err *err);
/* Of one version. message absent or empty: it is not deprecated any more. ERR_NOT_FOUND
 * "version_not_found". */
int change_deprecate_version(const struct change *c, struct text version, struct text message,
                             struct err *err);
int change_remove_version(const struct change *c, struct text version, struct err *err);
/* One owner more or less; the last one stays: ERR_UNPROCESSABLE "bad_owners", "unknown_user";
 * ERR_NOT_FOUND "owner_not_found". */
int change_owner(const struct change *c, struct text user, bool is, struct err *err);
/* doc.maintainers[].name: users who are there; at least one. */
int change_owners(const struct change *c, const struct json *doc, struct text rev, struct err *err);
/* doc: {"beta":"1.0.0"}. With replace the other tags but latest go. */
int change_set_tags(const struct change *c, const struct json *doc, bool replace, struct err *err);
/* What a team may do with the package; permission absent: nothing any more. ERR_NOT_FOUND
 * "team_not_found", "grant_not_found"; ERR_UNPROCESSABLE "bad_permission". */
int change_grant(const struct change *c, struct text team, struct text permission, struct err *err);
/* The second half of npm's unpublish: 0 when the version of that tarball is gone already.
 * ERR_CONFLICT "version_in_use" while it is there, ERR_NOT_FOUND when it never was. */
int change_check_detached(const struct change *c, struct text version, struct err *err);
