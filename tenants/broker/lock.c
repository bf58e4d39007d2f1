#include "tenants/broker/lock.h"

#include "core/err.h"
#include "core/text.h"
#include "tenants/broker/check.h"
#include "tenants/broker/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SUFFIX ".lock"

static int open_lock(struct broker *b, const char *id, int flags)
{
    char name[64];

    snprintf(name, sizeof(name), "%s" SUFFIX, id);
    return openat(b->run_instances, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
}

int lock_take(struct broker *b, const char *id, struct err *err)
{
    int fd = open_lock(b, id, O_CREAT);

    if (fd < 0)
        return err_errno(err, "cannot open the lock of %s", id);
    /* Emptied at once: a pid of somebody long gone must not be taken for the new holder's. */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0)
        return fd;
    close(fd);
    return err_set(err, ERR_CONFLICT, "already_running", "The instance runs already.");
}

void lock_write_pid(int fd, pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", pid);

    (void)!pwrite(fd, text, (size_t)n, 0);
}

/* The pid is believed only while the lock is held: then it cannot have gone to somebody else. */
int lock_holder(struct broker *b, const char *id)
{
    char text[16];
    int64_t pid;
    int fd = open_lock(b, id, 0), pidfd = -1;

    if (fd < 0)
        return -1;
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n > 1 && text_number(text_n(text, (size_t)n - 1), 2, INT32_MAX, &pid))
        pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (pidfd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        close(pidfd);
        pidfd = -1;
    }
    close(fd);
    return pidfd;
}

void lock_each(struct broker *b, void (*fn)(struct broker *b, const char *id))
{
    int copy = openat(b->run_instances, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *e;

    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL) {
        char id[BROKER_ID];
        size_t n = strlen(e->d_name);
        if (n != BROKER_ID - 1 + sizeof(SUFFIX) - 1 ||
            strcmp(e->d_name + BROKER_ID - 1, SUFFIX) != 0)
            continue;
        memcpy(id, e->d_name, BROKER_ID - 1);
        id[BROKER_ID - 1] = '\0';
        if (check_id(id))
            fn(b, id);
    }
    closedir(d);
}

void lock_remove(struct broker *b, const char *id)
{
    char name[64];

    snprintf(name, sizeof(name), "%s" SUFFIX, id);
    (void)unlinkat(b->run_instances, name, 0);
}
