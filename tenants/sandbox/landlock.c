#include "tenants/sandbox/landlock.h"

#include "core/err.h"
#include "tenants/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Older headers stop early, so the kernel's interface stands here. */
struct ruleset {
    uint64_t fs, net, scoped;
};
struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

#define RULE_PATH_BENEATH 1
#define ASK_VERSION 1U

#define FS_EXECUTE (1ULL << 0)
#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_MAKE_CHAR (1ULL << 6)
#define FS_MAKE_BLOCK (1ULL << 11)
#define FS_TRUNCATE (1ULL << 14)

#define FS_RO (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
#define SCOPE_ALL 3ULL

static uint64_t fs_known(int abi)
{
    if (abi >= 5)
        return (1ULL << 16) - 1;
    if (abi >= 3)
        return (1ULL << 15) - 1;
    return abi == 2 ? (1ULL << 14) - 1 : (1ULL << 13) - 1;
}

/* A path that is not there needs no rule. */
static int allow(int rules, const char *path, uint64_t rights, bool file)
{
    uint64_t file_rights = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return 0;
    struct path_rule rule = {file ? rights & file_rights : rights, fd};
    long rc = syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0);
    close(fd);
    return (int)rc;
}

static int allow_all(int rules, const struct sandbox_spec *spec, uint64_t known)
{
    static const char *const system[] = {"/usr",   "/bin",   "/sbin", "/lib",
                                         "/lib64", "/lib32", "/etc",  "/proc"};
    uint64_t rw = known & ~(FS_MAKE_CHAR | FS_MAKE_BLOCK);
    uint64_t device = (FS_READ_FILE | FS_WRITE_FILE | FS_READ_DIR | FS_TRUNCATE) & known;

    for (unsigned i = 0; i < sizeof(system) / sizeof(system[0]); i++)
        if (allow(rules, system[i], FS_RO & known, false) != 0)
            return -1;
    for (unsigned i = 0; i < spec->n_mounts; i++) {
        const struct sandbox_mount *m = &spec->mounts[i];
        if (allow(rules, m->target, (m->flags & SANDBOX_WRITABLE) != 0 ? rw : FS_RO & known,
                  (m->flags & SANDBOX_FILE) != 0) != 0)
            return -1;
    }
    return allow(rules, "/dev", device, false) == 0 ? allow(rules, "/tmp", rw, false) : -1;
}

int landlock_confine(const struct sandbox_spec *spec, bool *active, struct err *err)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);

    *active = false;
    if (abi < 1)
        return 0;
    struct ruleset set = {fs_known((int)abi), 0, abi >= 6 ? SCOPE_ALL : 0};
    int rules =
        (int)syscall(SYS_landlock_create_ruleset, &set, abi >= 6 ? sizeof(set) : sizeof(set.fs), 0);
    if (rules < 0)
        return err_errno(err, "cannot make Landlock rules");
    int rc = allow_all(rules, spec, set.fs);
    if (rc == 0)
        rc = (int)syscall(SYS_landlock_restrict_self, rules, 0);
    if (rc != 0)
        err_errno(err, "cannot apply the Landlock rules");
    close(rules);
    *active = rc == 0;
    return rc;
}
