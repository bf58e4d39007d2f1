#include "tenants/sandbox/privilege.h"

#include "core/err.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_FILES_SOFT 4096
#define OPEN_FILES_HARD 16384

/* Kernels know more capabilities than headers: up to the first that is refused. */
static void drop_bounding(int keep)
{
    for (int cap = 0; cap < 64; cap++)
        if (cap != keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return;
}

static int set_caps(uint32_t low)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{low, low, 0}, {0, 0, 0}};

    return (int)syscall(SYS_capset, &header, data);
}

static bool has_caps(uint32_t low)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];

    memset(data, 0, sizeof(data));
    return syscall(SYS_capget, &header, data) == 0 && data[0].effective == low &&
           data[0].permitted == low && data[0].inheritable == 0 && data[1].effective == 0 &&
           data[1].permitted == 0 && data[1].inheritable == 0;
}

static int change_ids(uid_t uid, gid_t gid)
{
    return setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0
               ? -1
               : 0;
}

int privilege_drop_all(uid_t uid, gid_t gid, struct err *err)
{
    drop_bounding(-1);
    if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) != 0 ||
        change_ids(uid, gid) != 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || set_caps(0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_errno(err, "cannot give up root");
    if (!has_caps(0) || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
        return err_set(err, ERR_INTERNAL, "sandbox", "a capability would be left in the sandbox");
    return 0;
}

int privilege_keep_kill(uid_t uid, gid_t gid, struct err *err)
{
    uint32_t kill_only = 1U << CAP_KILL;

    drop_bounding(CAP_KILL);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || change_ids(uid, gid) != 0 ||
        set_caps(kill_only) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_errno(err, "the warden cannot give up root");
    if (!has_caps(kill_only))
        return err_set(err, ERR_INTERNAL, "sandbox", "the warden could not give up root");
    return 0;
}

static int limit(int what, rlim_t soft, rlim_t hard)
{
    struct rlimit now;

    if (getrlimit(what, &now) != 0)
        return -1;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < hard)
        hard = now.rlim_max;
    struct rlimit want = {soft < hard ? soft : hard, hard};
    return setrlimit(what, &want);
}

int privilege_limits(int64_t pids, uint64_t file_bytes, struct err *err)
{
    rlim_t n = (rlim_t)pids + 1;

    if (limit(RLIMIT_NOFILE, OPEN_FILES_SOFT, OPEN_FILES_HARD) != 0 ||
        limit(RLIMIT_CORE, 0, 0) != 0 || limit(RLIMIT_NPROC, n, n) != 0 ||
        limit(RLIMIT_FSIZE, file_bytes, file_bytes) != 0 ||
        limit(RLIMIT_MEMLOCK, 1 << 20, 1 << 20) != 0 || limit(RLIMIT_MSGQUEUE, 0, 0) != 0 ||
        limit(RLIMIT_NICE, 0, 0) != 0 || limit(RLIMIT_RTPRIO, 0, 0) != 0)
        return err_errno(err, "cannot set the resource limits");
    return 0;
}
