#include "registry/uplink/trim.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/jsonscan.h"
#include "registry/packument.h"
#include "registry/semver.h"

/* What installers need of a version. */
static const char *const brief[] = {"name",
                                    "version",
                                    "deprecated",
                                    "dependencies",
                                    "acceptDependencies",
                                    "optionalDependencies",
                                    "devDependencies",
                                    "bundleDependencies",
                                    "bundledDependencies",
                                    "peerDependencies",
                                    "peerDependenciesMeta",
                                    "bin",
                                    "directories",
                                    "dist",
                                    "engines",
                                    "_hasShrinkwrap",
                                    "hasInstallScript",
                                    "funding",
                                    "cpu",
                                    "os",
                                    "libc",
                                    NULL};
static const char *const brief_top[] = {"name", "dist-tags", "versions", "time", NULL};

static bool listed(const char *const *list, struct text key)
{
    for (; *list != NULL; list++)
        if (text_is(key, *list))
            return true;
    return false;
}

struct cut {
    struct buf out;
    bool first, bad;
};

static void release(struct cut *c)
{
    buf_release(&c->out);
}
#define auto_cut __attribute__((cleanup(release)))

static void open_object(struct cut *c)
{
    buf_char(&c->out, '{');
    c->first = true;
}

static void close_object(struct cut *c)
{
    buf_char(&c->out, '}');
    c->first = false;
}

static void put_key(struct cut *c, struct text key)
{
    if (!c->first)
        buf_char(&c->out, ',');
    c->first = false;
    buf_char(&c->out, '"');
    buf_text(&c->out, key);
    buf_str(&c->out, "\":");
}

static void put(struct cut *c, struct text key, struct text value)
{
    put_key(c, key);
    buf_text(&c->out, value);
}

static int finish(struct cut *c, struct pool *pool, struct text *out, struct err *err)
{
    if (c->bad)
        return err_set(err, ERR_UPSTREAM, "bad_document", "A package's document cannot be read.");
    if (buf_failed(&c->out))
        return err_set(err, ERR_TOO_LARGE, "too_large", "A package's document is too large.");
    *out = buf_take(&c->out, pool);
    return 0;
}

static bool runs_at_install(struct text manifest)
{
    struct text scripts = jsonscan_get(manifest, "scripts");
    return jsonscan_get(scripts, "preinstall").base != NULL ||
           jsonscan_get(scripts, "install").base != NULL ||
           jsonscan_get(scripts, "postinstall").base != NULL;
}

static void put_brief(struct cut *c, struct text manifest)
{
    struct jsonscan s;
    bool told = false;
    jsonscan_init(&s, manifest);
    open_object(c);
    while (jsonscan_next(&s)) {
        if (!listed(brief, s.key))
            continue;
        put(c, s.key, s.value);
        told = told || text_is(s.key, "hasInstallScript");
    }
    if (!told && runs_at_install(manifest))
        put(c, TEXT("hasInstallScript"), TEXT("true"));
    close_object(c);
    c->bad = c->bad || s.bad;
}

int trim_abbreviate(struct pool *pool, struct text doc, struct text *out, struct err *err)
{
    auto_cut struct cut c = {0};
    struct jsonscan s, v;
    buf_init(&c.out, PACKUMENT_MAX);
    jsonscan_init(&s, doc);
    open_object(&c);
    while (jsonscan_next(&s)) {
        if (!listed(brief_top, s.key))
            continue;
        put_key(&c, s.key);
        if (!text_is(s.key, "versions")) {
            buf_text(&c.out, s.value);
            continue;
        }
        jsonscan_init(&v, s.value);
        open_object(&c);
        while (jsonscan_next(&v)) {
            put_key(&c, v.key);
            put_brief(&c, v.value);
        }
        close_object(&c);
        c.bad = c.bad || v.bad;
    }
    struct text modified = jsonscan_get(jsonscan_get(doc, "time"), "modified");
    if (modified.base != NULL)
        put(&c, TEXT("modified"), modified);
    close_object(&c);
    c.bad = c.bad || s.bad;
    return finish(&c, pool, out, err);
}

/* The highest release, else the highest prerelease, of the wanted ones. */
static struct text highest(struct text versions, trim_wanted_fn *wanted, void *arg)
{
    struct jsonscan s;
    struct semver best, v;
    struct text out = TEXT_NONE;
    jsonscan_init(&s, versions);
    while (jsonscan_next(&s)) {
        if (!wanted(arg, s.key) || !semver_parse(s.key, &v))
            continue;
        bool better = out.base == NULL || (best.pre.len > 0 && v.pre.len == 0) ||
                      ((best.pre.len > 0) == (v.pre.len > 0) && semver_cmp(&v, &best) > 0);
        if (better) {
            best = v;
            out = s.key;
        }
    }
    return out;
}

static void put_some(struct cut *c, struct text object, trim_wanted_fn *wanted, void *arg,
                     bool times)
{
    struct jsonscan s;
    jsonscan_init(&s, object);
    open_object(c);
    while (jsonscan_next(&s))
        if (wanted(arg, s.key) ||
            (times && (text_is(s.key, "created") || text_is(s.key, "modified"))))
            put(c, s.key, s.value);
    close_object(c);
    c->bad = c->bad || s.bad;
}

static void put_tags(struct cut *c, struct text tags, struct text latest, trim_wanted_fn *wanted,
                     void *arg)
{
    struct jsonscan s;
    bool told = false;
    jsonscan_init(&s, tags);
    open_object(c);
    while (jsonscan_next(&s)) {
        if (!wanted(arg, jsonscan_string(s.value)))
            continue;
        put(c, s.key, s.value);
        told = told || text_is(s.key, "latest");
    }
    if (!told && latest.base != NULL) {
        put_key(c, TEXT("latest"));
        buf_char(&c->out, '"');
        buf_text(&c->out, latest);
        buf_char(&c->out, '"');
    }
    close_object(c);
    c->bad = c->bad || s.bad;
}

int trim_versions(struct pool *pool, struct text doc, trim_wanted_fn *wanted, void *arg,
                  struct text *out, struct err *err)
{
    auto_cut struct cut c = {0};
    struct jsonscan s;
    struct text latest = highest(jsonscan_get(doc, "versions"), wanted, arg);
    buf_init(&c.out, PACKUMENT_MAX);
    jsonscan_init(&s, doc);
    open_object(&c);
    while (jsonscan_next(&s)) {
        put_key(&c, s.key);
        if (text_is(s.key, "versions") || text_is(s.key, "time"))
            put_some(&c, s.value, wanted, arg, text_is(s.key, "time"));
        else if (text_is(s.key, "dist-tags"))
            put_tags(&c, s.value, latest, wanted, arg);
        else
            buf_text(&c.out, s.value);
    }
    close_object(&c);
    c.bad = c.bad || s.bad;
    return finish(&c, pool, out, err);
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

/* The members of a, then those of b that a has not. */
static void put_union(struct cut *c, struct text a, struct text b)
{
    struct jsonscan s;
    open_object(c);
    jsonscan_init(&s, a);
    while (jsonscan_next(&s))
        put(c, s.key, s.value);
    c->bad = c->bad || s.bad;
    jsonscan_init(&s, b);
    while (jsonscan_next(&s))
        if (get_member(a, s.key).base == NULL)
            put(c, s.key, s.value);
    c->bad = c->bad || (b.base != NULL && s.bad);
    close_object(c);
}

static int compare(struct text a, struct text b, struct err *err)
{
    struct jsonscan s;
    jsonscan_init(&s, a);
    while (jsonscan_next(&s)) {
        struct text other = get_member(b, s.key);
        struct text one = jsonscan_get(jsonscan_get(s.value, "dist"), "integrity");
        struct text two = jsonscan_get(jsonscan_get(other, "dist"), "integrity");
        if (one.base != NULL && two.base != NULL && !text_eq(one, two))
            return err_set(err, ERR_CONFLICT, "other_integrity",
                           "Version %.*s is here with other bytes.",
                           TEXT_ARG(text_sub(s.key, 0, 64)));
    }
    return 0;
}

int trim_merge(struct pool *pool, struct text a, struct text b, struct text *out, struct err *err)
{
    auto_cut struct cut c = {0};
    struct jsonscan s;
    if (compare(jsonscan_get(a, "versions"), jsonscan_get(b, "versions"), err) != 0)
        return -1;
    buf_init(&c.out, PACKUMENT_MAX);
    jsonscan_init(&s, a);
    open_object(&c);
    while (jsonscan_next(&s)) {
        put_key(&c, s.key);
        if (text_is(s.key, "versions") || text_is(s.key, "time") || text_is(s.key, "dist-tags"))
            put_union(&c, s.value, get_member(b, s.key));
        else
            buf_text(&c.out, s.value);
    }
    close_object(&c);
    c.bad = c.bad || s.bad;
    return finish(&c, pool, out, err);
}
