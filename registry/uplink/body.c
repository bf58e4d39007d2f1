#include "registry/uplink/body.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/jsonscan.h"
#include "registry/packument.h"
#include "registry/pkgname.h"

struct writing {
    struct buf *out;
    const char *base;
    const struct pkgname *name;
};

static int bad(struct text name, struct err *err)
{
    return err_set(err, ERR_UPSTREAM, "bad_document",
                   "The uplink's document of \"%.*s\" cannot be read.", TEXT_ARG(name));
}

int uplink_body_check(struct text doc, struct text name, struct err *err)
{
    struct jsonscan s;
    bool named = false;
    unsigned versions = 0;
    jsonscan_init(&s, doc);
    while (jsonscan_next(&s)) {
        named = named || (text_is(s.key, "name") && text_eq(jsonscan_string(s.value), name));
        versions += text_is(s.key, "versions") ? text_starts(s.value, "{") ? 1 : 2 : 0;
    }
    /* Of two clients take the last, and we looked at the first. */
    return s.bad || !named || versions != 1 || !text_is_utf8(doc) ? bad(name, err) : 0;
}

/* Clients would read such a key as another one, that of a member which is rewritten or judged. */
static bool is_escaped(struct text key)
{
    return text_has(key, '\\');
}

static void put_key(struct buf *out, bool *first, struct text key)
{
    if (!*first)
        buf_char(out, ',');
    *first = false;
    buf_char(out, '"');
    buf_text(out, key);
    buf_str(out, "\":");
}

/* A key that may stand in an address as it is. */
static bool is_plain_version(struct text key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.base[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '.' || c == '-' || c == '+' || c == '_'))
            return false;
    }
    return key.len > 0 && key.len <= 256;
}

static bool put_dist(const struct writing *w, struct text version, struct text dist)
{
    struct jsonscan s;
    bool first = false;
    buf_str(w->out, "{\"tarball\":\"");
    packument_tarball_url(w->out, w->base, w->name, version);
    buf_char(w->out, '"');
    jsonscan_init(&s, dist);
    while (jsonscan_next(&s)) {
        if (text_is(s.key, "tarball") || is_escaped(s.key))
            continue;
        put_key(w->out, &first, s.key);
        buf_text(w->out, s.value);
    }
    buf_char(w->out, '}');
    return !s.bad;
}

static bool put_version(const struct writing *w, struct text version, struct text manifest)
{
    struct jsonscan s;
    bool first = true, ok = true;
    jsonscan_init(&s, manifest);
    buf_char(w->out, '{');
    while (ok && jsonscan_next(&s)) {
        if (is_escaped(s.key))
            continue;
        put_key(w->out, &first, s.key);
        if (text_is(s.key, "dist"))
            ok = put_dist(w, version, s.value);
        else
            buf_text(w->out, s.value);
    }
    buf_char(w->out, '}');
    return ok && !s.bad;
}

static bool put_versions(const struct writing *w, struct text versions)
{
    struct jsonscan s;
    bool first = true, ok = true;
    jsonscan_init(&s, versions);
    buf_char(w->out, '{');
    while (ok && jsonscan_next(&s)) {
        if (!is_plain_version(s.key))
            continue;
        put_key(w->out, &first, s.key);
        ok = put_version(w, s.key, s.value);
    }
    buf_char(w->out, '}');
    return ok && !s.bad;
}

int uplink_body(struct pool *pool, const char *base, const struct pkgname *name, struct text doc,
                struct text *body, struct err *err)
{
    auto_buf struct buf out = {0};
    struct writing w = {&out, base, name};
    struct jsonscan s;
    bool first = true, ok = true;
    buf_init(&out, PACKUMENT_MAX);
    jsonscan_init(&s, doc);
    buf_char(&out, '{');
    while (ok && jsonscan_next(&s)) {
        if (is_escaped(s.key))
            continue;
        put_key(&out, &first, s.key);
        if (text_is(s.key, "versions"))
            ok = put_versions(&w, s.value);
        else
            buf_text(&out, s.value);
    }
    buf_char(&out, '}');
    if (!ok || s.bad)
        return bad(name->full, err);
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "too_large", "The document of \"%.*s\" is too large.",
                       TEXT_ARG(name->full));
    *body = buf_take(&out, pool);
    return 0;
}

static struct text get_member(struct text object, struct text key)
{
    struct jsonscan s;
    jsonscan_init(&s, object);
    while (jsonscan_next(&s))
        if (text_eq(s.key, key))
            return s.value;
    return TEXT_NONE;
}

bool uplink_body_dist(struct pool *pool, struct text doc, struct text version,
                      struct uplink_dist *out)
{
    struct text manifest = get_member(jsonscan_get(doc, "versions"), version);
    struct text raw = jsonscan_get(manifest, "dist");
    struct json *dist;
    struct uplink_dist d = {TEXT_NONE, TEXT_NONE, TEXT_NONE};
    if (raw.base == NULL || json_read(pool, raw, 10000, &dist, NULL) != 0 ||
        json_want_text(dist, "tarball", &d.tarball, NULL) != 0 ||
        json_want_text(dist, "integrity", &d.integrity, NULL) != 0 ||
        json_want_text(dist, "shasum", &d.shasum, NULL) != 0)
        return false;
    *out = d;
    return true;
}

int uplink_body_version(struct pool *pool, const char *base, const struct pkgname *name,
                        struct text doc, struct text which, struct text *body, struct err *err)
{
    auto_buf struct buf out = {0};
    struct writing w = {&out, base, name};
    struct text tagged = jsonscan_string(get_member(jsonscan_get(doc, "dist-tags"), which));
    struct text version = tagged.base != NULL ? tagged : which;
    struct text manifest = get_member(jsonscan_get(doc, "versions"), version);
    buf_init(&out, PACKUMENT_MAX);
    if (manifest.base == NULL || !is_plain_version(version))
        return err_set(err, ERR_NOT_FOUND, "version_not_found",
                       "There is no version or tag \"%.*s\" of \"%.*s\".",
                       TEXT_ARG(text_sub(which, 0, 64)), TEXT_ARG(name->full));
    if (!put_version(&w, version, manifest) || buf_failed(&out))
        return bad(name->full, err);
    *body = buf_take(&out, pool);
    return 0;
}

int uplink_body_tags(const struct pkgname *name, struct text doc, struct text *body,
                     struct err *err)
{
    struct text tags = jsonscan_get(doc, "dist-tags");
    if (!text_starts(tags, "{"))
        return bad(name->full, err);
    *body = tags;
    return 0;
}
