#include "themes/themes.h"

#include "core/blob.h"
#include "core/buf.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "themes/css.h"
#include "themes/store.h"

#include <stdlib.h>

static int needs_blob(void *arg, const struct blob_id *id, bool *needed, struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM theme_file WHERE sha512 = ?";
    struct themes *themes = arg;
    auto_pool struct pool *pool = pool_new();
    int64_t used = 1;
    auto_read struct db_read r = db_read(themes->config.control, err);

    if (r.conn == NULL || db_get(r.conn, pool, err, sql, "s", "i", blob_hex(pool, id), &used) != 0)
        return -1;
    *needed = used > 0;
    return 0;
}

struct themes *themes_open(const struct themes_config *config, struct err *err)
{
    struct themes *themes = xcalloc(1, sizeof(*themes));

    themes->config = *config;
    blobs_ask(themes->config.blobs, needs_blob, themes);
    return themes;
}

void themes_close(struct themes *themes)
{
    free(themes);
}

int themes_look(struct themes *themes, struct pool *pool, const char *tenant, struct text *css,
                struct err *err)
{
    struct layers layers;
    auto_buf struct buf out = {0};

    buf_init(&out, 1u << 16);
    if (store_layers(themes, pool, tenant, &layers, err) != 0)
        return -1;
    css_look(&out, &layers);
    *css = buf_take(&out, pool);
    return 0;
}

static struct text label(const struct layers *layers, const char *path, struct text preset)
{
    const struct json *node = layers_get(layers, path, NULL);

    return node != NULL ? node->text : preset;
}

static void put_label(struct json_writer *w, const struct layers *layers, const char *path,
                      const char *key)
{
    struct text text = label(layers, path, TEXT_NONE);

    if (text.base != NULL)
        json_put_text(w, key, text);
}

/* The address of a file: its version is in it, so that it may be cached for good. */
static void put_file(struct json_writer *w, struct pool *pool, const struct layers *layers,
                     const char *path, const char *key)
{
    const struct theme *whose = NULL;
    const struct json *node = layers_get(layers, path, &whose);

    if (node != NULL)
        json_put_text(w, key,
                      text_printf(pool, "/.redhouse/theme/%.*s?v=%.*s", TEXT_ARG(node->text),
                                  TEXT_ARG(whose->version)));
}

static void put_node(struct json_writer *w, const struct layers *layers, const char *path,
                     const char *key)
{
    const struct json *node = layers_get(layers, path, NULL);

    if (node == NULL)
        return;
    json_key(w, key);
    json_raw(w, node->raw);
}

static void write_runtime(struct json_writer *w, struct pool *pool, const struct layers *layers,
                          struct text title)
{
    json_open(w);
    json_put_text(w, "version",
                  text_printf(pool, "%.*s.%.*s", TEXT_ARG(layers->own.version),
                              TEXT_ARG(layers->platform.version)));
    json_key(w, "page");
    json_open(w);
    json_put_text(w, "title", label(layers, "page.title", title));
    put_file(w, pool, layers, "favicon", "favicon");
    json_close(w);
    json_key(w, "header");
    json_open(w);
    json_put_text(w, "title", label(layers, "header.title", title));
    put_file(w, pool, layers, "header.image", "image");
    put_label(w, layers, "header.url", "url");
    json_close(w);
    json_key(w, "login");
    json_open(w);
    put_file(w, pool, layers, "login.image", "image");
    json_close(w);
    json_key(w, "palette");
    json_open(w);
    put_node(w, layers, "palette.categories", "categories");
    put_node(w, layers, "palette.theme", "theme");
    json_key(w, "catalogues");
    json_raw(w, TEXT("[\"/.redhouse/catalogue.json\"]"));
    json_close(w);
    put_node(w, layers, "menu", "menu");
    put_node(w, layers, "deployButton", "deployButton");
    put_node(w, layers, "codeEditor", "codeEditor");
    json_put_str(w, "css", "/.redhouse/theme.css");
    json_close(w);
}

int themes_runtime_json(struct themes *themes, struct pool *pool, const char *tenant,
                        const char *title, struct text *json, struct err *err)
{
    struct layers layers;
    struct json_writer w;
    auto_buf struct buf out = {0};

    buf_init(&out, 2u << 20);
    json_writer_init(&w, &out);
    if (store_layers(themes, pool, tenant, &layers, err) != 0)
        return -1;
    write_runtime(&w, pool, &layers, title != NULL ? text_of(title) : text_of(themes->config.name));
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "theme_too_large", "The theme is too large.");
    *json = buf_take(&out, pool);
    return 0;
}
