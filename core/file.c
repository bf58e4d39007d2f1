#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"

#define READ_STEP 65536
#define REMOVE_PASSES 64
#define REMOVE_ROUNDS 1000000

static int system_open(int dir, const char *path, int flags, mode_t mode)
{
    return openat(dir, path, flags, mode);
}

static const struct file_ops system_ops = {
    .open = system_open,
    .write = write,
    .fsync = fsync,
    .rename = renameat,
    .link = linkat,
    .unlink = unlinkat,
    .mkdir = mkdirat,
    .truncate = ftruncate,
    .close = close,
};

static const struct file_ops *ops = &system_ops;

void file_ops_set(const struct file_ops *replacement)
{
    ops = replacement != NULL ? replacement : &system_ops;
}

void file_close(int fd)
{
    int saved = errno;

    if (fd >= 0)
        ops->close(fd);
    errno = saved;
}

int file_create(const char *path, mode_t mode, int *fd, struct err *err)
{
    int made =
        ops->open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (made < 0)
        return err_errno(err, "%s cannot be made", path);
    /* not left to the umask */
    if (fchmod(made, mode) != 0) {
        err_errno(err, "%s cannot be made", path);
        file_close(made);
        ops->unlink(AT_FDCWD, path, 0);
        return -1;
    }
    *fd = made;
    return 0;
}

int file_append(int dir, const char *name, mode_t mode, int *fd, struct err *err)
{
    int opened = ops->open(dir, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, mode);

    if (opened < 0)
        return err_errno(err, "%s cannot be opened", name);
    *fd = opened;
    return 0;
}

int file_unlink(const char *path, struct err *err)
{
    if (ops->unlink(AT_FDCWD, path, 0) == 0 || errno == ENOENT)
        return 0;
    return err_errno(err, "%s cannot be removed", path);
}

int file_join(struct pool *pool, const char *base, struct text name, const char **out,
              struct err *err)
{
    struct text rest = name, part;

    if (name.len == 0 || text_has(name, '\0'))
        return err_set(err, ERR_INVALID, "bad_path", "A file name is empty or holds a NUL.");
    while (text_cut(&rest, '/', &part))
        if (part.len == 0 || text_is(part, ".") || text_is(part, ".."))
            return err_set(err, ERR_INVALID, "bad_path",
                           "A file name must be relative and must not hold \".\", \"..\" or empty "
                           "parts.");
    *out = pool_printf(pool, "%s/%.*s", base, TEXT_ARG(name));
    return 0;
}

/* The folder that holds path, as the system wants it. */
static char *parent(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static int sync_parent(const char *path, struct err *err)
{
    auto_free char *dir = parent(path);

    return file_sync_dir(dir, err);
}

static int make_dir(const char *path, mode_t mode, struct err *err)
{
    struct stat st;

    if (ops->mkdir(AT_FDCWD, path, mode) == 0)
        return sync_parent(path, err);
    if (errno != EEXIST)
        return err_errno(err, "The folder %s cannot be made", path);
    if (stat(path, &st) != 0)
        return err_errno(err, "The folder %s cannot be read", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INTERNAL, "internal", "%s is in the way: it is not a folder.",
                       path);
    return 0;
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
    auto_free char *part = xstrdup(path);

    for (char *slash = strchr(part + (part[0] == '/'), '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (make_dir(part, mode, err) != 0)
            return -1;
        *slash = '/';
    }
    size_t n = strlen(part);
    return n > 0 && part[n - 1] != '/' ? make_dir(part, mode, err) : 0;
}

static int read_all(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
    for (;;) {
        size_t room = max - out->len < READ_STEP ? max - out->len + 1 : READ_STEP;
        char *at = buf_reserve(out, room);
        ssize_t n = at != NULL ? read(fd, at, room) : -1;
        if (at == NULL || (n > 0 && out->len + (size_t)n > max))
            return err_set(err, ERR_TOO_LARGE, "file_too_large", "%s is larger than %zu bytes.",
                           path, max);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "%s cannot be read", path);
        if (n == 0)
            return 0;
        buf_grew(out, (size_t)n);
    }
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    auto_buf struct buf content = {0};
    struct stat st;
    /* a FIFO must not hold us up before we see what it is */
    int fd = ops->open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);

    if (max > SSIZE_MAX)
        max = SSIZE_MAX;
    buf_init(&content, max + 1);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, ERR_NOT_FOUND, "not_found", "%s does not exist.", path);
    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_INVALID, "not_a_file", "%s is a link, not a file.", path);
    if (fd < 0)
        return err_errno(err, "%s cannot be opened", path);
    int rc = fstat(fd, &st);
    if (rc != 0)
        err_errno(err, "%s cannot be read", path);
    else if (!S_ISREG(st.st_mode))
        rc = err_set(err, ERR_INVALID, "not_a_file", "%s is not a regular file.", path);
    else
        rc = read_all(fd, path, max, &content, err);
    file_close(fd);
    if (rc != 0)
        return -1;
    buf_text(out, buf_view(&content));
    if (buf_failed(out))
        return err_set(err, ERR_TOO_LARGE, "file_too_large", "%s is too large.", path);
    return 0;
}

int file_write_all(int fd, const void *p, size_t n, struct err *err)
{
    const char *at = p;

    while (n > 0) {
        ssize_t done = ops->write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_errno(err, "A file cannot be written");
        if (done == 0)
            return err_set(err, ERR_INTERNAL, "internal", "A file takes no more bytes.");
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

int file_sync(int fd, const char *path, struct err *err)
{
    return ops->fsync(fd) == 0 ? 0 : err_errno(err, "%s cannot be synced", path);
}

int file_sync_dir(const char *path, struct err *err)
{
    int fd = ops->open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (fd < 0)
        return err_errno(err, "The folder %s cannot be opened", path);
    int rc = ops->fsync(fd);
    file_close(fd);
    return rc == 0 ? 0 : err_errno(err, "The folder %s cannot be synced", path);
}

int file_link(const char *from, const char *to, struct err *err)
{
    auto_free char *dir = parent(to);

    if (ops->link(AT_FDCWD, from, AT_FDCWD, to, 0) != 0 && errno != EEXIST)
        return err_errno(err, "%s cannot be put in place", to);
    return file_sync_dir(dir, err);
}

int file_truncate(int fd, size_t size, const char *path, struct err *err)
{
    return ops->truncate(fd, (off_t)size) == 0 ? 0 : err_errno(err, "%s cannot be cut", path);
}

int file_publish(int fd, const char *temp, const char *path, struct err *err)
{
    auto_free char *dir = parent(path);

    if (file_sync(fd, temp, err) != 0)
        return -1;
    if (ops->rename(AT_FDCWD, temp, AT_FDCWD, path) != 0)
        return err_errno(err, "%s cannot be put in place", path);
    return file_sync_dir(dir, err);
}

int file_replace(const char *path, struct text content, mode_t mode, struct err *err)
{
    char id[27];
    int fd;

    random_id(id);
    auto_free char *temp = xprintf("%s.%s.tmp", path, id);
    if (file_create(temp, mode, &fd, err) != 0)
        return -1;
    int rc = file_write_all(fd, content.base, content.len, err);
    if (rc == 0)
        rc = file_publish(fd, temp, path, err);
    file_close(fd);
    if (rc != 0)
        file_unlink(temp, NULL);
    return rc;
}

/* A tree made by somebody else can be deeper than we have descriptors or stack. So nothing
 * recurses: the folders in a folder are first moved up into the top one, which makes every folder a
 * leaf. */

static int open_dir(int dir, const char *name)
{
    return ops->open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* Unlinks the entry or, when it is a folder, moves it into top under a name of its own. */
static int flatten_entry(int top, int dir, const char *name)
{
    char id[27], moved[32];

    if (ops->unlink(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    if (ops->unlink(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -1;
    random_id(id);
    snprintf(moved, sizeof(moved), "rm-%s", id);
    return ops->rename(dir, name, top, moved);
}

typedef int entry_fn(int top, int dir, const char *name);

/* Calls fn for what fd holds; takes fd over. Returns how many entries there were or -1. */
static int each_entry(int top, int fd, entry_fn *fn)
{
    DIR *list = fdopendir(fd);
    struct dirent *entry;
    int n = 0;

    if (list == NULL) {
        file_close(fd);
        return -1;
    }
    while (n >= 0 && (entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n = fn(top, dirfd(list), entry->d_name) == 0 ? n + 1 : -1;
    }
    int saved = errno;
    closedir(list);
    errno = saved;
    return n;
}

/* An entry of the top folder: empties it upwards until it can go. */
static int remove_entry(int top, int dir, const char *name)
{
    for (int pass = 0; pass < REMOVE_PASSES; pass++) {
        if (ops->unlink(dir, name, 0) == 0 || errno == ENOENT)
            return 0;
        if (errno != EISDIR && errno != EPERM)
            return -1;
        if (ops->unlink(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return -1;
        int fd = open_dir(dir, name);
        if (fd < 0 || each_entry(top, fd, flatten_entry) < 0)
            return -1;
    }
    errno = ENOTEMPTY;
    return -1;
}

int file_remove_tree(const char *path, struct err *err)
{
    for (int round = 0; round < REMOVE_ROUNDS; round++) {
        int n, top;
        if (ops->unlink(AT_FDCWD, path, 0) == 0 || errno == ENOENT)
            return 0;
        if (ops->unlink(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return err_errno(err, "%s cannot be removed", path);
        top = open_dir(AT_FDCWD, path);
        n = top >= 0 ? each_entry(top, dup(top), remove_entry) : -1;
        file_close(top);
        if (n < 0)
            return err_errno(err, "%s cannot be removed", path);
    }
    return err_set(err, ERR_INTERNAL, "internal", "%s fills up faster than it is removed.", path);
}
