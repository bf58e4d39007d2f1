#include "tests/unit/power/record.h"

#include "tests/unit/power/disk.h"

#include "core/file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS 4096

static struct disk *disk;
static unsigned deaf;
static bool slow;
static int nodes[MOST_FDS]; /* node + 1 of each descriptor of ours; 0: not on the disk */

static int node_of(int fd)
{
    return fd >= 0 && fd < MOST_FDS ? nodes[fd] - 1 : -1;
}

/* Folders are also opened and closed past us. */
static int folder_of(int fd)
{
    char link[40], path[512];
    const char *name;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return -1;
    path[n] = '\0';
    int node = disk_resolve(disk, -1, path, &name);
    return name != NULL ? disk_find(disk, node, name) : node;
}

/* The folder, and the last part in *name. */
static int place(int dir, const char *path, const char **name)
{
    return disk_resolve(disk, dir == AT_FDCWD ? -1 : folder_of(dir), path, name);
}

/* Our own files. */

static int on_open(int dir, const char *path, int flags, mode_t mode)
{
    const char *name;

    disk_lock(disk);
    int folder = place(dir, path, &name);
    int node = name != NULL ? disk_find(disk, folder, name) : folder;
    int fd = openat(dir, path, flags, mode);
    if (fd >= 0 && node < 0 && name != NULL && (flags & O_CREAT) != 0)
        node = disk_make(disk, folder, name, false);
    if (fd >= 0 && (flags & O_TRUNC) != 0)
        disk_cut(disk, node, 0);
    if (fd >= 0 && fd < MOST_FDS)
        nodes[fd] = node + 1;
    disk_unlock(disk);
    return fd;
}

static int on_close(int fd)
{
    if (fd >= 0 && fd < MOST_FDS)
        nodes[fd] = 0;
    return close(fd);
}

static ssize_t on_write(int fd, const void *p, size_t n)
{
    disk_lock(disk);
    ssize_t done = write(fd, p, n);
    if (done > 0)
        disk_write(disk, node_of(fd), p, (size_t)done,
                   (uint64_t)(lseek(fd, 0, SEEK_CUR) - (off_t)done));
    disk_unlock(disk);
    return done;
}

static int on_truncate(int fd, off_t size)
{
    disk_lock(disk);
    int rc = ftruncate(fd, size);
    if (rc == 0)
        disk_cut(disk, node_of(fd), (uint64_t)size);
    disk_unlock(disk);
    return rc;
}

static void note_sync(int node, size_t before)
{
    disk_lock(disk);
    disk_sync(disk, node, before);
    disk_unlock(disk);
}

static int on_fsync(int fd)
{
    struct stat st;
    size_t before = disk_position(disk);
    bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    int rc = fsync(fd);

    disk_lock(disk);
    if (rc == 0 && (deaf & (folder ? DEAF_FOLDERS : DEAF_FILES)) == 0)
        disk_sync(disk, folder ? folder_of(fd) : node_of(fd), before);
    disk_unlock(disk);
    return rc;
}

static int on_rename(int from_dir, const char *from, int to_dir, const char *to)
{
    const char *old, *name;

    disk_lock(disk);
    int rc = renameat(from_dir, from, to_dir, to);
    int a = place(from_dir, from, &old), b = place(to_dir, to, &name);
    if (rc == 0 && old != NULL && name != NULL)
        disk_move(disk, a, old, b, name);
    disk_unlock(disk);
    return rc;
}

static int on_link(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    const char *old, *name;

    disk_lock(disk);
    int rc = linkat(from_dir, from, to_dir, to, flags);
    int a = place(from_dir, from, &old), b = place(to_dir, to, &name);
    if (rc == 0 && old != NULL && name != NULL)
        disk_name(disk, b, name, disk_find(disk, a, old));
    disk_unlock(disk);
    return rc;
}

static int on_unlink(int dir, const char *path, int flags)
{
    const char *name;

    disk_lock(disk);
    int rc = unlinkat(dir, path, flags);
    int folder = place(dir, path, &name);
    if (rc == 0 && name != NULL)
        disk_unname(disk, folder, name);
    disk_unlock(disk);
    return rc;
}

static int on_mkdir(int dir, const char *path, mode_t mode)
{
    const char *name;

    disk_lock(disk);
    int rc = mkdirat(dir, path, mode);
    int folder = place(dir, path, &name);
    if (rc == 0 && name != NULL)
        disk_make(disk, folder, name, true);
    disk_unlock(disk);
    return rc;
}

static const struct file_ops ops = {.open = on_open,
                                    .write = on_write,
                                    .fsync = on_fsync,
                                    .rename = on_rename,
                                    .link = on_link,
                                    .unlink = on_unlink,
                                    .mkdir = on_mkdir,
                                    .truncate = on_truncate,
                                    .close = on_close};

/* SQLite's files. */

struct recorded {
    sqlite3_file file; /* first: it is one */
    int node, folder;
    bool is_log;
    sqlite3_file *below;
};

static sqlite3_vfs *system_vfs;
static int (*system_open_folder)(const char *path, int *fd);
/* The folder that SQLite opened for a sync during this thread's call. */
static _Thread_local bool opened_folder;

static int on_open_folder(const char *path, int *fd)
{
    opened_folder = true;
    return system_open_folder(path, fd);
}

static sqlite3_file *below(sqlite3_file *file)
{
    return ((struct recorded *)file)->below;
}

static int vfs_close(sqlite3_file *file)
{
    struct recorded *r = (struct recorded *)file;
    int rc = r->below->pMethods != NULL ? r->below->pMethods->xClose(r->below) : SQLITE_OK;

    sqlite3_free(r->below);
    return rc;
}

static int vfs_read(sqlite3_file *file, void *p, int n, sqlite3_int64 offset)
{
    return below(file)->pMethods->xRead(below(file), p, n, offset);
}

static int vfs_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
    struct recorded *r = (struct recorded *)file;

    if (disk == NULL)
        return r->below->pMethods->xWrite(r->below, p, n, offset);
    disk_lock(disk);
    int rc = r->below->pMethods->xWrite(r->below, p, n, offset);
    if (rc == SQLITE_OK)
        disk_write(disk, r->node, p, (size_t)n, (uint64_t)offset);
    disk_unlock(disk);
    return rc;
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct recorded *r = (struct recorded *)file;

    if (disk == NULL)
        return r->below->pMethods->xTruncate(r->below, size);
    disk_lock(disk);
    int rc = r->below->pMethods->xTruncate(r->below, size);
    if (rc == SQLITE_OK)
        disk_cut(disk, r->node, (uint64_t)size);
    disk_unlock(disk);
    return rc;
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    struct recorded *r = (struct recorded *)file;

    if (disk == NULL)
        return r->below->pMethods->xSync(r->below, flags);
    size_t before = disk_position(disk);
    opened_folder = false;
    int rc = r->below->pMethods->xSync(r->below, flags);
    if (slow)
        nanosleep(&(struct timespec){0, 300000}, NULL);
    if (rc == SQLITE_OK && (deaf & (r->is_log ? DEAF_WAL : DEAF_DATABASES)) == 0)
        note_sync(r->node, before);
    if (rc == SQLITE_OK && opened_folder && (deaf & DEAF_WAL_NAMES) == 0)
        note_sync(r->folder, before);
    return rc;
}

static int vfs_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return below(file)->pMethods->xFileSize(below(file), size);
}

static int vfs_lock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xLock(below(file), level);
}

static int vfs_unlock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xUnlock(below(file), level);
}

static int vfs_reserved(sqlite3_file *file, int *out)
{
    return below(file)->pMethods->xCheckReservedLock(below(file), out);
}

static int vfs_control(sqlite3_file *file, int op, void *arg)
{
    return below(file)->pMethods->xFileControl(below(file), op, arg);
}

static int vfs_sector(sqlite3_file *file)
{
    return below(file)->pMethods->xSectorSize(below(file));
}

static int vfs_characteristics(sqlite3_file *file)
{
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static int vfs_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return below(file)->pMethods->xShmMap(below(file), page, size, extend, out);
}

static int vfs_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return below(file)->pMethods->xShmLock(below(file), offset, n, flags);
}

static void vfs_shm_barrier(sqlite3_file *file)
{
    below(file)->pMethods->xShmBarrier(below(file));
}

static int vfs_shm_unmap(sqlite3_file *file, int delete_it)
{
    return below(file)->pMethods->xShmUnmap(below(file), delete_it);
}

/* Version 2: without xFetch nothing is written through a mapping. */
static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = vfs_close,
                                           .xRead = vfs_read,
                                           .xWrite = vfs_write,
                                           .xTruncate = vfs_truncate,
                                           .xSync = vfs_sync,
                                           .xFileSize = vfs_size,
                                           .xLock = vfs_lock,
                                           .xUnlock = vfs_unlock,
                                           .xCheckReservedLock = vfs_reserved,
                                           .xFileControl = vfs_control,
                                           .xSectorSize = vfs_sector,
                                           .xDeviceCharacteristics = vfs_characteristics,
                                           .xShmMap = vfs_shm_map,
                                           .xShmLock = vfs_shm_lock,
                                           .xShmBarrier = vfs_shm_barrier,
                                           .xShmUnmap = vfs_shm_unmap};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    struct recorded *r = (struct recorded *)file;
    const char *name = NULL;

    *r = (struct recorded){.node = -1, .folder = -1, .is_log = (flags & SQLITE_OPEN_WAL) != 0};
    r->below = sqlite3_malloc(system_vfs->szOsFile);
    if (r->below == NULL)
        return SQLITE_NOMEM;
    memset(r->below, 0, (size_t)system_vfs->szOsFile);
    if (disk != NULL)
        disk_lock(disk);
    int rc = system_vfs->xOpen(system_vfs, path, r->below, flags, out);
    if (disk != NULL && path != NULL && rc == SQLITE_OK) {
        r->folder = disk_resolve(disk, -1, path, &name);
        r->node = name != NULL ? disk_find(disk, r->folder, name) : -1;
        if (r->node < 0 && name != NULL && (flags & SQLITE_OPEN_CREATE) != 0)
            r->node = disk_make(disk, r->folder, name, false);
    }
    if (disk != NULL)
        disk_unlock(disk);
    if (rc == SQLITE_OK)
        r->file.pMethods = &methods;
    else
        sqlite3_free(r->below);
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    const char *name;

    if (disk == NULL)
        return system_vfs->xDelete(system_vfs, path, sync_folder);
    disk_lock(disk);
    opened_folder = false;
    int rc = system_vfs->xDelete(system_vfs, path, sync_folder);
    int folder = disk_resolve(disk, -1, path, &name);
    if (rc == SQLITE_OK && name != NULL) {
        disk_unname(disk, folder, name);
        if (opened_folder && (deaf & DEAF_WAL_NAMES) == 0)
            disk_sync(disk, folder, SIZE_MAX);
    }
    disk_unlock(disk);
    return rc;
}

void record_install(void)
{
    static sqlite3_vfs vfs;

    system_vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr open_folder = system_vfs->xGetSystemCall(system_vfs, "openDirectory");
    memcpy(&system_open_folder, &open_folder, sizeof(system_open_folder));
    system_vfs->xSetSystemCall(system_vfs, "openDirectory", (sqlite3_syscall_ptr)on_open_folder);
    vfs = *system_vfs;
    vfs.zName = "recorded";
    vfs.szOsFile = sizeof(struct recorded);
    vfs.pNext = NULL;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    sqlite3_vfs_register(&vfs, 1);
}

void record_to(struct disk *to, unsigned deaf_to, bool slowly)
{
    disk = to;
    deaf = deaf_to;
    slow = slowly;
    memset(nodes, 0, sizeof(nodes));
    file_ops_set(to != NULL ? &ops : NULL);
}
