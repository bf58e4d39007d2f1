#include "registry/commands.h"

#include "core/buf.h"
#include "core/pool.h"

#define MOST_BYTES ((size_t)256 << 10)
#define MOST_SEGMENTS 64

/* "./a//b/../c" as "a/c"; nothing leads out of the package. */
static struct text clean_path(struct pool *pool, struct text path)
{
    struct text segments[MOST_SEGMENTS], part;
    size_t n = 0;
    auto_buf struct buf out = {0};

    while (text_cut(&path, '/', &part)) {
        if (part.len == 0 || text_is(part, "."))
            continue;
        if (text_is(part, "..")) {
            n -= n > 0;
            continue;
        }
        if (n == MOST_SEGMENTS)
            return TEXT("");
        segments[n++] = part;
    }
    buf_init(&out, MOST_BYTES);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(&out, '/');
        buf_text(&out, segments[i]);
    }
    return buf_take(&out, pool);
}

/* What a link in a folder of commands may be called: the last part, whatever divides it. */
static struct text clean_name(struct text name)
{
    size_t from = 0;

    for (size_t i = 0; i < name.len; i++)
        if (name.base[i] == '/' || name.base[i] == '\\' || name.base[i] == ':')
            from = i + 1;
    name = text_sub(name, from, name.len);
    return text_is(name, ".") || text_is(name, "..") ? TEXT("") : name;
}

struct making {
    struct pool *pool;
    struct json_writer w;
    struct buf out;
    struct commands_file *seen; /* names that are there */
};

static void begin(struct making *m, struct pool *pool)
{
    m->pool = pool;
    buf_init(&m->out, MOST_BYTES);
    json_writer_init(&m->w, &m->out);
    json_open(&m->w);
}

static void add(struct making *m, struct text name, struct text path)
{
    name = clean_name(name);
    path = clean_path(m->pool, path);
    if (name.len == 0 || path.len == 0)
        return;
    for (const struct commands_file *f = m->seen; f != NULL; f = f->next)
        if (text_eq(f->path, name))
            return;
    struct commands_file *seen = pool_alloc(m->pool, sizeof *seen);
    *seen = (struct commands_file){name, m->seen};
    m->seen = seen;
    json_key_text(&m->w, name);
    json_text(&m->w, path);
}

static struct text end(struct making *m)
{
    json_close(&m->w);
    struct text all = m->seen != NULL ? buf_take(&m->out, m->pool) : TEXT_NONE;
    buf_release(&m->out);
    return all;
}

struct text commands_of_bin(struct pool *pool, const struct json *package_json, struct text base)
{
    const struct json *bin = json_get(package_json, "bin");
    struct making m = {0};

    if (bin == NULL)
        return TEXT_NONE;
    begin(&m, pool);
    if (bin->type == JSON_STRING)
        add(&m, base, bin->text);
    if (bin->type == JSON_OBJECT || bin->type == JSON_ARRAY)
        json_each (command, bin)
            if (command->type == JSON_STRING)
                add(&m, bin->type == JSON_OBJECT ? command->key : command->text, command->text);
    return end(&m);
}

struct text commands_folder(struct pool *pool, const struct json *package_json)
{
    const struct json *folder = json_at(package_json, "directories.bin");

    if (json_get(package_json, "bin") != NULL || folder == NULL || folder->type != JSON_STRING)
        return TEXT_NONE;
    struct text path = clean_path(pool, folder->text);
    return path.len > 0 ? path : TEXT_NONE;
}

bool commands_in_folder(struct text folder, struct text path)
{
    struct text part, rest;

    if (path.len <= folder.len + 1 || !text_eq(text_sub(path, 0, folder.len), folder) ||
        path.base[folder.len] != '/')
        return false;
    rest = text_sub(path, folder.len + 1, path.len);
    while (text_cut(&rest, '/', &part))
        if (text_starts(part, "."))
            return false;
    return true;
}

struct text commands_of_files(struct pool *pool, const struct commands_file *files)
{
    struct making m = {0};

    begin(&m, pool);
    for (; files != NULL; files = files->next)
        add(&m, files->path, files->path);
    return end(&m);
}
