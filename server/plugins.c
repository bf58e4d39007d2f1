#include "server/plugins.h"

#include "core/codec.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct embedded server_plugins[];

static void hash_of(char hash[PLUGINS_HASH])
{
    auto_pool struct pool *pool = pool_new();
    struct digest *d = digest_new(DIGEST_SHA256);
    unsigned char sum[SHA256_BYTES];

    for (const struct embedded *e = server_plugins; e->name != NULL; e++) {
        digest_add(d, e->name, strlen(e->name) + 1);
        digest_add(d, e->bytes, e->len);
    }
    digest_end(d, sum);
    struct text hex = hex_encode(pool, sum, (PLUGINS_HASH - 1) / 2);
    memcpy(hash, hex.base, PLUGINS_HASH - 1);
    hash[PLUGINS_HASH - 1] = '\0';
}

static int unpack_one(struct pool *pool, const char *dir, const struct embedded *e, struct err *err)
{
    const char *path = pool_printf(pool, "%s/%s", dir, e->name);
    char *parent = pool_strdup(pool, path);

    *strrchr(parent, '/') = '\0';
    if (file_mkdirs(parent, 0755, err) != 0)
        return -1;
    return file_replace(path, text_n(e->bytes, e->len), 0644, err);
}

int plugins_unpack(const char *data, char hash[PLUGINS_HASH], struct err *err)
{
    auto_pool struct pool *pool = pool_new();

    hash_of(hash);
    const char *final = pool_printf(pool, "%s/plugins/%s", data, hash);
    const char *temp = pool_printf(pool, "%s/plugins/.new", data);
    if (access(final, F_OK) == 0)
        return 0;
    if (file_remove_tree(temp, err) != 0 || file_mkdirs(temp, 0755, err) != 0)
        return -1;
    for (const struct embedded *e = server_plugins; e->name != NULL; e++)
        if (unpack_one(pool, temp, e, err) != 0)
            return -1;
    if (rename(temp, final) != 0 && errno != EEXIST && errno != ENOTEMPTY)
        return err_errno(err, "The plugins cannot be unpacked to %s", final);
    return file_sync_dir(pool_printf(pool, "%s/plugins", data), err);
}
