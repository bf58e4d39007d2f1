/* The API of picks and of the address for Node-REDs elsewhere. */
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "http/call.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/catalogue/catalogue.h"
#include "registry/catalogue/pick.h"
#include "registry/origin.h"

#define ANSWER_MAX ((size_t)4 << 20)
#define MAX_NOTE 300
#define MAX_BADGE 30

/* '' stands for the platform. */
static const char *chooser(const struct call *c)
{
    return c->tenant != NULL ? c->tenant->id : "";
}

static int list_picks(struct call *c, struct json_writer *w, struct err *err)
{
    static const char sql[] =
        "SELECT k.name, k.tenant = '' AS \"platform?\", k.position, k.note, k.badge, k.added_by,"
        " p.version, p.description, coalesce(p.types, '[]') AS \"types!\", p.deprecated,"
        " p.updated_at AS \"updated_at@\", p.looked_at AS \"looked_at@\", p.cause,"
        " EXISTS (SELECT 1 FROM package WHERE name = k.name) AS \"hidden?\""
        " FROM catalogue_pick AS k LEFT JOIN catalogue_public AS p ON p.name = k.name"
        " WHERE k.tenant IN ('', ?) ORDER BY k.tenant = '', k.position, k.name";
    struct registry *registry = c->area;
    auto_read struct db_read r = db_read(registry->config.control, err);

    if (r.conn == NULL)
        return -1;
    json_open(w);
    json_key(w, "items");
    if (db_json(w, r.conn, err, sql, "z", chooser(c)) != 0)
        return -1;
    json_put_text(w, "next", TEXT_NONE);
    json_close(w);
    return 0;
}

static void get_picks(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};

    buf_init(&out, ANSWER_MAX);
    json_writer_init(&w, &out);
    if (asked_went_well(c, list_picks(c, &w, &err), &err))
        call_json(c, 200, &out);
}

struct wish {
    struct text name, note, badge;
    int64_t position; /* -1: at the end */
};

static int bad(struct err *err, const char *what, int most)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_pick", "A %s is one line of at most %d characters.",
                   what, most);
}

static int read_wish(struct call *c, struct wish *wish, struct err *err)
{
    const struct json *doc;

    wish->position = -1;
    if (call_json_body(c, &doc, err) != 0 || json_want_text(doc, "note", &wish->note, err) != 0 ||
        json_want_text(doc, "badge", &wish->badge, err) != 0 ||
        json_want_int(doc, "position", &wish->position, err) != 0)
        return -1;
    if (wish->note.len > MAX_NOTE || !text_is_printable(wish->note))
        return bad(err, "note", MAX_NOTE);
    if (wish->badge.len > MAX_BADGE || !text_is_printable(wish->badge))
        return bad(err, "badge", MAX_BADGE);
    if (wish->position < -1 || wish->position > 1000000)
        return err_set(err, ERR_UNPROCESSABLE, "bad_pick", "A position is 0 to 1000000.");
    return 0;
}

/* Only what comes through an uplink is picked: what is ours is in the catalogue by itself. */
static int check_public(struct call *c, struct text name, struct err *err)
{
    struct pkgname split;

    if (!pkgname_split(name, &split))
        return err_set(err, ERR_UNPROCESSABLE, "bad_package_name", "This is no package name.");
    struct origin origin = origin_of(c->area, c->pool, c->accounts, &split);
    return origin.kind == ORIGIN_PUBLIC
               ? 0
               : err_set(err, ERR_UNPROCESSABLE, "not_public",
                         "\"%.*s\" is no public package. Packages of this platform are in the "
                         "catalogue of those who may see them by themselves.",
                         TEXT_ARG(name));
}

static int insert_pick(struct call *c, struct db_conn *conn, const struct wish *wish,
                       struct err *err)
{
    static const char count_sql[] =
        "SELECT count(*), coalesce(max(position), 0) FROM catalogue_pick"
        " WHERE tenant = ? AND name <> ?";
    static const char sql[] =
        "INSERT INTO catalogue_pick (tenant, name, position, note, badge, added_by, added_at)"
        " VALUES (?1, ?2, ?3, coalesce(?4, ''), coalesce(?5, ''), ?6, ?7)"
        " ON CONFLICT (tenant, name) DO UPDATE SET position = iif(?8, position, ?3), note = "
        "coalesce(?4, note), badge = coalesce(?5, badge)";
    int64_t n = 0, last = 0;

    if (db_get(conn, c->pool, err, count_sql, "zs", "ii", chooser(c), wish->name, &n, &last) != 0)
        return -1;
    if (n >= PICKS_MOST)
        return err_set(err, ERR_CONFLICT, "too_many_picks",
                       "A catalogue takes %d public packages. Remove one first.", PICKS_MOST);
    return db_do(conn, err, sql, "zsisszii", chooser(c), wish->name,
                 wish->position >= 0 ? wish->position : last + 1, wish->note, wish->badge,
                 c->who->name, clock_wall_ms(), (int64_t)(wish->position < 0)) < 0
               ? -1
               : 0;
}

static int keep_pick(struct call *c, const struct wish *wish, struct err *err)
{
    struct registry *registry = c->area;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, registry->config.control, err) != 0 ||
        insert_pick(c, tx.conn, wish, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

/* Nothing is picked of which the uplink says at once that there is no such thing. A new place alone
 * asks nobody. */
static int look(struct call *c, const struct wish *wish, struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM catalogue_pick WHERE tenant = ? AND name = ?";
    struct registry *registry = c->area;
    int64_t there = 0;
    auto_read struct db_read r = db_read(registry->config.control, err);

    if (r.conn == NULL ||
        db_get(r.conn, c->pool, err, sql, "zs", "i", chooser(c), wish->name, &there) != 0)
        return -1;
    db_read_end(&r);
    return there > 0 && wish->position >= 0 ? 0 : pick_refresh(registry, wish->name, err);
}

static void put_pick(struct call *c)
{
    struct wish wish = {.name = call_param(c, "pkg")};
    struct err err;

    if (!asked_went_well(c, read_wish(c, &wish, &err), &err) ||
        !asked_went_well(c, check_public(c, wish.name, &err), &err) ||
        !asked_went_well(c, look(c, &wish, &err), &err) ||
        !asked_went_well(c, keep_pick(c, &wish, &err), &err))
        return;
    catalogue_changed(c->area, NULL);
    call_empty(c, 204);
}

static int remove_pick(struct call *c, struct text name, struct err *err)
{
    static const char sql[] = "DELETE FROM catalogue_pick WHERE tenant = ? AND name = ?";
    static const char forget[] = "DELETE FROM catalogue_public WHERE name = ?1 AND NOT EXISTS "
                                 "(SELECT 1 FROM catalogue_pick WHERE name = ?1)";
    struct registry *registry = c->area;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, registry->config.control, err) != 0)
        return -1;
    int rows = db_do(tx.conn, err, sql, "zs", chooser(c), name);
    if (rows == 0)
        return err_set(err, ERR_NOT_FOUND, "pick_not_found", "This package is not picked here.");
    return rows < 0 || db_do(tx.conn, err, forget, "s", name) < 0 ? -1 : db_commit(&tx, err);
}

static void delete_pick(struct call *c)
{
    struct err err;

    if (!asked_went_well(c, remove_pick(c, call_param(c, "pkg"), &err), &err))
        return;
    catalogue_changed(c->area, NULL);
    call_empty(c, 204);
}

/* The address for Node-REDs elsewhere */

static int read_key(struct call *c, struct json_writer *w, struct err *err)
{
    static const char sql[] = "SELECT created_by, created_at FROM catalogue_key WHERE tenant = ?";
    struct registry *registry = c->area;
    struct text by = TEXT_NONE;
    int64_t at = 0;
    auto_read struct db_read r = db_read(registry->config.control, err);

    if (r.conn == NULL ||
        (db_get(r.conn, c->pool, err, sql, "z", "si", c->tenant->id, &by, &at) != 0 &&
         err->kind != ERR_NOT_FOUND))
        return -1;
    json_open(w);
    json_put_text(w, "created_by", by);
    json_put_time(w, "created_at", at);
    json_close(w);
    return 0;
}

static void get_key(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};

    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    if (asked_went_well(c, read_key(c, &w, &err), &err))
        call_json(c, 200, &out);
}

static int change_key(struct call *c, struct text hash, struct err *err)
{
    static const char sql[] =
        "INSERT INTO catalogue_key (tenant, hash, created_by, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (tenant) DO UPDATE SET hash = excluded.hash, created_by = "
        "excluded.created_by,"
        " created_at = excluded.created_at";
    static const char remove[] = "DELETE FROM catalogue_key WHERE tenant = ?";
    struct registry *registry = c->area;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, registry->config.control, err) != 0)
        return -1;
    int rows = hash.base != NULL ? db_do(tx.conn, err, sql, "zbzi", c->tenant->id, hash,
                                         c->who->name, clock_wall_ms())
                                 : db_do(tx.conn, err, remove, "z", c->tenant->id);
    return rows < 0 ? -1 : db_commit(&tx, err);
}

static void post_key(struct call *c)
{
    struct registry *registry = c->area;
    struct text key = random_text(c->pool, 32);
    unsigned char hash[SHA256_BYTES];
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};

    sha256(key, hash);
    if (!asked_went_well(c, change_key(c, text_n(hash, sizeof hash), &err), &err))
        return;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "url",
                  text_printf(c->pool, "%s/catalogue/%.*s/catalogue.json",
                              registry->config.public_url, TEXT_ARG(key)));
    json_close(&w);
    call_json(c, 201, &out);
}

static void delete_key(struct call *c)
{
    struct err err;

    if (asked_went_well(c, change_key(c, TEXT_NONE, &err), &err))
        call_empty(c, 204);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/catalogue/picks",
     .handle = get_picks,
     .who = WHO_MEMBER,
     .scope = SCOPE_PACKAGE_READ,
     .summary = "the public packages in a tenant's catalogue: its own picks and the platform's",
     .answer = "[Pick]"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/catalogue/picks/:pkg",
     .handle = put_pick,
     .who = WHO_MEMBER,
     .scope = SCOPE_PACKAGE_PUBLISH,
     .lane = LANE_OUTSIDE,
     .summary = "picks a public package for a tenant's catalogue, or changes what stands beside it",
     .body = "PickChange"},
    {.method = "DELETE",
     .path = "/api/v1/tenants/:tenant/catalogue/picks/:pkg",
     .handle = delete_pick,
     .who = WHO_MEMBER,
     .scope = SCOPE_PACKAGE_PUBLISH,
     .summary = "takes a public package out of a tenant's catalogue"},
    {.method = "GET",
     .path = "/api/v1/catalogue/picks",
     .handle = get_picks,
     .who = WHO_ADMIN,
     .summary = "the public packages in the catalogues of all tenants",
     .answer = "[Pick]"},
    {.method = "PUT",
     .path = "/api/v1/catalogue/picks/:pkg",
     .handle = put_pick,
     .who = WHO_ADMIN,
     .lane = LANE_OUTSIDE,
     .summary = "picks a public package for the catalogues of all tenants",
     .body = "PickChange"},
    {.method = "DELETE",
     .path = "/api/v1/catalogue/picks/:pkg",
     .handle = delete_pick,
     .who = WHO_ADMIN,
     .summary = "takes a public package out of the catalogues of all tenants"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/catalogue/key",
     .handle = get_key,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "whether the catalogue has an address for Node-REDs elsewhere",
     .answer = "CatalogueKey"},
    {.method = "POST",
     .path = "/api/v1/tenants/:tenant/catalogue/key",
     .handle = post_key,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "makes the address of the catalogue for Node-REDs elsewhere, shown once; the one "
                "before ends",
     .answer = "CatalogueAddress",
     .status = 201,
     .secret = true},
    {.method = "DELETE",
     .path = "/api/v1/tenants/:tenant/catalogue/key",
     .handle = delete_key,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "ends the address of the catalogue for Node-REDs elsewhere"},
};

int pick_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
