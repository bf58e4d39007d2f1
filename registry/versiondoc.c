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
                                      "bundleDependencies",
                                      "bundledDependencies",
                                      NULL};

/* What decides what is installed and run: taken from the package.json in the tarball, whatever the
 * client's document says of it, so that who reads the document sees what will happen. */
static const struct {
    const char *key;
    bool list;  /* a list, or a word; else an object */
    bool brief; /* in the abbreviated form too */
} truths[] = {
    {"dependencies", false, true},
    {"acceptDependencies", false, true},
    {"optionalDependencies", false, true},
    {"devDependencies", false, true},
    {"peerDependencies", false, true},
    {"peerDependenciesMeta", false, true},
    {"engines", false, true},
    {"cpu", true, true},
    {"os", true, true},
    {"libc", true, true},
    {"scripts", false, false},
};
#define N_TRUTHS (sizeof truths / sizeof truths[0])

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

static bool is_truth(struct text key)
{
    for (size_t i = 0; i < N_TRUTHS; i++)
        if (text_is(key, truths[i].key))
            return true;
    return false;
}

/* A member of the wrong kind means nothing to the clients that we know and is left out. */
static void put_truths(struct json_writer *w, const struct versiondoc *doc, bool all)
{
    for (size_t i = 0; i < N_TRUTHS; i++) {
        const struct json *node = json_get(doc->tarball->doc, truths[i].key);
        if (node == NULL || (!all && !truths[i].brief))
            continue;
        if (truths[i].list ? node->type == JSON_ARRAY || node->type == JSON_STRING
                           : node->type == JSON_OBJECT)
            put_raw(w, truths[i].key, node);
    }
}

/* Names of packages; true means all dependencies. */
static void put_bundled(struct json_writer *w, const struct json *package_json)
{
    const struct json *bundled = json_get(package_json, "bundleDependencies");
    if (bundled == NULL)
        bundled = json_get(package_json, "bundledDependencies");
    if (bundled != NULL && bundled->type == JSON_BOOL)
        bundled = bundled->boolean ? json_get(package_json, "dependencies") : NULL;
    if (bundled == NULL || (bundled->type != JSON_ARRAY && bundled->type != JSON_OBJECT))
        return;
    json_key(w, "bundleDependencies");
    json_open_array(w);
    json_each (name, bundled)
        if (bundled->type == JSON_OBJECT)
            json_text(w, name->key);
        else if (name->type == JSON_STRING)
            json_text(w, name->text);
    json_close_array(w);
}

static void put_common(struct json_writer *w, const struct versiondoc *doc)
{
    const struct manifest *tarball = doc->tarball;
    if (tarball->commands.base != NULL) {
        json_key(w, "bin");
        json_raw(w, tarball->commands);
    }
    put_raw(w, "directories", json_get(tarball->doc, "directories"));
    put_bundled(w, tarball->doc);
    json_put_bool(w, "_hasShrinkwrap", tarball->shrinkwrap);
    if (tarball->install_script)
        json_put_bool(w, "hasInstallScript", true);
}

static void put_manifest(struct pool *pool, struct json_writer *w, const struct versiondoc *doc)
{
    json_open(w);
    json_each (member, doc->published) {
        if (listed(omitted, member->key) || is_truth(member->key))
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
    if (doc->trusted) {
        json_key(w, "trustedPublisher");
        json_open(w);
        json_put_text(w, "id", doc->publisher);
        json_close(w);
    }
    json_close(w);
    put_truths(w, doc, true);
    put_common(w, doc);
    json_close(w);
}

static void put_abbreviated(struct json_writer *w, const struct versiondoc *doc)
{
    json_open(w);
    json_put_text(w, "name", doc->name->full);
    json_put_text(w, "version", doc->version);
    put_raw(w, "funding", json_get(doc->published, "funding"));
    put_truths(w, doc, false);
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
