/*
 * Exports to files: NAME/BASE-VERSION.tgz, NAME/package.json and a list of the names, as a
 * Verdaccio keeps its storage. A package's document is written when its tarballs are.
 */
#include "core/codec.h"
#include "core/digest.h"
#include "core/file.h"
#include "server/move/export.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)96 << 20)

/* One file; *there: it was so already. */
typedef int put_fn(struct export *e, struct pool *pool, const char *path, struct text content,
                   bool *there, struct err *err);

static struct text file_of(const struct export_package *p, struct text version)
{
    return text_printf(p->pool, "%.*s-%.*s.tgz", TEXT_ARG(p->name.base), TEXT_ARG(version));
}

/* The packument with what a Verdaccio keeps beside it. */
static int write_document(struct export_package *p, struct buf *out, struct err *err)
{
    struct json_writer w;

    json_writer_init(&w, out);
    json_open(&w);
    json_each (member, p->doc) {
        json_key_text(&w, member->key);
        json_raw(&w, member->raw);
    }
    json_key(&w, "_uplinks");
    json_raw(&w, TEXT("{}"));
    json_key(&w, "_distfiles");
    json_raw(&w, TEXT("{}"));
    json_key(&w, "_attachments");
    json_open(&w);
    json_each (manifest, json_get(p->doc, "versions")) {
        struct text shasum = TEXT_NONE;
        if (json_want_text(manifest, "dist.shasum", &shasum, err) != 0)
            return -1;
        json_key_text(&w, file_of(p, manifest->key));
        json_open(&w);
        json_put_text(&w, "shasum", shasum);
        json_put_text(&w, "version", manifest->key);
        json_close(&w);
    }
    json_close(&w);
    json_close(&w);
    return buf_failed(out) ? err_set(err, ERR_TOO_LARGE, "too_large", "Its document is too large.")
                           : 0;
}

static int put_version(struct export *e, struct export_package *p, const struct json *manifest,
                       put_fn *put, struct err *err)
{
    struct export_package one = *p;
    struct text tarball = TEXT_NONE;
    bool there = false;

    one.pool = one.client.pool = pool_new();
    int rc = export_tarball(&one, manifest->key, manifest, &tarball, err);
    if (rc == 0)
        rc = put(e, one.pool,
                 pool_printf(one.pool, "%.*s/%.*s", TEXT_ARG(one.name.full),
                             TEXT_ARG(file_of(&one, manifest->key))),
                 tarball, &there, err);
    pool_free(one.pool);
    if (rc == 0 && there)
        p->there++;
    else if (rc == 0)
        p->written++;
    return rc;
}

static int put_package(struct export *e, struct export_package *p, put_fn *put, struct err *err)
{
    auto_buf struct buf document = {0};
    bool there;

    json_each (manifest, json_get(p->doc, "versions"))
        if (put_version(e, p, manifest, put, err) != 0)
            return -1;
    buf_init(&document, DOCUMENT_MAX);
    if (write_document(p, &document, err) != 0)
        return -1;
    return put(e, p->pool, pool_printf(p->pool, "%.*s/package.json", TEXT_ARG(p->name.full)),
               buf_view(&document), &there, err);
}

static int put_names(struct export *e, put_fn *put, struct err *err)
{
    auto_buf struct buf list = {0};
    struct json_writer w;
    bool there;

    buf_init(&list, 64u << 20);
    json_writer_init(&w, &list);
    json_open(&w);
    json_key(&w, "list");
    json_open_array(&w);
    for (size_t i = 0; i < e->n_names; i++)
        json_text(&w, e->names[i]);
    json_close_array(&w);
    json_put_str(&w, "secret", "");
    json_close(&w);
    return put(e, e->ask->pool, ".verdaccio-db.json", buf_view(&list), &there, err);
}

/* A folder. */

static int put_file(struct export *e, struct pool *pool, const char *path, struct text content,
                    bool *there, struct err *err)
{
    auto_buf struct buf old = {0};
    const char *full, *folder;
    size_t slash = 0;

    if (file_join(pool, e->where, text_of(path), &full, err) != 0)
        return -1;
    buf_init(&old, content.len + 1);
    struct err ignored;
    *there =
        file_read(full, content.len + 1, &old, &ignored) == 0 && text_eq(buf_view(&old), content);
    if (*there)
        return 0;
    for (size_t i = 0; full[i] != '\0'; i++)
        if (full[i] == '/')
            slash = i;
    folder = text_c(pool, text_n(full, slash));
    if (file_mkdirs(folder, 0755, err) != 0)
        return -1;
    return file_replace(full, content, 0644, err);
}

static int open_folder(struct export *e, struct err *err)
{
    return file_mkdirs(e->where, 0755, err);
}

static int package_to_folder(struct export *e, struct export_package *p, struct err *err)
{
    return put_package(e, p, put_file, err);
}

static int close_folder(struct export *e, bool whole, struct err *err)
{
    return whole ? put_names(e, put_file, err) : 0;
}

const struct export_target export_to_folder = {"written", open_folder, package_to_folder,
                                               close_folder};

/* A tar, under its name only when it is whole. */

struct tar {
    struct archive *archive;
    const char *temp;
    int fd;
};

static int tar_failed(struct tar *t, struct err *err)
{
    const char *why = archive_error_string(t->archive);

    return err_set(err, ERR_INTERNAL, "tar_failed", "The tar cannot be written: %.150s.",
                   why != NULL ? why : "unknown reason");
}

static int put_entry(struct export *e, struct pool *pool, const char *path, struct text content,
                     bool *there, struct err *err)
{
    struct tar *t = e->arg;
    struct archive_entry *entry = archive_entry_new();

    *there = false;
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)content.len);
    bool ok = archive_write_header(t->archive, entry) == ARCHIVE_OK &&
              archive_write_data(t->archive, content.base, content.len) == (la_ssize_t)content.len;
    archive_entry_free(entry);
    return ok ? 0 : tar_failed(t, err);
}

static int open_tar(struct export *e, struct err *err)
{
    struct tar *t = pool_zalloc(e->ask->pool, sizeof(*t));

    e->arg = t;
    t->temp = pool_printf(e->ask->pool, "%s.part", e->where);
    t->fd = -1;
    t->archive = archive_write_new();
    if (file_unlink(t->temp, err) != 0 || file_create(t->temp, 0644, &t->fd, err) != 0)
        return -1;
    if (archive_write_set_format_pax_restricted(t->archive) != ARCHIVE_OK ||
        archive_write_open_fd(t->archive, t->fd) != ARCHIVE_OK)
        return tar_failed(t, err);
    return 0;
}

static int package_to_tar(struct export *e, struct export_package *p, struct err *err)
{
    return put_package(e, p, put_entry, err);
}

static int close_tar(struct export *e, bool whole, struct err *err)
{
    struct tar *t = e->arg;
    struct err ignored;
    int rc = whole ? put_names(e, put_entry, err) : 0;

    if (rc == 0 && whole && archive_write_close(t->archive) != ARCHIVE_OK)
        rc = tar_failed(t, err);
    archive_write_free(t->archive);
    if (rc == 0 && whole)
        rc = file_publish(t->fd, t->temp, e->where, err);
    else
        (void)file_unlink(t->temp, &ignored);
    file_close(t->fd);
    return rc;
}

const struct export_target export_to_tar = {"written", open_tar, package_to_tar, close_tar};
