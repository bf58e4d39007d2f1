#include "registry/document.h"

#include "core/codec.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/semver.h"

#define MAX_README ((size_t)1 << 18)
#define MAX_TAGS 50
#define BAD ERR_UNPROCESSABLE, "bad_document"

/* A client that merges objects key by key would set a prototype by it. */
static bool has_proto(const struct json *node, unsigned levels)
{
    if (levels == 0 || node == NULL)
        return false;
    json_each (child, node)
        if (text_is(child->key, "__proto__") || has_proto(child, levels - 1))
            return true;
    return false;
}

int document_read(struct pool *pool, struct text body, struct json **out, struct err *err)
{
    if (json_read(pool, body, JSON_MAX_NODES, out, err) != 0)
        return -1;
    if ((*out)->type != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "bad_json", "A package document is a JSON object.");
    if (has_proto(*out, 6))
        return err_set(err, BAD, "A package document must not have a key \"__proto__\".");
    return 0;
}

static const struct json *get_object(const struct json *doc, const char *key)
{
    const struct json *node = json_get(doc, key);
    return node != NULL && node->type == JSON_OBJECT ? node : NULL;
}

enum document_kind document_kind(const struct json *doc)
{
    const struct json *attachments = get_object(doc, "_attachments");
    if (attachments != NULL && attachments->count > 0)
        return DOCUMENT_PUBLISH;
    if (get_object(doc, "versions") != NULL)
        return DOCUMENT_VERSIONS;
    if (json_get(doc, "maintainers") != NULL)
        return DOCUMENT_OWNERS;
    return json_get(doc, "users") != NULL ? DOCUMENT_STARS : DOCUMENT_OTHER;
}

static int check_names(const struct json *doc, struct document_publish *p, struct err *err)
{
    struct text name = TEXT_NONE, id = TEXT_NONE;
    if (json_need_text(doc, "name", &name, err) != 0 || json_want_text(doc, "_id", &id, err) != 0)
        return -1;
    if (!text_eq(name, p->name.full) || (id.base != NULL && !text_eq(id, p->name.full)))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_name",
                       "The document is called \"%.*s\" but was sent to \"%.*s\".",
                       TEXT_ARG(text_sub(name, 0, 80)), TEXT_ARG(p->name.full));
    return 0;
}

static int check_manifest(struct pool *pool, const struct json *doc, struct document_publish *p,
                          struct err *err)
{
    const struct json *versions = get_object(doc, "versions");
    struct text name = TEXT_NONE, version = TEXT_NONE, id = TEXT_NONE;
    struct semver v;
    if (versions == NULL || versions->count != 1 || versions->child->type != JSON_OBJECT)
        return err_set(err, BAD, "A publish carries exactly one version.");
    p->manifest = versions->child;
    p->version = p->manifest->key;
    if (!semver_parse(p->version, &v) || v.build.len > 0)
        return err_set(err, ERR_UNPROCESSABLE, "bad_version",
                       "\"%.*s\" is no version such as 1.2.3 or 1.2.3-beta.1.",
                       TEXT_ARG(text_sub(p->version, 0, 80)));
    if (json_need_text(p->manifest, "version", &version, err) != 0 ||
        json_need_text(p->manifest, "name", &name, err) != 0 ||
        json_want_text(p->manifest, "_id", &id, err) != 0)
        return -1;
    if (!text_eq(version, p->version))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_version",
                       "The manifest under %.*s says that it is version %.*s.",
                       TEXT_ARG(p->version), TEXT_ARG(text_sub(version, 0, 80)));
    struct text want = text_printf(pool, "%.*s@%.*s", TEXT_ARG(p->name.full), TEXT_ARG(p->version));
    if (!text_eq(name, p->name.full) || (id.base != NULL && !text_eq(id, want)))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_name",
                       "The manifest is of \"%.*s\" but was sent to \"%.*s\".",
                       TEXT_ARG(text_sub(name, 0, 80)), TEXT_ARG(p->name.full));
    return 0;
}

static int check_tags(const struct json *doc, struct document_publish *p, struct err *err)
{
    p->tags = get_object(doc, "dist-tags");
    if (p->tags != NULL && p->tags->count > MAX_TAGS)
        return err_set(err, BAD, "A publish sets at most %d tags.", MAX_TAGS);
    json_each (tag, p->tags) {
        if (pkgname_check_tag(tag->key, err) != 0)
            return -1;
        if (tag->type != JSON_STRING || !text_eq(tag->text, p->version))
            return err_set(err, ERR_UNPROCESSABLE, "bad_tag",
                           "The tag \"%.*s\" must name the version that is published, %.*s.",
                           TEXT_ARG(tag->key), TEXT_ARG(p->version));
    }
    return 0;
}

/* Cut at a whole character. */
static struct text clip(struct text t)
{
    size_t len = t.len;
    if (len > MAX_README)
        for (len = MAX_README; len > 0 && ((unsigned char)t.base[len] & 0xc0) == 0x80; len--)
            ;
    return text_sub(t, 0, len);
}

static void find_readme(const struct json *doc, struct document_publish *p)
{
    const struct json *from[] = {p->manifest, doc};
    for (size_t i = 0; i < 2; i++) {
        const struct json *readme = json_get(from[i], "readme");
        const struct json *name = json_get(from[i], "readmeFilename");
        if (readme == NULL || readme->type != JSON_STRING || readme->text.len == 0)
            continue;
        p->readme = clip(readme->text);
        if (name != NULL && name->type == JSON_STRING && name->text.len <= 255)
            p->readme_name = name->text;
        return;
    }
}

/* What an attachment is called does not matter: the address and the manifest say whose it is. A
 * provenance bundle may stand beside the tarball. */
static const struct json *find_attachment(const struct json *doc, struct document_publish *p,
                                          struct err *err)
{
    const struct json *found = NULL;
    json_each (a, get_object(doc, "_attachments")) {
        if (p->provenance == NULL && a->type == JSON_OBJECT && text_ends(a->key, ".sigstore")) {
            p->provenance = a;
            continue;
        }
        if (found != NULL || a->type != JSON_OBJECT || !text_ends(a->key, ".tgz")) {
            err_set(err, BAD,
                    "A publish carries exactly one tarball, and at most one provenance bundle.");
            return NULL;
        }
        found = a;
    }
    if (found == NULL)
        err_set(err, BAD, "The document carries no tarball.");
    return found;
}

static int decode(struct pool *pool, const struct json *attachment, size_t max,
                  struct document_publish *p, struct err *err)
{
    struct text data = TEXT_NONE;
    int64_t length = -1;
    size_t n;
    if (json_need_text(attachment, "data", &data, err) != 0 ||
        json_want_int(attachment, "length", &length, err) != 0)
        return -1;
    if (data.len / 4 * 3 > max + 3)
        return err_set(err, ERR_TOO_LARGE, "tarball_too_large",
                       "The tarball is larger than the %zu bytes that are allowed.", max);
    char *bytes = pool_alloc(pool, b64_decoded_max(data.len) + 1);
    if (!b64_decode(data, bytes, &n))
        return err_set(err, BAD, "The tarball is not proper base64.");
    if (n > max)
        return err_set(err, ERR_TOO_LARGE, "tarball_too_large",
                       "The tarball is larger than the %zu bytes that are allowed.", max);
    if (length >= 0 && (size_t)length != n)
        return err_set(err, BAD, "The tarball has %zu bytes but the document promises %lld.", n,
                       (long long)length);
    p->tarball = text_n(bytes, n);
    return 0;
}

int document_publish(struct pool *pool, const struct json *doc, const struct pkgname *name,
                     size_t max_tarball, struct document_publish *out, struct err *err)
{
    struct document_publish p = {.name = *name};
    if (pkgname_check_new(name->full, err) != 0 || check_names(doc, &p, err) != 0 ||
        check_manifest(pool, doc, &p, err) != 0 || check_tags(doc, &p, err) != 0)
        return -1;
    if (json_want_text(p.manifest, "dist.integrity", &p.integrity, err) != 0 ||
        json_want_text(p.manifest, "dist.shasum", &p.shasum, err) != 0)
        return -1;
    find_readme(doc, &p);
    const struct json *attachment = find_attachment(doc, &p, err);
    if (attachment == NULL || decode(pool, attachment, max_tarball, &p, err) != 0)
        return -1;
    *out = p;
    return 0;
}

static bool integrity_holds(struct pool *pool, struct text integrity,
                            const unsigned char *sha512_sum, const unsigned char *sha1_sum,
                            bool *judged)
{
    struct text rest = integrity, word, hash;
    while (text_cut(&rest, ' ', &word)) {
        text_cut(&word, '?', &hash);
        bool is_512 = text_starts(hash, "sha512-"), is_1 = text_starts(hash, "sha1-");
        if (!is_512 && !is_1)
            continue;
        *judged = true;
        struct text given = text_sub(hash, is_512 ? 7 : 5, hash.len);
        struct text want = is_512 ? b64_encode(pool, sha512_sum, SHA512_BYTES)
                                  : b64_encode(pool, sha1_sum, SHA1_BYTES);
        if (!text_eq(given, want))
            return false;
    }
    return true;
}

int document_check_promise(struct pool *pool, struct text integrity, struct text shasum,
                           const unsigned char *sha512_sum, const unsigned char *sha1_sum,
                           struct err *err)
{
    bool judged = false, holds = integrity_holds(pool, integrity, sha512_sum, sha1_sum, &judged);
    if (shasum.len > 0) {
        judged = true;
        holds = holds && text_eq_nocase(shasum, hex_encode(pool, sha1_sum, SHA1_BYTES));
    }
    if (!judged)
        return err_set(err, ERR_UNPROCESSABLE, "bad_integrity",
                       "There is no dist.integrity or dist.shasum to check the tarball by.");
    if (!holds)
        return err_set(err, ERR_UNPROCESSABLE, "bad_integrity",
                       "The tarball is not the one that dist.integrity and dist.shasum promise.");
    return 0;
}
