#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/tar.h"
#include "registry/area.h"
#include "registry/offline/closure.h"
#include "registry/offline/offline.h"
#include "registry/uplink/trim.h"
#include "registry/uplink/uplinks.h"

#include <unistd.h>

#define MOST_INDEX ((size_t)64 << 20)

static bool is_wanted(void *arg, struct text version)
{
    const struct closure_package *p = arg;
    for (size_t i = 0; i < p->n; i++)
        if (p->all[i].here && text_eq(p->all[i].version, version))
            return true;
    return false;
}

static bool is_here(const struct closure_package *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->all[i].here)
            return true;
    return false;
}

/* Short names of our own: what packages are called is for the index alone. */
static const char *tarball_name(struct pool *pool, size_t package, size_t version)
{
    return pool_printf(pool, "tarballs/%zu-%zu.tgz", package, version);
}

static const char *document_name(struct pool *pool, size_t package)
{
    return pool_printf(pool, "documents/%zu.json", package);
}

static void put_package(struct closure *c, struct pool *pool, struct json_writer *w, size_t i,
                        struct pack_sums *sums)
{
    const struct closure_package *p = c->all[i];
    if (!is_here(p))
        return;
    sums->packages++;
    json_open(w);
    json_put_text(w, "name", p->name.full);
    json_put_str(w, "document", document_name(pool, i));
    json_key(w, "versions");
    json_open_array(w);
    for (size_t j = 0; j < p->n; j++) {
        if (!p->all[j].here)
            continue;
        json_open(w);
        json_put_text(w, "version", p->all[j].version);
        json_put_str(w, "tarball", tarball_name(pool, i, j));
        json_put_int(w, "bytes", (int64_t)p->all[j].bytes);
        json_close(w);
        sums->versions++;
        sums->bytes += (int64_t)p->all[j].bytes;
    }
    json_close_array(w);
    json_close(w);
}

static int write_index(struct closure *c, struct pool *pool, int fd, struct pack_sums *sums,
                       struct err *err)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, MOST_INDEX);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_int(&w, "format", BUNDLE_FORMAT);
    json_put_time(&w, "made_at", clock_wall_ms());
    json_key(&w, "packages");
    json_open_array(&w);
    for (size_t i = 0; i < c->n; i++)
        put_package(c, pool, &w, i, sums);
    json_close_array(&w);
    json_key(&w, "left_out");
    closure_put_notes(c, &w);
    json_close(&w);
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "too_large", "The bundle's index is too large.");
    return tar_file(fd, BUNDLE_INDEX, buf_view(&out), err);
}

static int copy(int from, int to, uint64_t bytes, struct err *err)
{
    char block[65536];
    while (bytes > 0) {
        ssize_t n = read(from, block, bytes < sizeof block ? (size_t)bytes : sizeof block);
        if (n <= 0)
            return err_errno(err, "A tarball cannot be read");
        if (file_write_all(to, block, (size_t)n, err) != 0)
            return -1;
        bytes -= (uint64_t)n;
    }
    return 0;
}

static int write_tarball(struct closure *c, int fd, size_t i, size_t j, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    const struct closure_package *p = c->all[i];
    const struct closure_version *v = &p->all[j];
    struct uplink_file file = {.fd = -1};
    struct text name =
        text_printf(pool, "%.*s-%.*s.tgz", TEXT_ARG(p->name.base), TEXT_ARG(v->version));
    if (uplinks_tarball(c->registry->uplinks, pool, &p->name, name, &file, err) != 0)
        return -1;
    auto_close int from = file.fd;
    if (file.bytes != v->bytes)
        return err_set(err, ERR_CONFLICT, "changed",
                       "%.*s changed meanwhile; make the bundle again.", TEXT_ARG(name));
    return tar_head(fd, tarball_name(pool, i, j), v->bytes, err) != 0 ||
                   copy(from, fd, v->bytes, err) != 0
               ? -1
               : tar_pad(fd, v->bytes, err);
}

static int write_package(struct closure *c, int fd, size_t i, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct closure_package *p = c->all[i];
    struct text doc;
    for (size_t j = 0; j < p->n; j++)
        if (p->all[j].here && write_tarball(c, fd, i, j, err) != 0)
            return -1;
    return trim_versions(pool, p->doc, is_wanted, p, &doc, err) != 0
               ? -1
               : tar_file(fd, document_name(pool, i), doc, err);
}

int pack_write(struct closure *c, struct pool *pool, int fd, struct pack_sums *sums,
               struct err *err)
{
    *sums = (struct pack_sums){0};
    if (write_index(c, pool, fd, sums, err) != 0)
        return -1;
    for (size_t i = 0; i < c->n; i++)
        if (is_here(c->all[i]) && write_package(c, fd, i, err) != 0)
            return -1;
    return tar_end(fd, err);
}
