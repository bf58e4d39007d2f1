#include "tenants/broker/uids.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"
#include "tenants/broker/broker.h"
#include "tenants/broker/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64U << 20)

struct uid_row {
    uid_t uid;
    char id[BROKER_ID];
};

static void add(struct uids *u, uid_t uid, const char *id)
{
    if (u->n == u->cap) {
        u->cap = u->cap > 0 ? u->cap * 2 : 64;
        u->rows = xrealloc(u->rows, u->cap * sizeof(*u->rows));
    }
    struct uid_row *row = &u->rows[u->n++];
    row->uid = uid;
    memcpy(row->id, id, BROKER_ID);
    uids_skip(u, uid);
}

void uids_skip(struct uids *uids, uid_t used)
{
    if (used >= uids->next)
        uids->next = used + 1;
}

static int read_line(struct uids *u, struct text line)
{
    struct text uid, id = line;
    int64_t n;
    char copy[BROKER_ID];

    if (!text_cut(&id, ' ', &uid) || !text_number(uid, u->base, u->base + UIDS_SPAN - 1, &n) ||
        id.len != BROKER_ID - 1)
        return -1;
    memcpy(copy, id.base, id.len);
    copy[id.len] = '\0';
    if (!check_id(copy))
        return -1;
    add(u, (uid_t)n, copy);
    return 0;
}

/* How much of the file is lines that were written whole. Each is synced before the next begins, so
 * only the last can be torn: without an end, or with an end and holes that read as NULs. */
static size_t whole_lines(const char *content, size_t n)
{
    const char *end = n > 0 ? memrchr(content, '\n', n) : NULL;
    size_t whole = end != NULL ? (size_t)(end - content) + 1 : 0;

    if (whole == 0)
        return 0;
    const char *before = memrchr(content, '\n', whole - 1);
    size_t last = before != NULL ? (size_t)(before - content) + 1 : 0;
    return memchr(content + last, '\0', whole - last) != NULL ? last : whole;
}

static int load(struct uids *u, size_t bytes, struct err *err)
{
    auto_free char *content = xmalloc(bytes + 1);
    ssize_t n = pread(u->fd, content, bytes, 0);
    size_t whole = n > 0 ? whole_lines(content, (size_t)n) : 0;
    struct text rest = text_n(content, whole), line;

    if (n < 0)
        return err_errno(err, "cannot read data/uids");
    if (whole < bytes && file_truncate(u->fd, whole, "data/uids", err) != 0)
        return -1;
    while (rest.len > 0 && text_cut(&rest, '\n', &line))
        if (line.len > 0 && read_line(u, line) != 0)
            return err_set(err, ERR_INTERNAL, "bad_uids",
                           "data/uids has a line that is not \"UID ID\" within the range of uids: "
                           "%.*s",
                           (int)(line.len < 60 ? line.len : 60), line.base);
    return 0;
}

int uids_open(struct uids *uids, int dir, uid_t base, struct err *err)
{
    struct stat st;

    *uids = (struct uids){.base = base, .next = base + UIDS_JOBS};
    uids->fd = -1;
    if (file_append(dir, "uids", 0600, &uids->fd, err) != 0)
        return -1;
    if (fstat(uids->fd, &st) != 0)
        return err_errno(err, "cannot open data/uids");
    int rc = 0;
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0 ||
        st.st_size > (off_t)FILE_MAX)
        rc = err_set(err, ERR_FORBIDDEN, "bad_uids", "data/uids must be a file of root's alone");
    else
        rc = load(uids, (size_t)st.st_size, err);
    /* what we read may be of a process that ended before it had synced it */
    if (rc == 0 && file_sync(uids->fd, "data/uids", err) != 0)
        rc = -1;
    if (rc == 0)
        rc = file_sync(dir, "the data folder", err);
    if (rc != 0)
        uids_close(uids);
    return rc;
}

bool uids_find(const struct uids *uids, const char *id, uid_t *uid)
{
    for (size_t i = 0; i < uids->n; i++) {
        if (strcmp(uids->rows[i].id, id) == 0) {
            *uid = uids->rows[i].uid;
            return true;
        }
    }
    return false;
}

int uids_give(struct uids *uids, const char *id, uid_t *uid, struct err *err)
{
    char line[64];
    off_t end = lseek(uids->fd, 0, SEEK_END);

    if (uids_find(uids, id, uid))
        return 0;
    if (uids->next >= uids->base + UIDS_SPAN)
        return err_set(err, ERR_UNAVAILABLE, "no_uids", "All uids of this data folder were given.");
    int n = snprintf(line, sizeof(line), "%u %s\n", uids->next, id);
    if (file_write_all(uids->fd, line, (size_t)n, err) != 0 ||
        file_sync(uids->fd, "data/uids", err) != 0) {
        (void)file_truncate(uids->fd, (size_t)end, "data/uids", NULL);
        return -1;
    }
    *uid = uids->next;
    add(uids, *uid, id);
    return 0;
}

void uids_close(struct uids *uids)
{
    file_close(uids->fd);
    free(uids->rows);
    uids->rows = NULL;
    uids->fd = -1;
}
