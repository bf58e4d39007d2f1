#include "server/unpack.h"

#include "core/buf.h"
#include "core/bundle.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN "/job/in"
#define OUT "/job/out"

static const struct bundle_limits limits = {
    .entries = 50000, .total_bytes = 1ull << 30, .entry_bytes = 512ull << 20, .ratio = 200};

struct part {
    struct pool *pool;
    const char *to;
};

/* "package/lib/x" below the part's folder: npm's tarballs have one folder at their top. */
static int take(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                struct err *err)
{
    struct part *part = arg;
    auto_pool struct pool *pool = pool_new();
    size_t slash = text_find(entry->name, '/', 0);
    struct text content;
    const char *path;

    if (entry->is_dir || slash == SIZE_MAX)
        return 0;
    if (file_join(pool, part->to, text_sub(entry->name, slash + 1, entry->name.len), &path, err) !=
            0 ||
        bundle_content(walk, pool, (size_t)entry->bytes, &content, err) != 0)
        return -1;
    char *folder = pool_strdup(pool, path);
    *strrchr(folder, '/') = '\0';
    if (file_mkdirs(folder, 0755, err) != 0)
        return -1;
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                             entry->is_executable ? 0755 : 0644);
    if (fd < 0)
        return err_errno(err, "%s cannot be written", path);
    return file_write_all(fd, content.base, content.len, err);
}

static int unpack(struct pool *pool, struct text in, struct err *err)
{
    size_t line = text_find(in, '\n', 0);
    struct json *doc = NULL;
    struct text node = TEXT_NONE;

    if (line == SIZE_MAX || json_read(pool, text_sub(in, 0, line), 1000, &doc, err) != 0 ||
        json_need_text(doc, "node", &node, err) != 0)
        return err_set(err, ERR_INVALID, "bad_input", "The job's input is malformed.");
    size_t at = line + 1;
    json_each (item, json_get(doc, "parts")) {
        struct text to;
        int64_t bytes = 0;
        struct part part = {.pool = pool};
        if (json_need_text(item, "to", &to, err) != 0 ||
            json_want_int(item, "bytes", &bytes, err) != 0 ||
            file_join(pool, OUT, to, &part.to, err) != 0)
            return -1;
        if (bytes <= 0 || (uint64_t)bytes > in.len - at)
            return err_set(err, ERR_INVALID, "bad_input", "The job's input is cut short.");
        if (bundle_walk(text_sub(in, at, (size_t)bytes), BUNDLE_TGZ, &limits, take, &part, err) !=
            0)
            return -1;
        printf("unpacked %.*s\n", TEXT_ARG(to));
        at += (size_t)bytes;
    }
    if (mkdir(OUT "/bin", 0755) != 0 || symlink(text_c(pool, node), OUT "/bin/node") != 0)
        return err_errno(err, "bin/node cannot be made");
    return 0;
}

int unpack_main(void)
{
    auto_pool struct pool *pool = pool_new();
    auto_close int fd = open(IN, O_RDONLY | O_CLOEXEC);
    struct stat st;
    struct err err;

    umask(022);
    if (fd < 0 || fstat(fd, &st) != 0) {
        perror("redhouse: the job's input cannot be read");
        return 1;
    }
    char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        perror("redhouse: the job's input cannot be mapped");
        return 1;
    }
    int rc = unpack(pool, text_n(bytes, (size_t)st.st_size), &err);
    if (rc != 0)
        printf("redhouse: %s\n", err.text);
    fflush(stdout);
    /* A sandbox has no room for what sanitizers do at an ordinary end. */
    _exit(rc == 0 ? 0 : 1);
}
