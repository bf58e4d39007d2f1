/* Advisories that are written here, about packages of ours. */
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/route.h"
#include "registry/advisory/advisory.h"
#include "registry/advisory/osv.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/origin.h"
#include "registry/package.h"
#include "registry/policy/policy.h"
#include "registry/search/index.h"
#include "registry/search/search.h"

#include <string.h>

#define MAX_TITLE 300
#define MAX_URL 500
#define MAX_OWN 1000 /* of one tenant; so many of one package policies look at */

struct own {
    struct text package, title, level, vulnerable, patched, url;
    const char *tenant; /* id; NULL: the platform's scope */
    char id[32];
};

/* Whoever answers for the package's tenant; in the scope of all, admins. By a token that may as
 * much, about names that it is for. */
static int check_right(struct call *c, const struct own *own, struct err *err)
{
    struct origin origin = {own->tenant != NULL ? ORIGIN_TENANT : ORIGIN_PLATFORM, own->tenant};
    uint32_t scope = own->tenant != NULL ? SCOPE_TENANT_ADMIN : SCOPE_PLATFORM;
    if (identity_may(c->who, own->tenant, scope) && (own->tenant != NULL || c->who->admin))
        return origin_check_limits(c->who, &origin, own->package, err);
    return err_set(err, ERR_FORBIDDEN, "forbidden",
                   "Owners of the package's tenant and administrators say what is wrong with it.");
}

static int find_tenant(struct call *c, struct own *own, struct err *err)
{
    struct pkgname name;
    if (!pkgname_split(own->package, &name))
        return err_set(err, ERR_UNPROCESSABLE, "bad_package_name", "That is no package name.");
    struct origin origin = origin_of(c->area, c->pool, c->accounts, &name);
    if (origin.kind == ORIGIN_PUBLIC)
        return err_set(
            err, ERR_UNPROCESSABLE, "public_name",
            "\"%.*s\" is not a package of this platform. Import what is known of others.",
            TEXT_ARG(own->package));
    if (origin.kind == ORIGIN_NOBODY || !origin_may_read(c->area, c->who, &origin))
        return err_set(err, ERR_NOT_FOUND, "package_not_found", "There is no package \"%.*s\".",
                       TEXT_ARG(own->package));
    own->tenant = origin.tenant;
    return check_right(c, own, err);
}

static int read_own(struct call *c, const struct json *doc, struct own *own, struct err *err)
{
    *own = (struct own){.patched = TEXT(""), .url = TEXT("")};
    if (json_need_text(doc, "package", &own->package, err) != 0 ||
        json_need_text(doc, "title", &own->title, err) != 0 ||
        json_need_text(doc, "level", &own->level, err) != 0 ||
        json_need_text(doc, "vulnerable", &own->vulnerable, err) != 0 ||
        json_want_text(doc, "patched", &own->patched, err) != 0 ||
        json_want_text(doc, "url", &own->url, err) != 0)
        return -1;
    if (own->title.len == 0 || own->title.len > MAX_TITLE || !text_is_printable(own->title))
        return err_set(err, ERR_UNPROCESSABLE, "bad_title",
                       "The title is one line of at most %d characters.", MAX_TITLE);
    if (advisory_level(own->level) == 0)
        return err_set(err, ERR_UNPROCESSABLE, "bad_level",
                       "The level is one of low, moderate, high, critical.");
    if (!advisory_is_range(own->vulnerable) ||
        (own->patched.len > 0 && !advisory_is_range(own->patched)))
        return err_set(err, ERR_UNPROCESSABLE, "bad_range",
                       "Say the versions as a range that npm reads, such as \"<1.2.3\".");
    if (own->url.len > 0 &&
        (own->url.len > MAX_URL || !text_is_printable(own->url) ||
         (!text_starts(own->url, "https://") && !text_starts(own->url, "http://"))))
        return err_set(err, ERR_UNPROCESSABLE, "bad_url", "The address is one of http or https.");
    return find_tenant(c, own, err);
}

/* Its package's summary says whether something is known against latest. */
static int index_anew(struct db_conn *conn, struct pool *pool, struct text package, struct err *err)
{
    struct package p;
    return package_get(conn, pool, package, &p, NULL) != 0
               ? 0
               : index_package(conn, pool, package, err);
}

static int check_room(struct db_conn *conn, struct pool *pool, const struct own *own,
                      struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM advisory WHERE own = 1 AND tenant IS ?";
    int64_t n = 0;
    if (db_get(conn, pool, err, sql, "z", "i", own->tenant, &n) != 0)
        return -1;
    return n < MAX_OWN ? 0
                       : err_set(err, ERR_TOO_MANY, "too_many_advisories",
                                 "There are %d advisories about the tenant's packages already. "
                                 "Take back some that are no longer needed.",
                                 MAX_OWN);
}

static int write_own(struct call *c, struct own *own, struct err *err)
{
    static const char sql[] =
        "INSERT INTO advisory (id, tenant, own, title, url, level, score, aliases, cwe, "
        "published_at, modified_at) VALUES (?1, ?2, 1, ?3, ?4, ?5, 0, '[]', '[]', ?6, ?6)";
    static const char range_sql[] =
        "INSERT INTO advisory_range (package, advisory, vulnerable, patched) VALUES (?, ?, ?, ?)";
    struct registry *registry = c->area;
    struct text now = text_of(clock_iso(c->pool, clock_wall_ms()));
    auto_tx struct db_tx tx = {0};
    memcpy(own->id, "RH-", 3);
    random_id(own->id + 3);
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        check_room(tx.conn, c->pool, own, err) != 0 ||
        db_do(tx.conn, err, sql, "zzssss", own->id, own->tenant, own->title, own->url, own->level,
              now) < 0 ||
        db_do(tx.conn, err, range_sql, "siss", own->package, db_last_id(tx.conn), own->vulnerable,
              own->patched) < 0 ||
        index_anew(tx.conn, c->pool, own->package, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

/* Searches, bodies and rules that ask for advisories. */
static bool tell(struct call *c, const struct own *own)
{
    struct registry *registry = c->area;
    struct err err;
    registry_changed(registry, own->tenant, own->package);
    return asked_went_well(c, policy_reload(registry->policy, &err), &err);
}

static void post_own(struct call *c)
{
    struct err err;
    struct own own;
    const struct json *doc;
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err) ||
        !asked_went_well(c, read_own(c, doc, &own, &err), &err) ||
        !asked_went_well(c, write_own(c, &own, &err), &err) || !tell(c, &own))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "id", own.id);
    json_put_text(&w, "package", own.package);
    json_put_text(&w, "title", own.title);
    json_put_text(&w, "level", own.level);
    json_put_text(&w, "vulnerable", own.vulnerable);
    json_put_text(&w, "patched", own.patched);
    json_put_text(&w, "url", own.url);
    json_close(&w);
    call_json(c, 201, &out);
}

static int remove_own(struct call *c, struct own *own, struct err *err)
{
    static const char find_sql[] =
        "SELECT a.tenant, r.package FROM advisory AS a JOIN advisory_range AS r ON r.advisory = "
        "a.number WHERE a.id = ? AND a.own = 1";
    static const char sql[] = "DELETE FROM advisory WHERE id = ?";
    struct registry *registry = c->area;
    struct text tenant, id = call_param(c, "advisory");
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0)
        return -1;
    bool found =
        db_get(tx.conn, c->pool, NULL, find_sql, "s", "ss", id, &tenant, &own->package) == 0;
    if (found)
        own->tenant = tenant.base != NULL ? text_c(c->pool, tenant) : NULL;
    if (!found || (own->tenant != NULL && !identity_may(c->who, own->tenant, SCOPE_PACKAGE_READ)))
        return err_set(err, ERR_NOT_FOUND, "advisory_not_found",
                       "There is no advisory of that id that was written here.");
    if (check_right(c, own, err) != 0 || db_do(tx.conn, err, sql, "s", id) < 0 ||
        index_anew(tx.conn, c->pool, own->package, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

static void delete_own(struct call *c)
{
    struct err err;
    struct own own = {.package = TEXT("")};
    if (asked_went_well(c, remove_own(c, &own, &err), &err) && tell(c, &own))
        call_empty(c, 204);
}

static const struct route table[] = {
    {.method = "POST",
     .path = "/api/v1/advisories",
     .handle = post_own,
     .who = WHO_USER,
     .summary = "Says what is wrong with versions of a package of this platform",
     .body = "NewAdvisory",
     .answer = "NewAdvisory",
     .status = 201},
    {.method = "DELETE",
     .path = "/api/v1/advisories/:advisory",
     .handle = delete_own,
     .who = WHO_USER,
     .summary = "Takes back what was said with it"},
};

int own_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
