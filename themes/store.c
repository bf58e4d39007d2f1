#include "themes/store.h"

#include "core/blob.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"

static int load(struct themes *themes, struct db_conn *conn, struct pool *pool, const char *tenant,
                struct theme *out, struct err *err)
{
    static const char sql[] = "SELECT version, document, updated_at FROM theme WHERE tenant = ?";
    static const char files[] =
        "SELECT name, type, sha512, bytes FROM theme_file WHERE tenant = ? ORDER BY name";
    struct theme theme = {.files = pool_zalloc(pool, THEME_MAX_FILES * sizeof(*theme.files))};
    struct json *document = NULL;
    auto_rows struct db_rows q = {0};

    if (db_get(conn, pool, err, sql, "z", "ssi", tenant, &theme.version, &theme.text,
               &theme.updated_at) != 0) {
        if (err->kind != ERR_NOT_FOUND)
            return -1;
        *out = (struct theme){0};
        return 0;
    }
    if (json_read(pool, theme.text, 20000, &document, err) != 0 ||
        db_each (&q, conn, err, files, "z", tenant) != 0)
        return -1;
    theme.document = document;
    struct theme_file *f = theme.files;
    while (theme.n_files < THEME_MAX_FILES &&
           db_next(&q, pool, "sssi", &f->name, &f->type, &f->sha512, &f->bytes)) {
        theme.n_files++;
        f++;
    }
    if (q.failed)
        return -1;
    *out = theme;
    return 0;
}

int store_layers(struct themes *themes, struct pool *pool, const char *tenant, struct layers *out,
                 struct err *err)
{
    struct layers layers = {0};
    auto_read struct db_read r = db_read(themes->config.control, err);

    if (r.conn == NULL || load(themes, r.conn, pool, "", &layers.platform, err) != 0)
        return -1;
    if (tenant != NULL && tenant[0] != '\0' &&
        load(themes, r.conn, pool, tenant, &layers.own, err) != 0)
        return -1;
    *out = layers;
    return 0;
}

static int put_blobs(struct themes *themes, struct pool *pool, struct theme *theme, struct err *err)
{
    for (size_t i = 0; i < theme->n_files; i++) {
        struct blob_id id;
        if (blob_put(themes->config.blobs, theme->files[i].content, &id, err) != 0)
            return -1;
        theme->files[i].sha512 = blob_hex(pool, &id);
    }
    return 0;
}

static void tell(struct themes *themes, const char *tenant)
{
    if (themes->config.changed != NULL)
        themes->config.changed(themes->config.arg, tenant[0] != '\0' ? tenant : NULL);
}

int store_put(struct themes *themes, struct pool *pool, const char *tenant, struct theme *theme,
              struct err *err)
{
    static const char drop[] = "DELETE FROM theme WHERE tenant = ?";
    static const char put[] =
        "INSERT INTO theme (tenant, version, document, updated_at) VALUES (?, ?, ?, ?)";
    static const char file[] =
        "INSERT INTO theme_file (tenant, name, type, bytes, sha512) VALUES (?, ?, ?, ?, ?)";
    char version[27];

    random_id(version);
    theme->version = text_of(pool_strdup(pool, version));
    theme->updated_at = clock_wall_ms();
    auto_hold struct blobs *held = blobs_hold(themes->config.blobs);
    if (put_blobs(themes, pool, theme, err) != 0)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, themes->config.control, err) != 0 ||
        db_do(tx.conn, err, drop, "z", tenant) < 0 ||
        db_do(tx.conn, err, put, "zssi", tenant, theme->version, theme->text, theme->updated_at) <
            0)
        return -1;
    for (size_t i = 0; i < theme->n_files; i++) {
        const struct theme_file *f = &theme->files[i];
        if (db_do(tx.conn, err, file, "zssis", tenant, f->name, f->type, f->bytes, f->sha512) < 0)
            return -1;
    }
    if (db_commit(&tx, err) != 0)
        return -1;
    tell(themes, tenant);
    return 0;
}

int store_remove(struct themes *themes, const char *tenant, struct err *err)
{
    static const char drop[] = "DELETE FROM theme WHERE tenant = ?";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, themes->config.control, err) != 0 ||
        db_do(tx.conn, err, drop, "z", tenant) < 0 || db_commit(&tx, err) != 0)
        return -1;
    tell(themes, tenant);
    return 0;
}

const struct json *layers_get(const struct layers *layers, const char *path,
                              const struct theme **whose)
{
    const struct theme *order[] = {&layers->own, &layers->platform};

    for (size_t i = 0; i < 2; i++) {
        const struct json *node =
            order[i]->document != NULL ? json_at(order[i]->document, path) : NULL;
        if (node == NULL || node->type == JSON_NULL)
            continue;
        if (whose != NULL)
            *whose = order[i];
        return node;
    }
    return NULL;
}
