#include "core/blob.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "core/url.h"
#include "registry/document.h"
#include "registry/pkgname.h"
#include "registry/uplink/body.h"
#include "registry/uplink/download.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"
#include "registry/uplink/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DEADLINE_MS (10 * 60 * 1000)
#define MISSING_MS 60000
#define FAILED_MS 2000

static int not_found(struct text file, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "file_not_found", "There is no tarball \"%.*s\".",
                   TEXT_ARG(text_sub(file, 0, 120)));
}

/* 0 when it is here. */
static int open_kept(struct uplinks *us, struct pool *pool, const struct uplink *u,
                     struct text name, struct text file, struct uplink_file *out)
{
    struct stored stored;
    if (!store_find_tarball(us, pool, u->name, name, file, &stored) ||
        blob_open(us->config.blobs, &stored.id, &out->fd, &out->bytes, NULL) != 0)
        return -1;
    out->etag = text_printf(pool, "\"%.*s\"", 32, blob_hex(pool, &stored.id).base);
    return 0;
}

/* What the documents that are here say of a version. */
static bool find_dist(struct uplinks *us, struct pool *pool, struct text name, struct text version,
                      struct uplink_dist *out)
{
    struct text doc;
    for (int form = PACKUMENT_FULL; form <= PACKUMENT_ABBREVIATED; form++)
        if (uplinks_document(us, pool, name, (enum packument_form)form, &doc, NULL) == 0 &&
            uplink_body_dist(pool, doc, version, out))
            return true;
    return false;
}

static int learn_dist(struct uplinks *us, struct pool *pool, const struct pkgname *name,
                      struct text file, struct uplink_dist *out, struct err *err)
{
    struct text version = packument_tarball_version(name, file);
    if (version.base == NULL)
        return not_found(file, err);
    if (find_dist(us, pool, name->full, version, out))
        return 0;
    if (uplinks_refresh(us, name->full, PACKUMENT_ABBREVIATED, err) != 0)
        return -1;
    return find_dist(us, pool, name->full, version, out) ? 0 : not_found(file, err);
}

/* Leaves the uplink's own origin for its hosts alone: documents of a mirror may name the host it
 * mirrors, and then the mirror has it in the usual place. */
static const char *tarball_url(const struct uplink *u, struct pool *pool,
                               const struct pkgname *name, struct text given)
{
    const char *url = text_c(pool, given), *origin;
    if (url_origin(pool, url, &origin, NULL) == 0 && uplink_allows(u, origin))
        return url;
    size_t slash = given.len;
    while (slash > 0 && given.base[slash - 1] != '/')
        slash--;
    struct text file = text_sub(given, slash, given.len);
    size_t end = 0;
    while (end < file.len && file.base[end] != '?' && file.base[end] != '#')
        end++;
    return pool_printf(pool, "%s/%.*s/-/%.*s", u->url, TEXT_ARG(name->full), (int)end, file.base);
}

static int verify(struct pool *pool, struct text tarball, const struct uplink_dist *dist,
                  struct err *err)
{
    unsigned char sha512_sum[SHA512_BYTES], sha1_sum[SHA1_BYTES];
    sha512(tarball, sha512_sum);
    sha1(tarball, sha1_sum);
    if (document_check_promise(pool, dist->integrity, dist->shasum, sha512_sum, sha1_sum, NULL) !=
        0)
        return err_set(err, ERR_UPSTREAM, "bad_integrity",
                       "The uplink's tarball is not the one that its document promises.");
    return 0;
}

/* One download, whole and verified. */
static int get_once(struct uplinks *us, const struct uplink *u, struct pool *pool,
                    struct uplink_download *d, const struct uplink_dist *dist, struct err *err)
{
    struct text tarball;
    if (uplink_download(us, u, pool, d, err) != 0 ||
        uplink_map(pool, d->fd, d->bytes, &tarball, err) != 0 ||
        verify(pool, tarball, dist, err) != 0)
        return -1;
    d->body = tarball;
    return 0;
}

static int fetch_tarball(struct uplinks *us, const struct uplink *u, const struct pkgname *name,
                         struct text file, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct uplink_dist dist;
    struct err why = {0};
    if (uplink_is_offline(u, file, err) || learn_dist(us, pool, name, file, &dist, err) != 0)
        return -1;
    auto_close int fd = open(us->config.spool_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, "cannot make a temporary file in %s", us->config.spool_dir);
    struct uplink_download d = {.url = tarball_url(u, pool, name, dist.tarball),
                                .fd = fd,
                                .deadline_at = clock_mono_ms() + DEADLINE_MS};
    int failed = get_once(us, u, pool, &d, &dist, &why);
    /* Pieces of two files may have met: once more in one go. */
    if (failed != 0 && d.resumed && why.code != NULL && strcmp(why.code, "bad_integrity") == 0) {
        d = (struct uplink_download){.url = d.url, .fd = fd, .deadline_at = d.deadline_at};
        failed = get_once(us, u, pool, &d, &dist, &why);
    }
    if (failed != 0)
        return err_set(err, why.kind, why.code, "%s", why.text);
    return store_put_tarball(us, u->name, name->full, file, d.body, false, err);
}

static int get(struct uplinks *us, const struct uplink *u, struct pool *pool,
               const struct pkgname *name, struct text file, struct uplink_file *out,
               struct err *err)
{
    struct text key = text_printf(pool, "%.*s tarball %.*s", TEXT_ARG(name->full), TEXT_ARG(file));
    bool waited = false;
    if (open_kept(us, pool, u, name->full, file, out) == 0) {
        flights_use(us->flights, key);
        return 0;
    }
    switch (flights_board(us->flights, key, DEADLINE_MS, &waited)) {
    case FLIGHT_YOURS:
        break;
    case FLIGHT_MISSING:
        return not_found(file, err);
    case FLIGHT_FRESH:
    case FLIGHT_STALE:
        return open_kept(us, pool, u, name->full, file, out) == 0 ? 0 : not_found(file, err);
    case FLIGHT_DOWN:
    case FLIGHT_NONE:
        return err_set(err, ERR_UPSTREAM, "upstream_unreachable",
                       "The uplink did not give this tarball a moment ago; try again soon.");
    }
    struct err why;
    if (fetch_tarball(us, u, name, file, &why) == 0) {
        flights_land(us->flights, key, FLIGHT_FRESH, clock_mono_ms() + FAILED_MS, 0);
        return open_kept(us, pool, u, name->full, file, out) == 0 ? 0 : not_found(file, err);
    }
    bool here = why.code != NULL &&
                (strcmp(why.code, "offline") == 0 || strcmp(why.code, "name_blocked") == 0);
    bool missing = why.kind == ERR_NOT_FOUND;
    flights_land(us->flights, key,
                 here      ? FLIGHT_NONE
                 : missing ? FLIGHT_MISSING
                           : FLIGHT_DOWN,
                 clock_mono_ms() + (missing ? MISSING_MS : FAILED_MS), 0);
    return err_set(err, why.kind, why.code, "%s", why.text);
}

int uplinks_tarball(struct uplinks *uplinks, struct pool *pool, const struct pkgname *name,
                    struct text file, struct uplink_file *out, struct err *err)
{
    struct uplink_table *table = uplinks_table(uplinks);
    const struct uplink *u;
    int failed = uplink_choose(table, name->full, &u, err) != 0 ||
                 get(uplinks, u, pool, name, file, out, err) != 0;
    snapshot_drop(&table->base);
    return failed ? -1 : 0;
}

void uplinks_used(struct uplinks *uplinks, struct text name, struct text file)
{
    char key[2 * PKGNAME_MAX + 300];
    int n = snprintf(key, sizeof key, "%.*s tarball %.*s", TEXT_ARG(name), TEXT_ARG(file));
    if ((size_t)n < sizeof key)
        flights_use(uplinks->flights, text_n(key, (size_t)n));
}
