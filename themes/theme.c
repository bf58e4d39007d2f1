#include "themes/theme.h"

#include "core/bundle.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "themes/inert.h"
#include "themes/token.h"

#include <string.h>

/* What a file may be: by its ending, and its first bytes must agree. */
static const struct {
    const char *ending, *type, *magic;
    size_t magic_len;
} kinds[] = {
    {".png", "image/png", "\x89PNG\r\n\x1a\n", 8},
    {".jpg", "image/jpeg", "\xff\xd8\xff", 3},
    {".jpeg", "image/jpeg", "\xff\xd8\xff", 3},
    {".gif", "image/gif", "GIF8", 4},
    {".webp", "image/webp", "RIFF", 4},
    {".ico", "image/x-icon", "\0\0\1\0", 4},
    {".svg", "image/svg+xml", NULL, 0},
    {".woff2", "font/woff2", "wOF2", 4},
    {".woff", "font/woff", "wOFF", 4},
    {".css", "text/css", NULL, 0},
};

bool theme_is_image(struct text type)
{
    return text_starts(type, "image/");
}

const struct theme_file *theme_file(const struct theme *theme, struct text name)
{
    for (size_t i = 0; i < theme->n_files; i++)
        if (text_eq(theme->files[i].name, name))
            return &theme->files[i];
    return NULL;
}

static int take_file(struct pool *pool, struct theme_file *file, struct err *err)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!text_ends(file->name, kinds[i].ending))
            continue;
        if (kinds[i].magic != NULL &&
            (file->content.len < kinds[i].magic_len ||
             memcmp(file->content.base, kinds[i].magic, kinds[i].magic_len) != 0))
            return err_set(err, ERR_UNPROCESSABLE, "bad_image",
                           "\"%.*s\" is not what its name says.", TEXT_ARG(file->name));
        file->type = text_of(kinds[i].type);
        if (text_is(file->type, "image/svg+xml"))
            return inert_svg(file->name, file->content, err);
        return text_is(file->type, "text/css") ? inert_css(pool, file->content, err) : 0;
    }
    return err_set(
        err, ERR_UNPROCESSABLE, "bad_file",
        "\"%.*s\" is no file of a theme: images, fonts (.woff2, .woff) and one .css may be in it.",
        TEXT_ARG(file->name));
}

struct taking {
    struct pool *pool;
    struct theme *theme;
    size_t bytes;
};

static int take_entry(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                      struct err *err)
{
    struct taking *t = arg;
    struct text name = entry->name;
    struct text content;

    if (entry->is_dir)
        return 0;
    for (size_t slash; (slash = text_find(name, '/', 0)) != SIZE_MAX;)
        name = text_sub(name, slash + 1, name.len);
    if (name.len == 0 || name.len > 100 || name.base[0] == '.' || !text_is_printable(name) ||
        text_has(name, '"'))
        return err_set(err, ERR_UNPROCESSABLE, "bad_file",
                       "The bundle holds a file whose name cannot be used.");
    if (entry->bytes > THEME_MAX_FILE_BYTES || (t->bytes += entry->bytes) > THEME_MAX_BYTES)
        return err_set(err, ERR_TOO_LARGE, "file_too_large",
                       "\"%.*s\" is too large: a file may have 8 MB, a theme 16 MB.",
                       TEXT_ARG(name));
    if (bundle_content(walk, t->pool, THEME_MAX_FILE_BYTES, &content, err) != 0)
        return -1;
    if (text_is(name, "theme.json")) {
        t->theme->text = content;
        return 0;
    }
    if (t->theme->n_files == THEME_MAX_FILES)
        return err_set(err, ERR_TOO_LARGE, "too_many_files", "A theme may have %d files.",
                       THEME_MAX_FILES);
    if (theme_file(t->theme, name) != NULL)
        return err_set(err, ERR_UNPROCESSABLE, "bad_file", "The bundle holds \"%.*s\" twice.",
                       TEXT_ARG(name));
    struct theme_file *file = &t->theme->files[t->theme->n_files];
    *file = (struct theme_file){
        .name = text_dup(t->pool, name), .content = content, .bytes = (int64_t)content.len};
    if (take_file(t->pool, file, err) != 0)
        return -1;
    t->theme->n_files++;
    return 0;
}

int theme_parse(struct pool *pool, struct text bytes, struct theme *out, struct err *err)
{
    static const struct bundle_limits limits = {.entries = 4 * THEME_MAX_FILES,
                                                .total_bytes = 64u << 20,
                                                .entry_bytes = 64u << 20,
                                                .ratio = 200};
    struct theme theme = {.files = pool_zalloc(pool, THEME_MAX_FILES * sizeof(*theme.files))};
    struct taking taking = {pool, &theme, 0};
    struct text start = text_trim(bytes);
    struct json *document = NULL;

    if (start.len > 0 && start.base[0] == '{')
        theme.text = bytes;
    else if (bundle_walk(bytes, BUNDLE_ZIP_OR_TGZ, &limits, take_entry, &taking, err) != 0)
        return -1;
    if (theme.text.base == NULL)
        return err_set(err, ERR_UNPROCESSABLE, "bad_bundle", "The bundle holds no theme.json.");
    if (theme.text.len > THEME_MAX_DOCUMENT)
        return err_set(err, ERR_TOO_LARGE, "file_too_large", "theme.json may have 256 kB.");
    if (json_read(pool, theme.text, 20000, &document, err) != 0)
        return -1;
    theme.document = document;
    if (theme_check(&theme, err) != 0)
        return -1;
    *out = theme;
    return 0;
}
