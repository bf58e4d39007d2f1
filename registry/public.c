/* Public tarballs for callers inside. */
#include "core/blob.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/pkgname.h"
#include "registry/uplink/uplinks.h"

#include <string.h>
#include <unistd.h>

/* "sha512-…" of the whole file, which is left at its start. */
static int integrity_of(int fd, struct pool *pool, struct text *out, struct err *err)
{
    struct digest *d = digest_new(DIGEST_SHA512);
    struct blob_id id;
    char block[65536];
    ssize_t n;

    while ((n = read(fd, block, sizeof(block))) > 0)
        digest_add(d, block, (size_t)n);
    digest_end(d, id.sha512);
    if (n < 0 || lseek(fd, 0, SEEK_SET) != 0)
        return err_errno(err, "a tarball cannot be read");
    *out = blob_integrity(pool, &id);
    return 0;
}

int registry_public_tarball(struct registry *registry, struct pool *pool, struct text name,
                            struct text version, struct text integrity, int *fd, struct err *err)
{
    struct pkgname split;
    struct uplink_file file;
    struct text found;

    if (!pkgname_split(name, &split))
        return err_set(err, ERR_INVALID, "bad_package_name", "%.*s is no package name.",
                       TEXT_ARG(name));
    struct text tarball =
        text_printf(pool, "%.*s-%.*s.tgz", TEXT_ARG(split.base), TEXT_ARG(version));
    if (uplinks_refresh(registry->uplinks, name, PACKUMENT_FULL, err) != 0 ||
        uplinks_tarball(registry->uplinks, pool, &split, tarball, &file, err) != 0)
        return -1;
    if (integrity_of(file.fd, pool, &found, err) != 0 || !text_eq(found, integrity)) {
        close(file.fd);
        return err_set(err, ERR_UPSTREAM, "wrong_integrity",
                       "The uplink's %.*s@%.*s is not what the lock file names.", TEXT_ARG(name),
                       TEXT_ARG(version));
    }
    *fd = file.fd;
    return 0;
}
