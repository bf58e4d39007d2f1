#include "core/bundle.h"

#include <locale.h>

#include <archive.h>
#include <archive_entry.h>

#include "core/buf.h"
#include "core/err.h"

static la_ssize_t on_write(struct archive *archive, void *arg, const void *p, size_t n)
{
    buf_add(arg, p, n);
    return (la_ssize_t)n;
}

static int failed(struct archive *archive, struct err *err)
{
    const char *why = archive_error_string(archive);

    return err_set(err, ERR_INTERNAL, "internal", "An archive cannot be made: %.150s.",
                   why != NULL ? why : "unknown reason");
}

static int open_archive(struct archive *archive, struct buf *out)
{
    if (archive_write_add_filter_gzip(archive) != ARCHIVE_OK ||
        archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
        archive_write_set_options(archive, "gzip:!timestamp,gzip:compression-level=9") !=
            ARCHIVE_OK)
        return -1;
    /* no padding behind the gzip member */
    archive_write_set_bytes_in_last_block(archive, 1);
    return archive_write_open(archive, out, NULL, on_write, NULL) == ARCHIVE_OK ? 0 : -1;
}

static int add_file(struct archive *archive, const struct bundle_file *file)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname_utf8(entry, file->name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (int64_t)file->content.len);
    archive_entry_set_mtime(entry, 0, 0);
    int rc = archive_write_header(archive, entry);
    archive_entry_free(entry);
    if (rc != ARCHIVE_OK)
        return -1;
    la_ssize_t n = archive_write_data(archive, file->content.base, file->content.len);
    return n == (la_ssize_t)file->content.len ? 0 : -1;
}

int bundle_pack_tgz(struct pool *pool, const struct bundle_file *files, size_t n, struct text *out,
                    struct err *err)
{
    auto_buf struct buf packed = {0};
    struct archive *archive = archive_write_new();
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(utf8);

    buf_init(&packed, SIZE_MAX);
    int rc = open_archive(archive, &packed);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_file(archive, &files[i]);
    if (rc == 0)
        rc = archive_write_close(archive) == ARCHIVE_OK ? 0 : -1;
    if (rc != 0)
        failed(archive, err);
    archive_write_free(archive);
    uselocale(before);
    if (utf8 != (locale_t)0)
        freelocale(utf8);
    if (rc == 0)
        *out = buf_take(&packed, pool);
    return rc;
}
