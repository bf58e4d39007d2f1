#include "tenants/broker/tree.h"

#include "core/err.h"
#include "tenants/broker/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

static int open_dir(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A stream over dir that leaves dir itself open. */
static DIR *list_dir(int dir)
{
    int copy = open_dir(dir, ".");
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;

    if (d == NULL && copy >= 0)
        close(copy);
    return d;
}

struct removal {
    int top;
    unsigned moved; /* folders that were too deep and came up */
    bool again;
};

static int remove_below(struct removal *r, int dir, unsigned depth);

static int remove_entry(struct removal *r, int dir, const char *name, unsigned depth)
{
    char up[32];

    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
        return 0;
    if (depth == DEPTH_MAX) {
        do
            snprintf(up, sizeof(up), ".redhouse-deep-%u", r->moved++);
        while (renameat2(dir, name, r->top, up, RENAME_NOREPLACE) != 0 && errno == EEXIST);
        r->again = true;
        return 0;
    }
    int sub = open_dir(dir, name);
    if (sub < 0)
        return -1;
    int rc = remove_below(r, sub, depth + 1);
    close(sub);
    return rc == 0 && !(unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT) ? -1 : rc;
}

static int remove_below(struct removal *r, int dir, unsigned depth)
{
    DIR *d = list_dir(dir);
    struct dirent *e;
    int rc = 0;

    if (d == NULL)
        return -1;
    while (rc == 0 && (e = readdir(d)) != NULL)
        if (!is_dots(e->d_name))
            rc = remove_entry(r, dir, e->d_name, depth);
    closedir(d);
    return rc;
}

int tree_remove(int dir, const char *name, struct err *err)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    struct removal r = {.top = open_dir(dir, name)};
    if (r.top < 0)
        return errno == ENOENT ? 0 : err_errno(err, "cannot open the folder %s", name);
    int rc;
    do {
        r.again = false;
        rc = remove_below(&r, r.top, 0);
    } while (rc == 0 && r.again);
    if (rc != 0)
        err_errno(err, "cannot empty the folder %s", name);
    close(r.top);
    if (rc == 0 && unlinkat(dir, name, AT_REMOVEDIR) != 0)
        return err_errno(err, "cannot remove the folder %s", name);
    return rc;
}

struct census {
    int64_t bytes, entries; /* left */
};

static void count_below(struct census *c, int dir, unsigned depth);

static void count_entry(struct census *c, int dir, const char *name, unsigned depth)
{
    struct stat st;

    c->entries--;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    int64_t on_disk = (int64_t)st.st_blocks * 512;
    c->bytes -= on_disk > st.st_size ? on_disk : st.st_size;
    if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
        return;
    int sub = open_dir(dir, name);
    if (sub < 0)
        return;
    count_below(c, sub, depth + 1);
    close(sub);
}

static void count_below(struct census *c, int dir, unsigned depth)
{
    DIR *d = list_dir(dir);
    struct dirent *e;

    if (d == NULL)
        return;
    while (c->bytes >= 0 && c->entries >= 0 && (e = readdir(d)) != NULL)
        if (!is_dots(e->d_name))
            count_entry(c, dir, e->d_name, depth);
    closedir(d);
}

int tree_measure(int dir, int64_t max_bytes, int64_t max_entries, struct err *err)
{
    struct census c = {max_bytes, max_entries};

    count_below(&c, dir, 0);
    if (c.bytes >= 0 && c.entries >= 0)
        return 0;
    return err_set(err, ERR_TOO_LARGE, "job_size",
                   "The job made more than %lld MiB or %lld files and was ended.",
                   (long long)(max_bytes >> 20), (long long)max_entries);
}

struct gift {
    int top;
    uid_t uid;
    gid_t gid;
    bool harden;
    char path[PATH_MAX]; /* of the entry, below top */
    struct err *err;
};

static int refuse(struct gift *g, const char *what)
{
    return err_set(g->err, ERR_UNPROCESSABLE, "bad_tree", "%.150s %s.", g->path, what);
}

/* The kernel itself walks the link, and may not leave top on the way. */
static int check_link(struct gift *g)
{
    int fd = folder_open_beneath(g->top, g->path, O_PATH, 0);

    if (fd < 0)
        return refuse(g, "is a link that leads outside or nowhere");
    close(fd);
    return 0;
}

static int give_below(struct gift *g, int dir, size_t at, unsigned depth);

static mode_t file_mode(const struct gift *g, mode_t was)
{
    bool runs = (was & 0100) != 0;

    if (g->harden)
        return runs ? 0755 : 0644;
    return runs ? 0750 : 0640;
}

static int give_file(struct gift *g, int dir, const char *name)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return err_errno(g->err, "cannot open %.150s", g->path);
    int rc = fstat(fd, &st);
    if (rc == 0 && fchown(fd, g->uid, g->gid) != 0)
        rc = -1;
    if (rc == 0)
        rc = fchmod(fd, file_mode(g, st.st_mode));
    close(fd);
    return rc == 0 ? 0 : err_errno(g->err, "cannot change the owner of %.150s", g->path);
}

static int give_dir(struct gift *g, int dir, const char *name, size_t at, unsigned depth)
{
    if (depth == DEPTH_MAX)
        return refuse(g, "lies too deep");
    int sub = open_dir(dir, name);
    if (sub < 0)
        return err_errno(g->err, "cannot open %.150s", g->path);
    int rc = give_below(g, sub, at, depth + 1);
    close(sub);
    return rc;
}

static int give_entry(struct gift *g, int dir, const char *name, size_t at, unsigned depth)
{
    struct stat st;
    int n = snprintf(g->path + at, sizeof(g->path) - at, "%s%s", at > 0 ? "/" : "", name);

    if (n < 0 || (size_t)n >= sizeof(g->path) - at)
        return refuse(g, "lies too deep");
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return err_errno(g->err, "cannot look at %.150s", g->path);
    if (S_ISREG(st.st_mode))
        return give_file(g, dir, name);
    if (S_ISDIR(st.st_mode))
        return give_dir(g, dir, name, at + (size_t)n, depth);
    if (!S_ISLNK(st.st_mode))
        return refuse(g, "is neither a file nor a folder");
    if (fchownat(dir, name, g->uid, g->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return err_errno(g->err, "cannot change the owner of %.150s", g->path);
    return g->harden ? check_link(g) : 0;
}

static int give_below(struct gift *g, int dir, size_t at, unsigned depth)
{
    DIR *d = list_dir(dir);
    struct dirent *e;
    int rc = 0;

    if (d == NULL)
        return err_errno(g->err, "cannot list %.150s", g->path);
    while (rc == 0 && (e = readdir(d)) != NULL) {
        if (!is_dots(e->d_name))
            rc = give_entry(g, dir, e->d_name, at, depth);
        g->path[at] = '\0';
    }
    closedir(d);
    if (rc == 0 && (fchown(dir, g->uid, g->gid) != 0 || fchmod(dir, g->harden ? 0755 : 0750) != 0))
        rc = err_errno(g->err, "cannot change the owner of %.150s", g->path);
    return rc;
}

int tree_give(int dir, uid_t uid, gid_t gid, struct err *err)
{
    struct gift g = {.top = dir, .uid = uid, .gid = gid, .err = err};

    return give_below(&g, dir, 0, 0);
}

int tree_harden(int dir, struct err *err)
{
    struct gift g = {.top = dir, .harden = true, .err = err};

    return give_below(&g, dir, 0, 0);
}
