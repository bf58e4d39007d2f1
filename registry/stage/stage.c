#include "registry/stage/stage.h"

#include "core/blob.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/document.h"
#include "registry/hook/hook.h"
#include "registry/origin.h"
#include "registry/package.h"
#include "registry/permission.h"
#include "registry/publish.h"
#include "registry/quota/quota.h"

#include <stdio.h>
#include <string.h>

#define LIFE_MS (30ll * 86400 * 1000)
#define MOST_OF_TENANT 200
#define MOST_BYTES ((int64_t)2 << 30) /* of a tenant */
#define MOST_DOCUMENT ((size_t)4 << 20)
#define EXPIRED_AT_ONCE 100
#define COLUMNS                                                                                    \
    "s.id, s.package, s.tenant, s.version, s.tag, s.sha512, s.shasum, s.actor, s.actor_type, "     \
    "s.bytes, s.created_at, s.expires_at"
#define LETTERS "sssssbsssiii"
#define INTO(x)                                                                                    \
    &(x)->id, &(x)->package, &(x)->tenant, &(x)->version, &(x)->tag, &(x)->sha512, &(x)->shasum,   \
        &(x)->actor, &(x)->actor_type, &(x)->bytes, &(x)->created_ms, &(x)->expires_ms
/* ?1 the tenants' ids as JSON, ?2 the asker's id, ?3 whether all below the platform's scope, where
 * else it is a matter of whose the package is, ?4 now, ?5 globs of names that a token is limited
 * to.
 */
#define SEEN                                                                                       \
    " FROM stage AS s WHERE s.expires_at > ?4 AND (s.tenant IN (SELECT value FROM json_each(?1))"  \
    " OR (s.tenant IS NULL AND (?3 OR s.user = ?2 OR EXISTS (SELECT 1 FROM package_owner AS o"     \
    " WHERE o.package = s.package AND o.user = ?2))))"                                             \
    " AND (?5 IS NULL OR EXISTS (SELECT 1 FROM json_each(?5) AS n WHERE s.package GLOB n.value))"

static void make_uuid(char out[37])
{
    unsigned char b[16];
    random_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    size_t n = 0;
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        n += (size_t)snprintf(out + n, 37 - n, "%02x", b[i]);
    }
}

/* Keeping. */

/* What stands before and after the tarball's base64, its quotes included, in what was sent. */
static int split(const struct json *doc, struct text body, struct text *head, struct text *tail,
                 struct err *err)
{
    json_each (a, json_get(doc, "_attachments")) {
        const struct json *data = text_ends(a->key, ".tgz") ? json_get(a, "data") : NULL;
        if (data == NULL)
            continue;
        *head = text_sub(body, 0, (size_t)(data->raw.base - body.base));
        *tail = text_sub(body, head->len + data->raw.len, body.len);
        if (head->len + tail->len <= MOST_DOCUMENT)
            return 0;
        return err_set(err, ERR_TOO_LARGE, "document_too_large",
                       "What is said of a staged version has at most %zu MB.", MOST_DOCUMENT >> 20);
    }
    return err_set(err, ERR_UNPROCESSABLE, "bad_document", "The document carries no tarball.");
}

/* Who may not write the package neither stages for it nor judges what is staged. One that is not
 * there yet is for whoever the name allows. */
static int check_may(struct db_conn *conn, struct pool *pool, const struct identity *who,
                     struct text name, struct err *err)
{
    struct package p;
    struct err why;
    if (package_get(conn, pool, name, &p, &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
    struct permission ask = {conn, pool, who, p.tenant.base != NULL ? text_c(pool, p.tenant) : NULL,
                             name};
    return permission_check(&ask, PERMISSION_WRITE, err);
}

/* What cannot be published later need not be staged. */
static int check_free(struct registry *registry, struct pool *pool,
                      const struct publish_request *req, struct text version, struct err *err)
{
    struct package_stored stored;
    bool removed = false;
    struct text name = req->name->full;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (package_get_stored(r.conn, pool, name, version, &stored, NULL) == 0)
        return err_set(err, ERR_CONFLICT, "version_exists",
                       "%.*s@%.*s is there already. Stage a higher version.", TEXT_ARG(name),
                       TEXT_ARG(version));
    if (package_was_removed(r.conn, pool, name, version, &removed, err) != 0)
        return -1;
    if (removed)
        return err_set(err, ERR_CONFLICT, "version_removed",
                       "%.*s@%.*s was there once and its number stays taken. Stage a higher "
                       "version.",
                       TEXT_ARG(name), TEXT_ARG(version));
    return check_may(r.conn, pool, req->who, name, err);
}

static int check_room(struct db_conn *conn, struct pool *pool, const char *tenant, int64_t bytes,
                      struct err *err)
{
    static const char sql[] =
        "SELECT count(*), coalesce(sum(bytes), 0) FROM stage WHERE tenant IS ?";
    int64_t n = 0, used = 0;
    if (db_get(conn, pool, err, sql, "z", "ii", tenant, &n, &used) != 0)
        return -1;
    if (n < MOST_OF_TENANT && used + bytes <= MOST_BYTES)
        return quota_check(conn, pool, tenant, used + bytes, err);
    return err_set(err, ERR_TOO_MANY, "stage_full",
                   "Too much is staged already (at most %d versions, %lld MB). Approve or reject "
                   "some first.",
                   MOST_OF_TENANT, (long long)(MOST_BYTES >> 20));
}

static const char *kind_of(const struct identity *who)
{
    if (who->user == NULL)
        return "trusted publisher";
    return who->kind == IDENTITY_TOKEN ? "token" : "user";
}

static int insert(struct db_conn *conn, const struct stage *s, const char *user,
                  const struct text parts[2], struct err *err)
{
    static const char sql[] =
        "INSERT INTO stage (id, package, tenant, version, tag, sha512, shasum, actor, actor_type,"
        " bytes, created_at, expires_at, user, head, tail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    return db_do(conn, err, sql, "sssssbsssiiizss", s->id, s->package, s->tenant, s->version,
                 s->tag, s->sha512, s->shasum, s->actor, s->actor_type, s->bytes, s->created_ms,
                 s->expires_ms, user, parts[0], parts[1]) < 0
               ? -1
               : 0;
}

static int tell(struct registry *registry, struct db_conn *conn, struct pool *pool,
                const struct stage *s, const char *state, struct err *err)
{
    struct hook_note note = {.event = HOOK_STAGE,
                             .tenant = s->tenant.base != NULL ? text_c(pool, s->tenant) : NULL,
                             .package = s->package,
                             .user = s->actor,
                             .version = s->version,
                             .tag = s->tag,
                             .state = text_of(state)};
    return hook_note(registry, conn, pool, &note, err);
}

static int keep(struct registry *registry, struct pool *pool, const struct stage *s,
                const struct publish_request *req, struct text tarball, const struct text parts[2],
                struct err *err)
{
    struct blob_id blob;
    auto_hold struct blobs *held = blobs_hold(registry->config.blobs);
    auto_tx struct db_tx tx = {0};
    if (blob_put(held, tarball, &blob, err) != 0 ||
        db_begin(&tx, registry->config.control, err) != 0 ||
        check_room(tx.conn, pool, req->tenant, s->bytes, err) != 0 ||
        insert(tx.conn, s, req->who->user, parts, err) != 0 ||
        tell(registry, tx.conn, pool, s, "staged", err) != 0 || db_commit(&tx, err) != 0)
        return -1;
    hooks_wake(registry->hooks);
    return 0;
}

int stage_put(struct registry *registry, struct pool *pool, const struct publish_request *req,
              struct text body, struct text *id, struct err *err)
{
    struct publish_checked checked = {.v = {.source = TEXT("publish")}};
    const struct json *tags = json_get(req->doc, "dist-tags");
    unsigned char sum[SHA1_BYTES];
    struct text parts[2];
    char uuid[37];
    if (split(req->doc, body, &parts[0], &parts[1], err) != 0 ||
        publish_check(registry, pool, req, &checked, err) != 0 ||
        check_free(registry, pool, req, checked.v.version, err) != 0)
        return -1;
    sha1(checked.tarball, sum);
    make_uuid(uuid);
    struct stage s = {.id = text_of(pool_strdup(pool, uuid)),
                      .package = req->name->full,
                      .tenant = text_of(req->tenant),
                      .version = checked.v.version,
                      .tag = tags != NULL && tags->child != NULL ? tags->child->key : TEXT_NONE,
                      .sha512 = checked.v.sha512,
                      .shasum = hex_encode(pool, sum, sizeof sum),
                      .actor = text_of(req->who->name),
                      .actor_type = text_of(kind_of(req->who)),
                      .bytes = checked.v.bytes,
                      .created_ms = clock_wall_ms(),
                      .expires_ms = clock_wall_ms() + LIFE_MS};
    if (keep(registry, pool, &s, req, checked.tarball, parts, err) != 0)
        return -1;
    *id = s.id;
    return 0;
}

/* Finding. */

static struct text tenants_of(struct pool *pool, const struct stage_asker *asker)
{
    size_t n;
    const struct account_tenant *tenants = account_tenants(asker->accounts, &n);
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, (size_t)1 << 20);
    json_writer_init(&w, &out);
    json_open_array(&w);
    for (size_t i = 0; i < n; i++)
        if ((identity_scopes(asker->who, tenants[i].id) &
             (SCOPE_PACKAGE_PUBLISH | SCOPE_PACKAGE_STAGE)) != 0)
            json_str(&w, tenants[i].id);
    json_close_array(&w);
    return buf_failed(&out) ? TEXT("[]") : text_dup(pool, buf_view(&out));
}

/* Below the platform's scope. */
static int64_t sees_all(const struct identity *who)
{
    return who->admin && (who->narrowed & (SCOPE_PACKAGE_PUBLISH | SCOPE_PACKAGE_STAGE)) != 0;
}

int stage_find(struct registry *registry, struct pool *pool, const struct stage_asker *asker,
               struct text id, struct stage *out, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS SEEN " AND s.id = ?6";
    struct sight sight = origin_sight(registry, pool, asker->who);
    struct err why;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, &why, sql, "sziiss", LETTERS, tenants_of(pool, asker),
               asker->who->user, sees_all(asker->who), clock_wall_ms(), sight.names,
               text_lower(pool, id), INTO(out)) == 0)
        return 0;
    return why.kind == ERR_NOT_FOUND
               ? err_set(err, ERR_NOT_FOUND, "stage_not_found",
                         "There is no such staged version. It may have been approved or rejected, "
                         "or have waited for more than 30 days.")
               : err_set(err, why.kind, why.code, "%s", why.text);
}

#define WANTED " AND (?6 IS NULL OR s.package = ?6) AND (?7 IS NULL OR s.tenant = ?7)"

int stage_list(struct registry *registry, struct pool *pool, const struct stage_asker *asker,
               struct stage_page *page, struct err *err)
{
    static const char count[] = "SELECT count(*)" SEEN WANTED;
    static const char sql[] =
        "SELECT " COLUMNS SEEN WANTED " ORDER BY s.created_at DESC, s.id LIMIT ?8 OFFSET ?9";
    const struct identity *who = asker->who;
    struct text tenants = tenants_of(pool, asker);
    struct sight sight = origin_sight(registry, pool, who);
    int64_t now = clock_wall_ms();
    auto_read struct db_read r = db_read(registry->config.control, err);
    auto_rows struct db_rows q = {0};
    page->n = 0;
    page->items = pool_alloc(pool, ((size_t)page->most + 1) * sizeof *page->items);
    if (r.conn == NULL ||
        db_get(r.conn, pool, err, count, "sziisss", "i", tenants, who->user, sees_all(who), now,
               sight.names, page->package, page->tenant, &page->total) != 0 ||
        db_each (&q, r.conn, err, sql, "sziisssii", tenants, who->user, sees_all(who), now,
                 sight.names, page->package, page->tenant, page->most, page->from) != 0)
        return -1;
    while (page->n < (size_t)page->most && db_next(&q, pool, LETTERS, INTO(&page->items[page->n])))
        page->n++;
    return q.failed ? -1 : 0;
}

/* Its end. */

static struct blob_id blob_of(const struct stage *stage)
{
    struct blob_id blob = {{0}};
    memcpy(blob.sha512, stage->sha512.base,
           stage->sha512.len < SHA512_BYTES ? stage->sha512.len : SHA512_BYTES);
    return blob;
}

int stage_read(struct registry *registry, struct pool *pool, const struct stage *stage,
               struct text *tarball, struct err *err)
{
    struct blob_id blob = blob_of(stage);
    return blob_read(registry->config.blobs, &blob, MOST_TARBALL, pool, tarball, err);
}

/* The document as it was sent: the funnel looks at all of it again. */
static int read_again(struct registry *registry, struct pool *pool, const struct stage *stage,
                      const struct json **doc, struct err *err)
{
    static const char sql[] = "SELECT head, tail FROM stage WHERE id = ?";
    struct text head, tail, tarball;
    struct json *read;
    {
        auto_read struct db_read r = db_read(registry->config.control, err);
        if (r.conn == NULL ||
            db_get(r.conn, pool, err, sql, "s", "ss", stage->id, &head, &tail) != 0)
            return -1;
    }
    if (stage_read(registry, pool, stage, &tarball, err) != 0)
        return -1;
    struct text data = b64_encode(pool, tarball.base, tarball.len);
    char *all = pool_alloc(pool, head.len + data.len + tail.len + 2);
    char *at = all;
    memcpy(at, head.base, head.len);
    at += head.len;
    *at++ = '"';
    memcpy(at, data.base, data.len);
    at += data.len;
    *at++ = '"';
    memcpy(at, tail.base, tail.len);
    at += tail.len;
    if (document_read(pool, text_n(all, (size_t)(at - all)), &read, err) != 0)
        return -1;
    *doc = read;
    return 0;
}

/* by: user name of who ended it; NULL: its time did. */
static int end(struct registry *registry, struct pool *pool, const struct stage *stage,
               const char *state, const char *by, struct err *err)
{
    static const char sql[] = "DELETE FROM stage WHERE id = ?";
    struct blob_id blob = blob_of(stage);
    struct stage told = *stage;
    told.actor = text_of(by);
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, registry->config.control, err) != 0 ||
            db_do(tx.conn, err, sql, "s", stage->id) < 0 ||
            tell(registry, tx.conn, pool, &told, state, err) != 0 || db_commit(&tx, err) != 0)
            return -1;
    }
    hooks_wake(registry->hooks);
    return blob_remove(registry->config.blobs, &blob, err);
}

int stage_reject(struct registry *registry, struct pool *pool, const struct stage *stage,
                 const struct identity *by, struct err *err)
{
    {
        auto_read struct db_read r = db_read(registry->config.control, err);
        if (r.conn == NULL || check_may(r.conn, pool, by, stage->package, err) != 0)
            return -1;
    }
    return end(registry, pool, stage, "rejected", by->name, err);
}

int stage_approve(struct registry *registry, struct pool *pool, const struct stage *stage,
                  struct publish_request *req, struct publish_result *result, struct err *err)
{
    if (read_again(registry, pool, stage, &req->doc, err) != 0 ||
        publish_document(registry, pool, req, result, err) != 0)
        return -1;
    return end(registry, pool, stage, "approved", req->who->name, err);
}

int stage_expire(struct registry *registry, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM stage AS s WHERE s.expires_at <= ? LIMIT ?";
    auto_pool struct pool *pool = pool_new();
    struct stage *due = pool_alloc(pool, EXPIRED_AT_ONCE * sizeof *due);
    size_t n = 0;
    {
        auto_read struct db_read r = db_read(registry->config.control, err);
        auto_rows struct db_rows q = {0};
        if (r.conn == NULL ||
            db_each (&q, r.conn, err, sql, "ii", clock_wall_ms(), (int64_t)EXPIRED_AT_ONCE) != 0)
            return -1;
        while (n < EXPIRED_AT_ONCE && db_next(&q, pool, LETTERS, INTO(&due[n])))
            n++;
        if (q.failed)
            return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (end(registry, pool, &due[i], "expired", NULL, err) != 0)
            return -1;
    return 0;
}
