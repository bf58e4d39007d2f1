/*
 * The rows of uplinks and rules, as platform admins change them: checked, sealed, committed, then
 * in force. Not for: what is kept of them (store.h).
 */
#pragma once

#include "core/text.h"

struct err;
struct json;
struct json_writer;
struct pool;
struct uplinks;

/* doc: the members of NewUplink (server/api.json). ERR_UNPROCESSABLE "bad_uplink" names the member;
 * ERR_CONFLICT "uplink_exists", "uplink_is_us"; ERR_TOO_MANY "too_many_uplinks". */
int uplink_add(struct uplinks *uplinks, struct pool *pool, const struct json *doc, struct text by,
               struct err *err);
/* What doc does not name stays. A new address forgets what was kept of the old one.
 * ERR_NOT_FOUND "uplink_not_found"; ERR_CONFLICT "uplink_of_option" for the default one. */
int uplink_change(struct uplinks *uplinks, struct pool *pool, struct text name,
                  const struct json *doc, struct err *err);
/* ERR_CONFLICT "uplink_in_use" while rules name it. */
int uplink_remove(struct uplinks *uplinks, struct pool *pool, struct text name, struct err *err);
/* {"ok","status","ms","error"}: one question past the breaker. ERR_NOT_FOUND. */
int uplink_test(struct uplinks *uplinks, struct pool *pool, struct text name, struct json_writer *w,
                struct err *err);
/* All as objects of an open array, without secrets; only: one by its name. */
int uplink_put_all(struct uplinks *uplinks, struct pool *pool, struct json_writer *w,
                   struct text only, struct err *err);

/* pattern, uplink or block, reason, position (from 1; absent: last). id is of the new row.
 * ERR_UNPROCESSABLE "bad_rule", "uplink_not_found"; ERR_CONFLICT "rule_exists". */
int uplink_rule_add(struct uplinks *uplinks, struct pool *pool, const struct json *doc,
                    struct text by, char id[27], struct err *err);
int uplink_rule_remove(struct uplinks *uplinks, struct pool *pool, struct text id, struct err *err);
/* An array, in the order in which they are tried; only: one by its id. */
int uplink_rule_put_all(struct uplinks *uplinks, struct json_writer *w, struct text only,
                        struct err *err);
