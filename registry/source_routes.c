/* Sources and builds of the API, and the webhooks. */
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/seal.h"
#include "http/call.h"
#include "http/logfile.h"
#include "http/operation.h"
#include "http/route.h"
#include "registry/source_part.h"

#define SOURCES_MOST 200 /* of a tenant */
#define HOOK_BODY ((size_t)2 << 20)

#define SOURCE_COLUMNS                                                                             \
    "s.id AS id, s.url AS url, s.tags AS tags, s.last_commit AS last_commit, s.cause AS cause,"    \
    " ?1 || '/hooks/' || s.id AS webhook_url, s.created_at AS \"created_at@\","                    \
    " (SELECT json_object('id', b.id, 'state', b.state, 'version', b.version, 'ref', b.ref)"       \
    " FROM build AS b WHERE b.source = s.id ORDER BY b.started_at DESC LIMIT 1) AS "               \
    "\"last_build!\""

static void answer_list(struct call *c, struct sources *sources, const char *sql, struct text key)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;
    auto_read struct db_read r = db_read(sources->db, &err);

    buf_init(&out, 4u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    if (r.conn == NULL ||
        db_json(&w, r.conn, &err, sql, "zs", sources->config.public_url, key) != 0) {
        call_fail(c, &err);
        return;
    }
    json_put_str(&w, "next", NULL);
    json_close(&w);
    call_json(c, 200, &out);
}

/* One row as the answer; secret: ?3 of the statement, or absent. */
static void answer_row(struct call *c, int status, const char *sql, struct text key,
                       struct text secret)
{
    struct sources *sources = c->area;
    const char *url = sources->config.public_url;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;
    auto_read struct db_read r = db_read(sources->db, &err);

    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    if (r.conn == NULL ||
        (secret.base != NULL ? db_json(&w, r.conn, &err, sql, "zss", url, key, secret)
                             : db_json(&w, r.conn, &err, sql, "zs", url, key)) != 0) {
        call_fail(c, &err);
        return;
    }
    call_bytes(c, status, "application/json",
               text_dup(c->pool, text_sub(buf_view(&out), 1, out.len - 2)));
}

static void get_sources(struct call *c)
{
    static const char sql[] =
        "SELECT " SOURCE_COLUMNS " FROM source AS s WHERE s.tenant = ?2 ORDER BY s.url";

    answer_list(c, c->area, sql, text_of(c->tenant->id));
}

static const char one_source[] = "SELECT " SOURCE_COLUMNS " FROM source AS s WHERE s.id = ?2";

static int insert(struct call *c, struct text url, struct text tags, struct text token,
                  const char *id, struct text secret, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM source WHERE tenant = ?";
    static const char sql[] =
        "INSERT INTO source (id, tenant, url, tags, token, secret, created_by, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    struct sources *sources = c->area;
    struct seal *seal = sources->config.seal;
    struct text sealed = TEXT_NONE;
    auto_tx struct db_tx tx = {0};
    int64_t n = 0;

    if (token.len > 0)
        sealed = seal_put(seal, c->pool, text_printf(c->pool, "source.token:%s", id), token);
    struct text sealed_secret =
        seal_put(seal, c->pool, text_printf(c->pool, "source.secret:%s", id), secret);
    if (db_begin(&tx, sources->db, err) != 0 ||
        db_get(tx.conn, c->pool, err, count, "z", "i", c->tenant->id, &n) != 0)
        return -1;
    if (n >= SOURCES_MOST)
        return err_set(err, ERR_TOO_MANY, "too_many_sources", "The tenant has %d sources already.",
                       SOURCES_MOST);
    if (db_do(tx.conn, err, sql, "zzsssszi", id, c->tenant->id, url, tags, sealed, sealed_secret,
              c->who->name, clock_wall_ms()) < 0) {
        if (err->kind == ERR_CONFLICT)
            err_set(err, ERR_CONFLICT, "source_exists", "The tenant has this source already.");
        return -1;
    }
    return db_commit(&tx, err);
}

/* The webhook's secret is shown here and never again. */
static const char made_source[] =
    "SELECT " SOURCE_COLUMNS ", ?3 AS webhook_secret FROM source AS s WHERE s.id = ?2";

static void post_source(struct call *c)
{
    struct sources *sources = c->area;
    const struct json *doc;
    struct text url, tags = TEXT("v*"), token = TEXT_NONE;
    struct text secret = random_text(c->pool, 24);
    char id[27];
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "url", &url, &err) != 0 ||
        json_want_text(doc, "tags", &tags, &err) != 0 ||
        json_want_text(doc, "token", &token, &err) != 0 ||
        source_address_check(sources, url, c->who->admin, &err) != 0)
        goto fail;
    if (tags.len == 0 || tags.len > 100 || !text_is_printable(tags) || token.len > 1000 ||
        !text_is_printable(token)) {
        err_set(&err, ERR_UNPROCESSABLE, "bad_source", "The tags or the token cannot be used.");
        goto fail;
    }
    random_id(id);
    if (insert(c, url, tags, token, id, secret, &err) != 0)
        goto fail;
    (void)source_look(sources, id, NULL);
    answer_row(c, 201, made_source, text_of(id), secret);
    return;
fail:
    call_fail(c, &err);
}

/* The source of :source that the caller may see and has the scopes for. */
static int find(struct call *c, uint32_t scopes, struct source *out, struct err *err)
{
    if (source_get(c->area, c->pool, call_param(c, "source"), out, err) != 0)
        return -1;
    const char *tenant = text_c(c->pool, out->tenant);
    if (call_require(c, tenant, SCOPE_TENANT_READ, true, err) != 0)
        return err_set(err, ERR_NOT_FOUND, "source_not_found", "There is no such source.");
    return scopes != 0 ? call_require(c, tenant, scopes, false, err) : 0;
}

static void get_source(struct call *c)
{
    struct source source;
    struct err err;

    if (find(c, 0, &source, &err) != 0)
        call_fail(c, &err);
    else
        answer_row(c, 200, one_source, source.id, TEXT_NONE);
}

static void delete_source(struct call *c)
{
    struct source source;
    struct err err;

    if (find(c, SCOPE_SOURCE_WRITE, &source, &err) != 0 ||
        source_forget(c->area, c->pool, source.id, false, &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

/* By hand: what failed is tried again as well. */
static void post_build(struct call *c)
{
    struct sources *sources = c->area;
    struct operations *operations = sources->config.operations;
    struct source source;
    char operation[27];
    struct err err;

    if (find(c, SCOPE_SOURCE_WRITE, &source, &err) != 0)
        goto fail;
    struct operation_spec spec = {"source.build", text_c(c->pool, source.tenant), source.url,
                                  c->who->user};
    if (operation_begin(operations, &spec, operation, &err) != 0)
        goto fail;
    if (!source_look(sources, text_c(c->pool, source.id), operation)) {
        err_set(&err, ERR_UNAVAILABLE, "busy", "Many builds wait already; try again later.");
        operation_end(operations, operation, &err);
        goto fail;
    }
    operation_answer(operations, c, operation);
    return;
fail:
    call_fail(c, &err);
}

#define BUILD_COLUMNS                                                                              \
    "b.id AS id, b.source AS source, b.ref AS ref, b.commit_id AS \"commit\", b.state AS state,"   \
    " b.package AS package, b.version AS version, b.cause AS cause, b.started_at AS "              \
    "\"started_at@\","                                                                             \
    " b.ended_at AS \"ended_at@\", ?1 AS platform"

static void get_builds(struct call *c)
{
    static const char sql[] = "SELECT " BUILD_COLUMNS " FROM build AS b WHERE b.source = ?2"
                              " ORDER BY b.started_at DESC LIMIT 100";
    struct source source;
    struct err err;

    if (find(c, 0, &source, &err) != 0)
        call_fail(c, &err);
    else
        answer_list(c, c->area, sql, source.id);
}

/* May the caller see the build of :build? */
static int find_build(struct call *c, struct text *id, int64_t *ended, struct err *err)
{
    static const char sql[] = "SELECT s.tenant, b.ended_at IS NOT NULL FROM build AS b"
                              " JOIN source AS s ON s.id = b.source WHERE b.id = ?";
    struct sources *sources = c->area;
    struct text tenant, wanted = call_param(c, "build");
    auto_read struct db_read r = db_read(sources->db, err);

    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, c->pool, err, sql, "s", "si", wanted, &tenant, ended) != 0 ||
        call_require(c, text_c(c->pool, tenant), SCOPE_TENANT_READ, true, err) != 0)
        return err_set(err, ERR_NOT_FOUND, "build_not_found", "There is no such build.");
    *id = wanted;
    return 0;
}

static void get_build(struct call *c)
{
    static const char sql[] = "SELECT " BUILD_COLUMNS " FROM build AS b WHERE b.id = ?2";
    struct text id;
    int64_t ended;
    struct err err;

    if (find_build(c, &id, &ended, &err) != 0)
        call_fail(c, &err);
    else
        answer_row(c, 200, sql, id, TEXT_NONE);
}

static void get_build_log(struct call *c)
{
    struct sources *sources = c->area;
    struct text id;
    int64_t ended;
    struct err err;

    if (find_build(c, &id, &ended, &err) != 0)
        call_fail(c, &err);
    else
        logfile_serve(c,
                      pool_printf(c->pool, "%s/%.*s.log", sources->config.logs_dir, TEXT_ARG(id)),
                      ended != 0);
}

/* Webhooks: who signs how. */

enum proof { PROOF_HMAC, PROOF_TOKEN };
static const struct {
    const char *header, *prefix;
    enum proof proof;
} providers[] = {
    {"x-hub-signature-256", "sha256=", PROOF_HMAC}, /* GitHub, Forgejo */
    {"x-gitea-signature", "", PROOF_HMAC},
    {"x-gogs-signature", "", PROOF_HMAC},
    {"x-gitlab-token", "", PROOF_TOKEN},
};

static bool is_signed(struct call *c, struct text secret)
{
    unsigned char mac[SHA256_BYTES];

    hmac_sha256(secret, c->body, mac);
    struct text hex = hex_encode(c->pool, mac, sizeof(mac));
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        struct text given = call_header(c, providers[i].header);
        size_t skip = sizeof("sha256=") - 1;
        if (given.base == NULL || !text_starts(given, providers[i].prefix))
            continue;
        if (providers[i].proof == PROOF_TOKEN)
            return digest_equal(given, secret);
        return digest_equal(
            providers[i].prefix[0] != '\0' ? text_sub(given, skip, given.len) : given, hex);
    }
    return false;
}

static void post_hook(struct call *c)
{
    struct sources *sources = c->area;
    struct source source;
    struct text secret;
    struct err err;

    if (source_get(sources, c->pool, call_param(c, "source"), &source, &err) != 0 ||
        seal_get(sources->config.seal, c->pool,
                 text_printf(c->pool, "source.secret:%.*s", TEXT_ARG(source.id)), source.secret,
                 &secret, &err) != 0 ||
        !is_signed(c, secret)) {
        /* A stranger learns nothing of which sources there are. */
        err_set(&err, ERR_UNAUTHORIZED, "bad_signature",
                "The webhook's signature is missing or wrong.");
        call_fail(c, &err);
        return;
    }
    if (!source_look(sources, text_c(c->pool, source.id), NULL)) {
        err_set(&err, ERR_UNAVAILABLE, "busy", "Many builds wait already; deliver it again later.");
        call_fail(c, &err);
        return;
    }
    call_empty(c, 202);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/sources",
     .handle = get_sources,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "the sources of a tenant",
     .answer = "[Source]"},
    {.method = "POST",
     .path = "/api/v1/tenants/:tenant/sources",
     .handle = post_source,
     .who = WHO_MEMBER,
     .scope = SCOPE_SOURCE_WRITE,
     .secret = true,
     .summary = "registers a git repository; webhook_secret is told once",
     .body = "NewSource",
     .answer = "Source",
     .status = 201},
    {.method = "GET",
     .path = "/api/v1/sources/:source",
     .handle = get_source,
     .who = WHO_USER,
     .summary = "one source",
     .answer = "Source"},
    {.method = "DELETE",
     .path = "/api/v1/sources/:source",
     .handle = delete_source,
     .who = WHO_USER,
     .summary = "removes a source; what it published stays"},
    {.method = "GET",
     .path = "/api/v1/sources/:source/builds",
     .handle = get_builds,
     .who = WHO_USER,
     .summary = "the builds of a source, newest first",
     .answer = "[Build]"},
    {.method = "POST",
     .path = "/api/v1/sources/:source/builds",
     .handle = post_build,
     .who = WHO_USER,
     .summary = "looks at the repository now and builds what is new or failed; an operation",
     .answer = "Started",
     .status = 202},
    {.method = "GET",
     .path = "/api/v1/builds/:build",
     .handle = get_build,
     .who = WHO_USER,
     .summary = "one build",
     .answer = "Build"},
    {.method = "GET",
     .path = "/api/v1/builds/:build/log",
     .handle = get_build_log,
     .who = WHO_USER,
     .summary = "the log of a build; with ?follow=true as events",
     .query = "tail follow",
     .answer = "text/plain text/event-stream"},
    {.method = "POST",
     .path = "/hooks/:source",
     .handle = post_hook,
     .max_body = HOOK_BODY,
     .summary = "a git host's webhook, signed"},
};

int sources_routes(struct sources *sources, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), sources, err);
}
