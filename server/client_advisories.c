#include "server/client_advisories.h"

#include "core/file.h"
#include "server/ask.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMPORT "/api/v1/advisories/import"
#define FILE_MAX ((size_t)8 << 20)
#define BATCH_BYTES ((size_t)16 << 20)
#define UPLOAD_MAX ((off_t)256 << 20)

static int send(struct ask *ask, struct text body, const char *type, struct err *err)
{
    if (client_send(&ask->client, "POST", IMPORT, body, type, &ask->doc, err) != 0)
        return -1;
    return ask_follow(ask, "done", err);
}

/* As it is: the server takes archives apart. */
static int import_file(struct ask *ask, const char *path, int fd, off_t bytes, struct err *err)
{
    struct text name = text_of(path);
    const char *type = text_ends(name, ".json")  ? "application/json"
                       : text_ends(name, ".zip") ? "application/zip"
                                                 : "application/gzip";
    if (bytes == 0 || bytes > UPLOAD_MAX)
        return err_set(err, ERR_INVALID, "bad_file",
                       "%s is empty or larger than 256 MiB. Give a folder of its parts.", path);
    void *at = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return err_errno(err, "%s cannot be read", path);
    int failed = send(ask, text_n(at, (size_t)bytes), type, err);
    munmap(at, (size_t)bytes);
    return failed;
}

/* "[" was written first. */
static int send_batch(struct ask *ask, struct buf *batch, struct err *err)
{
    if (batch->len <= 1)
        return 0;
    buf_char(batch, ']');
    int failed = send(ask, buf_view(batch), "application/json", err);
    buf_clear(batch);
    buf_char(batch, '[');
    return failed;
}

static int add_file(struct ask *ask, struct buf *batch, const char *path, struct err *err)
{
    auto_buf struct buf one = {0};
    buf_init(&one, FILE_MAX);
    if (file_read(path, FILE_MAX, &one, err) != 0)
        return -1;
    if (batch->len + one.len > BATCH_BYTES && send_batch(ask, batch, err) != 0)
        return -1;
    if (batch->len > 1)
        buf_char(batch, ',');
    buf_text(batch, buf_view(&one));
    return 0;
}

/* The *.json of one folder, in batches that are arrays. */
static int import_folder(struct ask *ask, const char *path, DIR *dir, struct err *err)
{
    auto_buf struct buf batch = {0};
    size_t n = 0;
    buf_init(&batch, BATCH_BYTES + FILE_MAX);
    buf_char(&batch, '[');
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        if (!text_ends(text_of(d->d_name), ".json"))
            continue;
        auto_free char *file = xprintf("%s/%s", path, d->d_name);
        if (add_file(ask, &batch, file, err) != 0)
            return -1;
        n++;
    }
    if (n == 0)
        return err_set(err, ERR_INVALID, "no_files", "%s has no files called *.json.", path);
    return send_batch(ask, &batch, err);
}

int advisories_import_files(struct ask *ask, struct err *err)
{
    const char *path = ask->args.words[0];
    struct stat st;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno(err, "%s cannot be read", path);
    if (!S_ISDIR(st.st_mode))
        return import_file(ask, path, fd, st.st_size, err);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return err_errno(err, "%s cannot be read", path);
    int failed = import_folder(ask, path, dir, err);
    closedir(dir);
    return failed;
}

int advisories_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/advisories", err);
}

int advisories_concerned(struct ask *ask, struct err *err)
{
    return ask_get(ask, "/api/v1/advisories/concerned", err);
}
