#include "tenants/broker/folders.h"

#include "core/err.h"
#include "tenants/broker/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BENEATH_TRIES 1000

int folder_open_beneath(int dir, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (unsigned long long)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
    int fd = -1;

    /* EAGAIN: while it went through a "..", something was renamed or mounted anywhere on the
     * machine, so that the kernel cannot say where the way led. Each sandbox that is built mounts.
     */
    for (int tries = 0; tries < BENEATH_TRIES; tries++)
        if ((fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how))) >= 0 || errno != EAGAIN)
            break;
    return fd;
}

int folder_open(int dir, const char *name, struct err *err)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "no_folder", "There is no folder %s.", name);
    if (errno == ENOTDIR || errno == ELOOP)
        return err_set(err, ERR_FORBIDDEN, "bad_folder",
                       "%s is a link or a file where a folder is expected; it is not followed.",
                       name);
    return err_errno(err, "cannot open the folder %s", name);
}

bool folder_exists(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int set_owner(int fd, const struct folder_owner *owner)
{
    return fchown(fd, owner->uid, owner->gid) != 0 ? -1 : fchmod(fd, owner->mode);
}

/* fd, an existing folder, is the owner's; or can be made root's. */
static int check_owner(int fd, const char *name, const struct folder_owner *owner, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_errno(err, "cannot look at the folder %s", name);
    if (st.st_uid == owner->uid)
        return owner->uid != 0 || (st.st_mode & 07777) == owner->mode || set_owner(fd, owner) == 0
                   ? 0
                   : err_errno(err, "cannot set the mode of the folder %s", name);
    if (owner->uid == 0 && st.st_uid == owner->taken_from)
        return set_owner(fd, owner) == 0 ? 0 : err_errno(err, "cannot take the folder %s", name);
    return err_set(err, ERR_FORBIDDEN, "bad_folder",
                   "The folder %s belongs to uid %u where %u is expected.", name, st.st_uid,
                   owner->uid);
}

/* One that its maker, killed meanwhile, had not given to its owner yet: root's, nothing in it. */
static void remove_half_made(int dir, const char *name, const struct folder_owner *owner)
{
    struct stat st;

    if (owner->uid != 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == 0)
        (void)unlinkat(dir, name, AT_REMOVEDIR);
}

int folder_make(int dir, const char *name, const struct folder_owner *owner, struct err *err)
{
    remove_half_made(dir, name, owner);
    bool made = mkdirat(dir, name, 0700) == 0;

    if (!made && errno != EEXIST)
        return err_errno(err, "cannot make the folder %s", name);
    int fd = folder_open(dir, name, err), rc = 0;
    if (fd < 0)
        return -1;
    if (!made)
        rc = check_owner(fd, name, owner, err);
    else if (set_owner(fd, owner) != 0 || fsync(dir) != 0)
        rc = err_errno(err, "cannot give the folder %s its owner", name);
    if (rc == 0)
        return fd;
    close(fd);
    return -1;
}

int folder_open_program(const char *path, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0) {
        err_errno(err, "cannot open %s", path);
    } else if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0) {
        err_set(err, ERR_FORBIDDEN, "not_roots",
                "%s must belong to root and be writable by nobody else, since it is started as "
                "root: chown root and chmod go-w it.",
                path);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Root's or the server's: whoever unpacked the plugins. */
static int open_plugins_root(struct broker *b, const struct folder_owner *servers, struct err *err)
{
    return folder_exists(b->data, "plugins") ? folder_open(b->data, "plugins", err)
                                             : folder_make(b->data, "plugins", servers, err);
}

static int open_data(struct broker *b, struct err *err)
{
    const struct broker_config *c = b->config;

    b->data = open(c->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->data < 0)
        return err_errno(err, "cannot open the data folder %s", c->data_dir);
    const struct folder_owner servers = {c->server_uid, c->server_gid, 0700, 0};
    const struct folder_owner listed = {0, 0, 0755, c->server_uid};
    const struct folder_owner passed = {0, 0, 0711, c->server_uid};
    const struct folder_owner hidden = {0, 0, 0700, c->server_uid};
    int run = folder_make(b->data, "run", &servers, err);
    int logs = run < 0 ? -1 : folder_make(b->data, "logs", &servers, err);
    int rc = -1;

    if (logs >= 0 && (b->run_instances = folder_make(run, "instances", &listed, err)) >= 0 &&
        (b->run_jobs = folder_make(run, "jobs", &servers, err)) >= 0 &&
        (b->logs_instances = folder_make(logs, "instances", &servers, err)) >= 0 &&
        (b->plugins = open_plugins_root(b, &servers, err)) >= 0 &&
        (b->instances = folder_make(b->data, "instances", &hidden, err)) >= 0 &&
        (b->jobs = folder_make(b->data, "jobs", &passed, err)) >= 0)
        rc = 0;
    if (run >= 0)
        close(run);
    if (logs >= 0)
        close(logs);
    return rc;
}

static int open_stacks(struct broker *b, struct err *err)
{
    const char *dir = b->config->stacks_dir;
    struct stat st;

    if (dir == NULL || dir[0] == '\0') {
        b->stacks = folder_make(b->data, "stacks",
                                &(struct folder_owner){0, 0, 0755, b->config->server_uid}, err);
        return b->stacks < 0 ? -1 : 0;
    }
    b->stacks = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->stacks < 0 || fstat(b->stacks, &st) != 0)
        return err_errno(err, "cannot open the stacks folder %s", dir);
    if (st.st_uid != 0 || (st.st_mode & 022) != 0)
        return err_set(err, ERR_FORBIDDEN, "not_roots",
                       "The stacks folder %s must belong to root and be writable by nobody else.",
                       dir);
    return 0;
}

static int open_git_local(struct broker *b, struct err *err)
{
    const char *dir = b->config->git_local;

    b->git_local = -1;
    if (dir == NULL)
        return 0;
    b->git_local = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return b->git_local >= 0 ? 0 : err_errno(err, "cannot open the folder of --git-local, %s", dir);
}

int folders_open(struct broker *b, struct err *err)
{
    if (open_data(b, err) != 0 || open_stacks(b, err) != 0 || open_git_local(b, err) != 0)
        return -1;
    b->warden_fd = folder_open_program(b->config->warden_path, err);
    b->self_fd = b->warden_fd < 0 ? -1 : folder_open_program(b->config->self_path, err);
    return b->self_fd < 0 ? -1 : uids_open(&b->uids, b->data, b->config->uid_base, err);
}

static bool roots_alone(int dir, const char *path)
{
    struct stat st;
    int fd = folder_open_beneath(dir, path, O_PATH | O_NOFOLLOW, 0);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == 0 &&
              (S_ISLNK(st.st_mode) || (st.st_mode & 022) == 0);

    if (fd >= 0)
        close(fd);
    return ok;
}

/* Every folder on the way, and what it leads to; a link's way is walked as well, a few times. */
static bool chain_is_roots(int dir, char *path, unsigned links)
{
    char target[PATH_MAX];

    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool ok = roots_alone(dir, path);
        *slash = '/';
        if (!ok)
            return false;
    }
    if (!roots_alone(dir, path))
        return false;
    ssize_t n = readlinkat(dir, path, target, sizeof(target) - 1);
    if (n < 0)
        return errno == EINVAL;
    target[n] = '\0';
    char joined[2 * PATH_MAX];
    const char *end = strrchr(path, '/');
    snprintf(joined, sizeof(joined), "%.*s%s", end != NULL ? (int)(end - path) + 1 : 0, path,
             target);
    return target[0] != '/' && links > 0 && chain_is_roots(dir, joined, links - 1);
}

int folder_open_stack(struct broker *b, const char *name, struct err *err)
{
    char node[PATH_MAX] = "bin/node";
    struct stat st;
    int fd = folder_open(b->stacks, name, NULL);

    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "no_stack", "There is no stack %s on this machine.",
                       name);
    if (fstat(fd, &st) == 0 && st.st_uid == 0 && (st.st_mode & 022) == 0 &&
        chain_is_roots(fd, node, 8))
        return fd;
    close(fd);
    return err_set(err, ERR_FORBIDDEN, "bad_stack",
                   "The stack %s has no bin/node that only root can write; install it again.",
                   name);
}

int folder_open_repository(struct broker *b, const char *path, struct err *err)
{
    if (b->git_local < 0)
        return err_set(err, ERR_FORBIDDEN, "no_git_local",
                       "File addresses are not taken: the server runs without --git-local.");
    int fd = folder_open_beneath(b->git_local, path, O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    if (fd >= 0)
        return fd;
    return err_set(err, ERR_NOT_FOUND, "no_repository",
                   "There is no repository %s below %s; links are not followed.", path,
                   b->config->git_local);
}

int folder_open_plugins(struct broker *b, const char *hash, struct err *err)
{
    struct stat st;
    int fd = folder_open(b->plugins, hash, err);

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == b->config->server_uid) &&
        (st.st_mode & 022) == 0)
        return fd;
    close(fd);
    return err_set(err, ERR_FORBIDDEN, "bad_folder",
                   "The plugins folder %s can be written by others than the server.", hash);
}
