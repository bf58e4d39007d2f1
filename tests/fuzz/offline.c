/*
 * A bundle's file, a list of what somebody wants, and a document that is cut down. A document that
 * was JSON stays JSON; what a list names are names; a tar's files lie in it.
 */
#include "tests/fuzz/fuzz.h"

#include "core/json.h"
#include "core/pool.h"
#include "core/tar.h"
#include "registry/offline/want.h"
#include "registry/pkgname.h"
#include "registry/uplink/trim.h"

#include <stdlib.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool is_odd(void *arg, struct text version)
{
    return version.len % 2 == 1;
}

static void walk_tar(struct text in)
{
    struct tar t;
    tar_init(&t, in);
    while (tar_next(&t, NULL) == 1) {
        check(t.content.base >= in.base && t.content.base + t.content.len <= in.base + in.len);
        check(t.name.len > 0 && t.name.len <= TAR_NAME_MAX && !text_starts(t.name, "/"));
    }
}

static void read_list(struct pool *pool, struct text in)
{
    struct wants wants;
    struct pkgname name;
    size_t elsewhere;
    if (want_read(pool, in, &wants, &elsewhere, NULL) != 0)
        return;
    check(wants.n > 0 && wants.n <= WANTS_MOST);
    for (size_t i = 0; i < wants.n; i++)
        check(pkgname_split(wants.all[i].name, &name) && !want_is_elsewhere(wants.all[i].range));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();
    struct text in = text_n(data, size), out;
    struct json *doc;
    walk_tar(in);
    read_list(pool, in);
    bool good = json_read(pool, in, 100000, &doc, NULL) == 0 && doc->type == JSON_OBJECT;
    if (trim_abbreviate(pool, in, &out, NULL) == 0 && good)
        (void)json_read(pool, out, 200000, &doc, NULL);
    if (trim_versions(pool, in, is_odd, NULL, &out, NULL) == 0 && good &&
        trim_merge(pool, out, in, &out, NULL) == 0)
        (void)json_read(pool, out, 200000, &doc, NULL);
    return 0;
}
