#include "server/client_bundle.h"

#include "core/fetch.h"
#include "core/file.h"
#include "server/ask.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_MAX (32u << 20)
#define DEADLINE_MS (6ll * 3600 * 1000)
#define BUNDLE_MAX ((size_t)64 << 30)

/* Into a file beside, which gets its name when it is whole. */
static int download(struct ask *ask, struct text id, const char *out, struct err *err)
{
    const char *path = ask_path(ask, "/api/v1/bundles/", id, "/file");
    const char *part = pool_printf(ask->pool, "%s.part", out);
    struct fetch_reply reply = {0};
    auto_close int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    struct fetch_request request = {.url = pool_printf(ask->pool, "%s%s", ask->client.base, path),
                                    .deadline_ms = DEADLINE_MS,
                                    .max_bytes = BUNDLE_MAX,
                                    .body_fd = fd};

    if (fd < 0)
        return err_errno(err, "%s cannot be made", part);
    if (client_exchange(&ask->client, &request, &reply, err) != 0)
        return -1;
    if (reply.status != 200)
        return err_set(err, ERR_UPSTREAM, "bad_answer", "The server answered %d for the bundle.",
                       reply.status);
    return file_publish(fd, part, out, err);
}

static void tell_left_out(const struct ask *ask)
{
    json_each (note, json_get(ask->doc, "left_out")) {
        struct text name = TEXT_NONE, range = TEXT_NONE, why = TEXT_NONE;
        struct err err;
        if (json_want_text(note, "name", &name, &err) == 0 &&
            json_want_text(note, "range", &range, &err) == 0 &&
            json_want_text(note, "why", &why, &err) == 0)
            ask_say(ask, stderr, "  left out: %.*s@%.*s: %.*s", TEXT_ARG(name), TEXT_ARG(range),
                    TEXT_ARG(why));
    }
}

int bundle_export(struct ask *ask, struct err *err)
{
    const char *list = args_flag(&ask->args, "--packages"), *out = args_flag(&ask->args, "--out");
    auto_buf struct buf content = {0};
    struct text id = TEXT_NONE;

    buf_init(&content, LIST_MAX);
    if (list == NULL || out == NULL)
        return err_set(err, ERR_INVALID, "usage",
                       "Say what for and where to: --packages FILE --out FILE.");
    if (file_read(list, LIST_MAX, &content, err) != 0 ||
        client_send(&ask->client, "POST", "/api/v1/bundles", buf_view(&content), "text/plain",
                    &ask->doc, err) != 0 ||
        json_need_text(ask->doc, "operation.id", &id, err) != 0)
        return -1;
    id = text_dup(ask->pool, id);
    if (ask_follow(ask, NULL, err) != 0 || download(ask, id, out, err) != 0 ||
        ask_get(ask, ask_path(ask, "/api/v1/bundles/", id, ""), err) != 0)
        return -1;
    tell_left_out(ask);
    return 0;
}

static int send_file(struct ask *ask, struct text bundle, struct err *err)
{
    struct fetch_header header = {TEXT("content-type"), TEXT("application/x-tar")};
    struct fetch_request request = {
        .method = "PUT",
        .url = pool_printf(ask->pool, "%s/api/v1/bundles", ask->client.base),
        .headers = &header,
        .n_headers = 1,
        .body = bundle,
        .deadline_ms = DEADLINE_MS,
        .stall_ms = DEADLINE_MS,
        .max_bytes = LIST_MAX};
    struct fetch_reply reply = {0};
    struct json *doc;

    if (client_exchange(&ask->client, &request, &reply, err) != 0)
        return -1;
    if (reply.status != 200)
        return client_problem(&ask->client, reply.status, reply.body, err);
    if (json_read(ask->pool, reply.body, JSON_MAX_NODES, &doc, err) != 0)
        return -1;
    ask->doc = doc;
    return 0;
}

int bundle_import(struct ask *ask, struct err *err)
{
    const char *path = ask->args.words[0];
    struct stat st;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno(err, "%s cannot be opened", path);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return err_set(err, ERR_INVALID, "bad_bundle", "%s is no bundle.", path);
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return err_errno(err, "%s cannot be read", path);
    int failed = send_file(ask, text_n(map, (size_t)st.st_size), err);
    munmap(map, (size_t)st.st_size);
    if (failed != 0)
        return -1;
    json_each (note, json_get(ask->doc, "passed_over")) {
        struct text name = TEXT_NONE, why = TEXT_NONE;
        if (json_want_text(note, "name", &name, err) == 0 &&
            json_want_text(note, "why", &why, err) == 0)
            ask_say(ask, stderr, "  passed over: %.*s: %.*s", TEXT_ARG(name), TEXT_ARG(why));
    }
    return 0;
}
