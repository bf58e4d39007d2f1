/*
 * A document that is PUT to a package: all of the funnel but its rows. What is accepted fits
 * together, and the documents that would be stored of it are JSON.
 */
#include "tests/fuzz/fuzz.h"

#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/document.h"
#include "registry/manifest.h"
#include "registry/semver.h"
#include "registry/versiondoc.h"

#include <stdlib.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_object(struct pool *pool, struct text text)
{
    struct json *doc;
    check(json_read(pool, text, JSON_MAX_NODES, &doc, NULL) == 0 && doc->type == JSON_OBJECT &&
          doc->count > 0 && text.base[0] == '{' && text.base[text.len - 1] == '}');
}

static void store(struct pool *pool, const struct document_publish *p)
{
    struct manifest m;
    unsigned char s512[SHA512_BYTES], s1[SHA1_BYTES];
    sha512(p->tarball, s512);
    sha1(p->tarball, s1);
    (void)document_check_promise(pool, p->integrity, p->shasum, s512, s1, NULL);
    if (manifest_read(pool, p->tarball, &m, NULL) != 0)
        memset(&m, 0, sizeof m);
    else
        check(m.name.len > 0 && text_starts(m.types, "["));
    struct versiondoc doc = {.name = &p->name,
                             .version = p->version,
                             .published = p->manifest,
                             .tarball = &m,
                             .publisher = TEXT("ada"),
                             .sha512_sum = s512,
                             .sha1_sum = s1};
    if (versiondoc_make(pool, &doc, NULL) != 0)
        return;
    check_object(pool, doc.manifest);
    check_object(pool, doc.abbreviated);
    check_object(pool, doc.dist);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();
    struct json *doc;
    struct pkgname name;
    struct document_publish p;
    struct semver v;
    struct text asked = TEXT_NONE;

    if (document_read(pool, text_n(data, size), &doc, NULL) != 0)
        return 0;
    (void)json_want_text(doc, "name", &asked, NULL);
    if (document_kind(doc) != DOCUMENT_PUBLISH || !pkgname_split(asked, &name) ||
        document_publish(pool, doc, &name, 1 << 20, &p, NULL) != 0)
        return 0;
    check(text_eq(p.name.full, asked) && semver_parse(p.version, &v) && p.tarball.len <= 1 << 20);
    json_each (tag, p.tags)
        check(!semver_is_range(tag->key));
    store(pool, &p);
    return 0;
}
