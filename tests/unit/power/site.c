#include "tests/unit/power/site.h"

#include "core/seal.h"
#include "http/events.h"
#include "http/operation.h"
#include "http/request.h"
#include "http/route.h"
#include "tenants/storage.h"
#include "tenants/tenants.h"
#include "themes/themes.h"

#include <fcntl.h>
#include <unistd.h>

#define PUBLIC "http://localhost:8080"

extern const struct embedded http_sql[], themes_sql[], tenants_sql_control[];

/* As a row: a password's hash is slow on purpose. */
static int need_user(struct site *s, const char *name, char id[ACCOUNT_ID], struct err *err)
{
    static const char find[] = "SELECT id FROM user WHERE name = ?";
    static const char put[] =
        "INSERT INTO user (id, name, password, admin, created_at) VALUES (?, ?, '', 0, 1)";
    auto_pool struct pool *pool = pool_new();
    struct text known;
    auto_tx struct db_tx tx = {0};

    random_id(id);
    if (db_begin(&tx, s->world.db, err) != 0)
        return -1;
    if (db_get(tx.conn, pool, err, find, "z", "s", name, &known) == 0) {
        memcpy(id, known.base, known.len);
        return 0;
    }
    if (err->kind != ERR_NOT_FOUND || db_do(tx.conn, err, put, "zz", id, name) < 0)
        return -1;
    return db_commit(&tx, err);
}

static int need_tenant(struct site *s, const char *slug, char id[ACCOUNT_ID], struct err *err)
{
    struct account *account = s->world.account;
    struct snapshot *accounts = account_snapshot(account);
    const struct account_tenant *known = account_tenant_by_slug(accounts, text_of(slug));

    if (known != NULL)
        memcpy(id, known->id, ACCOUNT_ID);
    snapshot_drop(accounts);
    if (known == NULL && account_tenant_create(account, text_of(slug), text_of(slug), id, err) != 0)
        return -1;
    return account_member_set(account, id, s->world.ada, ROLE_DEVELOPER, err);
}

static int open_floor(struct site *s, struct err *err)
{
    static const struct db_schema schemas[] = {
        {"http", http_sql},     {"registry", registry_sql},
        {"themes", themes_sql}, {"tenants", tenants_sql_control},
        {NULL, NULL},
    };
    struct world *w = &s->world;
    const char *key = pool_printf(w->pool, "%s/secret.key", w->dir);
    struct db_config config = {
        .path = pool_printf(w->pool, "%s/redhouse.db", w->dir), .schemas = schemas, .readers = 2};

    if (seal_create(key, err) != 0 || (s->seal = seal_open(key, err)) == NULL ||
        (w->db = db_open(&config, err)) == NULL ||
        (w->blobs = blobs_open(pool_printf(w->pool, "%s/blobs", w->dir), err)) == NULL ||
        need_user(s, "ada", w->ada, err) != 0 ||
        (w->account = account_open(w->db, "rh", err)) == NULL)
        return -1;
    s->events = events_new();
    s->operations = operations_open(w->db, s->events, err);
    w->ready = ready_new((size_t)1 << 20);
    w->warm = warm_new((size_t)1 << 20, 16);
    return s->operations != NULL && need_tenant(s, "acme", w->acme, err) == 0 &&
                   need_tenant(s, "beta", w->beta, err) == 0
               ? 0
               : -1;
}

/* acme's, told of everything; nothing is sent. */
static int need_hook(struct site *s, struct err *err)
{
    static const char sql[] =
        "INSERT INTO hook (id, tenant, url, events, secret, active, created_by, created_at) VALUES "
        "('h', ?, 'https://example.org/', '[\"publish\",\"tag\",\"unpublish\"]', '', 1, 'ada', "
        "1) ON CONFLICT DO NOTHING";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, s->world.db, err) != 0 || db_do(tx.conn, err, sql, "z", s->world.acme) < 0)
        return -1;
    return db_commit(&tx, err);
}

static int open_areas(struct site *s, struct err *err)
{
    struct world *w = &s->world;
    struct registry_config registry = {.control = w->db,
                                       .blobs = w->blobs,
                                       .account = w->account,
                                       .seal = s->seal,
                                       .ready = w->ready,
                                       .warm = w->warm,
                                       .public_url = PUBLIC,
                                       .spool_dir = w->dir};
    struct themes_config themes = {.control = w->db,
                                   .blobs = w->blobs,
                                   .account = w->account,
                                   .ready = w->ready,
                                   .name = "Redhouse"};
    struct tenants_config tenants = {.data_dir = w->dir,
                                     .stacks_dir = w->dir,
                                     .public_url = PUBLIC,
                                     .control = w->db,
                                     .seal = s->seal,
                                     .account = w->account,
                                     .events = s->events,
                                     .operations = s->operations,
                                     .broker_fd = -1};

    if (need_hook(s, err) != 0 || (w->registry = registry_open(&registry, err)) == NULL ||
        (s->themes = themes_open(&themes, err)) == NULL ||
        (s->tenants = tenants_open(&tenants, err)) == NULL)
        return -1;
    s->router = router_new();
    s->folder = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (storage_routes(s->tenants, s->router, err) != 0 ||
        uids_open(&s->uids, s->folder, SITE_UIDS, err) != 0)
        return -1;
    s->has_uids = true;
    return 0;
}

struct site *site_open(const char *dir, struct err *err)
{
    struct site *s = xcalloc(1, sizeof(*s));

    s->folder = -1;
    s->world.pool = pool_new();
    snprintf(s->world.dir, sizeof(s->world.dir), "%s", dir);
    if (open_floor(s, err) == 0 && open_areas(s, err) == 0)
        return s;
    site_close(s);
    return NULL;
}

void site_close(struct site *s)
{
    if (s->has_uids)
        uids_close(&s->uids);
    if (s->folder >= 0)
        close(s->folder);
    if (s->router != NULL)
        router_free(s->router);
    if (s->tenants != NULL) {
        tenants_close(s->tenants);
        free(s->tenants);
    }
    themes_close(s->themes);
    registry_close(s->world.registry);
    if (s->world.ready != NULL)
        ready_free(s->world.ready);
    warm_free(s->world.warm);
    if (s->operations != NULL)
        operations_close(s->operations);
    if (s->events != NULL)
        events_free(s->events);
    account_close(s->world.account);
    blobs_close(s->world.blobs);
    db_close(s->world.db);
    seal_close(s->seal);
    pool_free(s->world.pool);
    free(s);
}

struct identity site_ada(struct site *site, struct pool *pool)
{
    struct account_member *members = pool_alloc(pool, 2 * sizeof(*members));

    members[0] = (struct account_member){site->world.acme, "acme", ROLE_DEVELOPER, ROLE_NONE};
    members[1] = (struct account_member){site->world.beta, "beta", ROLE_DEVELOPER, ROLE_NONE};
    return (struct identity){.kind = IDENTITY_SESSION,
                             .user = site->world.ada,
                             .name = "ada",
                             .narrowed = SCOPE_ALL,
                             .members = members,
                             .n_members = 2};
}

static int status_of(struct request *r, const char *target, struct err *err)
{
    int status = r->answer.status;

    if (status == 200 || status == 204)
        return 0;
    return err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_INTERNAL, "status", "%s: %d %.*s",
                   target, status, (int)(r->answer.body.len < 120 ? r->answer.body.len : 120),
                   r->answer.body.len > 0 ? r->answer.body.base : "");
}

int site_ask(struct site *site, struct pool *pool, const char *tenant, const char *instance,
             const char *target, struct text body, struct text *answer, struct err *err)
{
    static h2o_iovec_t type = {(char *)(uintptr_t) "content-type", 12};
    h2o_header_t header = {.name = &type};
    h2o_headers_t headers = {.entries = &header, .size = 1, .capacity = 1};
    struct request *r = pool_zalloc(pool, sizeof(*r));
    struct call *c = &r->call;
    struct text path = text_of(target);

    header.value = h2o_iovec_init(H2O_STRLIT("application/json"));
    r->headers = &headers;
    r->identity = (struct identity){
        .kind = IDENTITY_INSTANCE, .tenant = tenant, .instance = instance, .generation = 1};
    c->http = r;
    c->pool = pool;
    c->who = &r->identity;
    c->body = body;
    if (!text_cut(&path, ' ', &c->method))
        return -1;
    c->raw_path = path;
    c->query = path;
    (void)text_cut(&c->query, '?', &c->path);
    if (router_match(site->router, FACE_CARRIER, c->method, c->path, c) != ROUTE_FOUND)
        return err_set(err, ERR_INTERNAL, "no_route", "There is no route %s.", target);
    c->route->handle(c);
    *answer = r->answer.body;
    return status_of(r, target, err);
}
