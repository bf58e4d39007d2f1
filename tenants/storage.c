/* Flows, credentials and whole documents. The library and context live in storage_library.c. */
#include "tenants/storage.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "http/call.h"
#include "http/route.h"
#include "tenants/storage_part.h"
#include "tenants/store.h"
#include "tenants/tenants.h"

#define STORAGE_MAX_BODY (32u << 20)
#define STORAGE_REVISIONS 200 /* kept for each instance */

int storage_check_generation(struct db_conn *conn, const struct call *c, struct err *err)
{
    static const char sql[] = "SELECT generation FROM runtime WHERE instance = ?";
    int64_t generation = 0;

    if (db_get(conn, c->pool, err, sql, "z", "i", c->who->instance, &generation) != 0) {
        if (err->kind != ERR_NOT_FOUND)
            return -1;
        return err_set(err, ERR_GONE, "superseded", "This instance does not exist any more.");
    }
    if (generation != c->who->generation)
        return err_set(err, ERR_GONE, "superseded",
                       "A newer start of this instance runs; this one must end.");
    return 0;
}

int storage_read(struct call *c, storage_work_fn *work, struct err *err)
{
    struct tenants *tenants = c->area;
    auto_loan struct store_loan loan = store_borrow(tenants->store, c->who->tenant, err);
    if (loan.db == NULL)
        return -1;
    auto_read struct db_read r = db_read(loan.db, err);
    if (r.conn == NULL || storage_check_generation(r.conn, c, err) != 0)
        return -1;
    return work(c, r.conn, err);
}

int storage_write(struct call *c, storage_work_fn *work, struct err *err)
{
    struct tenants *tenants = c->area;
    auto_loan struct store_loan loan = store_borrow(tenants->store, c->who->tenant, err);
    if (loan.db == NULL)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, loan.db, err) != 0)
        return -1;
    if (storage_check_generation(tx.conn, c, err) != 0 || work(c, tx.conn, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

static struct text flows_rev(struct pool *pool, struct text flows)
{
    unsigned char hash[SHA256_BYTES];

    sha256(flows, hash);
    return hex_encode(pool, hash, sizeof(hash));
}

static int read_flows(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char sql[] =
        "SELECT r.flows, r.credentials, r.rev FROM runtime AS t JOIN revision AS r"
        " ON r.instance = t.instance AND r.number = t.revision WHERE t.instance = ?";
    struct text flows = TEXT("[]"), credentials = TEXT("{}"), rev = flows_rev(c->pool, flows);

    if (db_get(conn, c->pool, err, sql, "z", "sss", c->who->instance, &flows, &credentials, &rev) !=
            0 &&
        err->kind != ERR_NOT_FOUND)
        return -1;
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, 6 * (flows.len + credentials.len) + 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "flows", flows);
    json_key(&w, "credentials");
    json_raw(&w, credentials);
    json_put_text(&w, "rev", rev);
    json_close(&w);
    call_json(c, 200, &out);
    return 0;
}

static void get_flows(struct call *c)
{
    struct err err;

    if (storage_read(c, read_flows, &err) != 0)
        call_fail(c, &err);
}

/* The deploy's parts as the runtime sent them. */
struct deploy {
    struct text flows, credentials, author;
    size_t nodes;
};

static int deploy_parse(struct call *c, struct deploy *d, struct err *err)
{
    const struct json *doc, *list;

    if (call_json_body(c, &doc, err) != 0 || json_need_text(doc, "flows", &d->flows, err) != 0 ||
        json_want_text(doc, "user", &d->author, err) != 0)
        return -1;
    struct json *parsed = NULL;
    if (json_read(c->pool, d->flows, JSON_MAX_NODES, &parsed, err) != 0)
        return -1;
    list = parsed;
    if (list->type != JSON_ARRAY)
        return err_set(err, ERR_INVALID, "bad_flows", "The flows must be a JSON array.");
    d->nodes = list->count;
    const struct json *credentials = json_get(doc, "credentials");
    if (credentials == NULL || credentials->type == JSON_NULL)
        d->credentials = TEXT_NONE;
    else if (credentials->type != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "bad_credentials",
                       "The credentials must be a JSON object.");
    else
        d->credentials = credentials->raw;
    return 0;
}

static int deploy_insert(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char current[] =
        "SELECT t.revision, r.credentials FROM runtime AS t LEFT JOIN revision AS r"
        " ON r.instance = t.instance AND r.number = t.revision WHERE t.instance = ?";
    static const char insert[] =
        "INSERT INTO revision (instance, number, rev, flows, credentials, author, at, bytes, nodes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    static const char head[] = "UPDATE runtime SET revision = ? WHERE instance = ?";
    static const char trim[] = "DELETE FROM revision WHERE instance = ? AND number <= ?";
    struct deploy d = {0};
    struct text kept = TEXT_NONE;
    int64_t number = 0;

    if (deploy_parse(c, &d, err) != 0 ||
        db_get(conn, c->pool, err, current, "z", "is", c->who->instance, &number, &kept) != 0)
        return -1;
    if (d.credentials.base == NULL)
        d.credentials = kept.base != NULL ? kept : TEXT("{}");
    struct text rev = flows_rev(c->pool, d.flows);
    number++;
    if (db_do(conn, err, insert, "zissssiii", c->who->instance, number, rev, d.flows, d.credentials,
              d.author, clock_wall_ms(), (int64_t)d.flows.len, (int64_t)d.nodes) < 0 ||
        db_do(conn, err, head, "iz", number, c->who->instance) < 0 ||
        db_do(conn, err, trim, "zi", c->who->instance, number - STORAGE_REVISIONS) < 0)
        return -1;
    call_set(c, "x-redhouse-rev", rev);
    return 0;
}

static void post_deploy(struct call *c)
{
    struct err err;
    struct text flows = TEXT_NONE;
    const struct json *doc;

    if (storage_write(c, deploy_insert, &err) != 0 || call_json_body(c, &doc, &err) != 0 ||
        json_need_text(doc, "flows", &flows, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, 256);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "rev", flows_rev(c->pool, flows));
    json_close(&w);
    call_json(c, 200, &out);
}

/* "settings" or "sessions": the last part of the path. */
static const char *document_kind(const struct call *c)
{
    return text_ends(c->path, "/sessions") ? "sessions" : "settings";
}

static int read_document(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char sql[] = "SELECT body FROM document WHERE instance = ? AND kind = ?";
    struct text body = TEXT("{}");

    if (db_get(conn, c->pool, err, sql, "zz", "s", c->who->instance, document_kind(c), &body) !=
            0 &&
        err->kind != ERR_NOT_FOUND)
        return -1;
    call_set(c, "cache-control", TEXT("no-store"));
    call_bytes(c, 200, "application/json", body);
    return 0;
}

static void get_document(struct call *c)
{
    struct err err;

    if (storage_read(c, read_document, &err) != 0)
        call_fail(c, &err);
}

static int write_document(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char sql[] =
        "INSERT INTO document (instance, kind, body, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (instance, kind) DO UPDATE SET body = excluded.body, at = excluded.at";
    const struct json *doc;

    if (call_json_body(c, &doc, err) != 0)
        return -1;
    return db_do(conn, err, sql, "zzsi", c->who->instance, document_kind(c), c->body,
                 clock_wall_ms()) < 0
               ? -1
               : 0;
}

void storage_answer_write(struct call *c, storage_work_fn *work)
{
    struct err err;

    if (storage_write(c, work, &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

static void put_document(struct call *c)
{
    storage_answer_write(c, write_document);
}

static void get_theme(struct call *c)
{
    struct tenants *tenants = c->area;
    struct text json;
    struct err err;

    if (tenants->config.theme_json(tenants->config.theme_arg, c->pool, c->who->tenant, NULL, &json,
                                   &err) != 0) {
        call_fail(c, &err);
        return;
    }
    unsigned char hash[SHA256_BYTES];
    sha256(json, hash);
    if (call_not_modified(
            c, text_printf(c->pool, "\"%.*s\"", 32, hex_encode(c->pool, hash, sizeof(hash)).base)))
        return;
    call_bytes(c, 200, "application/json", json);
}

int storage_begin(struct tenants *tenants, const char *tenant, const char *instance,
                  long long generation, struct err *err)
{
    static const char sql[] =
        "INSERT INTO runtime (instance, generation) VALUES (?, ?)"
        " ON CONFLICT (instance) DO UPDATE SET generation = excluded.generation";
    auto_loan struct store_loan loan = store_borrow(tenants->store, tenant, err);
    if (loan.db == NULL)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, loan.db, err) != 0 ||
        db_do(tx.conn, err, sql, "zi", instance, (int64_t)generation) < 0)
        return -1;
    return db_commit(&tx, err);
}

int storage_erase(struct tenants *tenants, const char *tenant, const char *instance,
                  struct err *err)
{
    static const char *const sql[] = {
        "DELETE FROM runtime WHERE instance = ?",  "DELETE FROM revision WHERE instance = ?",
        "DELETE FROM document WHERE instance = ?", "DELETE FROM library WHERE instance = ?",
        "DELETE FROM context WHERE instance = ?",
    };
    auto_loan struct store_loan loan = store_borrow(tenants->store, tenant, err);
    if (loan.db == NULL)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, loan.db, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
        if (db_do(tx.conn, err, sql[i], "z", instance) < 0)
            return -1;
    return db_commit(&tx, err);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/runtime/flows",
     .handle = get_flows,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .summary = "flows and credentials of this instance"},
    {.method = "POST",
     .path = "/api/v1/runtime/deploy",
     .handle = post_deploy,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .max_body = STORAGE_MAX_BODY,
     .summary = "one deploy: flows and credentials in one transaction"},
    {.method = "GET",
     .path = "/api/v1/runtime/settings",
     .handle = get_document,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .summary = "Node-RED's own settings"},
    {.method = "PUT",
     .path = "/api/v1/runtime/settings",
     .handle = put_document,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .max_body = STORAGE_MAX_BODY,
     .summary = "replaces Node-RED's own settings"},
    {.method = "GET",
     .path = "/api/v1/runtime/sessions",
     .handle = get_document,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .summary = "Node-RED's sessions"},
    {.method = "PUT",
     .path = "/api/v1/runtime/sessions",
     .handle = put_document,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .max_body = STORAGE_MAX_BODY,
     .summary = "replaces Node-RED's sessions"},
    {.method = "GET",
     .path = "/api/v1/runtime/theme",
     .handle = get_theme,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .summary = "the current theme of this instance"},
};

int storage_routes(struct tenants *tenants, struct router *router, struct err *err)
{
    if (router_add(router, routes, sizeof(routes) / sizeof(routes[0]), tenants, err) != 0)
        return -1;
    return storage_library_routes(tenants, router, err);
}
