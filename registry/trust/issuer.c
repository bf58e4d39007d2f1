#include "registry/trust/issuer.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/json.h"
#include "core/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define FRESH_MS (3600 * 1000)
#define STALE_MS (24ll * 3600 * 1000)
#define AGAIN_MS 60000
#define DEADLINE_MS 8000
#define WAIT_MS                                                                                    \
    2000 /* for whoever asks already; from then on an issuer that is away holds up one */
#define MOST_BYTES (256u << 10)
#define UNREACHABLE ERR_UPSTREAM, "issuer_unreachable"

struct kept {
    char *url; /* of the issuer; NULL: a free place */
    char *jwks;
    int64_t fetched_at, tried_at; /* monotonic; 0: never */
    bool asking;                  /* since tried_at; its place stays */
};

struct issuers {
    struct fetcher *fetcher;
    pthread_mutex_t lock; /* not held over a fetch */
    pthread_cond_t told;  /* one has ended */
    struct kept kept[ISSUERS_MOST];
};

static const struct {
    const char *name, *url;
} presets[] = {
    {"github", "https://token.actions.githubusercontent.com"},
    {"gitlab", "https://gitlab.com"},
};

struct issuers *issuers_new(struct fetcher *fetcher)
{
    struct issuers *issuers = xcalloc(1, sizeof(*issuers));
    pthread_condattr_t attr;
    issuers->fetcher = fetcher;
    pthread_mutex_init(&issuers->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&issuers->told, &attr);
    pthread_condattr_destroy(&attr);
    return issuers;
}

void issuers_free(struct issuers *issuers)
{
    if (issuers == NULL)
        return;
    for (int i = 0; i < ISSUERS_MOST; i++) {
        free(issuers->kept[i].url);
        free(issuers->kept[i].jwks);
    }
    pthread_cond_destroy(&issuers->told);
    pthread_mutex_destroy(&issuers->lock);
    free(issuers);
}

struct text issuer_preset(struct text name)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
        if (text_is(name, presets[i].name))
            return text_of(presets[i].url);
    return TEXT_NONE;
}

/* Where the authority ends; *host is without port. */
static bool split_url(struct text url, bool *https, struct text *authority, struct text *host)
{
    *https = text_starts(url, "https://");
    if (!*https && !text_starts(url, "http://"))
        return false;
    struct text rest = text_sub(url, *https ? 8 : 7, url.len);
    (void)text_cut(&rest, '/', authority);
    size_t end = text_starts(*authority, "[") ? text_find(*authority, ']', 0)
                                              : text_find(*authority, ':', 0);
    *host = text_sub(*authority, 0, text_starts(*authority, "[") ? end + 1 : end);
    return host->len > 0;
}

static bool is_loopback(struct text host)
{
    return text_is(host, "localhost") || text_is(host, "127.0.0.1") || text_is(host, "[::1]");
}

int issuer_check(const struct issuer *issuer, struct err *err)
{
    struct text authority, host;
    bool https, named = issuer->name.len > 0 && issuer->name.len <= 40;
    for (size_t i = 0; i < issuer->name.len && named; i++) {
        char c = issuer->name.base[i];
        named = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0);
    }
    if (!named)
        return err_set(err, ERR_UNPROCESSABLE, "bad_issuer",
                       "An issuer's name is made of a to z, 0 to 9 and dashes.");
    if (issuer->url.len == 0 || issuer->url.len > 300 || !text_is_printable(issuer->url) ||
        text_has(issuer->url, ' ') || text_has(issuer->url, '?') || text_has(issuer->url, '#') ||
        text_has(issuer->url, '@') || !split_url(issuer->url, &https, &authority, &host))
        return err_set(err, ERR_UNPROCESSABLE, "bad_issuer",
                       "Give the issuer's address as in the claim iss of its tokens, such as "
                       "https://ci.example.org.");
    if (!https && !is_loopback(host))
        return err_set(err, ERR_UNPROCESSABLE, "bad_issuer",
                       "An issuer is reached by https, so that nobody else can give its keys.");
    return 0;
}

int issuer_by_name(struct db_conn *conn, struct pool *pool, struct text name, struct issuer *out,
                   struct err *err)
{
    static const char sql[] = "SELECT name, url FROM trust_issuer WHERE name = ?";
    if (db_get(conn, pool, err, sql, "s", "ss", name, &out->name, &out->url) == 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "issuer_not_found",
                   "The platform believes no issuer called \"%.*s\". An admin adds it: redhouse "
                   "issuer add %.*s.",
                   TEXT_ARG(text_sub(name, 0, 40)), TEXT_ARG(text_sub(name, 0, 40)));
}

int issuer_by_url(struct db_conn *conn, struct pool *pool, struct text url, struct issuer *out,
                  struct err *err)
{
    static const char sql[] = "SELECT name, url FROM trust_issuer WHERE url = ?";
    if (db_get(conn, pool, err, sql, "s", "ss", url, &out->name, &out->url) == 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "issuer_not_found",
                   "The platform does not believe the issuer \"%.*s\".",
                   TEXT_ARG(text_sub(url, 0, 100)));
}

static int get_json(struct issuers *issuers, struct pool *pool, struct text url, bool private_too,
                    struct text *body, struct err *err)
{
    struct fetch_header accept = {TEXT("accept"), TEXT("application/json")};
    struct fetch_request request = {.url = text_c(pool, url),
                                    .headers = &accept,
                                    .n_headers = 1,
                                    .deadline_ms = DEADLINE_MS,
                                    .max_bytes = MOST_BYTES,
                                    .refuse_private = !private_too};
    struct fetch_reply reply;
    struct err why;
    if (issuers->fetcher == NULL)
        return err_set(err, UNREACHABLE, "This server asks nobody outside.");
    if (fetch(issuers->fetcher, &request, pool, &reply, &why) != 0)
        return err_set(err, UNREACHABLE, "%s could not be read: %s", request.url, why.text);
    if (reply.status != 200)
        return err_set(err, UNREACHABLE, "%s answered with status %d.", request.url, reply.status);
    *body = reply.body;
    return 0;
}

/* The admin named the issuer's own host, which may be a private one; another host may not. */
static int find_jwks(struct issuers *issuers, struct pool *pool, const struct issuer *issuer,
                     struct text *jwks, struct err *err)
{
    struct text body, where = TEXT_NONE, said = TEXT_NONE, own, other, host;
    struct text base =
        text_ends(issuer->url, "/") ? text_sub(issuer->url, 0, issuer->url.len - 1) : issuer->url;
    struct json *doc;
    bool https, own_https;
    if (get_json(issuers, pool,
                 text_printf(pool, "%.*s/.well-known/openid-configuration", TEXT_ARG(base)), true,
                 &body, err) != 0)
        return -1;
    if (json_read(pool, body, 5000, &doc, err) != 0 ||
        json_want_text(doc, "issuer", &said, NULL) != 0 ||
        json_want_text(doc, "jwks_uri", &where, NULL) != 0 || !text_eq(said, issuer->url) ||
        where.len > 1000 || !split_url(issuer->url, &own_https, &own, &host) ||
        !split_url(where, &https, &other, &host) || (own_https && !https))
        return err_set(err, UNREACHABLE,
                       "%.*s does not describe itself as an issuer with that address.",
                       TEXT_ARG(text_sub(issuer->url, 0, 100)));
    return get_json(issuers, pool, where, text_eq(own, other), jwks, err);
}

/* Its place; the oldest is given up when all are taken. NULL: all are being asked for. */
static struct kept *place_of(struct issuers *issuers, struct text url)
{
    struct kept *place = NULL;
    for (int i = 0; i < ISSUERS_MOST; i++) {
        struct kept *k = &issuers->kept[i];
        if (k->url != NULL && text_is(url, k->url))
            return k;
        if (!k->asking && (place == NULL || k->fetched_at < place->fetched_at))
            place = k;
    }
    if (place == NULL)
        return NULL;
    free(place->url);
    free(place->jwks);
    *place = (struct kept){.url = xstrndup(url.base, url.len)};
    return place;
}

static bool is_usable(const struct kept *k)
{
    return k->jwks != NULL && clock_mono_ms() - k->fetched_at < STALE_MS;
}

/* Its place; when another call asks for what this one needs, what came of that. */
static struct kept *take(struct issuers *issuers, struct text url, bool anew)
{
    struct kept *k = place_of(issuers, url);
    while (k != NULL && k->asking && (anew || !is_usable(k))) {
        int64_t end = k->tried_at + WAIT_MS;
        struct timespec until = {end / 1000, end % 1000 * 1000000};
        if (pthread_cond_timedwait(&issuers->told, &issuers->lock, &until) != 0)
            break;
        k = place_of(issuers, url);
    }
    return k;
}

/* Lets others at the lock meanwhile. */
static int ask(struct issuers *issuers, struct pool *pool, const struct issuer *issuer,
               struct kept *k, struct err *err)
{
    struct text found;
    k->asking = true;
    k->tried_at = clock_mono_ms();
    pthread_mutex_unlock(&issuers->lock);
    int failed = find_jwks(issuers, pool, issuer, &found, err);
    pthread_mutex_lock(&issuers->lock);
    k->asking = false;
    if (failed == 0) {
        free(k->jwks);
        k->jwks = xstrndup(found.base, found.len);
        k->fetched_at = clock_mono_ms();
    }
    pthread_cond_broadcast(&issuers->told);
    return failed;
}

int issuer_keys(struct issuers *issuers, struct pool *pool, const struct issuer *issuer, bool anew,
                struct text *jwks, struct err *err)
{
    int failed = 0;
    pthread_mutex_lock(&issuers->lock);
    struct kept *k = take(issuers, issuer->url, anew);
    int64_t now = clock_mono_ms();
    bool due = k != NULL && !k->asking &&
               (k->jwks == NULL || anew || now - k->fetched_at > FRESH_MS) &&
               (k->tried_at == 0 || now - k->tried_at > AGAIN_MS);
    if (due)
        failed = ask(issuers, pool, issuer, k, err);
    else if (k == NULL || k->jwks == NULL)
        failed = err_set(err, UNREACHABLE,
                         "The issuer's keys could not be had a moment ago. Try again in a minute.");
    bool usable = k != NULL && is_usable(k);
    if (usable)
        *jwks = text_of(pool_strdup(pool, k->jwks));
    pthread_mutex_unlock(&issuers->lock);
    if (usable)
        return 0;
    return failed != 0 ? -1 : err_set(err, UNREACHABLE, "The issuer's keys are too old.");
}
