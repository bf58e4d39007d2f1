#include "tenants/sandbox/rootfs.h"

#include "core/err.h"
#include "tenants/sandbox/etc.h"
#include "tenants/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_BYTES "1m" /* folders and /etc */

#define LOCKED (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static int set_attributes(int mount_fd, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes};

    return mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
}

static int attach(int mount_fd, int root, const char *target)
{
    return move_mount(mount_fd, "", root, target, MOVE_MOUNT_F_EMPTY_PATH);
}

struct option_pair {
    const char *key, *value;
};

/* A new file system of the given type, detached; -1. */
static int new_fs(const char *type, const struct option_pair *options, unsigned n, unsigned attrs)
{
    int fs = fsopen(type, FSOPEN_CLOEXEC), mount_fd = -1;
    bool ok = fs >= 0;

    for (unsigned i = 0; i < n && ok; i++)
        ok = fsconfig(fs, FSCONFIG_SET_STRING, options[i].key, options[i].value, 0) == 0;
    if (ok && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount_fd = fsmount(fs, FSMOUNT_CLOEXEC, attrs);
    int saved = errno;
    if (fs >= 0)
        close(fs);
    errno = saved;
    return mount_fd;
}

/* A tmpfs at target inside root. */
static int mount_tmpfs(int root, const char *target, const char *size, const char *mode,
                       unsigned attrs)
{
    const struct option_pair options[] = {{"size", size}, {"nr_inodes", "16384"}, {"mode", mode}};
    int fd = new_fs("tmpfs", options, 3, attrs);

    if (fd < 0)
        return -1;
    int rc = attach(fd, root, target);
    close(fd);
    return rc;
}

/* What open_fd names becomes visible at target (which exists) with these attributes. */
static int bind_fd(int open_fd, int root, const char *target, uint64_t attributes)
{
    int fd = open_tree(open_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd < 0)
        return -1;
    int rc = set_attributes(fd, attributes) == 0 ? attach(fd, root, target) : -1;
    close(fd);
    return rc;
}

static int make_file(int root, const char *path)
{
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

/* "/a/b/c" below root: the folders on the way, and the last part as folder or file. */
static int make_target(int root, const char *target, bool file)
{
    char path[256];
    size_t n = strlen(target);

    if (target[0] != '/' || n >= sizeof(path))
        return errno = EINVAL, -1;
    memcpy(path, target + 1, n);
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdirat(root, path, 0755) != 0 && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    if (file)
        return make_file(root, path);
    return mkdirat(root, path, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

/* /bin and its kin: a link on a merged /usr, else the folder itself; missing is fine. */
static int show_system_dir(int root, const char *name)
{
    char path[32], link[128];

    snprintf(path, sizeof(path), "/%s", name);
    ssize_t n = readlink(path, link, sizeof(link) - 1);
    if (n > 0) {
        link[n] = '\0';
        return symlinkat(link, root, name);
    }
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    int rc = mkdirat(root, name, 0755);
    if (rc == 0)
        rc = bind_fd(fd, root, name, LOCKED | MOUNT_ATTR_RDONLY);
    close(fd);
    return rc;
}

static int show_system(int root, struct err *err)
{
    static const char *const names[] = {"usr", "bin", "sbin", "lib", "lib64", "lib32"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (show_system_dir(root, names[i]) != 0)
            return err_errno(err, "cannot show /%s in the sandbox", names[i]);
    /* What an administrator keeps in /usr/local is this host's own business. */
    struct stat st;
    if (fstatat(root, "usr/local", &st, 0) == 0 &&
        mount_tmpfs(root, "usr/local", "4k", "0755", LOCKED | MOUNT_ATTR_RDONLY) != 0)
        return err_errno(err, "cannot hide /usr/local in the sandbox");
    return 0;
}

static int show_devices(int root, struct err *err)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom"};
    static const struct option_pair links[] = {{"dev/fd", "/proc/self/fd"},
                                               {"dev/stdin", "/proc/self/fd/0"},
                                               {"dev/stdout", "/proc/self/fd/1"},
                                               {"dev/stderr", "/proc/self/fd/2"}};
    int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC), rc = dev < 0 ? -1 : 0;

    if (rc == 0)
        rc = mkdirat(root, "dev", 0755);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) && rc == 0; i++) {
        char target[32];
        int fd = openat(dev, names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
        snprintf(target, sizeof(target), "dev/%s", names[i]);
        rc = fd >= 0 && make_file(root, target) == 0
                 ? bind_fd(fd, root, target, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
                 : -1;
        if (fd >= 0)
            close(fd);
    }
    for (unsigned i = 0; i < sizeof(links) / sizeof(links[0]) && rc == 0; i++)
        rc = symlinkat(links[i].value, root, links[i].key);
    if (dev >= 0)
        close(dev);
    return rc == 0 ? 0 : err_errno(err, "cannot make /dev in the sandbox");
}

static int hide_in_proc(int root, struct err *err)
{
    static const char *const files[] = {"kcore",         "keys",       "key-users",  "timer_list",
                                        "sched_debug",   "cmdline",    "kallsyms",   "modules",
                                        "latency_stats", "config.gz",  "kpagecount", "kpageflags",
                                        "sysrq-trigger", "interrupts", "iomem",      "ioports"};
    static const char *const dirs[] = {"acpi", "asound", "bus", "driver", "fs", "irq", "scsi"};
    char path[64];
    struct stat st;
    int null = openat(root, "dev/null", O_PATH | O_CLOEXEC), rc = null < 0 ? -1 : 0;

    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]) && rc == 0; i++) {
        snprintf(path, sizeof(path), "proc/%s", files[i]);
        if (fstatat(root, path, &st, 0) == 0)
            rc = bind_fd(null, root, path, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    }
    for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && rc == 0; i++) {
        snprintf(path, sizeof(path), "proc/%s", dirs[i]);
        if (fstatat(root, path, &st, 0) == 0)
            rc = mount_tmpfs(root, path, "4k", "0555", LOCKED | MOUNT_ATTR_RDONLY);
    }
    if (null >= 0)
        close(null);
    return rc == 0 ? 0 : err_errno(err, "cannot hide parts of /proc in the sandbox");
}

static int show_proc(int root, struct err *err)
{
    static const struct option_pair options[] = {{"hidepid", "invisible"}};
    int fd = new_fs("proc", options, 1, LOCKED | MOUNT_ATTR_NOEXEC);
    int rc = fd >= 0 && mkdirat(root, "proc", 0555) == 0 ? attach(fd, root, "proc") : -1;

    if (rc != 0)
        err_errno(err, "cannot mount /proc in the sandbox");
    if (fd >= 0)
        close(fd);
    return rc == 0 ? hide_in_proc(root, err) : -1;
}

static int show_mounts(int root, const struct sandbox_spec *spec, const int *trees, struct err *err)
{
    for (unsigned i = 0; i < spec->n_mounts; i++) {
        const struct sandbox_mount *m = &spec->mounts[i];
        uint64_t attributes = LOCKED;
        if ((m->flags & SANDBOX_WRITABLE) == 0)
            attributes |= MOUNT_ATTR_RDONLY;
        if (make_target(root, m->target, (m->flags & SANDBOX_FILE) != 0) != 0 ||
            set_attributes(trees[i], attributes) != 0 || attach(trees[i], root, m->target + 1) != 0)
            return err_errno(err, "cannot show %s in the sandbox", m->target);
    }
    return 0;
}

static int show_etc_dir(int root, const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return 0;
    int rc = make_target(root, path, false) == 0
                 ? bind_fd(fd, root, path + 1, LOCKED | MOUNT_ATTR_RDONLY)
                 : -1;
    close(fd);
    return rc;
}

static int fill(int root, const struct sandbox_spec *spec, const int *trees, struct err *err)
{
    char tmp[32];

    snprintf(tmp, sizeof(tmp), "%llu", (unsigned long long)spec->tmp_bytes);
    if (show_system(root, err) != 0 || show_devices(root, err) != 0 || show_proc(root, err) != 0 ||
        etc_write(root, spec, err) != 0)
        return -1;
    if (mkdirat(root, "tmp", 0755) != 0 || mount_tmpfs(root, "tmp", tmp, "1777", LOCKED) != 0)
        return err_errno(err, "cannot make /tmp in the sandbox");
    /* alternatives: links only, by which many programs of /usr/bin are reached. */
    if (show_etc_dir(root, "/etc/ssl/certs") != 0 || show_etc_dir(root, "/etc/alternatives") != 0)
        return err_errno(err, "cannot show parts of /etc in the sandbox");
    return show_mounts(root, spec, trees, err);
}

int rootfs_clone(const struct sandbox_spec *spec, int *trees, struct err *err)
{
    for (unsigned i = 0; i < spec->n_mounts; i++) {
        trees[i] =
            open_tree(spec->mounts[i].fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (trees[i] >= 0)
            continue;
        err_errno(err, "cannot prepare %s for the sandbox", spec->mounts[i].target);
        while (i-- > 0)
            close(trees[i]);
        return -1;
    }
    return 0;
}

int rootfs_enter(const struct sandbox_spec *spec, const int *trees, struct err *err)
{
    const struct option_pair options[] = {
        {"size", ROOT_BYTES}, {"nr_inodes", "4096"}, {"mode", "0755"}};

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return err_errno(err, "cannot make the mounts private");
    int root = new_fs("tmpfs", options, 3, LOCKED);
    /* Over /proc, which needs no longer be seen; pivot_root takes it from there. */
    if (root < 0 || attach(root, AT_FDCWD, "/proc") != 0)
        return err_errno(err, "cannot mount the sandbox's root");
    if (fill(root, spec, trees, err) != 0)
        return -1;
    if (fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return err_errno(err, "cannot enter the sandbox's root");
    if (set_attributes(root, LOCKED | MOUNT_ATTR_RDONLY) != 0)
        return err_errno(err, "cannot make the sandbox's root read-only");
    close(root);
    return 0;
}
