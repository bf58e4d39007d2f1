#include "registry/offline/want.h"

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/pkgname.h"
#include "registry/semver.h"

#include <stdlib.h>

struct reading {
    struct pool *pool;
    struct wants *out;
    size_t room, elsewhere;
    bool full;
};

static void add(struct reading *r, struct text name, struct text range)
{
    struct pkgname n;
    if (want_is_elsewhere(range) || !pkgname_split(name, &n)) {
        r->elsewhere++;
        return;
    }
    if (r->out->n == r->room) {
        if (r->room >= WANTS_MOST) {
            r->full = true;
            return;
        }
        size_t room = r->room == 0 ? 256 : r->room * 2;
        struct want *all = pool_zalloc(r->pool, room * sizeof *all);
        if (r->out->n > 0)
            memcpy(all, r->out->all, r->out->n * sizeof *all);
        r->out->all = all;
        r->room = room;
    }
    r->out->all[r->out->n++] = (struct want){text_dup(r->pool, name), text_dup(r->pool, range)};
}

bool want_cut(struct text spec, struct want *out)
{
    struct pkgname n;
    size_t at = text_find(spec, '@', 1);
    *out = at == SIZE_MAX ? (struct want){spec, TEXT("")}
                          : (struct want){text_sub(spec, 0, at), text_sub(spec, at + 1, spec.len)};
    return spec.len > 0 && pkgname_split(out->name, &n);
}

bool want_is_elsewhere(struct text range)
{
    return text_has(range, ':') || text_has(range, '/') || text_has(range, '#');
}

/* "npm:other@^1" is another name; all else stays. */
static void add_spec(struct reading *r, struct text name, struct text range)
{
    struct want w;
    if (text_starts(range, "npm:")) {
        if (want_cut(text_sub(range, 4, range.len), &w) && text_find(range, '@', 5) != SIZE_MAX)
            add(r, w.name, w.range);
        else
            add(r, name, text_sub(range, 4, range.len)); /* berry: "npm:^1.0.0" */
        return;
    }
    add(r, name, range);
}

/* node_modules/a/node_modules/@s/b */
static struct text name_of_path(struct text path)
{
    static const char mark[] = "node_modules/";
    size_t len = sizeof mark - 1;
    for (size_t i = path.len; i-- > 0;)
        if (text_starts(text_sub(path, i, path.len), mark) && (i == 0 || path.base[i - 1] == '/'))
            return text_sub(path, i + len, path.len);
    return TEXT_NONE;
}

static struct text text_of_json(const struct json *node, const char *key)
{
    const struct json *v = json_get(node, key);
    return v != NULL && v->type == JSON_STRING ? v->text : TEXT_NONE;
}

static void read_packages(struct reading *r, const struct json *packages)
{
    json_each (p, packages) {
        struct text name = text_of_json(p, "name"), version = text_of_json(p, "version");
        struct text resolved = text_of_json(p, "resolved");
        const struct json *link = json_get(p, "link");
        if (p->key.len == 0 || (link != NULL && link->boolean) || version.base == NULL)
            continue;
        if (name_of_path(p->key).base == NULL) /* a workspace */
            continue;
        if (text_starts(resolved, "git") || text_starts(resolved, "file:"))
            version = resolved;
        add(r, name.base != NULL ? name : name_of_path(p->key), version);
    }
}

/* npm 6: a tree. */
static void read_tree(struct reading *r, const struct json *dependencies, unsigned depth)
{
    if (depth > 40)
        return;
    json_each (d, dependencies) {
        struct text version = text_of_json(d, "version");
        if (version.base != NULL)
            add_spec(r, d->key, version);
        read_tree(r, json_get(d, "dependencies"), depth + 1);
    }
}

static void read_ranges(struct reading *r, const struct json *doc)
{
    static const char *const kinds[] = {"dependencies", "devDependencies", "optionalDependencies",
                                        "peerDependencies"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        json_each (d, json_get(doc, kinds[i]))
            if (d->type == JSON_STRING)
                add_spec(r, d->key, d->text);
}

static int read_json(struct reading *r, struct text content, struct err *err)
{
    struct json *doc;
    if (json_read(r->pool, content, JSON_MAX_NODES, &doc, err) != 0)
        return -1;
    const struct json *packages = json_get(doc, "packages");
    r->out->locked = json_get(doc, "lockfileVersion") != NULL;
    if (packages != NULL)
        read_packages(r, packages);
    else if (r->out->locked)
        read_tree(r, json_get(doc, "dependencies"), 0);
    else
        read_ranges(r, doc);
    return 0;
}

static struct text unquote(struct text t)
{
    t = text_trim(t);
    if (t.len >= 2 && (t.base[0] == '"' || t.base[0] == '\'') && t.base[t.len - 1] == t.base[0])
        return text_sub(t, 1, t.len - 2);
    return t;
}

static struct text next_line(struct text *rest)
{
    struct text line = TEXT_NONE;
    if (text_cut(rest, '\n', &line) && line.len > 0 && line.base[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* pnpm: below "packages:", keys of two blanks: /a@1.0.0(peer@2):, '@s/b@1.0.0':, /a/1.0.0: */
static void read_pnpm_key(struct reading *r, struct text key)
{
    struct want w;
    bool old = text_starts(key, "/");
    if (old)
        key = text_sub(key, 1, key.len);
    size_t peers = text_find(key, '(', 0);
    key = text_sub(key, 0, peers);
    size_t at = text_find(key, '@', 1);
    if (old && at == SIZE_MAX) { /* a/1.0.0_peer@2 */
        size_t slash = key.len;
        while (slash > 0 && key.base[slash - 1] != '/')
            slash--;
        struct text version = text_sub(key, slash, key.len);
        version = text_sub(version, 0, text_find(version, '_', 0));
        if (slash > 1)
            add(r, text_sub(key, 0, slash - 1), version);
        return;
    }
    if (want_cut(key, &w))
        add(r, w.name, w.range);
    else
        r->elsewhere++;
}

static void read_pnpm(struct reading *r, struct text content)
{
    bool inside = false;
    r->out->locked = true;
    while (content.base != NULL) {
        struct text line = next_line(&content);
        if (line.len == 0)
            continue;
        if (line.base[0] != ' ')
            inside = text_starts(line, "packages:");
        else if (inside && text_starts(line, "  ") && line.len > 3 && line.base[2] != ' ' &&
                 text_has(line, ':')) {
            struct text key = text_trim(line);
            size_t colon = key.len;
            while (colon > 0 && key.base[colon - 1] != ':')
                colon--;
            read_pnpm_key(r, unquote(text_sub(key, 0, colon - 1)));
        }
    }
}

/* yarn: `"a@^1", b@2:` and, further in, `version "1.0.0"` or `version: 1.0.0`; berry also says
 * `resolution: "a@npm:1.0.0"`, which knows aliases. */
static void read_yarn(struct reading *r, struct text content)
{
    struct want head = {TEXT_NONE, TEXT_NONE};
    r->out->locked = true;
    while (content.base != NULL) {
        struct text line = next_line(&content), first, rest;
        if (line.len == 0 || line.base[0] == '#')
            continue;
        if (line.base[0] != ' ') {
            rest = line;
            text_cut(&rest, ',', &first);
            if (text_ends(first, ":"))
                first.len--;
            if (!want_cut(unquote(first), &head) || text_is(head.name, "__metadata"))
                head.name = TEXT_NONE;
            if (text_starts(head.range, "npm:") && text_find(head.range, '@', 5) != SIZE_MAX)
                (void)want_cut(text_sub(head.range, 4, head.range.len), &head);
            continue;
        }
        struct text t = text_trim(line);
        if (head.name.base == NULL || !text_starts(t, "version") || line.base[2] == ' ')
            continue;
        t = text_sub(t, 7, t.len);
        t = unquote(text_starts(t, ":") ? text_sub(t, 1, t.len) : t);
        bool linked = text_starts(head.range, "workspace:") || text_starts(head.range, "link:") ||
                      text_starts(head.range, "portal:") || text_starts(head.range, "patch:") ||
                      text_starts(head.range, "file:");
        if (!linked && !text_is(t, "0.0.0-use.local"))
            add(r, head.name, t);
        head.name = TEXT_NONE;
    }
}

static int read_list(struct reading *r, struct text content, struct err *err)
{
    for (unsigned n = 1; content.base != NULL; n++) {
        struct text line = text_trim(next_line(&content));
        struct want w;
        if (line.len == 0 || line.base[0] == '#')
            continue;
        if (!want_cut(line, &w))
            return err_set(err, ERR_UNPROCESSABLE, "bad_list",
                           "Line %u is no NAME or NAME@RANGE. A list has one a line; package.json "
                           "and lock files of npm, pnpm and yarn are read as well.",
                           n);
        add_spec(r, w.name, w.range);
    }
    return 0;
}

int want_read(struct pool *pool, struct text content, struct wants *out, size_t *elsewhere,
              struct err *err)
{
    struct reading r = {.pool = pool, .out = out};
    struct text start = content;
    int failed = 0;
    *out = (struct wants){NULL, 0, false};
    while (start.len > 0 &&
           (start.base[0] == ' ' || start.base[0] == '\n' || start.base[0] == '\r'))
        start = text_sub(start, 1, start.len);
    static const char yarn1[] = "# yarn lockfile v1",
                      berry[] = "__metadata:", pnpm[] = "lockfileVersion:";
    struct text head = text_sub(start, 0, 4096);
#define HAS(mark) (memmem(head.base, head.len, mark, sizeof mark - 1) != NULL)
    if (start.len == 0 || !text_is_utf8(content))
        return err_set(err, ERR_UNPROCESSABLE, "bad_list", "The list of packages is empty.");
    if (start.base[0] == '{')
        failed = read_json(&r, start, err);
    else if (HAS(pnpm))
        read_pnpm(&r, start);
    else if (HAS(yarn1) || HAS(berry))
        read_yarn(&r, start);
    else
        failed = read_list(&r, start, err);
#undef HAS
    if (failed == 0 && r.full)
        return err_set(err, ERR_TOO_LARGE, "too_large", "More than %d packages are named.",
                       WANTS_MOST);
    if (failed == 0 && out->n == 0)
        return err_set(err, ERR_UNPROCESSABLE, "bad_list", "No package of a registry is named.");
    *elsewhere = r.elsewhere;
    return failed;
}
