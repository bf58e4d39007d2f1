/* The exchange of an ID token for a token that publishes one package. */
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/log.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/limits.h"
#include "registry/area.h"
#include "registry/trust/claims.h"
#include "registry/trust/idtoken.h"
#include "registry/trust/issuer.h"
#include "registry/trust/trust.h"

#define REFUSED_EVERY_MS 1000 /* a stranger's tokens cost a row no more writes */

struct exchange {
    struct registry *registry;
    struct pool *pool;
    const struct trust_ask *ask;
    struct idtoken token;
    struct issuer issuer;
    /* the row that fits */
    struct text row;
    bool publish, stage;
};

/* "npm:" and the host that npm asks, without port. */
static struct text audience_of(struct pool *pool, const char *public_url)
{
    struct text host = text_of(public_url), first;
    host = text_sub(host, text_find(host, ':', 0) + 3, host.len);
    (void)text_cut(&host, '/', &first);
    size_t end = text_starts(first, "[") ? text_find(first, ']', 0) : text_find(first, ':', 0);
    if (text_starts(first, "[") && end != SIZE_MAX)
        end++;
    return text_printf(pool, "npm:%.*s", TEXT_ARG(text_sub(first, 0, end)));
}

/* Why, for the owners; id absent: in all rows that name this issuer. */
static void note_refusal(struct exchange *x, struct text id, const struct err *why)
{
    static const char sql[] =
        "UPDATE trust SET last_refused_at = ?1, last_refused = ?2 WHERE package = ?3"
        " AND tenant IS ?4 AND issuer = ?5 AND (?6 IS NULL OR id = ?6)"
        " AND coalesce(last_refused_at, 0) < ?7";
    int64_t now = clock_wall_ms();
    auto_tx struct db_tx tx = {0};
    struct err err;
    log_info("registry", "a trusted publisher was refused", "package=%.*s issuer=%.*s why=\"%s\"",
             TEXT_ARG(x->ask->name->full), TEXT_ARG(x->issuer.name), why->text);
    if (db_begin(&tx, x->registry->config.control, &err) != 0 ||
        db_do(tx.conn, &err, sql, "isszssi", now, text_of(why->text), x->ask->name->full,
              x->ask->tenant, x->issuer.name, id, now - REFUSED_EVERY_MS) < 0 ||
        db_commit(&tx, &err) != 0)
        log_warn("registry", "why a publisher was refused is not kept", "text=%s", err.text);
}

static int find_issuer(struct exchange *x, struct err *err)
{
    auto_read struct db_read r = db_read(x->registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (issuer_by_url(r.conn, x->pool, x->token.issuer, &x->issuer, err) == 0)
        return 0;
    err->kind = ERR_UNAUTHORIZED;
    return -1;
}

/* With the keys that are known; with newer ones if none of them fits. */
static int verify(struct exchange *x, struct err *err)
{
    struct issuers *issuers = x->registry->issuers;
    struct text jwks;
    if (issuer_keys(issuers, x->pool, &x->issuer, false, &jwks, err) != 0)
        return -1;
    if (idtoken_verify(x->pool, &x->token, jwks, err) == 0)
        return 0;
    if (strcmp(err->code, "unknown_key") != 0)
        return -1;
    if (issuer_keys(issuers, x->pool, &x->issuer, true, &jwks, err) != 0)
        return -1;
    return idtoken_verify(x->pool, &x->token, jwks, err);
}

static int not_trusted(const struct exchange *x, struct err *err)
{
    return err_set(err, ERR_FORBIDDEN, "not_trusted",
                   "\"%.*s\" does not trust this CI job. Its owners see why beside the trusted "
                   "publisher.",
                   TEXT_ARG(x->ask->name->full));
}

/* Any row that fits; those that do not are told why. */
static int find_row(struct exchange *x, struct err *err)
{
    static const char sql[] = "SELECT id, claims, publish, stage FROM trust WHERE package = ?"
                              " AND tenant IS ? AND issuer = ? ORDER BY id";
    struct text ids[TRUST_MOST], claims[TRUST_MOST];
    int64_t publish[TRUST_MOST], stage[TRUST_MOST];
    size_t n = 0;
    {
        auto_read struct db_read r = db_read(x->registry->config.control, err);
        auto_rows struct db_rows q = {0};
        if (r.conn == NULL || db_each (&q, r.conn, err, sql, "szs", x->ask->name->full,
                                       x->ask->tenant, x->issuer.name) != 0)
            return -1;
        while (n < TRUST_MOST &&
               db_next(&q, x->pool, "ssii", &ids[n], &claims[n], &publish[n], &stage[n]))
            n++;
        if (q.failed)
            return -1;
    }
    struct err why[TRUST_MOST];
    for (size_t i = 0; i < n; i++) {
        if (claims_match(x->pool, claims[i], x->token.claims, &why[i]) != 0)
            continue;
        x->row = ids[i];
        x->publish = publish[i] != 0;
        x->stage = stage[i] != 0;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        note_refusal(x, ids[i], &why[i]);
    return not_trusted(x, err);
}

static void digest_of(const struct exchange *x, unsigned char out[SHA256_BYTES])
{
    const struct idtoken *token = &x->token;
    /* a signature can be another one that is good as well */
    struct text what = token->jti.len > 0 ? token->jti : token->signed_part;
    sha256(text_printf(x->pool, "%.*s\n%.*s\n%.*s", TEXT_ARG(token->issuer),
                       TEXT_ARG(x->ask->name->full), TEXT_ARG(what)),
           out);
}

static int use_once(struct exchange *x, struct err *err)
{
    static const char old[] = "DELETE FROM trust_used WHERE expires_at < ?";
    static const char sql[] = "INSERT INTO trust_used (digest, expires_at) VALUES (?, ?)";
    unsigned char digest[SHA256_BYTES];
    int64_t now = clock_wall_ms();
    auto_tx struct db_tx tx = {0};
    digest_of(x, digest);
    /* a while longer than it is taken for good, for clocks that are set back */
    if (db_begin(&tx, x->registry->config.control, err) != 0 ||
        db_do(tx.conn, err, old, "i", now - 3600 * 1000) < 0)
        return -1;
    if (db_do(tx.conn, err, sql, "bi", text_n(digest, sizeof digest), x->token.expires_ms) < 0)
        return err->kind == ERR_CONFLICT
                   ? err_set(err, ERR_FORBIDDEN, "id_token_replayed",
                             "This ID token was exchanged for this package before.")
                   : -1;
    return db_commit(&tx, err);
}

static int make_token(struct exchange *x, struct text *token, int64_t *expires_ms, struct err *err)
{
    struct text name = x->ask->name->full;
    struct limits_spec limits = {.names = {&name, 1}, .actor = x->issuer.name};
    struct account_token spec = {.label = TEXT("trusted publisher"),
                                 .scopes = SCOPE_PACKAGE_READ | SCOPE_PACKAGE_STAGE,
                                 .expires_ms = clock_wall_ms() + TRUST_LIFE_MS,
                                 .instance = text_c(x->pool, x->row),
                                 .tenant = x->ask->tenant,
                                 .limits = &limits};
    char id[ACCOUNT_ID];
    if (x->publish)
        spec.scopes |= SCOPE_PACKAGE_PUBLISH;
    *expires_ms = spec.expires_ms;
    return account_token_create(x->registry->config.account, x->pool, &spec, token, id, err);
}

/* After the token is there: who takes the row away from now on ends it, who did so before did not
 * see it. */
static int note_use(struct exchange *x, struct err *err)
{
    static const char sql[] = "UPDATE trust SET last_used_at = ? WHERE id = ?";
    int rows;
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, x->registry->config.control, err) != 0)
            return -1;
        rows = db_do(tx.conn, err, sql, "is", clock_wall_ms(), x->row);
        if (rows < 0 || db_commit(&tx, err) != 0)
            return -1;
    }
    if (rows > 0)
        return 0;
    return account_instance_tokens_retire(x->registry->config.account, text_c(x->pool, x->row),
                                          INT64_MAX, err) != 0
               ? -1
               : not_trusted(x, err);
}

int trust_exchange(struct registry *registry, struct pool *pool, const struct trust_ask *ask,
                   struct text *token, int64_t *expires_ms, struct err *err)
{
    struct exchange x = {.registry = registry, .pool = pool, .ask = ask};
    struct text audience = audience_of(pool, registry->config.public_url);
    if (idtoken_read(pool, ask->bearer, &x.token, err) != 0 || find_issuer(&x, err) != 0 ||
        verify(&x, err) != 0) {
        log_info("registry", "an ID token was refused", "package=%.*s why=\"%s\"",
                 TEXT_ARG(ask->name->full), err->text);
        return -1;
    }
    if (idtoken_check(&x.token, audience, clock_wall_ms(), err) != 0) {
        note_refusal(&x, TEXT_NONE, err);
        return -1;
    }
    if (find_row(&x, err) != 0)
        return -1;
    if (use_once(&x, err) != 0) {
        note_refusal(&x, x.row, err);
        return -1;
    }
    if (make_token(&x, token, expires_ms, err) != 0 || note_use(&x, err) != 0)
        return -1;
    log_info("registry", "a trusted publisher was given a token",
             "package=%.*s issuer=%.*s trust=%.*s", TEXT_ARG(ask->name->full),
             TEXT_ARG(x.issuer.name), TEXT_ARG(x.row));
    return 0;
}
