#include "registry/page/contents.h"

#include "core/bundle.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/page/look.h"

#define MAX_PACKAGE_JSON ((size_t)1 << 20)
#define MAX_SOURCE ((size_t)2 << 20)
#define MAX_SOURCES 300
#define MAX_SOURCE_BYTES ((size_t)32 << 20) /* of all that are scanned */
#define MAX_LISTED 1000                     /* examples, icons */
#define MAX_NODES 100000

struct name {
    struct text text;
    uint64_t bytes;
    struct name *next;
};

struct names {
    struct name *first, **last;
    size_t n;
};

struct reading {
    struct pool *pool;
    struct names files, examples, icons;
    size_t count;
    uint64_t bytes;
    struct text package_json;
    const struct json *nodes, *plugins;
    size_t sources, source_bytes;
    struct looks looks, found; /* of nodes; of plugins */
};

/* npm drops the first folder, whatever it is called. */
static struct text inner_name(struct text name)
{
    size_t slash = text_find(name, '/', 0);

    return slash == SIZE_MAX ? TEXT_NONE : text_sub(name, slash + 1, name.len);
}

static void put_name(struct reading *r, struct names *list, struct text name, uint64_t bytes,
                     size_t most)
{
    if (list->n == most)
        return;
    struct name *one = pool_alloc(r->pool, sizeof *one);
    *one = (struct name){text_dup(r->pool, name), bytes, NULL};
    *list->last = one;
    list->last = &one->next;
    list->n++;
}

static bool is_image(struct text name)
{
    static const char *const endings[] = {".svg", ".png", ".gif", ".jpg", ".jpeg"};

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (text_ends(name, endings[i]))
            return true;
    return false;
}

/* In a folder "icons", beside a node's file or at the top. */
static bool is_icon(struct text name)
{
    static const char folder[] = "/icons/";
    bool inside = text_starts(name, folder + 1) ||
                  memmem(name.base, name.len, folder, sizeof folder - 1) != NULL;

    return inside && is_image(name);
}

static int on_file(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                   struct err *err)
{
    struct reading *r = arg;
    struct text name = inner_name(entry->name);

    if (entry->is_dir || name.len == 0)
        return 0;
    r->count++;
    r->bytes += entry->bytes;
    put_name(r, &r->files, name, entry->bytes, CONTENTS_MAX_FILES);
    if (text_starts(name, "examples/") && text_ends(name, ".json"))
        put_name(r, &r->examples, text_sub(name, 9, name.len - 14), entry->bytes, MAX_LISTED);
    if (is_icon(name))
        put_name(r, &r->icons, name, entry->bytes, MAX_LISTED);
    if (text_is(name, "package.json") && r->package_json.base == NULL &&
        entry->bytes <= MAX_PACKAGE_JSON)
        return bundle_content(walk, r->pool, MAX_PACKAGE_JSON, &r->package_json, err);
    return 0;
}

/* "./lib/a.js" and "lib/a" are lib/a without its ending. */
static struct text stem(struct text name)
{
    while (text_starts(name, "./"))
        name = text_sub(name, 2, name.len);
    for (size_t i = name.len; i > 0 && name.base[i - 1] != '/'; i--)
        if (name.base[i - 1] == '.')
            return text_sub(name, 0, i - 1);
    return name;
}

static const struct json *set_of(const struct json *sets, struct text file)
{
    json_each (set, sets)
        if (set->type == JSON_STRING && text_eq(stem(set->text), stem(file)))
            return set;
    return NULL;
}

static void scan(struct reading *r, struct text file, struct text source)
{
    const struct json *nodes = set_of(r->nodes, file), *plugins = set_of(r->plugins, file);

    if (nodes != NULL && text_ends(file, ".html"))
        looks_scan(&r->looks, source, "registerType", nodes->key);
    if (plugins != NULL)
        looks_scan(&r->found, source, "registerPlugin", plugins->key);
}

/* The second walk: what the sets of nodes and plugins are made of. */
static int on_source(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                     struct err *err)
{
    struct reading *r = arg;
    struct text name = inner_name(entry->name), content;

    if (entry->is_dir || entry->bytes > MAX_SOURCE ||
        !(text_ends(name, ".html") || text_ends(name, ".js")) ||
        (set_of(r->nodes, name) == NULL && set_of(r->plugins, name) == NULL) ||
        r->sources == MAX_SOURCES || r->source_bytes > MAX_SOURCE_BYTES)
        return 0;
    if (bundle_content(walk, r->pool, MAX_SOURCE, &content, err) != 0)
        return -1;
    r->sources++;
    r->source_bytes += content.len;
    scan(r, name, content);
    return 0;
}

static void put_look(struct json_writer *w, const struct look *l)
{
    json_open(w);
    json_put_text(w, "type", l->name);
    json_put_text(w, "set", l->set);
    json_put_text(w, "category", l->category);
    json_put_text(w, "color", l->color);
    json_put_text(w, "icon", l->icon);
    json_put_text(w, "label", l->label.len > 0 ? l->label : l->name);
    json_put_bool(w, "right", text_is(l->align, "right"));
    json_put_bool(w, "input", l->inputs > 0);
    json_put_bool(w, "output", l->outputs > 0);
    json_close(w);
}

static void put_plugin(struct json_writer *w, const struct look *l)
{
    json_open(w);
    json_put_text(w, "id", l->name);
    json_put_text(w, "set", l->set);
    json_put_text(w, "type", l->type);
    json_close(w);
}

static void put_names(struct json_writer *w, const char *key, const struct names *list, bool sizes)
{
    json_key(w, key);
    json_open_array(w);
    for (const struct name *one = list->first; one != NULL; one = one->next) {
        if (!sizes) {
            json_text(w, one->text);
            continue;
        }
        json_open(w);
        json_put_text(w, "name", one->text);
        json_put_int(w, "bytes", (int64_t)one->bytes);
        json_close(w);
    }
    json_close_array(w);
}

static void write_document(struct json_writer *w, const struct reading *r)
{
    json_open(w);
    json_key(w, "nodes");
    json_open_array(w);
    for (size_t i = 0; i < r->looks.n; i++)
        put_look(w, &r->looks.all[i]);
    json_close_array(w);
    json_key(w, "plugins");
    json_open_array(w);
    for (size_t i = 0; i < r->found.n; i++)
        put_plugin(w, &r->found.all[i]);
    json_close_array(w);
    put_names(w, "examples", &r->examples, false);
    put_names(w, "icons", &r->icons, false);
    json_put_int(w, "count", (int64_t)r->count);
    json_put_int(w, "bytes", (int64_t)r->bytes);
    put_names(w, "files", &r->files, true);
    json_close(w);
}

static void find_sets(struct reading *r)
{
    struct json *doc;
    struct err err;

    if (r->package_json.base == NULL ||
        json_read(r->pool, r->package_json, MAX_NODES, &doc, &err) != 0)
        return;
    r->nodes = json_at(doc, "node-red.nodes");
    r->plugins = json_at(doc, "node-red.plugins");
}

static void begin(struct names *list)
{
    list->last = &list->first;
}

int contents_read(struct pool *pool, struct text tarball, struct text *document, struct err *err)
{
    struct reading *r = pool_zalloc(pool, sizeof *r);
    struct json_writer w;
    auto_buf struct buf out = {0};

    r->pool = pool;
    begin(&r->files), begin(&r->examples), begin(&r->icons);
    if (bundle_walk(tarball, BUNDLE_TGZ, &bundle_package_limits, on_file, r, err) != 0)
        return -1;
    find_sets(r);
    if ((r->nodes != NULL || r->plugins != NULL) &&
        bundle_walk(tarball, BUNDLE_TGZ, &bundle_package_limits, on_source, r, err) != 0)
        return -1;
    buf_init(&out, CONTENTS_MAX);
    json_writer_init(&w, &out);
    write_document(&w, r);
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "contents_too_large",
                       "The package holds more than can be listed here; npm pack brings it whole.");
    *document = buf_take(&out, pool);
    return 0;
}

struct wanted {
    struct pool *pool;
    struct text name, content;
    size_t max;
    bool found;
};

static int on_wanted(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                     struct err *err)
{
    struct wanted *w = arg;

    if (entry->is_dir || w->found || !text_eq(inner_name(entry->name), w->name))
        return 0;
    w->found = true;
    if (entry->bytes > w->max)
        return err_set(
            err, ERR_TOO_LARGE, "file_too_large",
            "The file is larger than the %zu MB that are shown here; npm pack brings it.",
            w->max >> 20);
    return bundle_content(walk, w->pool, w->max, &w->content, err);
}

int contents_file(struct pool *pool, struct text tarball, struct text name, size_t max,
                  struct text *out, struct err *err)
{
    struct wanted w = {.pool = pool, .name = name, .max = max};

    if (bundle_walk(tarball, BUNDLE_TGZ, &bundle_package_limits, on_wanted, &w, err) != 0)
        return -1;
    if (!w.found)
        return err_set(err, ERR_NOT_FOUND, "file_not_found",
                       "There is no such file in this version.");
    *out = w.content;
    return 0;
}

static bool has_sign(struct text bytes, size_t at, const char *sign, size_t n)
{
    return bytes.len >= at + n && memcmp(bytes.base + at, sign, n) == 0;
}

static bool is_svg(struct text name, struct text bytes)
{
    return text_ends(name, ".svg") && text_is_utf8(bytes) &&
           memmem(bytes.base, bytes.len, "<svg", 4) != NULL;
}

struct contents_kind contents_kind(struct text name, struct text bytes)
{
    if (has_sign(bytes, 0, "\x89PNG\r\n\x1a\n", 8))
        return (struct contents_kind){"image/png", true};
    if (has_sign(bytes, 0, "\xff\xd8\xff", 3))
        return (struct contents_kind){"image/jpeg", true};
    if (has_sign(bytes, 0, "GIF87a", 6) || has_sign(bytes, 0, "GIF89a", 6))
        return (struct contents_kind){"image/gif", true};
    if (has_sign(bytes, 0, "RIFF", 4) && has_sign(bytes, 8, "WEBP", 4))
        return (struct contents_kind){"image/webp", true};
    if (is_svg(name, bytes))
        return (struct contents_kind){"image/svg+xml", true};
    if (text_is_utf8(bytes) && !text_has(bytes, '\0'))
        return (struct contents_kind){"text/plain; charset=utf-8", false};
    return (struct contents_kind){"application/octet-stream", false};
}
