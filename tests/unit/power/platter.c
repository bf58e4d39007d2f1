#include "tests/unit/power/platter.h"

#include "core/file.h"
#include "tests/unit/power/chance.h"
#include "tests/unit/power/disk.h"
#include "tests/unit/power/names.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEEPEST 16

struct content {
    char *bytes;
    size_t len, cap;
};

/* A node as it is safe, and what was noted of it since. */
struct plate {
    struct names names;
    struct content content;
    size_t *waiting, n_waiting, cap_waiting;
};

struct platter {
    const struct disk *disk;
    struct plate *plates;
    int n_plates;
    size_t at;
    struct content scratch;
};

static void resize(struct content *c, size_t len)
{
    if (len > c->cap) {
        c->cap = len + len / 2 + 4096;
        c->bytes = xrealloc(c->bytes, c->cap);
    }
    if (len > c->len)
        memset(c->bytes + c->len, 0, len - c->len);
    c->len = len;
}

static void put(struct content *c, uint64_t offset, const char *bytes, size_t n)
{
    if (offset > c->len || offset + n > c->cap)
        resize(c, offset + n);
    if (offset + n > c->len)
        c->len = offset + n;
    if (n > 0)
        memcpy(c->bytes + offset, bytes, n);
}

static void apply_name(struct names *names, const struct disk_note *n)
{
    if (n->was != NULL)
        names_drop(names, n->was);
    if (n->kind == DISK_NAME)
        names_put(names, n->name, n->child);
    else
        names_drop(names, n->name);
}

static void apply(struct plate *plate, const struct disk_note *n)
{
    if (n->kind == DISK_WRITE)
        put(&plate->content, n->offset, n->bytes, n->len);
    else if (n->kind == DISK_CUT)
        resize(&plate->content, n->offset);
    else
        apply_name(&plate->names, n);
}

static void sync_plate(struct platter *p, struct plate *plate, size_t before)
{
    size_t left = 0;

    for (size_t i = 0; i < plate->n_waiting; i++) {
        if (plate->waiting[i] < before)
            apply(plate, disk_note(p->disk, plate->waiting[i]));
        else
            plate->waiting[left++] = plate->waiting[i];
    }
    plate->n_waiting = left;
}

static void forward(struct platter *p, size_t at)
{
    for (; p->at < at; p->at++) {
        const struct disk_note *n = disk_note(p->disk, p->at);
        struct plate *plate = &p->plates[n->node];
        if (n->kind == DISK_SYNC) {
            sync_plate(p, plate, n->before);
            continue;
        }
        if (plate->n_waiting == plate->cap_waiting) {
            plate->cap_waiting = plate->cap_waiting > 0 ? plate->cap_waiting * 2 : 16;
            plate->waiting = xrealloc(plate->waiting, plate->cap_waiting * sizeof(*plate->waiting));
        }
        plate->waiting[plate->n_waiting++] = p->at;
    }
}

struct platter *platter_new(const struct disk *disk)
{
    struct platter *p = xcalloc(1, sizeof(*p));

    p->disk = disk;
    p->n_plates = disk_nodes(disk);
    p->plates = xcalloc((size_t)p->n_plates, sizeof(*p->plates));
    return p;
}

void platter_free(struct platter *platter)
{
    for (int i = 0; i < platter->n_plates; i++) {
        names_free(&platter->plates[i].names);
        free(platter->plates[i].content.bytes);
        free(platter->plates[i].waiting);
    }
    free(platter->scratch.bytes);
    free(platter->plates);
    free(platter);
}

/* One of the moments 0..n since the last sync. */
static size_t moment(const struct power_loss *loss, uint64_t what, size_t n)
{
    uint64_t r = chance_mix(loss->seed ^ chance_mix(what));

    if (n == 0 || loss->keeps == 0)
        return 0;
    if (loss->keeps >= 100 || r % 100 < loss->keeps)
        return n;
    r = chance_mix(r);
    return (r & 1) != 0 ? 0 : (r >> 1) % (n + 1);
}

static const struct disk_note *waiting(const struct platter *p, const struct plate *plate, size_t i)
{
    return disk_note(p->disk, plate->waiting[i]);
}

static size_t length_after(const struct platter *p, const struct plate *plate, size_t n)
{
    size_t len = plate->content.len;

    for (size_t i = 0; i < n; i++) {
        const struct disk_note *w = waiting(p, plate, i);
        if (w->kind == DISK_CUT)
            len = w->offset;
        else if (w->offset + w->len > len)
            len = w->offset + w->len;
    }
    return len;
}

/* The sectors of one write that came through before the power went. */
static void put_sectors(struct content *c, const struct power_loss *loss, int node, size_t index,
                        const struct plate *plate, const struct disk_note *w)
{
    for (uint64_t from = w->offset, end = w->offset + w->len; from < end;) {
        uint64_t sector = from / PLATTER_SECTOR, to = (sector + 1) * PLATTER_SECTOR;
        to = to < end ? to : end;
        uint64_t what = (uint64_t)node << 40 | (sector + 1);
        if (index < moment(loss, what, plate->n_waiting))
            put(c, from, w->bytes + (from - w->offset), to - from);
        from = to;
    }
}

/* Views what is safe, or fills the scratch. */
static struct content left_of(struct platter *p, const struct power_loss *loss, int node)
{
    const struct plate *plate = &p->plates[node];
    size_t lasts = moment(loss, (uint64_t)node << 40, plate->n_waiting);
    struct content *c = &p->scratch;

    if (plate->n_waiting == 0 || loss->keeps == 0)
        return plate->content;
    c->len = 0;
    put(c, 0, plate->content.bytes, plate->content.len);
    for (size_t i = 0; i < plate->n_waiting; i++) {
        const struct disk_note *w = waiting(p, plate, i);
        if (w->kind == DISK_WRITE)
            put_sectors(c, loss, node, i, plate, w);
        else if (i < lasts)
            resize(c, w->offset);
        else
            break;
    }
    resize(c, length_after(p, plate, lasts));
    return *c;
}

static int write_file(const char *path, const struct content *c)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t done = 0;

    while (fd >= 0 && done < c->len) {
        ssize_t n = write(fd, c->bytes + done, c->len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    return fd >= 0 && done == c->len ? 0 : -1;
}

static int rebuild(struct platter *p, const struct power_loss *loss, int node, const char *path,
                   int depth)
{
    const struct plate *plate = &p->plates[node];

    if (!disk_is_folder(p->disk, node)) {
        struct content c = left_of(p, loss, node);
        return write_file(path, &c);
    }
    struct names names = names_copy(&plate->names);
    size_t lasts = moment(loss, (uint64_t)node << 40, plate->n_waiting);
    int rc = mkdir(path, 0700) == 0 && depth < DEEPEST ? 0 : -1;
    for (size_t i = 0; i < lasts; i++)
        apply_name(&names, waiting(p, plate, i));
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        auto_free char *below = xprintf("%s/%s", path, names.list[i].name);
        rc = rebuild(p, loss, names.list[i].node, below, depth + 1);
    }
    names_free(&names);
    return rc;
}

int platter_rebuild(struct platter *platter, const struct power_loss *loss, const char *to)
{
    file_remove_tree(to, NULL);
    forward(platter, loss->at);
    return rebuild(platter, loss, 0, to, 0);
}
