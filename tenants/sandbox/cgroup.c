#include "tenants/sandbox/cgroup.h"

#include "core/err.h"
#include "tenants/sandbox/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BASE "redhouse"
#define CPU_PERIOD_US 100000
#define SEEN_MOST 256 /* waited for at a time */

static int put(int dir, const char *file, const char *value)
{
    int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
    size_t n = strlen(value);

    if (fd < 0)
        return -1;
    ssize_t done = write(fd, value, n);
    int saved = errno;
    close(fd);
    errno = saved;
    return done == (ssize_t)n ? 0 : -1;
}

static int put_number(int dir, const char *file, int64_t n)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, n);
    return put(dir, file, text);
}

static bool get(int dir, const char *file, char *out, size_t size)
{
    int fd = dir < 0 ? -1 : openat(dir, file, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The number after `key` in a flat keyed file, or the file's only number when key is "". */
static int64_t get_number(int dir, const char *file, const char *key)
{
    char text[2048];
    size_t n = strlen(key);

    if (!get(dir, file, text, sizeof(text)))
        return 0;
    for (char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && (n == 0 || line[n] == ' '))
            return strtoll(line + n, NULL, 10);
    }
    return 0;
}

static int open_dir(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A container's root group holds processes, and v2 gives controllers only to children of a group
 * that holds none: those processes move into a leaf first. */
static void empty_root(int root)
{
    char list[16384];

    if (mkdirat(root, BASE ".host", 0755) != 0 && errno != EEXIST)
        return;
    int leaf = openat(root, BASE ".host", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (leaf >= 0 && get(root, "cgroup.procs", list, sizeof(list))) {
        char *save = NULL;
        for (char *pid = strtok_r(list, "\n", &save); pid != NULL;
             pid = strtok_r(NULL, "\n", &save))
            (void)put(leaf, "cgroup.procs", pid);
    }
    if (leaf >= 0)
        close(leaf);
}

static int enable_controllers(int dir, bool is_root, struct err *err)
{
    static const char *const words[] = {"+memory", "+pids", "+cpu"};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (put(dir, "cgroup.subtree_control", words[i]) == 0)
            continue;
        if (errno == EBUSY && is_root)
            empty_root(dir);
        if (put(dir, "cgroup.subtree_control", words[i]) != 0)
            return err_errno(err, "cannot enable the cgroup controller \"%s\"", words[i] + 1);
    }
    return 0;
}

/* Opens (and with make creates) the folder redhouse/ of one hierarchy. */
static int open_base(const struct cgroup_tree *tree, int part, bool make, struct err *err)
{
    int root = open_dir(tree->mounts[part]), base = -1;

    if (root < 0)
        return err_errno(err, "cannot open %s", tree->mounts[part]);
    if (make && mkdirat(root, BASE, 0755) != 0 && errno != EEXIST) {
        err_errno(err, "cannot make %s/" BASE, tree->mounts[part]);
    } else if (!make || !tree->v2 || enable_controllers(root, true, err) == 0) {
        base = openat(root, BASE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (base < 0)
            err_errno(err, "cannot open %s/" BASE, tree->mounts[part]);
        else if (make && tree->v2 && enable_controllers(base, false, err) != 0)
            close(base), base = -1;
    }
    close(root);
    return base;
}

static bool part_used(const struct cgroup_tree *tree, int part)
{
    return tree->v2 ? part == CGROUP_UNIFIED : tree->mounts[part][0] != '\0';
}

static int set_v2(const struct cgroup *cg, const struct cgroup_limits *l)
{
    int dir = cg->parts[CGROUP_UNIFIED];
    char cpu[64];

    snprintf(cpu, sizeof(cpu), "%" PRId64 " %d", l->cpu_percent * (CPU_PERIOD_US / 100),
             CPU_PERIOD_US);
    if (put_number(dir, "memory.max", l->memory_bytes) != 0 ||
        put_number(dir, "pids.max", l->pids) != 0 || put(dir, "cpu.max", cpu) != 0)
        return -1;
    /* Paging out an idle instance needs swap; a kernel without swap has no such file. */
    (void)put_number(dir, "memory.swap.max", l->memory_bytes);
    return 0;
}

static int set_v1(const struct cgroup *cg, const struct cgroup_limits *l)
{
    int memory = cg->parts[CGROUP_MEMORY], cpu = cg->parts[CGROUP_CPU];

    if (put_number(memory, "memory.limit_in_bytes", l->memory_bytes) != 0 ||
        put_number(cg->parts[CGROUP_PIDS], "pids.max", l->pids) != 0 ||
        put_number(cpu, "cpu.cfs_period_us", CPU_PERIOD_US) != 0 ||
        put_number(cpu, "cpu.cfs_quota_us", l->cpu_percent * (CPU_PERIOD_US / 100)) != 0)
        return -1;
    (void)put_number(memory, "memory.memsw.limit_in_bytes", l->memory_bytes);
    return 0;
}

static void clear(struct cgroup *cg)
{
    for (int i = 0; i < CGROUP_PARTS; i++)
        cg->parts[i] = -1;
    cg->kill_fd = cg->freeze_fd = -1;
    cg->v2 = false;
}

static int make_parts(struct cgroup *cg, const struct cgroup_tree *tree, const char *name,
                      struct err *err)
{
    for (int i = 0; i < CGROUP_PARTS; i++) {
        if (!part_used(tree, i))
            continue;
        int base = open_base(tree, i, true, err);
        if (base < 0)
            return -1;
        if (mkdirat(base, name, 0755) == 0 || errno == EEXIST)
            cg->parts[i] = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (cg->parts[i] < 0)
            err_errno(err, "cannot make the cgroup " BASE "/%s", name);
        close(base);
        if (cg->parts[i] < 0)
            return -1;
    }
    return 0;
}

int cgroup_make(struct cgroup *cg, const char *name, const struct cgroup_limits *limits,
                struct err *err)
{
    struct cgroup_tree tree;

    clear(cg);
    if (cgroup_tree_find(&tree, err) != 0 || cgroup_remove(name, err) != 0)
        return -1;
    cg->v2 = tree.v2;
    if (make_parts(cg, &tree, name, err) != 0) {
        cgroup_close(cg);
        return -1;
    }
    if ((cg->v2 ? set_v2(cg, limits) : set_v1(cg, limits)) != 0) {
        err_errno(err, "cannot set the limits of the cgroup " BASE "/%s", name);
        cgroup_close(cg);
        return -1;
    }
    if (cg->parts[CGROUP_UNIFIED] >= 0)
        cg->kill_fd = openat(cg->parts[CGROUP_UNIFIED], "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (cg->parts[CGROUP_FREEZER] >= 0)
        cg->freeze_fd = openat(cg->parts[CGROUP_FREEZER], "freezer.state", O_WRONLY | O_CLOEXEC);
    return 0;
}

int cgroup_clone_fd(const struct cgroup *cg)
{
    return cg->v2 ? cg->parts[CGROUP_UNIFIED] : -1;
}

int cgroup_join(const struct cgroup *cg, pid_t pid, struct err *err)
{
    for (int i = 0; i < CGROUP_PARTS && !cg->v2; i++)
        if (cg->parts[i] >= 0 && put_number(cg->parts[i], "cgroup.procs", pid) != 0)
            return err_errno(err, "cannot move the process into its cgroup");
    return 0;
}

static int kill_listed(int dir)
{
    char list[16384];
    char *save = NULL;
    int n = 0;

    if (!get(dir, "cgroup.procs", list, sizeof(list)))
        return 0;
    for (char *pid = strtok_r(list, "\n", &save); pid != NULL;
         pid = strtok_r(NULL, "\n", &save), n++)
        kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
    return n;
}

void cgroup_kill(const struct cgroup *cg)
{
    int dir = cg->parts[cg->v2 ? CGROUP_UNIFIED : CGROUP_PIDS];

    if (cg->kill_fd >= 0 && write(cg->kill_fd, "1", 1) == 1)
        return;
    /* Frozen, nothing in it can fork between the listing and the signal. */
    for (int round = 0; round < 20; round++) {
        if (cg->freeze_fd >= 0)
            (void)!write(cg->freeze_fd, "FROZEN", 6);
        int n = kill_listed(dir);
        if (cg->freeze_fd >= 0)
            (void)!write(cg->freeze_fd, "THAWED", 6);
        if (n == 0)
            return;
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
}

void cgroup_read(const struct cgroup *cg, struct cgroup_stats *stats)
{
    const int *p = cg->parts;

    memset(stats, 0, sizeof(*stats));
    if (cg->v2) {
        stats->memory_bytes = get_number(p[CGROUP_UNIFIED], "memory.current", "");
        stats->cpu_ms = get_number(p[CGROUP_UNIFIED], "cpu.stat", "usage_usec") / 1000;
        stats->pids = get_number(p[CGROUP_UNIFIED], "pids.current", "");
        stats->oom_kills = get_number(p[CGROUP_UNIFIED], "memory.events", "oom_kill");
    } else {
        stats->memory_bytes = get_number(p[CGROUP_MEMORY], "memory.usage_in_bytes", "");
        stats->cpu_ms = get_number(p[CGROUP_CPUACCT], "cpuacct.usage", "") / 1000000;
        stats->pids = get_number(p[CGROUP_PIDS], "pids.current", "");
        stats->oom_kills = get_number(p[CGROUP_MEMORY], "memory.oom_control", "oom_kill");
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void cgroup_close(struct cgroup *cg)
{
    for (int i = 0; i < CGROUP_PARTS; i++)
        close_fd(&cg->parts[i]);
    close_fd(&cg->kill_fd);
    close_fd(&cg->freeze_fd);
}

void cgroup_settle(void)
{
    struct cgroup_tree tree;

    if (cgroup_tree_find(&tree, NULL) != 0 || !tree.v2)
        return;
    int base = open_base(&tree, CGROUP_UNIFIED, true, NULL), dir = -1;
    if (base >= 0 && (mkdirat(base, "wardens", 0755) == 0 || errno == EEXIST))
        dir = openat(base, "wardens", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0)
        (void)put(dir, "cgroup.procs", "0");
    close_fd(&dir);
    close_fd(&base);
}

bool cgroup_exists(const char *name)
{
    struct cgroup_tree tree;
    bool found = false;

    if (cgroup_tree_find(&tree, NULL) != 0)
        return false;
    for (int i = 0; i < CGROUP_PARTS && !found; i++) {
        int base = part_used(&tree, i) ? open_base(&tree, i, false, NULL) : -1;
        found = base >= 0 && faccessat(base, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        close_fd(&base);
    }
    return found;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void await_end(int pidfd, int64_t until_ms)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int64_t left;

    while ((left = until_ms - now_ms()) > 0)
        if (poll(&p, 1, (int)left) >= 0 || errno != EINTR)
            break;
}

/* True when something was listed: there may be more of it. */
static bool end_listed(int dir, int64_t until_ms)
{
    char list[16384], *save = NULL;
    int seen[SEEN_MOST];
    unsigned n = 0;
    bool any = false;

    if (!get(dir, "cgroup.procs", list, sizeof(list)))
        return false;
    for (char *pid = strtok_r(list, "\n", &save); pid != NULL; pid = strtok_r(NULL, "\n", &save)) {
        int fd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(pid, NULL, 10), 0);
        any = true;
        if (fd < 0)
            continue;
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        if (n < SEEN_MOST)
            seen[n++] = fd;
        else
            close(fd);
    }
    for (unsigned i = 0; i < n; i++) {
        await_end(seen[i], until_ms);
        close(seen[i]);
    }
    return any;
}

void cgroup_end(const char *name, int64_t ms)
{
    struct cgroup_tree tree;
    int64_t until_ms = now_ms() + ms;

    if (cgroup_tree_find(&tree, NULL) != 0)
        return;
    int base = open_base(&tree, tree.v2 ? CGROUP_UNIFIED : CGROUP_PIDS, false, NULL);
    int dir = base < 0 ? -1 : openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    while (dir >= 0 && end_listed(dir, until_ms) && now_ms() < until_ms)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    close_fd(&dir);
    close_fd(&base);
}

/* Killed processes leave a group some moments later, so rmdir is tried for a second. */
static int remove_part(const struct cgroup_tree *tree, int part, const char *name, struct err *err)
{
    int base = open_base(tree, part, false, NULL), rc = -1;

    if (base < 0)
        return 0;
    for (int i = 0; i < 100; i++) {
        if (unlinkat(base, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
            rc = 0;
            break;
        }
        if (errno != EBUSY)
            break;
        int dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (dir >= 0) {
            if (put(dir, "cgroup.kill", "1") != 0)
                (void)kill_listed(dir);
            close(dir);
        }
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    if (rc != 0)
        err_errno(err, "cannot remove the cgroup " BASE "/%s", name);
    close(base);
    return rc;
}

int cgroup_remove(const char *name, struct err *err)
{
    struct cgroup_tree tree;
    int rc = 0;

    if (cgroup_tree_find(&tree, err) != 0)
        return -1;
    for (int i = 0; i < CGROUP_PARTS; i++)
        if (part_used(&tree, i) && remove_part(&tree, i, name, err) != 0)
            rc = -1;
    return rc;
}

void cgroup_each(void (*fn)(void *arg, const char *name), void *arg)
{
    struct cgroup_tree tree;
    struct dirent *e;

    if (cgroup_tree_find(&tree, NULL) != 0)
        return;
    int base = open_base(&tree, tree.v2 ? CGROUP_UNIFIED : CGROUP_PIDS, false, NULL);
    DIR *d = base >= 0 ? fdopendir(base) : NULL;
    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL)
        if (e->d_name[0] != '.' && e->d_type == DT_DIR)
            fn(arg, e->d_name);
    closedir(d);
}
