/*
 * A server reduced to its talk with the broker: forks it, drops to the server's user, then turns
 * JSON lines on standard input into requests and replies into JSON lines. Ends with its input.
 *
 * Usage: broker_tool DATA STACKS WARDEN SELF SERVER_UID UID_BASE
 * In:  {"verb": "start", "n": 1, "id": …, "stack": …, "document": TEXT, "log": PATH, "input": TEXT,
 * …} Out: {"broker": PID} once, then {"n": 1, "status": 0, "exit": 0, "code": "", "text": ""}
 */
#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "core/loop.h"
#include "core/pool.h"
#include "tenants/broker/client.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE_MAX_BYTES (8U << 20)

static struct loop *loop;
static struct broker_client *client;
static struct buf input;

static const char *const verbs[] = {
    [BROKER_PREPARE] = "prepare",
    [BROKER_START] = "start",
    [BROKER_REMOVE] = "remove",
    [BROKER_KILL] = "kill",
    [BROKER_JOB] = "job",
    [BROKER_JOB_KILL] = "job-kill",
    [BROKER_JOB_CLEAN] = "job-clean",
    [BROKER_STACK_COMMIT] = "stack-commit",
    [BROKER_STACK_REMOVE] = "stack-remove",
};

static void put_line(const struct buf *line)
{
    fwrite(line->base, 1, line->len, stdout);
    fputc('\n', stdout);
    fflush(stdout);
}

static void on_reply(void *arg, const struct broker_reply *reply)
{
    int64_t *n = arg;
    auto_buf struct buf line;
    struct json_writer w;

    buf_init(&line, 65536);
    json_writer_init(&w, &line);
    json_open(&w);
    json_put_int(&w, "n", *n);
    json_put_int(&w, "status", reply->status);
    json_put_int(&w, "exit", reply->exit_code);
    json_put_str(&w, "code", reply->code);
    json_put_str(&w, "text", reply->text);
    json_close(&w);
    put_line(&line);
    free(n);
}

static int memory_file(struct text content, int seals)
{
    int fd = memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && (write(fd, content.base, content.len) != (ssize_t)content.len ||
                    fcntl(fd, F_ADD_SEALS, seals) != 0))
        abort();
    return fd;
}

static void copy_text(const struct json *json, const char *key, char *out, size_t size)
{
    struct text t = TEXT_NONE;

    (void)json_want_text(json, key, &t, NULL);
    memset(out, 0, size);
    memcpy(out, t.len > 0 ? t.base : "", t.len < size ? t.len : size);
}

static void fill(const struct json *json, struct broker_request *r)
{
    struct text verb = TEXT_NONE;
    int64_t port = 0, kind = 0;

    (void)json_want_text(json, "verb", &verb, NULL);
    r->verb = 1000;
    for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (text_is(verb, verbs[i]))
            r->verb = i;
    copy_text(json, "id", r->id, sizeof(r->id));
    copy_text(json, "stack", r->stack, sizeof(r->stack));
    copy_text(json, "plugins", r->plugins, sizeof(r->plugins));
    copy_text(json, "host", r->public_host, sizeof(r->public_host));
    copy_text(json, "options", r->node_options, sizeof(r->node_options));
    copy_text(json, "subdir", r->subdir, sizeof(r->subdir));
    (void)json_want_int(json, "port", &port, NULL);
    (void)json_want_int(json, "kind", &kind, NULL);
    (void)json_want_int(json, "generation", &r->generation, NULL);
    (void)json_want_int(json, "memory", &r->memory_bytes, NULL);
    (void)json_want_int(json, "cpu", &r->cpu_percent, NULL);
    (void)json_want_int(json, "pids", &r->pids, NULL);
    (void)json_want_int(json, "deadline", &r->deadline_ms, NULL);
    r->public_port = (int32_t)port;
    r->job_kind = (uint32_t)kind;
}

static void send_line(struct text line)
{
    struct pool *pool = pool_new();
    struct json *json;
    struct err err;
    struct broker_request request = {0};
    struct text t = TEXT_NONE;
    bool unsealed = false;
    int64_t *n = xcalloc(1, sizeof(*n));
    int fds[3], next = 0;

    if (json_read(pool, line, 10000, &json, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    fill(json, &request);
    (void)json_want_int(json, "n", n, NULL);
    (void)json_want_bool(json, "unsealed", &unsealed, NULL);
    if (json_want_text(json, "log", &t, NULL) == 0 && t.base != NULL)
        fds[next++] = open(text_c(pool, t), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    t = TEXT_NONE;
    if (json_want_text(json, "document", &t, NULL) == 0 && t.base != NULL)
        fds[next++] =
            memory_file(t, unsealed ? F_SEAL_GROW : F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
    t = TEXT_NONE;
    if (json_want_text(json, "input", &t, NULL) == 0 && t.base != NULL)
        fds[next++] = memory_file(t, F_SEAL_WRITE);
    broker_client_send(client, &request, fds, (unsigned)next, on_reply, n);
    for (int i = 0; i < next; i++)
        close(fds[i]);
    pool_free(pool);
}

static void on_input(void *arg, uint32_t events)
{
    char part[65536];
    ssize_t n = read(0, part, sizeof(part));

    if (n <= 0) {
        loop_stop(loop);
        return;
    }
    buf_add(&input, part, (size_t)n);
    for (;;) {
        size_t end = text_find(buf_view(&input), '\n', 0);
        if (end == SIZE_MAX)
            return;
        send_line(text_n(input.base, end));
        buf_consume(&input, end + 1);
    }
}

static void on_gone(void *arg)
{
    puts("{\"gone\":true}");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct err err;
    int fd;
    pid_t pid;

    if (argc != 8)
        return 2;
    uid_t server = (uid_t)strtoul(argv[5], NULL, 10);
    const struct broker_config config = {
        .data_dir = argv[1],
        .stacks_dir = argv[2],
        .warden_path = argv[3],
        .self_path = argv[4],
        .git_local = argv[7],
        .server_uid = server,
        .server_gid = server,
        .uid_base = (uid_t)strtoul(argv[6], NULL, 10),
    };
    if (broker_fork(&config, &fd, &pid, &err) != 0) {
        printf("{\"failed\":\"%s\"}\n", err.text);
        return 1;
    }
    if (setgroups(0, NULL) != 0 || setresgid(server, server, server) != 0 ||
        setresuid(server, server, server) != 0 || (loop = loop_new(&err)) == NULL ||
        (client = broker_client_open(fd, loop, &err)) == NULL)
        return 1;
    broker_client_on_gone(client, on_gone, NULL);
    buf_init(&input, LINE_MAX_BYTES);
    struct loop_watch watch = {.fn = on_input, .fd = 0};
    if (loop_watch_set(loop, &watch, EPOLLIN, &err) != 0)
        return 1;
    printf("{\"broker\":%d}\n", pid);
    fflush(stdout);
    loop_run(loop);
    broker_client_close(client);
    loop_free(loop);
    buf_release(&input);
    return 0;
}
