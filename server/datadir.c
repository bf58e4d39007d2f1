#include "server/datadir.h"

#include "core/child.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t datadir_holder(const char *data)
{
    auto_free char *path = xprintf("%s/lock", data);
    auto_close int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fd < 0 || fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid;
}

int datadir_lock(const char *data, int *fd, struct err *err)
{
    auto_free char *path = xprintf("%s/lock", data);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (opened < 0)
        return err_errno(err, "The data folder %s cannot be locked", data);
    if (fcntl(opened, F_SETLK, &lock) != 0) {
        pid_t holder = datadir_holder(data);
        close(opened);
        return err_set(
            err, ERR_CONFLICT, "data_taken",
            "The data folder %s is in use by process %d; end it with `redhouse stop --data %s`.",
            data, (int)holder, data);
    }
    *fd = opened;
    return 0;
}

static int make_user(struct err *err)
{
    const char *argv[] = {"useradd",           "--system",     "--no-create-home",
                          "--home-dir",        "/nonexistent", "--shell",
                          "/usr/sbin/nologin", DATADIR_USER,   NULL};
    const char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    struct child_spec spec = {.path = "/usr/sbin/useradd", .argv = argv, .env = env};
    struct child child;
    int status = 0;

    if (child_start(&child, &spec, err) != 0 || child_wait(&child, 30000, &status, err) != 0)
        return -1;
    child_close(&child);
    if (status != 0)
        return err_set(err, ERR_INTERNAL, "no_user",
                       "The system user \"" DATADIR_USER
                       "\" could not be made: useradd ended with status %d.",
                       status >> 8);
    return 0;
}

int datadir_user(uid_t *uid, gid_t *gid, int create, struct err *err)
{
    struct passwd *pw = getpwnam(DATADIR_USER);

    if (pw == NULL && create) {
        if (make_user(err) != 0)
            return -1;
        pw = getpwnam(DATADIR_USER);
    }
    if (pw == NULL)
        return err_set(err, ERR_NOT_FOUND, "no_user",
                       "There is no system user \"" DATADIR_USER "\"; `redhouse init` makes it.");
    *uid = pw->pw_uid;
    *gid = pw->pw_gid;
    return 0;
}

/* May that user pass through what is there of the folders above? Asked as that user: modes are not
 * all that decides. */
static int check_reachable(const char *data, uid_t uid, gid_t gid, struct err *err)
{
    auto_free char *path = xstrdup(data);
    int status = 0;

    /* The folder itself is given to the user afterwards. */
    do {
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            return 0;
        *(slash == path ? slash + 1 : slash) = '\0';
    } while (access(path, F_OK) != 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
                      setresuid(uid, uid, uid) != 0 || access(path, X_OK) != 0
                  ? 1
                  : 0);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return err_errno(err, "The folder %s cannot be looked at", path);
    if (status == 0)
        return 0;
    return err_set(err, ERR_FORBIDDEN, "not_reachable",
                   "The system user \"" DATADIR_USER "\" may not pass through the folders of %s; "
                   "choose another data folder, or allow it with `chmod o+x`.",
                   path);
}

int datadir_make(const char *data, uid_t uid, gid_t gid, struct err *err)
{
    static const struct {
        const char *name;
        mode_t mode;
        bool ours; /* else root's: the broker's */
    } folders[] = {
        {"", 0711, true},
        {"tenants", 0700, true},
        {"blobs", 0700, true},
        {"instances", 0711, false},
        {"plugins", 0755, false},
        {"logs", 0700, true},
        {"logs/instances", 0700, true},
        {"logs/builds", 0700, true},
        {"run", 0711, true},
        {"run/instances", 0711, true},
        {"run/jobs", 0711, true},
        {"spool", 0700, true},
        {"jobs", 0711, true},
        {"themes", 0700, true},
    };

    if (check_reachable(data, uid, gid, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        auto_free char *path = xprintf("%s/%s", data, folders[i].name);
        if (file_mkdirs(path, folders[i].mode, err) != 0)
            return -1;
        if (chmod(path, folders[i].mode) != 0 ||
            chown(path, folders[i].ours ? uid : 0, folders[i].ours ? gid : 0) != 0)
            return err_errno(err, "The folder %s cannot be given to its owner", path);
    }
    return 0;
}

int datadir_drop(uid_t uid, gid_t gid, struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2] = {{0}, {0}};

    caps[0].effective = caps[0].permitted = 1u << CAP_NET_BIND_SERVICE;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0 ||
        syscall(SYS_capset, &header, caps) != 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_errno(err, "The privileges cannot be dropped");
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return 0;
}
