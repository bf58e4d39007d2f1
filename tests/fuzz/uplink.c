/*
 * A document of the uplink: what is read of it and what clients would get. A document that was JSON
 * stays JSON, and no tarball of it points elsewhere.
 */
#include "tests/fuzz/fuzz.h"

#include "core/json.h"
#include "core/pool.h"
#include "registry/pkgname.h"
#include "registry/uplink/body.h"

#include <stdlib.h>

#define BASE "http://localhost/npm"

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_tarballs(const struct json *doc)
{
    const struct json *versions = json_get(doc, "versions");
    json_each (version, versions) {
        const struct json *dist = json_get(version, "dist");
        const struct json *tarball = json_get(dist, "tarball");
        if (dist != NULL && dist->type == JSON_OBJECT)
            check(tarball != NULL && text_starts(tarball->text, BASE "/a/-/a-"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();
    struct text doc = text_n(data, size), body;
    struct pkgname name;
    struct uplink_dist dist;
    struct json *before, *after;

    check(pkgname_split(TEXT("a"), &name));
    (void)uplink_body_dist(pool, doc, TEXT("1.0.0"), &dist);
    (void)uplink_body_version(pool, BASE, &name, doc, TEXT("latest"), &body, NULL);
    if (uplink_body_check(doc, name.full, NULL) != 0 ||
        uplink_body(pool, BASE, &name, doc, &body, NULL) != 0 ||
        json_read(pool, doc, 100000, &before, NULL) != 0)
        return 0;
    check(json_read(pool, body, 200000, &after, NULL) == 0);
    check_tarballs(after);
    return 0;
}
