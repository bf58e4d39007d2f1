#include "http/content.h"

#include "core/err.h"
#include "core/pool.h"
#include "core/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL 65536 /* a copy costs less than a mapping */
#define AHEAD ((uint64_t)4 << 20)
#define LOOK ((uint64_t)2 << 20) /* one look at what is in memory */
#define PIECE ((size_t)128 << 10)

struct content {
    atomic_uint refs;
    int fd;      /* -1: bytes are ours */
    char *bytes; /* page-aligned when mapped */
    size_t len;
};

static int read_whole(struct content *content, int fd, struct err *err)
{
    size_t n = 0;
    content->bytes = xmalloc(content->len + 1);
    while (n < content->len) {
        ssize_t got = pread(fd, content->bytes + n, content->len - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, "The file could not be read");
        if (got == 0)
            return err_set(err, ERR_INTERNAL, "internal", "The file is shorter than it was.");
        n += (size_t)got;
    }
    close(fd);
    return 0;
}

static int map_whole(struct content *content, int fd, struct err *err)
{
    void *map = mmap(NULL, content->len, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_errno(err, "The file could not be mapped");
    content->bytes = map;
    content->fd = fd;
    content_read_ahead(content, 0);
    return 0;
}

/* A shrunken file would end the process when it is read. */
static int check_size(int fd, uint64_t bytes, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_errno(err, "The file could not be looked at");
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < bytes)
        return err_set(err, ERR_INTERNAL, "internal", "The file is shorter than it should be.");
    return 0;
}

struct content *content_open(int fd, uint64_t bytes, struct err *err)
{
    struct content *content = xcalloc(1, sizeof *content);
    atomic_init(&content->refs, 1);
    content->fd = -1;
    content->len = (size_t)bytes;
    int rc = check_size(fd, bytes, err);
    if (rc == 0)
        rc = bytes <= SMALL ? read_whole(content, fd, err) : map_whole(content, fd, err);
    if (rc == 0)
        return content;
    close(fd);
    content_drop(content);
    return NULL;
}

struct content *content_hold(struct content *content)
{
    atomic_fetch_add_explicit(&content->refs, 1, memory_order_relaxed);
    return content;
}

void content_drop(struct content *content)
{
    if (content == NULL || atomic_fetch_sub_explicit(&content->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (content->fd >= 0) {
        munmap(content->bytes, content->len);
        close(content->fd);
    } else {
        free(content->bytes);
    }
    free(content);
}

const char *content_bytes(const struct content *content)
{
    return content->bytes;
}

uint64_t content_len(const struct content *content)
{
    return content->len;
}

uint64_t content_memory(const struct content *content)
{
    return sizeof *content + (content->fd < 0 ? content->len : 0);
}

int content_fd(const struct content *content)
{
    return content->fd;
}

static uint64_t page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

bool content_is_cold(const struct content *content, uint64_t at, uint64_t len)
{
    unsigned char pages[LOOK / 4096 + 2];
    uint64_t page = page_size(), from = at / page * page;
    if (content->fd < 0)
        return false;
    len = at + len - from < LOOK ? at + len - from : LOOK;
    if (mincore(content->bytes + from, len, pages) != 0)
        return false;
    for (uint64_t i = 0; i < (len + page - 1) / page; i++) {
        if ((pages[i] & 1) == 0)
            return true;
    }
    return false;
}

/* By reading: mapped pages would count as memory of this process for as long as it is held. */
void content_read_ahead(const struct content *content, uint64_t at)
{
    uint64_t end = content->len - at < AHEAD ? content->len : at + AHEAD;
    if (content->fd < 0)
        return;
    auto_free char *scratch = xmalloc(PIECE);
    while (at < end) {
        ssize_t n = pread(content->fd, scratch, PIECE, (off_t)at);
        if (n <= 0)
            return;
        at += (uint64_t)n;
    }
}
