#include "registry/manifest.h"

#include "core/bundle.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/commands.h"
#include "registry/nodetypes.h"
#include "registry/semver.h"

#define MAX_PACKAGE_JSON ((size_t)1 << 20)
#define MAX_README ((size_t)1 << 18)
#define MAX_SOURCE ((size_t)4 << 20)
#define MAX_SOURCES 200
#define MAX_COMMANDS 1000
#define MAX_NODES 100000
#define BAD ERR_UNPROCESSABLE, "bad_manifest"

struct reading {
    struct pool *pool;
    struct manifest *m;
    struct text package_json;
    bool gyp;
    const struct json *nodes; /* second walk: the "node-red".nodes object */
    size_t sources;
    struct nodetypes types;
    struct text folder; /* third walk: of commands */
    struct commands_file *files;
    size_t n_files;
};

/* npm drops the first folder, whatever it is called. */
static struct text inner_name(struct text name)
{
    if (text_starts(name, "./"))
        name = text_sub(name, 2, name.len);
    size_t slash = text_find(name, '/', 0);
    return slash == SIZE_MAX ? TEXT_NONE : text_sub(name, slash + 1, name.len);
}

static bool is_readme(struct text name)
{
    return text_eq_nocase(name, TEXT("readme.md")) || text_eq_nocase(name, TEXT("readme")) ||
           text_eq_nocase(name, TEXT("readme.markdown")) ||
           text_eq_nocase(name, TEXT("readme.txt"));
}

static int read_readme(struct reading *r, struct text name, const struct bundle_entry *entry,
                       struct bundle_walk *walk, struct err *err)
{
    bool better = r->m->readme.base == NULL || text_eq_nocase(name, TEXT("readme.md"));
    struct text content;
    if (!better || entry->bytes > MAX_README)
        return 0;
    if (bundle_content(walk, r->pool, MAX_README, &content, err) != 0)
        return -1;
    if (content.len > 0 && text_is_utf8(content)) {
        r->m->readme = content;
        r->m->readme_name = text_dup(r->pool, name);
    }
    return 0;
}

static int on_entry(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                    struct err *err)
{
    struct reading *r = arg;
    struct text name = inner_name(entry->name);
    if (entry->is_dir)
        return 0;
    r->m->files++;
    r->m->unpacked_bytes += entry->bytes;
    if (text_is(name, "package.json")) {
        if (r->package_json.base != NULL)
            return err_set(err, BAD, "The tarball holds more than one package.json at its top.");
        return bundle_content(walk, r->pool, MAX_PACKAGE_JSON, &r->package_json, err);
    }
    if (is_readme(name))
        return read_readme(r, name, entry, walk, err);
    if (text_is(name, "binding.gyp"))
        r->gyp = true;
    if (text_is(name, "npm-shrinkwrap.json"))
        r->m->shrinkwrap = true;
    return 0;
}

/* "./lib/a.js" and "lib/a" both mean lib/a.js. */
static bool names_file(struct text listed, struct text name)
{
    while (text_starts(listed, "./"))
        listed = text_sub(listed, 2, listed.len);
    if (text_eq(listed, name))
        return true;
    return name.len == listed.len + 3 && text_ends(name, ".js") &&
           text_eq(listed, text_sub(name, 0, listed.len));
}

static int on_source(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                     struct err *err)
{
    struct reading *r = arg;
    struct text name = inner_name(entry->name), content;
    if (entry->is_dir || name.base == NULL || entry->bytes > MAX_SOURCE)
        return 0;
    json_each (node, r->nodes) {
        if (node->type != JSON_STRING || !names_file(node->text, name))
            continue;
        if (++r->sources > MAX_SOURCES)
            return 0;
        if (bundle_content(walk, r->pool, MAX_SOURCE, &content, err) != 0)
            return -1;
        nodetypes_scan(&r->types, content);
        return 0;
    }
    return 0;
}

static bool has_text(const struct json *node, const char *key)
{
    const struct json *child = json_get(node, key);
    return child != NULL && child->type == JSON_STRING && child->text.len > 0;
}

static bool has_install_script(const struct json *doc, bool gyp)
{
    const struct json *scripts = json_get(doc, "scripts");
    bool install = has_text(scripts, "install"), before = has_text(scripts, "preinstall");
    const struct json *gypfile = json_get(doc, "gypfile");
    bool refused = gypfile != NULL && gypfile->type == JSON_BOOL && !gypfile->boolean;
    return install || before || has_text(scripts, "postinstall") || (gyp && !refused);
}

static struct text types_json(struct pool *pool, const struct nodetypes *types)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, (size_t)1 << 20);
    json_writer_init(&w, &out);
    json_open_array(&w);
    for (size_t i = 0; i < types->n; i++)
        json_text(&w, types->all[i]);
    json_close_array(&w);
    return buf_take(&out, pool);
}

static int read_node_red(struct reading *r, struct text tarball, struct err *err)
{
    const struct json *section = json_get(r->m->doc, "node-red");
    const struct json *version = json_get(section, "version");
    r->m->types = TEXT("[]");
    if (section == NULL || section->type != JSON_OBJECT)
        return 0;
    r->m->node_red = true;
    if (version != NULL && version->type == JSON_STRING && version->text.len <= SEMVER_MAX)
        r->m->node_red_version = version->text;
    r->nodes = json_get(section, "nodes");
    if (r->nodes == NULL || r->nodes->type != JSON_OBJECT || r->nodes->count == 0)
        return 0;
    if (bundle_walk(tarball, BUNDLE_TGZ, &bundle_package_limits, on_source, r, err) != 0)
        return -1;
    r->m->types = types_json(r->pool, &r->types);
    return 0;
}

static int on_command(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                      struct err *err)
{
    struct reading *r = arg;
    struct text name = inner_name(entry->name);
    if (entry->is_dir || !commands_in_folder(r->folder, name) || ++r->n_files > MAX_COMMANDS)
        return 0;
    struct commands_file *file = pool_alloc(r->pool, sizeof *file);
    *file = (struct commands_file){text_dup(r->pool, name), r->files};
    r->files = file;
    return 0;
}

static int read_commands(struct reading *r, struct text tarball, struct err *err)
{
    struct manifest *m = r->m;
    size_t slash = text_find(m->name, '/', 0);
    struct text base = slash == SIZE_MAX ? m->name : text_sub(m->name, slash + 1, SIZE_MAX);
    m->commands = commands_of_bin(r->pool, m->doc, base);
    r->folder = commands_folder(r->pool, m->doc);
    if (r->folder.base == NULL)
        return 0;
    if (bundle_walk(tarball, BUNDLE_TGZ, &bundle_package_limits, on_command, r, err) != 0)
        return -1;
    m->commands = commands_of_files(r->pool, r->files);
    return 0;
}

static int read_package_json(struct reading *r, struct err *err)
{
    struct manifest *m = r->m;
    struct json *doc;
    struct semver version;
    struct err why;
    struct text text = r->package_json;
    if (text.base == NULL)
        return err_set(err, BAD, "The tarball has no package.json.");
    if (text_starts(text, "\xef\xbb\xbf"))
        text = text_sub(text, 3, text.len);
    if (json_read(r->pool, text, MAX_NODES, &doc, &why) != 0)
        return err_set(err, BAD, "The package.json in the tarball cannot be read: %s", why.text);
    m->doc = doc;
    if (doc->type != JSON_OBJECT || json_need_text(doc, "name", &m->name, &why) != 0 ||
        json_need_text(doc, "version", &m->version, &why) != 0)
        return err_set(err, BAD, "The package.json in the tarball has no name or no version.");
    if (!semver_parse(m->version, &version) || version.build.len > 0)
        return err_set(err, BAD,
                       "The package.json in the tarball has a version that is not one: \"%.*s\".",
                       (int)(m->version.len < 80 ? m->version.len : 80), m->version.base);
    m->install_script = has_install_script(doc, r->gyp);
    return 0;
}

int manifest_read(struct pool *pool, struct text tarball, struct manifest *out, struct err *err)
{
    struct manifest m = {0};
    struct reading *r = pool_zalloc(pool, sizeof *r);
    r->pool = pool;
    r->m = &m;
    if (bundle_walk(tarball, BUNDLE_TGZ, &bundle_package_limits, on_entry, r, err) != 0 ||
        read_package_json(r, err) != 0 || read_node_red(r, tarball, err) != 0 ||
        read_commands(r, tarball, err) != 0)
        return -1;
    *out = m;
    return 0;
}
