#include "server/move/verdaccio.h"

#include "core/err.h"
#include "registry/pkgname.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DB_MAX ((size_t)16 << 20)
#define NAMES_MAX 100000
#define FILE_NAME_MAX 255

static int missing(const char *name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "file_not_found", "The file \"%s\" is not there.", name);
}

/* A regular file of at most max bytes, in the pool. */
static int read_beneath(struct pool *pool, int dir, const char *name, size_t max, struct text *out,
                        struct err *err)
{
    struct stat st;
    /* a pipe would let nobody go on */
    auto_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? missing(name, err)
                               : err_set(err, ERR_UNPROCESSABLE, "bad_file",
                                         "The file \"%s\" cannot be read: %s.", name,
                                         errno == ELOOP ? "it is a link" : strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_UNPROCESSABLE, "bad_file", "\"%s\" is no regular file.", name);
    if (st.st_size < 0 || (size_t)st.st_size > max)
        return err_set(err, ERR_TOO_LARGE, "file_too_large",
                       "The file \"%s\" is larger than %zu bytes.", name, max);
    size_t n = 0, size = (size_t)st.st_size;
    char *bytes = pool_alloc(pool, size + 1);
    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(err, ERR_UNPROCESSABLE, "bad_file", "The file \"%s\" was cut short.",
                           name);
        n += (size_t)got;
    }
    *out = text_n(bytes, n);
    return 0;
}

static int open_folder(int dir, const char *name, int *out, struct err *err)
{
    *out = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*out >= 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "folder_not_found", "The folder \"%s\" %s.", name,
                   errno == ENOENT                      ? "is not there"
                   : errno == ELOOP || errno == ENOTDIR ? "is a link or no folder"
                                                        : "cannot be opened");
}

/* The folder of a package, whose name was checked: @scope/base or base. */
static int open_package(const struct verdaccio *v, struct pool *pool, struct text name, int *out,
                        struct err *err)
{
    struct pkgname n;

    if (!pkgname_split(name, &n))
        return err_set(err, ERR_UNPROCESSABLE, "bad_package_name",
                       "This is no name of a package, and nothing was read for it.");
    if (n.scope.len == 0)
        return open_folder(v->dir, text_c(pool, n.base), out, err);
    auto_close int scope = -1;
    if (open_folder(v->dir, pool_printf(pool, "@%.*s", TEXT_ARG(n.scope)), &scope, err) != 0)
        return -1;
    return open_folder(scope, text_c(pool, n.base), out, err);
}

static int read_document(struct mover *m, struct mover_package *p, struct err *err)
{
    auto_close int dir = -1;
    struct text text = TEXT_NONE, name = TEXT_NONE;
    struct json *doc;

    if (open_package(m->arg, p->pool, p->name, &dir, err) != 0 ||
        read_beneath(p->pool, dir, "package.json", MOVER_DOCUMENT_MAX, &text, err) != 0 ||
        json_read(p->pool, text, JSON_MAX_NODES, &doc, err) != 0 ||
        json_need_text(doc, "name", &name, err) != 0)
        return -1;
    if (!text_eq(name, p->name))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_name",
                       "Its document is called \"%.*s\" and lies in another package's folder.",
                       TEXT_ARG(text_sub(name, 0, 80)));
    p->doc = doc;
    return 0;
}

/* BASE-VERSION.tgz. False when that is no name of a file. */
static bool file_of(struct pool *pool, struct text name, struct text version, struct text *out)
{
    struct pkgname n;

    if (!pkgname_split(name, &n) || text_has(version, '/') || text_has(version, '\0'))
        return false;
    *out = text_printf(pool, "%.*s-%.*s.tgz", TEXT_ARG(n.base), TEXT_ARG(version));
    return out->len <= FILE_NAME_MAX;
}

/* What came from another registry stands in _distfiles. */
static const char *is_foreign(const struct mover_package *p, const struct json *manifest)
{
    const struct json *kept = json_get(p->doc, "_distfiles");
    struct text file;

    if (kept == NULL || !file_of(p->pool, p->name, manifest->key, &file) ||
        json_get_text(kept, file) == NULL)
        return NULL;
    return "It is a copy from another registry.";
}

static int read_tarball(struct mover *m, struct mover_package *p, const struct json *manifest,
                        struct text *out, struct err *err)
{
    auto_close int dir = -1;
    struct text file;

    if (!file_of(p->pool, p->name, manifest->key, &file))
        return err_set(err, ERR_UNPROCESSABLE, "bad_version", "This is no version.");
    if (open_package(m->arg, p->pool, p->name, &dir, err) != 0)
        return -1;
    return read_beneath(p->pool, dir, text_c(p->pool, file), MOVER_TARBALL_MAX, out, err);
}

const struct mover_source verdaccio_source = {read_document, is_foreign, read_tarball};

static int read_names(struct verdaccio *v, struct pool *pool, const struct json *doc,
                      struct err *err)
{
    const struct json *list = json_get(doc, "list");
    struct text *names;

    if (list == NULL || list->type != JSON_ARRAY || list->count > NAMES_MAX)
        return err_set(err, ERR_INVALID, "no_storage",
                       ".verdaccio-db.json has no list of at most %d packages.", NAMES_MAX);
    names = pool_alloc(pool, (list->count + 1) * sizeof(*names));
    json_each (name, list)
        if (name->type == JSON_STRING && name->text.len > 0)
            names[v->n_names++] = name->text;
    v->names = names;
    return 0;
}

static int read_files(struct verdaccio *v, struct pool *pool, int above, struct err *err)
{
    struct text text = TEXT_NONE;
    struct json *doc;

    if (read_beneath(pool, v->dir, ".verdaccio-db.json", DB_MAX, &text, err) != 0 ||
        json_read(pool, text, JSON_MAX_NODES, &doc, err) != 0 ||
        read_names(v, pool, doc, err) != 0 || json_want_text(doc, "secret", &v->secret, err) != 0)
        return -1;
    if (read_beneath(pool, v->dir, ".token-db.json", DB_MAX, &text, err) == 0) {
        if (json_read(pool, text, JSON_MAX_NODES, &doc, err) != 0)
            return -1;
        v->tokens = doc;
    } else if (err->kind != ERR_NOT_FOUND) {
        return -1;
    }
    /* it lies beside the configuration, which most often is the folder around */
    for (int i = 0; i < 2 && v->htpasswd.base == NULL; i++)
        if (read_beneath(pool, i == 0 ? above : v->dir, "htpasswd", DB_MAX, &v->htpasswd, err) !=
                0 &&
            err->kind != ERR_NOT_FOUND)
            return -1;
    return 0;
}

int verdaccio_open(struct verdaccio *v, struct pool *pool, const char *dir, struct err *err)
{
    struct stat st;
    int named = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *v = (struct verdaccio){.dir = -1};
    if (named < 0)
        return err_set(err, ERR_INVALID, "no_storage", "The folder %s cannot be opened: %s.", dir,
                       strerror(errno));
    auto_close int above = -1;
    if (fstatat(named, ".verdaccio-db.json", &st, AT_SYMLINK_NOFOLLOW) == 0) {
        v->dir = named;
        above = openat(named, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else {
        above = named;
        if (open_folder(above, "storage", &v->dir, err) != 0 ||
            fstatat(v->dir, ".verdaccio-db.json", &st, AT_SYMLINK_NOFOLLOW) != 0) {
            verdaccio_close(v);
            return err_set(err, ERR_INVALID, "no_storage",
                           "There is no .verdaccio-db.json in %s nor in its folder storage: name "
                           "the storage folder of a Verdaccio.",
                           dir);
        }
    }
    if (read_files(v, pool, above, err) == 0)
        return 0;
    verdaccio_close(v);
    return -1;
}

void verdaccio_close(struct verdaccio *v)
{
    if (v->dir >= 0)
        close(v->dir);
    v->dir = -1;
}
