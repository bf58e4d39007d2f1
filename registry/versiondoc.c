#include "registry/versiondoc.h"

#include "core/codec.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/manifest.h"
#include "registry/pkgname.h"

#define MAX_MANIFEST ((size_t)2 << 20)

/* Ours to say, or shown elsewhere. */
static const char *const omitted[] = {"_id",
                                      "_npmUser",
                                      "_rev",
                                      "_attachments",
                                      "maintainers",
                                      "dist",
                                      "deprecated",
                                      "readme",
                                      "hasInstallScript",
                                      "_hasShrinkwrap",
                                      "_resolved",
                                      "_integrity",
                                      "_from",
                                      "bin",
                                      "_npmOperationalInternal",
                                      "signatures",
                                      "directories",
                                      "bundledDependencies",
                                      NULL};

/* Members of the abbreviated form that are copied as they are. */
static const char *const kept[] = {"dependencies",
                                   "acceptDependencies",
                                   "optionalDependencies",
                                   "devDependencies",
                                   "bundleDependencies",
                                   "peerDependencies",
                                   "peerDependenciesMeta",
                                   "engines",
                                   "funding",
                                   "cpu",
                                   "os",
                                   "libc",
                                   NULL};

static bool listed(const char *const *list, struct text key)
{
    for (; *list != NULL; list++)
        if (text_is(key, *list))
            return true;
    return false;
}

static void put_raw(struct json_writer *w, const char *key, const struct json *node)
{
    if (node == NULL)
        return;
    json_key(w, key);
    json_raw(w, node->raw);
}

/* "bin": "cli.js" means a command called like the package. */
static void put_bin(struct json_writer *w, const struct versiondoc *doc)
{
    const struct json *bin = json_get(doc->published, "bin");
    if (bin == NULL || bin->type != JSON_STRING) {
        put_raw(w, "bin", bin);
        return;
    }
    json_key(w, "bin");
    json_open(w);
    json_key_text(w, doc->name->base);
    json_raw(w, bin->raw);
    json_close(w);
}

static void put_common(struct json_writer *w, const struct versiondoc *doc)
{
    put_bin(w, doc);
    put_raw(w, "directories", json_get(doc->published, "directories"));
    if (json_get(doc->published, "bundleDependencies") == NULL)
        put_raw(w, "bundleDependencies", json_get(doc->published, "bundledDependencies"));
    json_put_bool(w, "_hasShrinkwrap", doc->tarball->shrinkwrap);
    if (doc->tarball->install_script)
        json_put_bool(w, "hasInstallScript", true);
}

static void put_manifest(struct pool *pool, struct json_writer *w, const struct versiondoc *doc)
{
    json_open(w);
    json_each (member, doc->published) {
        if (listed(omitted, member->key))
            continue;
        json_key_text(w, member->key);
        json_raw(w, member->raw);
    }
    json_put_text(
        w, "_id",
        text_printf(pool, "%.*s@%.*s", TEXT_ARG(doc->name->full), TEXT_ARG(doc->version)));
    json_key(w, "_npmUser");
    json_open(w);
    json_put_text(w, "name", doc->publisher);
    json_put_str(w, "email", "");
    json_close(w);
    put_common(w, doc);
    json_close(w);
}

static void put_abbreviated(struct json_writer *w, const struct versiondoc *doc)
{
    json_open(w);
    json_put_text(w, "name", doc->name->full);
    json_put_text(w, "version", doc->version);
    for (const char *const *key = kept; *key != NULL; key++)
        put_raw(w, *key, json_get(doc->published, *key));
    put_common(w, doc);
    json_close(w);
}

static void put_dist(struct pool *pool, struct json_writer *w, const struct versiondoc *doc)
{
    struct text b64 = b64_encode(pool, doc->sha512_sum, SHA512_BYTES);
    json_open(w);
    json_put_text(w, "integrity", text_printf(pool, "sha512-%.*s", TEXT_ARG(b64)));
    json_put_text(w, "shasum", hex_encode(pool, doc->sha1_sum, SHA1_BYTES));
    json_put_int(w, "fileCount", (int64_t)doc->tarball->files);
    json_put_int(w, "unpackedSize", (int64_t)doc->tarball->unpacked_bytes);
    json_close(w);
}

int versiondoc_make(struct pool *pool, struct versiondoc *doc, struct err *err)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, MAX_MANIFEST);
    json_writer_init(&w, &out);
    put_manifest(pool, &w, doc);
    if (buf_failed(&out))
        return err_set(err, ERR_UNPROCESSABLE, "bad_manifest",
                       "The manifest is larger than %zu bytes.", MAX_MANIFEST);
    doc->manifest = buf_take(&out, pool);
    json_writer_init(&w, &out);
    put_abbreviated(&w, doc);
    doc->abbreviated = buf_take(&out, pool);
    json_writer_init(&w, &out);
    put_dist(pool, &w, doc);
    doc->dist = buf_take(&out, pool);
    return 0;
}
