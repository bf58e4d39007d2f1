#include "registry/policy/filter.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/advisory/osv.h"
#include "registry/jsonscan.h"
#include "registry/packument.h"
#include "registry/policy/moment.h"
#include "registry/semver.h"

#include <stdlib.h>

#define MESSAGE_LINES 10

struct pair {
    struct text key, value;
};

/* The members of an object by key. */
struct index {
    struct pair *all;
    size_t n;
};

static int by_key(const void *a, const void *b)
{
    return text_cmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static struct index index_of(struct pool *pool, struct text object)
{
    struct index index = {0};
    struct jsonscan s;
    size_t n = 0;
    jsonscan_init(&s, object);
    while (jsonscan_next(&s))
        n++;
    index.all = pool_alloc(pool, (n + 1) * sizeof *index.all);
    jsonscan_init(&s, object);
    while (index.n < n && jsonscan_next(&s))
        index.all[index.n++] = (struct pair){s.key, s.value};
    qsort(index.all, index.n, sizeof *index.all, by_key);
    return index;
}

static struct text index_get(const struct index *index, struct text key)
{
    struct pair wanted = {key, TEXT_NONE};
    const struct pair *p = bsearch(&wanted, index->all, index->n, sizeof wanted, by_key);
    return p != NULL ? p->value : TEXT_NONE;
}

static struct text plain(struct text raw)
{
    return raw.base != NULL ? jsonscan_string(raw) : TEXT_NONE;
}

/* "MIT", {"type":"MIT"}, [{"type":"MIT"}]. */
static struct text licence_of(struct text licence, struct text licences)
{
    if (licence.len > 0 && licence.base[0] == '{')
        return plain(jsonscan_get(licence, "type"));
    if (licence.base != NULL)
        return plain(licence);
    struct text first =
        licences.len > 1 ? text_trim(text_sub(licences, 1, licences.len)) : TEXT_NONE;
    if (first.len > 0 && first.base[0] == '{')
        return plain(jsonscan_get(first, "type"));
    return TEXT_NONE;
}

static bool has_scripts(struct text scripts)
{
    static const char *const kinds[] = {"preinstall", "install", "postinstall"};
    for (size_t i = 0; scripts.base != NULL && i < 3; i++)
        if (jsonscan_get(scripts, kinds[i]).base != NULL)
            return true;
    return false;
}

static void read_manifest(struct facts *f, struct text manifest)
{
    struct text licence = TEXT_NONE, licences = TEXT_NONE;
    struct jsonscan s;
    jsonscan_init(&s, manifest);
    while (jsonscan_next(&s)) {
        if (text_is(s.key, "license"))
            licence = s.value;
        else if (text_is(s.key, "licenses"))
            licences = s.value;
        else if (text_is(s.key, "hasInstallScript") || text_is(s.key, "gypfile"))
            f->install_script = f->install_script || text_is(s.value, "true");
        else if (text_is(s.key, "scripts"))
            f->install_script = f->install_script || has_scripts(s.value);
    }
    f->licence = licence_of(licence, licences);
}

bool filter_allows_facts(struct pool *pool, const struct judging *j, struct facts f,
                         struct text *reason)
{
    for (size_t i = 0; i < j->n_known; i++) {
        if (j->known[i].level <= f.level || !advisory_covers(j->known[i].range, f.version))
            continue;
        f.level = j->known[i].level;
        f.advisory = j->known[i].id;
    }
    for (size_t i = 0; i < j->n_sections; i++)
        if (!section_allows(j->sections[i], pool, &f, j->now_ms, reason))
            return false;
    return true;
}

bool filter_allows(struct pool *pool, const struct judging *j, struct text name, struct text doc,
                   struct text version, struct text *reason)
{
    struct facts f = {.name = name, .version = version};
    struct text manifest = TEXT_NONE, times = TEXT_NONE;
    struct jsonscan s;
    jsonscan_init(&s, doc);
    while (doc.base != NULL && jsonscan_next(&s)) {
        if (text_is(s.key, "versions"))
            manifest = jsonscan_get(s.value, text_c(pool, version));
        else if (text_is(s.key, "time"))
            times = s.value;
    }
    if (manifest.base != NULL)
        read_manifest(&f, manifest);
    if (times.base != NULL)
        f.published_ms = moment_read(plain(jsonscan_get(times, text_c(pool, version))));
    return filter_allows_facts(pool, j, f, reason);
}

static int bad(struct text name, struct err *err)
{
    return err_set(err, ERR_UPSTREAM, "bad_document", "The document of \"%.*s\" cannot be read.",
                   TEXT_ARG(name));
}

int filter_judge(struct pool *pool, const struct judging *j, struct text name, struct text doc,
                 struct verdict *out, struct err *err)
{
    struct index versions = index_of(pool, jsonscan_get(doc, "versions"));
    struct text time = jsonscan_get(doc, "time");
    struct pair none = {TEXT_NONE, TEXT_NONE};
    struct index times = {.all = &none};
    if (time.base != NULL)
        times = index_of(pool, time);
    *out = (struct verdict){.all = pool_alloc(pool, (versions.n + 1) * sizeof *out->all)};
    struct jsonscan s;
    jsonscan_init(&s, jsonscan_get(doc, "versions"));
    while (out->n < versions.n && jsonscan_next(&s)) {
        struct facts f = {.name = name, .version = s.key};
        struct text reason;
        f.published_ms = moment_read(plain(index_get(&times, s.key)));
        read_manifest(&f, s.value);
        if (!filter_allows_facts(pool, j, f, &reason))
            out->all[out->n++] = (struct refusal){s.key, reason};
    }
    return s.bad ? bad(name, err) : 0;
}

/* Taking out. */

struct writing {
    struct pool *pool;
    struct buf out;
    struct index refused;
    struct text latest; /* what the tag latest becomes; absent: there is none left */
    bool ok;
};

static bool is_refused(const struct writing *w, struct text version)
{
    return index_get(&w->refused, version).base != NULL;
}

static void put_key(struct buf *out, bool *first, struct text key)
{
    buf_str(out, *first ? "\"" : ",\"");
    *first = false;
    buf_text(out, key);
    buf_str(out, "\":");
}

static void put_kept(struct writing *w, struct text object)
{
    struct jsonscan s;
    bool first = true;
    jsonscan_init(&s, object);
    buf_char(&w->out, '{');
    while (jsonscan_next(&s)) {
        if (is_refused(w, s.key))
            continue;
        put_key(&w->out, &first, s.key);
        buf_text(&w->out, s.value);
    }
    buf_char(&w->out, '}');
    w->ok = w->ok && !s.bad;
}

static void put_tags(struct writing *w, struct text tags)
{
    struct jsonscan s;
    bool first = true;
    jsonscan_init(&s, tags);
    buf_char(&w->out, '{');
    while (jsonscan_next(&s)) {
        struct text version = plain(s.value);
        if (text_is(s.key, "latest"))
            version = w->latest;
        if (version.base == NULL || is_refused(w, version))
            continue;
        put_key(&w->out, &first, s.key);
        buf_printf(&w->out, "\"%.*s\"", TEXT_ARG(version));
    }
    buf_char(&w->out, '}');
    w->ok = w->ok && !s.bad;
}

/* The best of what is left: a release below the old latest, any release, anything. */
static struct text find_latest(const struct writing *w, struct text versions, struct text old)
{
    struct semver top, v, best_v = {0};
    struct text best = TEXT_NONE;
    int best_rank = 0;
    struct jsonscan s;
    bool known = semver_parse(old, &top);
    if (old.base == NULL || !is_refused(w, old))
        return old;
    jsonscan_init(&s, versions);
    while (jsonscan_next(&s)) {
        if (is_refused(w, s.key) || !semver_parse(s.key, &v))
            continue;
        int rank = v.pre.len > 0 ? 1 : known && semver_cmp(&v, &top) < 0 ? 3 : 2;
        if (rank < best_rank || (rank == best_rank && semver_cmp(&v, &best_v) <= 0))
            continue;
        best = s.key;
        best_v = v;
        best_rank = rank;
    }
    return best;
}

static void put_restrictions(struct writing *w, const struct verdict *verdict, struct text name)
{
    struct json_writer json;
    auto_buf struct buf message = {0};
    buf_init(&message, (size_t)64 << 10);
    buf_str(&message, "Refused here:");
    size_t shown = verdict->n < MESSAGE_LINES ? verdict->n : MESSAGE_LINES;
    /* The newest stand at the end. */
    for (size_t i = 0; i < shown; i++) {
        const struct refusal *r = &verdict->all[verdict->n - 1 - i];
        buf_printf(&message, "\n  %.*s: %.*s", TEXT_ARG(r->version), TEXT_ARG(r->reason));
    }
    if (shown < verdict->n)
        buf_printf(&message, "\n  and %zu more versions", verdict->n - shown);
    buf_str(&w->out, ",\"policyRestrictions\":");
    json_writer_init(&json, &w->out);
    json_open(&json);
    json_put_text(&json, "message", buf_view(&message));
    json_key(&json, "versions");
    json_open(&json);
    for (size_t i = 0; i < verdict->n; i++) {
        json_key_text(&json, verdict->all[i].version);
        json_open(&json);
        json_put_text(&json, "name", name);
        json_put_text(&json, "version", verdict->all[i].version);
        json_close(&json);
    }
    json_close(&json);
    json_close(&json);
}

static void put_member(struct writing *w, const struct jsonscan *s, bool *first)
{
    if (text_is(s->key, "policyRestrictions"))
        return;
    put_key(&w->out, first, s->key);
    if (text_is(s->key, "versions") || text_is(s->key, "time"))
        put_kept(w, s->value);
    else if (text_is(s->key, "dist-tags"))
        put_tags(w, s->value);
    else
        buf_text(&w->out, s->value);
}

int filter_apply(struct pool *pool, const struct verdict *verdict, struct text name,
                 struct text body, struct text *out, struct err *err)
{
    struct writing w = {.pool = pool, .ok = true};
    struct jsonscan s;
    bool first = true;
    if (verdict->n == 0) {
        *out = body;
        return 0;
    }
    w.refused.all = pool_alloc(pool, verdict->n * sizeof *w.refused.all);
    for (; w.refused.n < verdict->n; w.refused.n++)
        w.refused.all[w.refused.n] =
            (struct pair){verdict->all[w.refused.n].version, verdict->all[w.refused.n].reason};
    qsort(w.refused.all, w.refused.n, sizeof *w.refused.all, by_key);
    w.latest = find_latest(&w, jsonscan_get(body, "versions"),
                           plain(jsonscan_get(jsonscan_get(body, "dist-tags"), "latest")));
    buf_init(&w.out, PACKUMENT_MAX);
    jsonscan_init(&s, body);
    buf_char(&w.out, '{');
    while (jsonscan_next(&s))
        put_member(&w, &s, &first);
    put_restrictions(&w, verdict, name);
    buf_char(&w.out, '}');
    bool good = w.ok && !s.bad && !first;
    bool large = buf_failed(&w.out);
    *out = buf_take(&w.out, pool);
    buf_release(&w.out);
    if (!good)
        return bad(name, err);
    return large ? err_set(err, ERR_TOO_LARGE, "too_large",
                           "The document of \"%.*s\" is too large.", TEXT_ARG(name))
                 : 0;
}
