#include "registry/advisory/osv.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/advisory/cvss.h"
#include "registry/pkgname.h"
#include "registry/semver.h"

#include <stdlib.h>

#define MAX_ID 100
#define MAX_TITLE 300
#define MAX_URL 500
#define MAX_LIST 50
#define MAX_EVENTS 1000
#define MAX_VERSIONS 400
#define LOWEST "0.0.0-0" /* before all versions */

static const char *const levels[] = {"", "low", "moderate", "high", "critical"};

int advisory_level(struct text level)
{
    for (int i = 1; i <= 4; i++)
        if (text_is(level, levels[i]))
            return i;
    return 0;
}

/* The next alternative of a range; the length of one is what semver.h looks at. */
static bool cut_alternative(struct text *rest, struct text *out)
{
    if (rest->base == NULL)
        return false;
    for (size_t i = 0; i + 1 < rest->len; i++) {
        if (rest->base[i] != '|' || rest->base[i + 1] != '|')
            continue;
        *out = text_sub(*rest, 0, i);
        *rest = text_sub(*rest, i + 2, rest->len);
        return true;
    }
    *out = *rest;
    *rest = TEXT_NONE;
    return true;
}

bool advisory_covers(struct text range, struct text version)
{
    struct semver v;
    struct text rest = range, one;
    if (!semver_parse(version, &v))
        return false;
    while (cut_alternative(&rest, &one))
        if (semver_covers(&v, one))
            return true;
    return false;
}

bool advisory_is_range(struct text range)
{
    struct text rest = range, one;
    if (range.len == 0 || range.len > ADVISORY_MAX_RANGE || !text_is_printable(range))
        return false;
    while (cut_alternative(&rest, &one))
        if (!semver_is_range(one))
            return false;
    return true;
}

static int bad(struct err *err, const char *what)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_advisory", "The advisory %s.", what);
}

static struct text string_of(const struct json *node)
{
    return node != NULL && node->type == JSON_STRING ? node->text : TEXT_NONE;
}

/* One line of printable text of at most max bytes. */
static struct text line_of(struct pool *pool, struct text t, size_t max)
{
    struct text line = t;
    text_cut(&line, '\n', &t);
    t = text_sub(text_trim(t), 0, max);
    t.len = text_utf8_prefix(t);
    char *copy = text_c(pool, t);
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
            copy[i] = ' ';
    return text_n(copy, t.len);
}

static bool is_plain(struct text t, size_t max)
{
    return t.len > 0 && t.len <= max && text_is_printable(t) && !text_has(t, ' ');
}

static bool is_address(struct text t)
{
    return is_plain(t, MAX_URL) && (text_starts(t, "https://") || text_starts(t, "http://"));
}

/* The strings of an array that are plain, as a JSON array. */
static struct text list_of(struct pool *pool, const struct json *array)
{
    struct json_writer w;
    size_t n = 0;
    auto_buf struct buf out = {0};
    buf_init(&out, (size_t)64 << 10);
    json_writer_init(&w, &out);
    json_open_array(&w);
    json_each (item, array != NULL && array->type == JSON_ARRAY ? array : NULL)
        if (is_plain(string_of(item), MAX_ID) && n++ < MAX_LIST)
            json_text(&w, item->text);
    json_close_array(&w);
    return buf_take(&out, pool);
}

/* The ranges of one package. */
struct reading {
    struct pool *pool;
    struct buf vulnerable, patched;
    struct text open; /* introduced and not yet closed; absent: none */
    size_t events;
};

static void begin_alternative(struct buf *out)
{
    if (out->len > 0)
        buf_str(out, " || ");
}

static void close_range(struct reading *r, struct text end, bool inclusive)
{
    struct buf *out = &r->vulnerable;
    if (r->open.base == NULL)
        return;
    begin_alternative(out);
    bool from_start = text_is(r->open, LOWEST);
    if (!from_start)
        buf_printf(out, ">=%.*s%s", TEXT_ARG(r->open), end.base != NULL ? " " : "");
    if (end.base != NULL)
        buf_printf(out, "%s%.*s", inclusive ? "<=" : "<", TEXT_ARG(end));
    else if (from_start)
        buf_char(out, '*');
    if (end.base != NULL && !inclusive) {
        buf_clear(&r->patched);
        buf_printf(&r->patched, ">=%.*s", TEXT_ARG(end));
    }
    r->open = TEXT_NONE;
}

/* "0" is before all versions. False: no version. */
static bool version_of(const struct json *node, struct text *out)
{
    struct semver v;
    struct text t = string_of(node);
    if (text_is(t, "0"))
        t = TEXT(LOWEST);
    *out = t;
    return semver_parse(t, &v) && t.len < 100;
}

/* Events in the order of versions, as the schema wants them; out of order they are refused, so that
 * nothing is guessed. */
static int add_events(struct reading *r, const struct json *events, struct err *err)
{
    struct text version;
    json_each (event, events) {
        const struct json *introduced = json_get(event, "introduced"),
                          *fixed = json_get(event, "fixed"),
                          *last = json_get(event, "last_affected");
        if (++r->events > MAX_EVENTS)
            return bad(err, "has too many events");
        if (introduced == NULL && fixed == NULL && last == NULL)
            continue;
        if (!version_of(introduced != NULL ? introduced : fixed != NULL ? fixed : last, &version))
            return bad(err, "names something that is no version");
        if (introduced == NULL) {
            close_range(r, version, fixed == NULL);
        } else {
            close_range(r, TEXT_NONE, false);
            r->open = version;
        }
    }
    close_range(r, TEXT_NONE, false);
    return 0;
}

static int add_versions(struct reading *r, const struct json *versions, struct err *err)
{
    struct semver v;
    size_t n = 0;
    json_each (item, versions) {
        struct text version = string_of(item);
        if (!semver_parse(version, &v) || version.len >= 100)
            continue;
        if (++n > MAX_VERSIONS)
            return bad(err, "lists too many versions");
        begin_alternative(&r->vulnerable);
        buf_printf(&r->vulnerable, "=%.*s", TEXT_ARG(version));
    }
    return 0;
}

static int read_affected(struct reading *r, const struct json *affected, struct err *err)
{
    const struct json *ranges = json_get(affected, "ranges");
    bool any = false;
    json_each (range, ranges) {
        if (!text_is(string_of(json_get(range, "type")), "SEMVER"))
            continue;
        any = true;
        if (add_events(r, json_get(range, "events"), err) != 0)
            return -1;
    }
    /* With ranges a list of versions says the same again. */
    if (!any && add_versions(r, json_get(affected, "versions"), err) != 0)
        return -1;
    if (buf_failed(&r->vulnerable) || buf_failed(&r->patched))
        return bad(err, "has too many ranges");
    return 0;
}

/* One package may be named several times. */
static struct osv_range *range_of(struct pool *pool, struct osv *o, struct text package)
{
    for (size_t i = 0; i < o->n; i++)
        if (text_eq(o->ranges[i].package, package))
            return &o->ranges[i];
    if (o->n == OSV_MAX_PACKAGES)
        return NULL;
    /* Full at each power of two. Most are about one package, and a file may hold very many. */
    if ((o->n & (o->n - 1)) == 0) {
        struct osv_range *more = pool_alloc(pool, (o->n > 0 ? 2 * o->n : 1) * sizeof *more);
        if (o->n > 0)
            memcpy(more, o->ranges, o->n * sizeof *more);
        o->ranges = more;
    }
    o->ranges[o->n] = (struct osv_range){.package = package};
    return &o->ranges[o->n++];
}

static int keep_range(struct pool *pool, struct osv *o, struct text package,
                      const struct reading *r, struct err *err)
{
    if (r->vulnerable.len == 0)
        return 0;
    struct osv_range *range = range_of(pool, o, package);
    if (range == NULL)
        return bad(err, "is about too many packages");
    struct text more = buf_view(&r->vulnerable);
    range->vulnerable =
        range->vulnerable.len > 0
            ? text_printf(pool, "%.*s || %.*s", TEXT_ARG(range->vulnerable), TEXT_ARG(more))
            : text_dup(pool, more);
    range->patched = text_dup(pool, buf_view(&r->patched));
    return range->vulnerable.len <= ADVISORY_MAX_RANGE ? 0 : bad(err, "has too many ranges");
}

static int read_packages(struct pool *pool, const struct json *doc, struct osv *o, struct err *err)
{
    struct pkgname name;
    json_each (affected, json_get(doc, "affected")) {
        const struct json *package = json_get(affected, "package");
        if (!text_is(string_of(json_get(package, "ecosystem")), "npm"))
            continue;
        if (!pkgname_split(string_of(json_get(package, "name")), &name))
            return bad(err, "names something that is no package");
        struct reading r = {.pool = pool};
        buf_init(&r.vulnerable, ADVISORY_MAX_RANGE);
        buf_init(&r.patched, 200);
        int failed = read_affected(&r, affected, err);
        if (failed == 0)
            failed = keep_range(pool, o, name.full, &r, err);
        buf_release(&r.vulnerable);
        buf_release(&r.patched);
        if (failed != 0)
            return -1;
    }
    return 0;
}

/* What its makers say comes first, then the score, then what kind of advisory it is. */
static void read_severity(struct pool *pool, const struct json *doc, struct osv *o)
{
    struct text said = string_of(json_at(doc, "database_specific.severity"));
    json_each (severity, json_get(doc, "severity")) {
        struct text vector = string_of(json_get(severity, "score"));
        int score =
            text_is(string_of(json_get(severity, "type")), "CVSS_V3") ? cvss_score(vector) : -1;
        if (score >= 0) {
            o->score = score;
            o->vector = vector;
        }
    }
    int level = advisory_level(text_lower(pool, text_sub(said, 0, 20)));
    if (level == 0 && text_eq_nocase(said, TEXT("medium")))
        level = 2;
    if (level == 0 && o->vector.base != NULL)
        level = o->score >= 90 ? 4 : o->score >= 70 ? 3 : o->score >= 40 ? 2 : 1;
    if (level == 0)
        level = text_starts(o->id, "MAL-") ? 4 : 2;
    o->level = text_of(levels[level]);
}

static struct text address_of(struct pool *pool, const struct json *doc, struct text id)
{
    struct text any = TEXT_NONE;
    json_each (reference, json_get(doc, "references")) {
        struct text url = string_of(json_get(reference, "url"));
        if (!is_address(url))
            continue;
        if (text_is(string_of(json_get(reference, "type")), "ADVISORY"))
            return url;
        if (any.base == NULL)
            any = url;
    }
    return any.base != NULL ? any
                            : text_printf(pool, "https://osv.dev/vulnerability/%.*s", TEXT_ARG(id));
}

int osv_read(struct pool *pool, const struct json *doc, struct osv *out, struct err *err)
{
    struct osv o = {.id = string_of(json_get(doc, "id")),
                    .modified = string_of(json_get(doc, "modified")),
                    .published = string_of(json_get(doc, "published")),
                    .vector = TEXT_NONE};
    if (doc->type != JSON_OBJECT || !is_plain(o.id, MAX_ID))
        return bad(err, "has no id");
    if (text_starts(o.id, "RH-"))
        return bad(err, "has an id of those that are written here");
    if (!is_plain(o.modified, 40))
        return bad(err, "does not say when it was modified");
    if (!is_plain(o.published, 40))
        o.published = o.modified;
    struct text withdrawn = string_of(json_get(doc, "withdrawn"));
    o.withdrawn = withdrawn.len > 0;
    if (read_packages(pool, doc, &o, err) != 0)
        return -1;
    o.title = line_of(pool, string_of(json_get(doc, "summary")), MAX_TITLE);
    if (o.title.len == 0)
        o.title = line_of(pool, string_of(json_get(doc, "details")), MAX_TITLE);
    if (o.title.len == 0)
        o.title = o.id;
    o.url = address_of(pool, doc, o.id);
    o.aliases = list_of(pool, json_get(doc, "aliases"));
    o.cwe = list_of(pool, json_at(doc, "database_specific.cwe_ids"));
    read_severity(pool, doc, &o);
    *out = o;
    return 0;
}
