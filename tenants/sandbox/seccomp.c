#include "tenants/sandbox/seccomp.h"

#include "core/err.h"

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>

/* By name: one that this architecture or library does not know is passed over. */
static const char *const denied[] = {
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "memfd_secret",
    "vmsplice",
    "keyctl",
    "add_key",
    "request_key",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "get_kernel_syms",
    "query_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "sethostname",
    "setdomainname",
    "acct",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "nfsservctl",
    "iopl",
    "ioperm",
    "vm86",
    "vm86old",
    "modify_ldt",
    "uselib",
    "ustat",
    "sysfs",
    "_sysctl",
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    "open_by_handle_at",
    "name_to_handle_at",
    "lookup_dcookie",
    "vhangup",
    "fanotify_init",
    "fanotify_mark",
    "mbind",
    "move_pages",
    "migrate_pages",
};

#define FAMILIES 64

static bool family_allowed(int family)
{
    return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

static int add(scmp_filter_ctx ctx, uint32_t action, const char *name,
               const struct scmp_arg_cmp *cmp)
{
    int nr = seccomp_syscall_resolve_name(name);

    if (nr == __NR_SCMP_ERROR)
        return 0;
    return seccomp_rule_add_array(ctx, action, nr, cmp != NULL ? 1 : 0, cmp);
}

static int add_sockets(scmp_filter_ctx ctx)
{
    uint32_t refuse = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    int rc = 0;

    for (int family = 0; family < FAMILIES && rc == 0; family++)
        if (!family_allowed(family))
            rc = add(ctx, refuse, "socket", &SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
    if (rc == 0)
        rc = add(ctx, refuse, "socket", &SCMP_A0(SCMP_CMP_GE, FAMILIES));
    /* Of netlink only routing, which getifaddrs needs. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, refuse, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                              SCMP_A2(SCMP_CMP_NE, 0));
    return rc;
}

static int add_clone(scmp_filter_ctx ctx)
{
    /* cgroup, uts, ipc, user, pid, net, time and mount namespaces */
    static const scmp_datum_t flags[] = {0x02000000, 0x04000000, 0x08000000, 0x10000000,
                                         0x20000000, 0x40000000, 0x80,       0x00020000};
    int rc = 0;

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]) && rc == 0; i++)
        rc = add(ctx, SCMP_ACT_ERRNO(EPERM), "clone",
                 &SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    /* Its flags are in memory, out of a filter's sight; libc falls back to clone. */
    return rc == 0 ? add(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL) : rc;
}

static int add_rest(scmp_filter_ctx ctx)
{
    /* Setting a personality could switch off address randomisation; asking is fine. */
    int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 2,
                              SCMP_A0(SCMP_CMP_NE, PER_LINUX), SCMP_A0(SCMP_CMP_NE, 0xffffffff));

    if (rc == -EINVAL)
        rc = add(ctx, SCMP_ACT_ERRNO(EPERM), "personality", &SCMP_A0(SCMP_CMP_NE, 0xffffffff));
    for (unsigned i = 0; i < sizeof(denied) / sizeof(denied[0]) && rc == 0; i++)
        rc = add(ctx, SCMP_ACT_ERRNO(denied[i][0] == 'i' && denied[i][2] == '_' ? ENOSYS : EPERM),
                 denied[i], NULL);
    return rc == 0 ? add(ctx, SCMP_ACT_ERRNO(EPERM), "ioctl",
                         &SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI))
                   : rc;
}

int seccomp_confine(struct err *err)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

    if (ctx == NULL)
        return err_set(err, ERR_INTERNAL, "sandbox", "cannot make the system call filter");
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc == 0)
        rc = add_sockets(ctx);
    if (rc == 0)
        rc = add_clone(ctx);
    if (rc == 0)
        rc = add_rest(ctx);
    if (rc == 0)
        rc = seccomp_load(ctx);
    seccomp_release(ctx);
    if (rc == 0)
        return 0;
    errno = -rc;
    return err_errno(err, "cannot apply the system call filter");
}
