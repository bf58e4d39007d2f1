#include "tests/unit/power/disk.h"

#include "tests/unit/power/names.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct node {
    bool folder;
    struct names names;
};

struct disk {
    char *root;
    pthread_mutex_t lock;
    struct disk_note *notes;
    size_t n_notes, cap_notes, start;
    struct node *nodes;
    int n_nodes, cap_nodes;
};

static int add_node(struct disk *disk, bool folder)
{
    if (disk->n_nodes == disk->cap_nodes) {
        disk->cap_nodes = disk->cap_nodes > 0 ? disk->cap_nodes * 2 : 256;
        disk->nodes = xrealloc(disk->nodes, (size_t)disk->cap_nodes * sizeof(*disk->nodes));
    }
    disk->nodes[disk->n_nodes] = (struct node){.folder = folder};
    return disk->n_nodes++;
}

static void note(struct disk *disk, struct disk_note what)
{
    if (disk->n_notes == disk->cap_notes) {
        disk->cap_notes = disk->cap_notes > 0 ? disk->cap_notes * 2 : 4096;
        disk->notes = xrealloc(disk->notes, disk->cap_notes * sizeof(*disk->notes));
    }
    disk->notes[disk->n_notes++] = what;
}

static void take_file(struct disk *disk, int node, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        auto_free char *bytes = xmalloc((size_t)st.st_size);
        ssize_t n = read(fd, bytes, (size_t)st.st_size);
        disk_write(disk, node, bytes, n > 0 ? (size_t)n : 0, 0);
    }
    if (fd >= 0)
        close(fd);
}

/* What is there already. SQLite's shared memory is no file to it but for its name. */
static void take_folder(struct disk *disk, int node, const char *path)
{
    DIR *list = opendir(path);
    struct dirent *entry;

    while (list != NULL && (entry = readdir(list)) != NULL) {
        size_t n = strlen(entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            (n > 4 && strcmp(entry->d_name + n - 4, "-shm") == 0))
            continue;
        auto_free char *below = xprintf("%s/%s", path, entry->d_name);
        bool folder = entry->d_type == DT_DIR;
        int child = disk_make(disk, node, entry->d_name, folder);
        if (folder)
            take_folder(disk, child, below);
        else
            take_file(disk, child, below);
    }
    if (list != NULL)
        closedir(list);
}

struct disk *disk_new(const char *root)
{
    struct disk *disk = xcalloc(1, sizeof(*disk));

    disk->root = xstrdup(root);
    pthread_mutex_init(&disk->lock, NULL);
    add_node(disk, true);
    take_folder(disk, 0, root);
    for (int i = 0; i < disk->n_nodes; i++)
        disk_sync(disk, i, disk->n_notes);
    disk->start = disk->n_notes;
    return disk;
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->n_notes; i++) {
        free(disk->notes[i].name);
        free(disk->notes[i].was);
        free(disk->notes[i].bytes);
    }
    for (int i = 0; i < disk->n_nodes; i++)
        names_free(&disk->nodes[i].names);
    pthread_mutex_destroy(&disk->lock);
    free(disk->notes);
    free(disk->nodes);
    free(disk->root);
    free(disk);
}

const char *disk_root(const struct disk *disk)
{
    return disk->root;
}

void disk_lock(struct disk *disk)
{
    pthread_mutex_lock(&disk->lock);
}

void disk_unlock(struct disk *disk)
{
    pthread_mutex_unlock(&disk->lock);
}

size_t disk_position(struct disk *disk)
{
    disk_lock(disk);
    size_t n = disk->n_notes;
    disk_unlock(disk);
    return n;
}

size_t disk_start(const struct disk *disk)
{
    return disk->start;
}

const struct disk_note *disk_note(const struct disk *disk, size_t index)
{
    return &disk->notes[index];
}

int disk_nodes(const struct disk *disk)
{
    return disk->n_nodes;
}

bool disk_is_folder(const struct disk *disk, int node)
{
    return disk->nodes[node].folder;
}

int disk_find(const struct disk *disk, int folder, const char *name)
{
    return folder < 0 ? -1 : names_find(&disk->nodes[folder].names, name);
}

int disk_resolve(const struct disk *disk, int folder, const char *path, const char **name)
{
    size_t n = strlen(disk->root);
    const char *slash;

    *name = NULL;
    if (path[0] == '/') {
        if (strncmp(path, disk->root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
            return -1;
        path += n;
        folder = 0;
    }
    while (path[0] == '/')
        path++;
    while (folder >= 0 && (slash = strchr(path, '/')) != NULL && slash[1] != '\0') {
        auto_free char *part = xstrndup(path, (size_t)(slash - path));
        folder = disk_find(disk, folder, part);
        path = slash + 1;
    }
    if (path[0] != '\0')
        *name = path;
    return folder;
}

int disk_make(struct disk *disk, int folder, const char *name, bool is_folder)
{
    if (folder < 0)
        return -1;
    int child = add_node(disk, is_folder);
    disk_name(disk, folder, name, child);
    return child;
}

void disk_name(struct disk *disk, int folder, const char *name, int child)
{
    if (folder < 0 || child < 0)
        return;
    names_put(&disk->nodes[folder].names, name, child);
    note(disk, (struct disk_note){
                   .kind = DISK_NAME, .node = folder, .child = child, .name = xstrdup(name)});
}

void disk_unname(struct disk *disk, int folder, const char *name)
{
    if (folder < 0)
        return;
    names_drop(&disk->nodes[folder].names, name);
    note(disk, (struct disk_note){.kind = DISK_UNNAME, .node = folder, .name = xstrdup(name)});
}

void disk_move(struct disk *disk, int from, const char *old, int to, const char *name)
{
    int child = disk_find(disk, from, old);

    if (from != to) {
        disk_name(disk, to, name, child);
        disk_unname(disk, from, old);
        return;
    }
    disk_name(disk, to, name, child);
    if (child < 0)
        return;
    names_drop(&disk->nodes[from].names, old);
    disk->notes[disk->n_notes - 1].was = xstrdup(old);
}

void disk_write(struct disk *disk, int node, const void *p, size_t n, uint64_t offset)
{
    if (node < 0 || n == 0)
        return;
    char *bytes = xmalloc(n);
    memcpy(bytes, p, n);
    note(disk, (struct disk_note){
                   .kind = DISK_WRITE, .node = node, .bytes = bytes, .len = n, .offset = offset});
}

void disk_cut(struct disk *disk, int node, uint64_t size)
{
    if (node >= 0)
        note(disk, (struct disk_note){.kind = DISK_CUT, .node = node, .offset = size});
}

void disk_sync(struct disk *disk, int node, size_t before)
{
    if (node >= 0)
        note(disk, (struct disk_note){.kind = DISK_SYNC, .node = node, .before = before});
}
