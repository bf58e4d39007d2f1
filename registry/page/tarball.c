#include "registry/page/tarball.h"

#include "core/blob.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/call.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/policy/serve.h"
#include "registry/semver.h"
#include "registry/uplink/uplinks.h"

#include <sys/mman.h>

static int not_there(const struct asked *a, struct text which, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "version_not_found", "There is no version %.*s of \"%.*s\".",
                   TEXT_ARG(text_sub(which, 0, 64)), TEXT_ARG(a->name.full));
}

static int map(int fd, uint64_t bytes, struct page_tarball *out, struct err *err)
{
    auto_close int file = fd;
    void *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0);

    if (p == MAP_FAILED)
        return err_errno(err, "a tarball cannot be read");
    out->bytes = text_n(p, bytes);
    return 0;
}

static int open_own(struct call *c, const struct asked *a, struct text which,
                    struct page_tarball *out, struct err *err)
{
    static const char sql[] =
        "SELECT v.id, v.version, v.sha512 FROM package_version AS v WHERE v.package = ?1"
        " AND v.version = coalesce((SELECT version FROM package_tag WHERE package = ?1 AND tag = "
        "?2), ?2)";
    const struct registry *registry = a->registry;
    struct blob_id id;
    struct text sha512;
    uint64_t bytes;
    int fd;
    auto_read struct db_read r = db_read(registry->config.control, err);

    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, c->pool, err, sql, "ss", "isb", a->name.full, which, &out->id, &out->version,
               &sha512) != 0)
        return err->kind == ERR_NOT_FOUND ? not_there(a, which, err) : -1;
    if (sha512.len != sizeof id.sha512)
        return not_there(a, which, err);
    memcpy(id.sha512, sha512.base, sizeof id.sha512);
    out->etag = text_sub(blob_hex(c->pool, &id), 0, 32);
    db_read_end(&r);
    if (serve_check(c, a, out->version, err) != 0 ||
        blob_open(registry->config.blobs, &id, &fd, &bytes, err) != 0)
        return -1;
    return map(fd, bytes, out, err);
}

/* A tag of a public package. */
static int find_tag(struct call *c, const struct asked *a, struct text which, struct text *version,
                    struct err *err)
{
    struct text doc;
    struct json *parsed;
    struct semver v;

    *version = which;
    if (uplinks_refresh(a->registry->uplinks, a->name.full, PACKUMENT_FULL, err) != 0)
        return -1;
    if (semver_parse(which, &v))
        return 0;
    if (uplinks_document(a->registry->uplinks, c->pool, a->name.full, PACKUMENT_FULL, &doc, err) !=
            0 ||
        json_read(c->pool, doc, JSON_MAX_NODES, &parsed, err) != 0)
        return -1;
    const struct json *tag = json_get_text(json_get(parsed, "dist-tags"), which);
    if (tag == NULL || tag->type != JSON_STRING)
        return not_there(a, which, err);
    *version = tag->text;
    return 0;
}

static int open_public(struct call *c, const struct asked *a, struct text which,
                       struct page_tarball *out, struct err *err)
{
    struct uplink_file file = {.fd = -1};

    if (find_tag(c, a, which, &out->version, err) != 0 || serve_check(c, a, out->version, err) != 0)
        return -1;
    struct text name =
        text_printf(c->pool, "%.*s-%.*s.tgz", TEXT_ARG(a->name.base), TEXT_ARG(out->version));
    if (uplinks_tarball(a->registry->uplinks, c->pool, &a->name, name, &file, err) != 0)
        return err->kind == ERR_NOT_FOUND ? not_there(a, which, err) : -1;
    out->etag = text_sub(file.etag, 1, file.etag.len - 2);
    return map(file.fd, file.bytes, out, err);
}

int page_tarball_open(struct call *c, const struct asked *a, struct text which,
                      struct page_tarball *out, struct err *err)
{
    return a->origin.kind == ORIGIN_PUBLIC ? open_public(c, a, which, out, err)
                                           : open_own(c, a, which, out, err);
}

void page_tarball_close(struct page_tarball *t)
{
    if (t->bytes.base != NULL)
        munmap((void *)(uintptr_t)t->bytes.base, t->bytes.len);
    t->bytes = TEXT_NONE;
}
