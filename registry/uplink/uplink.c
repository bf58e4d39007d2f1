#include "registry/uplink/uplink.h"

#include "core/blob.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/pool.h"
#include "registry/pkgname.h"
#include "registry/uplink/body.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define DOCUMENT_DEADLINE_MS 60000
#define MISSING_MS 60000 /* how long a 404 is remembered */
#define DOWN_MS 10000    /* how long an uplink that failed is left alone */

static const char *const form_names[] = {
    [PACKUMENT_FULL] = "full", [PACKUMENT_ABBREVIATED] = "abbreviated"};

struct uplink *uplink_open(const struct uplink_config *config)
{
    struct uplink *u = xcalloc(1, sizeof *u);
    size_t len = strlen(config->url);
    while (len > 0 && config->url[len - 1] == '/')
        len--;
    u->config = *config;
    u->config.spool_dir = xstrdup(config->spool_dir);
    u->base = xstrndup(config->url, len);
    u->flights = flights_new();
    return u;
}

void uplink_close(struct uplink *uplink)
{
    if (uplink == NULL)
        return;
    flights_free(uplink->flights);
    free((char *)(uintptr_t)uplink->config.spool_dir);
    free(uplink->base);
    free(uplink);
}

static struct text document_key(struct pool *pool, struct text name, enum packument_form form)
{
    return text_printf(pool, "%.*s %s", TEXT_ARG(name), form_names[form]);
}

bool uplink_is_fresh(struct uplink *uplink, struct text name, enum packument_form form)
{
    char key[PKGNAME_MAX + 16];
    int n = snprintf(key, sizeof key, "%.*s %s", TEXT_ARG(name), form_names[form]);
    return flights_look(uplink->flights, text_n(key, (size_t)n), clock_mono_ms()) == FLIGHT_FRESH;
}

/* What is stored of a document. */
struct stored {
    struct text etag, sha512;
};

static bool find_stored(struct uplink *u, struct pool *pool, struct text name,
                        enum packument_form form, struct stored *out)
{
    static const char sql[] =
        "SELECT etag, sha512 FROM uplink_document WHERE name = ? AND form = ?";
    auto_read struct db_read r = db_read(u->config.control, NULL);
    return r.conn != NULL && db_get(r.conn, pool, NULL, sql, "sz", "sb", name, form_names[form],
                                    &out->etag, &out->sha512) == 0;
}

static struct text document_url(struct uplink *u, struct pool *pool, struct text name)
{
    struct pkgname n;
    if (pkgname_split(name, &n) && n.scope.len > 0)
        return text_printf(pool, "%s/@%.*s%%2f%.*s", u->base, TEXT_ARG(n.scope), TEXT_ARG(n.base));
    return text_printf(pool, "%s/%.*s", u->base, TEXT_ARG(name));
}

static int ask_document(struct uplink *u, struct pool *pool, struct text name,
                        enum packument_form form, struct text etag, struct fetch_reply *reply,
                        struct err *err)
{
    struct fetch_header headers[2] = {
        {TEXT("accept"), form == PACKUMENT_FULL
                             ? TEXT(MIME_JSON)
                             : TEXT(MIME_ABBREVIATED "; q=1.0, " MIME_JSON "; q=0.8, */*")},
        {TEXT("if-none-match"), etag}};
    struct fetch_request request = {.url = document_url(u, pool, name).base,
                                    .headers = headers,
                                    .n_headers = etag.len > 0 ? 2 : 1,
                                    .deadline_ms = DOCUMENT_DEADLINE_MS,
                                    .max_bytes = PACKUMENT_MAX,
                                    .max_redirects = 3};
    return fetch(u->config.fetcher, &request, pool, reply, err);
}

static int store_document(struct uplink *u, struct text name, enum packument_form form,
                          const struct fetch_reply *reply, struct blob_id *id, struct err *err)
{
    static const char sql[] =
        "INSERT INTO uplink_document (name, form, etag, sha512, bytes, fetched_at) VALUES (?, ?, "
        "?, ?, ?, ?) "
        "ON CONFLICT (name, form) DO UPDATE SET etag = excluded.etag, sha512 = excluded.sha512, "
        "bytes = excluded.bytes, fetched_at = excluded.fetched_at";
    auto_hold struct blobs *held = blobs_hold(u->config.blobs);
    if (blob_put(held, reply->body, id, err) != 0)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, u->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "szsbii", name, form_names[form], fetch_header(reply, "etag"),
              text_n(id->sha512, sizeof id->sha512), (int64_t)reply->body.len, clock_wall_ms()) < 0)
        return -1;
    return db_commit(&tx, err);
}

/* The bytes of the document before it go when nobody else needs them. */
static int keep_document(struct uplink *u, struct pool *pool, struct text name,
                         enum packument_form form, const struct fetch_reply *reply, struct err *err)
{
    struct blob_id id, before;
    struct stored old = {TEXT_NONE, TEXT_NONE};
    if (uplink_body_check(reply->body, name, err) != 0)
        return -1;
    bool had = find_stored(u, pool, name, form, &old) && old.sha512.len == sizeof before.sha512;
    if (store_document(u, name, form, reply, &id, err) != 0)
        return -1;
    if (had && memcmp(old.sha512.base, id.sha512, sizeof id.sha512) != 0) {
        memcpy(before.sha512, old.sha512.base, sizeof before.sha512);
        (void)blob_remove(u->config.blobs, &before, NULL);
    }
    return 0;
}

static int not_found(struct text name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "package_not_found", "There is no package \"%.*s\".",
                   TEXT_ARG(name));
}

/* Nothing came. What is here goes on being served for a short while. */
static int when_down(struct uplink *u, struct text key, bool had, struct text name, struct err *err)
{
    if (had) {
        flights_land(u->flights, key, FLIGHT_FRESH, clock_mono_ms() + DOWN_MS);
        return 0;
    }
    flights_land(u->flights, key, FLIGHT_DOWN, clock_mono_ms() + DOWN_MS);
    return err_set(err, ERR_UPSTREAM, "upstream_unreachable",
                   "The uplink does not answer, and \"%.*s\" was never fetched before.",
                   TEXT_ARG(name));
}

static int fetch_document(struct uplink *u, struct pool *pool, struct text name,
                          enum packument_form form, bool *changed, struct err *err)
{
    struct text key = document_key(pool, name, form);
    struct stored old = {TEXT_NONE, TEXT_NONE};
    struct fetch_reply reply;
    bool had = find_stored(u, pool, name, form, &old);
    int64_t fresh_until = clock_mono_ms() + u->config.fresh_ms;
    if (ask_document(u, pool, name, form, old.etag, &reply, err) != 0 || reply.status >= 500 ||
        reply.status == 429 || reply.status == 408)
        return when_down(u, key, had, name, err);
    if (reply.status == 304 && had) {
        flights_land(u->flights, key, FLIGHT_FRESH, fresh_until);
        return 0;
    }
    if (reply.status != 200) {
        flights_land(u->flights, key, FLIGHT_MISSING, clock_mono_ms() + MISSING_MS);
        return not_found(name, err);
    }
    if (keep_document(u, pool, name, form, &reply, err) != 0) {
        flights_land(u->flights, key, FLIGHT_DOWN, clock_mono_ms() + DOWN_MS);
        return -1;
    }
    *changed = true;
    flights_land(u->flights, key, FLIGHT_FRESH, fresh_until);
    return 0;
}

int uplink_refresh(struct uplink *uplink, struct text name, enum packument_form form, bool *changed,
                   struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct text key = document_key(pool, name, form);
    *changed = false;
    switch (flights_board(uplink->flights, key, DOCUMENT_DEADLINE_MS, changed)) {
    case FLIGHT_YOURS:
        return fetch_document(uplink, pool, name, form, changed, err);
    case FLIGHT_FRESH:
        return 0;
    case FLIGHT_MISSING:
        return not_found(name, err);
    case FLIGHT_DOWN:
    case FLIGHT_NONE:
        break;
    }
    return err_set(err, ERR_UPSTREAM, "upstream_unreachable",
                   "The uplink did not answer a moment ago; try again soon.");
}

static void unmap(void *arg)
{
    struct text *t = arg;
    munmap((void *)(uintptr_t)t->base, t->len);
}

int uplink_map(struct pool *pool, int fd, uint64_t bytes, struct text *out, struct err *err)
{
    struct text *t = pool_alloc(pool, sizeof *t);
    *t = TEXT("");
    if (bytes > 0) {
        void *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            return err_errno(err, "cannot map a file");
        *t = text_n(p, bytes);
        pool_defer(pool, unmap, t);
    }
    *out = *t;
    return 0;
}

int uplink_document(struct uplink *uplink, struct pool *pool, struct text name,
                    enum packument_form form, struct text *doc, struct err *err)
{
    struct stored stored;
    struct blob_id id;
    uint64_t bytes;
    auto_close int fd = -1;
    /* A second look: the blob goes when a newer document takes its place. */
    for (int i = 0; i < 2 && fd < 0; i++) {
        if (!find_stored(uplink, pool, name, form, &stored) ||
            stored.sha512.len != sizeof id.sha512)
            return not_found(name, err);
        memcpy(id.sha512, stored.sha512.base, sizeof id.sha512);
        if (blob_open(uplink->config.blobs, &id, &fd, &bytes, err) != 0 && i == 1)
            return -1;
    }
    return uplink_map(pool, fd, bytes, doc, err);
}

void uplink_forget(struct uplink *uplink, struct text name)
{
    auto_pool struct pool *pool = pool_new();
    for (int form = PACKUMENT_FULL; form <= PACKUMENT_ABBREVIATED; form++)
        flights_forget(uplink->flights, document_key(pool, name, (enum packument_form)form));
}
