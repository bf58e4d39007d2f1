/*
 * What tests of the registry stand on: a real database, blobs, accounts with two tenants (acme of
 * ada, beta of bob) and an administrator (root), and the registry over them.
 */
#pragma once

#include "tests/unit/unit.h"

#include "core/blob.h"
#include "core/bundle.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/seal.h"
#include "http/account.h"
#include "http/ready.h"
#include "http/warm.h"
#include "registry/area.h"
#include "registry/change.h"
#include "registry/document.h"
#include "registry/origin.h"
#include "registry/publish.h"

extern const struct embedded http_sql[];

struct world {
    char dir[64];
    struct db *db;
    struct blobs *blobs;
    struct account *account;
    struct seal *seal;
    struct ready *ready;
    struct warm *warm;
    struct registry *registry;
    struct pool *pool;
    char ada[ACCOUNT_ID], bob[ACCOUNT_ID], root[ACCOUNT_ID], acme[ACCOUNT_ID], beta[ACCOUNT_ID];
    int published, changed; /* how often the roof was told */
};

static inline void world_on_published(void *arg, const char *tenant, struct text name,
                                      struct text version)
{
    __atomic_add_fetch(&((struct world *)arg)->published, 1, __ATOMIC_SEQ_CST);
}

static inline void world_on_changed(void *arg, const char *tenant, struct text name)
{
    __atomic_add_fetch(&((struct world *)arg)->changed, 1, __ATOMIC_SEQ_CST);
}

/* Written as rows: a password's hash is slow on purpose, and no test here logs in. */
static inline void world_user(struct world *w, const char *name, bool admin, char id[ACCOUNT_ID])
{
    static const char sql[] =
        "INSERT INTO user (id, name, password, admin, created_at) VALUES (?, ?, '', ?, 1)";
    struct err err;
    auto_tx struct db_tx tx = {0};

    random_id(id);
    assert_works(db_begin(&tx, w->db, &err), err);
    assert_int_equal(db_do(tx.conn, &err, sql, "zzi", id, name, (int64_t)admin), 1);
    assert_works(db_commit(&tx, &err), err);
}

static inline void world_tenants(struct world *w)
{
    struct err err;

    assert_works(account_tenant_create(w->account, TEXT("acme"), TEXT("Acme"), w->acme, &err), err);
    assert_works(account_tenant_create(w->account, TEXT("beta"), TEXT("Beta"), w->beta, &err), err);
    assert_works(account_member_set(w->account, w->acme, w->ada, ROLE_DEVELOPER, &err), err);
    assert_works(account_member_set(w->account, w->beta, w->bob, ROLE_DEVELOPER, &err), err);
}

static inline int world_open(void **state)
{
    struct world *w = xcalloc(1, sizeof *w);
    struct err err;
    const struct db_schema schemas[] = {
        {"http", http_sql}, {"registry", registry_sql}, {NULL, NULL}};

    w->pool = pool_new();
    memcpy(w->dir, "/tmp/registry-XXXXXX", sizeof "/tmp/registry-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    struct db_config config = {
        .path = pool_printf(w->pool, "%s/a.db", w->dir), .schemas = schemas, .readers = 4};
    w->db = db_open(&config, &err);
    if (w->db == NULL)
        fail_msg("%s", err.text);
    w->blobs = blobs_open(pool_printf(w->pool, "%s/blobs", w->dir), &err);
    assert_non_null(w->blobs);
    const char *secret = pool_printf(w->pool, "%s/secret.key", w->dir);
    assert_works(seal_create(secret, &err), err);
    w->seal = seal_open(secret, &err);
    assert_non_null(w->seal);
    world_user(w, "ada", false, w->ada);
    world_user(w, "bob", false, w->bob);
    world_user(w, "root", true, w->root);
    w->account = account_open(w->db, "rh", &err);
    assert_non_null(w->account);
    w->ready = ready_new((size_t)1 << 20);
    w->warm = warm_new((size_t)1 << 20, 16);
    world_tenants(w);
    struct registry_config registry = {.control = w->db,
                                       .blobs = w->blobs,
                                       .account = w->account,
                                       .seal = w->seal,
                                       .ready = w->ready,
                                       .warm = w->warm,
                                       .public_url = "http://localhost:8080",
                                       .platform_scope = "shared",
                                       .spool_dir = w->dir,
                                       .published = world_on_published,
                                       .changed = world_on_changed,
                                       .arg = w};
    w->registry = registry_open(&registry, &err);
    if (w->registry == NULL)
        fail_msg("%s", err.text);
    *state = w;
    return 0;
}

static inline int world_close(void **state)
{
    struct world *w = *state;

    registry_close(w->registry);
    ready_free(w->ready);
    seal_close(w->seal);
    warm_free(w->warm);
    account_close(w->account);
    blobs_close(w->blobs);
    db_close(w->db);
    file_remove_tree(w->dir, NULL);
    pool_free(w->pool);
    free(w);
    return 0;
}

/* Who a token of this user with these scopes makes; snapshots are held until the pool goes. */
static inline struct identity world_who(struct world *w, struct pool *pool, const char *user,
                                        uint32_t scopes)
{
    struct err err;
    struct text token;
    char id[ACCOUNT_ID];
    struct identity who;
    struct account_token spec = {.user = user, .label = TEXT("test"), .scopes = scopes};

    assert_works(account_token_create(w->account, pool, &spec, &token, id, &err), err);
    struct snapshot *s = account_snapshot(w->account);
    pool_defer(pool, (void (*)(void *))snapshot_drop, s);
    assert_true(account_token_find(s, token, &who));
    return who;
}

static inline struct snapshot *world_accounts(struct world *w, struct pool *pool)
{
    struct snapshot *s = account_snapshot(w->account);
    pool_defer(pool, (void (*)(void *))snapshot_drop, s);
    return s;
}

/* A tarball whose package.json has these members beside name and version; extra begins with a
 * comma. */
static inline struct text world_tarball(struct pool *pool, const char *name, const char *version,
                                        const char *extra)
{
    struct text out;
    struct err err;
    struct bundle_file files[] = {
        {"package/package.json", text_printf(pool, "{\"name\":\"%s\",\"version\":\"%s\"%s}", name,
                                             version, extra != NULL ? extra : "")},
        {"package/README.md", TEXT("# From the tarball")},
        {"package/hello.js", TEXT("RED.nodes.registerType('hello', H)")},
    };

    assert_works(bundle_pack_tgz(pool, files, 3, &out, &err), err);
    return out;
}

/* The document of `npm publish`. */
static inline struct text world_document(struct pool *pool, const char *name, const char *version,
                                         const char *tag, struct text tarball)
{
    unsigned char sum[SHA512_BYTES];
    sha512(tarball, sum);
    struct text hash = b64_encode(pool, sum, sizeof sum),
                data = b64_encode(pool, tarball.base, tarball.len);
    return text_printf(
        pool,
        "{\"_id\":\"%s\",\"name\":\"%s\",\"dist-tags\":{\"%s\":\"%s\"},\"versions\":{\"%s\":{"
        "\"name\":\"%s\","
        "\"version\":\"%s\",\"description\":\"A "
        "node\",\"keywords\":[\"node-red\"],\"bin\":\"cli.js\","
        "\"dependencies\":{\"a\":\"^1\"},\"scripts\":{\"test\":\"x\"},"
        "\"dist\":{\"integrity\":\"sha512-%.*s\",\"tarball\":\"http://evil.example/x.tgz\"}}},"
        "\"_attachments\":{\"x.tgz\":{\"content_type\":\"application/"
        "octet-stream\",\"data\":\"%.*s\","
        "\"length\":%zu}}}",
        name, name, tag, version, version, name, version, TEXT_ARG(hash), TEXT_ARG(data),
        tarball.len);
}

/* As the route does it: judges, reads, publishes. */
static inline int world_put(struct world *w, struct pool *pool, const struct identity *who,
                            const char *name, struct text body, struct err *err)
{
    struct json *doc;
    struct pkgname n;
    struct publish_result result;

    if (!pkgname_split(text_of(name), &n))
        return pkgname_check_new(text_of(name), err);
    struct origin origin = origin_of(w->registry, pool, world_accounts(w, pool), &n);
    struct publish_request request = {.who = who, .name = &n, .tenant = origin.tenant};
    if (origin_check_write(w->registry, who, &origin, n.full, err) != 0 ||
        document_read(pool, body, &doc, err) != 0)
        return -1;
    request.doc = doc;
    return publish_document(w->registry, pool, &request, &result, err);
}

static inline int world_publish(struct world *w, struct pool *pool, const struct identity *who,
                                const char *name, const char *version, struct err *err)
{
    struct text tarball = world_tarball(pool, name, version, NULL);
    return world_put(w, pool, who, name, world_document(pool, name, version, "latest", tarball),
                     err);
}

static inline void world_sql(struct world *w, const char *sql)
{
    struct err err;
    auto_tx struct db_tx tx = {0};

    assert_works(db_begin(&tx, w->db, &err), err);
    assert_true(db_do(tx.conn, &err, sql, "") >= 0);
    assert_works(db_commit(&tx, &err), err);
}

static inline struct change world_change(struct world *w, struct pool *pool,
                                         const struct identity *who, const char *tenant,
                                         const char *name)
{
    return (struct change){.registry = w->registry,
                           .pool = pool,
                           .who = who,
                           .accounts = world_accounts(w, pool),
                           .tenant = tenant,
                           .name = text_of(name)};
}
