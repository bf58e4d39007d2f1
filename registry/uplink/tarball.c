#include "core/blob.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/pool.h"
#include "registry/document.h"
#include "registry/pkgname.h"
#include "registry/uplink/body.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"

#include <fcntl.h>
#include <unistd.h>

#define DEADLINE_MS (10 * 60 * 1000)
#define TARBALL_MAX ((size_t)512 << 20)
#define MISSING_MS 60000
#define FAILED_MS 2000

static int not_found(struct text file, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "file_not_found", "There is no tarball \"%.*s\".",
                   TEXT_ARG(text_sub(file, 0, 120)));
}

/* 0 when it is here. */
static int open_kept(struct uplink *u, struct pool *pool, struct text name, struct text file,
                     struct uplink_file *out)
{
    static const char sql[] = "SELECT sha512 FROM uplink_tarball WHERE name = ? AND file = ?";
    struct text sum;
    struct blob_id id;
    auto_read struct db_read r = db_read(u->config.control, NULL);
    if (r.conn == NULL || db_get(r.conn, pool, NULL, sql, "ss", "b", name, file, &sum) != 0 ||
        sum.len != sizeof id.sha512)
        return -1;
    memcpy(id.sha512, sum.base, sizeof id.sha512);
    if (blob_open(u->config.blobs, &id, &out->fd, &out->bytes, NULL) != 0)
        return -1;
    out->etag = text_printf(pool, "\"%.*s\"", 32, blob_hex(pool, &id).base);
    return 0;
}

/* What the documents that are here say of a version. */
static bool find_dist(struct uplink *u, struct pool *pool, struct text name, struct text version,
                      struct uplink_dist *out)
{
    struct text doc;
    for (int form = PACKUMENT_FULL; form <= PACKUMENT_ABBREVIATED; form++)
        if (uplink_document(u, pool, name, (enum packument_form)form, &doc, NULL) == 0 &&
            uplink_body_dist(pool, doc, version, out))
            return true;
    return false;
}

static int learn_dist(struct uplink *u, struct pool *pool, const struct pkgname *name,
                      struct text file, struct uplink_dist *out, struct err *err)
{
    struct text version = packument_tarball_version(name, file);
    bool changed;
    if (version.base == NULL)
        return not_found(file, err);
    if (find_dist(u, pool, name->full, version, out))
        return 0;
    if (uplink_refresh(u, name->full, PACKUMENT_ABBREVIATED, &changed, err) != 0)
        return -1;
    return find_dist(u, pool, name->full, version, out) ? 0 : not_found(file, err);
}

/* Never leaves the uplink's own address: documents of a mirror may name the host it mirrors. */
static struct text tarball_url(struct uplink *u, struct pool *pool, const struct pkgname *name,
                               struct text given)
{
    size_t base = strlen(u->base);
    if (text_starts(given, u->base) && given.len > base && given.base[base] == '/')
        return given;
    size_t slash = given.len;
    while (slash > 0 && given.base[slash - 1] != '/')
        slash--;
    return text_printf(pool, "%s/%.*s/-/%.*s", u->base, TEXT_ARG(name->full),
                       TEXT_ARG(text_sub(given, slash, given.len)));
}

static int download(struct uplink *u, struct pool *pool, struct text url, int fd, uint64_t *bytes,
                    struct err *err)
{
    struct fetch_request request = {.url = text_c(pool, url),
                                    .deadline_ms = DEADLINE_MS,
                                    .max_bytes = TARBALL_MAX,
                                    .body_fd = fd,
                                    .max_redirects = 3};
    struct fetch_reply reply;
    if (fetch(u->config.fetcher, &request, pool, &reply, err) != 0)
        return -1;
    if (reply.status == 404 || reply.status == 410)
        return err_set(err, ERR_NOT_FOUND, "file_not_found",
                       "The uplink does not have this tarball.");
    if (reply.status != 200)
        return err_set(err, ERR_UPSTREAM, "upstream_status",
                       "The uplink answered %d for a tarball.", reply.status);
    *bytes = reply.body_bytes;
    return 0;
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

static int keep(struct uplink *u, struct text name, struct text file, struct text tarball,
                struct err *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO uplink_tarball (name, file, sha512, bytes, "
                              "fetched_at) VALUES (?, ?, ?, ?, ?)";
    struct blob_id id;
    auto_hold struct blobs *held = blobs_hold(u->config.blobs);
    if (blob_put(held, tarball, &id, err) != 0)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, u->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "ssbii", name, file, text_n(id.sha512, sizeof id.sha512),
              (int64_t)tarball.len, clock_wall_ms()) < 0)
        return -1;
    return db_commit(&tx, err);
}

static int fetch_tarball(struct uplink *u, const struct pkgname *name, struct text file,
                         struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct uplink_dist dist;
    struct text tarball;
    uint64_t bytes = 0;
    auto_close int fd = open(u->config.spool_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, "cannot make a temporary file in %s", u->config.spool_dir);
    if (learn_dist(u, pool, name, file, &dist, err) != 0 ||
        download(u, pool, tarball_url(u, pool, name, dist.tarball), fd, &bytes, err) != 0 ||
        uplink_map(pool, fd, bytes, &tarball, err) != 0 || verify(pool, tarball, &dist, err) != 0)
        return -1;
    return keep(u, name->full, file, tarball, err);
}

int uplink_tarball(struct uplink *uplink, struct pool *pool, const struct pkgname *name,
                   struct text file, struct uplink_file *out, struct err *err)
{
    struct text key = text_printf(pool, "%.*s tarball %.*s", TEXT_ARG(name->full), TEXT_ARG(file));
    bool waited = false;
    if (open_kept(uplink, pool, name->full, file, out) == 0)
        return 0;
    switch (flights_board(uplink->flights, key, DEADLINE_MS, &waited)) {
    case FLIGHT_YOURS:
        break;
    case FLIGHT_MISSING:
        return not_found(file, err);
    case FLIGHT_FRESH:
        return open_kept(uplink, pool, name->full, file, out) == 0 ? 0 : not_found(file, err);
    case FLIGHT_DOWN:
    case FLIGHT_NONE:
        return err_set(err, ERR_UPSTREAM, "upstream_unreachable",
                       "The uplink did not give this tarball a moment ago; try again soon.");
    }
    struct err why;
    if (fetch_tarball(uplink, name, file, &why) == 0) {
        flights_land(uplink->flights, key, FLIGHT_FRESH, clock_mono_ms() + FAILED_MS);
        return open_kept(uplink, pool, name->full, file, out) == 0 ? 0 : not_found(file, err);
    }
    bool missing = why.kind == ERR_NOT_FOUND;
    flights_land(uplink->flights, key, missing ? FLIGHT_MISSING : FLIGHT_DOWN,
                 clock_mono_ms() + (missing ? MISSING_MS : FAILED_MS));
    return err_set(err, why.kind, why.code, "%s", why.text);
}
