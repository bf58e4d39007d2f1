#include "registry/uplink/outside.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/json.h"
#include "core/log.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/origin.h"
#include "registry/uplink/part.h"
#include "registry/uplink/send.h"

#define DEADLINE_MS 20000

static void tell(struct text name, struct text uplink)
{
    log_warn("registry", "a private name also exists outside", "name=%.*s uplink=%.*s",
             TEXT_ARG(name), TEXT_ARG(uplink));
}

static int note(struct db_conn *conn, struct text name, struct text uplink, const char *how,
                struct err *err)
{
    static const char sql[] = "INSERT INTO uplink_outside (name, uplink, how, seen_at) VALUES (?, "
                              "?, ?, ?) ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at";
    return db_do(conn, err, sql, "sszi", name, uplink, how, clock_wall_ms()) < 0 ? -1 : 0;
}

int outside_learn(struct registry *registry, struct err *err)
{
    static const char sql[] =
        "SELECT DISTINCT ours.name, d.uplink FROM "
        "(SELECT name FROM package UNION SELECT name FROM package_claim) AS ours "
        "JOIN (SELECT name, uplink FROM uplink_document UNION SELECT name, uplink FROM "
        "uplink_tarball UNION SELECT name, uplink FROM uplink_served) AS d ON d.name = ours.name "
        "WHERE NOT EXISTS (SELECT 1 FROM uplink_outside AS o WHERE o.name = ours.name AND o.uplink "
        "= d.uplink) "
        "UNION SELECT c.name, 'default' FROM package_claim AS c WHERE c.took_over = 1 AND NOT "
        "EXISTS (SELECT 1 FROM uplink_outside AS o WHERE o.name = c.name) LIMIT 1000";
    auto_pool struct pool *pool = pool_new();
    struct text found[2];
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, tx.conn, err, sql, "") != 0)
        return -1;
    while (db_next(&q, pool, "ss", &found[0], &found[1])) {
        if (note(tx.conn, found[0], found[1], "served", err) != 0)
            return -1;
        tell(found[0], found[1]);
    }
    return q.failed ? -1 : db_commit(&tx, err);
}

static int ask(struct uplinks *us, const struct uplink *u, struct pool *pool, struct text name,
               bool *found, struct err *err)
{
    struct fetch_reply reply;
    int64_t rest_ms;
    struct uplink_question q = {.url = uplink_document_url(u, pool, name),
                                .accept = TEXT(MIME_ABBREVIATED),
                                .deadline_at = clock_mono_ms() + DEADLINE_MS,
                                .max_bytes = PACKUMENT_MAX,
                                .gzip = true};
    if (uplink_is_offline(u, name, err) || uplink_send(us, u, &q, pool, &reply, &rest_ms, err) != 0)
        return -1;
    *found = reply.status == 200;
    return 0;
}

static int keep(struct registry *registry, struct text name, const struct uplink *u,
                struct err *err)
{
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        note(tx.conn, name, text_of(u->name), "asked", err) != 0)
        return -1;
    tell(name, text_of(u->name));
    return db_commit(&tx, err);
}

int outside_ask(struct registry *registry, struct text name, bool *found, struct err *err)
{
    auto_pool struct pool *pool = pool_new(); /* a document is large, and many are asked for */
    struct pkgname split;
    struct snapshot *accounts = account_snapshot(registry->config.account);
    bool ours = pkgname_split(name, &split) &&
                origin_of(registry, pool, accounts, &split).kind != ORIGIN_PUBLIC;
    snapshot_drop(accounts);
    if (!ours)
        return err_set(err, ERR_UNPROCESSABLE, "not_private",
                       "\"%.*s\" is no private name; it comes from an uplink anyway.",
                       TEXT_ARG(text_sub(name, 0, 80)));
    struct uplink_table *table = uplinks_table(registry->uplinks);
    const struct uplink *u;
    *found = false;
    int failed = uplink_choose(table, name, &u, err) != 0 ||
                 ask(registry->uplinks, u, pool, name, found, err) != 0 ||
                 (*found && keep(registry, name, u, err) != 0);
    snapshot_drop(&table->base);
    return failed ? -1 : 0;
}

int outside_put_all(struct registry *registry, struct json_writer *w, struct err *err)
{
    static const char sql[] = "SELECT name, uplink, how, seen_at AS \"seen_at@\" FROM "
                              "uplink_outside ORDER BY name, uplink LIMIT 5000";
    auto_read struct db_read r = db_read(registry->config.control, err);
    return r.conn != NULL ? db_json(w, r.conn, err, sql, "") : -1;
}
