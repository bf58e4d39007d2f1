#include "core/err.h"
#include "tenants/sandbox/etc.h"
#include "tenants/sandbox/netns.h"
#include "tenants/sandbox/privilege.h"
#include "tenants/warden/carrier.h"
#include "tenants/warden/instance.h"
#include "tenants/warden/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TMP_BYTES (64ULL << 20)
#define FILE_BYTES (2ULL << 30)
#define BACKLOG 128

/* What a start needs until the sandbox has it. */
struct setup {
    int editor; /* listening: editor.sock */
    int status; /* the channel's inner end */
    int output; /* the pipe's inner end */
};

static int bind_socket(const char *name, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    if (fd < 0 || (unlink(name) != 0 && errno != ENOENT) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0) {
        err_errno(err, "cannot listen on %s in the run folder", name);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int write_pid(const struct warden_record *record, struct err *err)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%d %" PRId64 "\n", getpid(), record->generation);

    (void)unlink("warden.pid");
    int fd = open("warden.pid", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, (size_t)n) != n) {
        err_errno(err, "cannot write warden.pid");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

/* As the server's user from the first moment: the folder is that user's, and root would follow
 * links that it may not follow itself. */
static int fill_run_folder(struct instance *in, struct setup *setup, struct err *err)
{
    const struct warden_record *r = in->record;

    if (fchdir(WARDEN_FD_RUN) != 0 || setegid(r->server_gid) != 0 || seteuid(r->server_uid) != 0)
        return err_errno(err, "cannot enter the run folder");
    mode_t mask = umask(0177);
    (void)unlink("end.json");
    int rc = write_pid(r, err);
    if (rc == 0)
        rc = (setup->editor = bind_socket("editor.sock", err)) < 0 ? -1 : 0;
    if (rc == 0)
        rc = (in->clients_fd = bind_socket("warden.sock", err)) < 0 ? -1 : 0;
    umask(mask);
    if (seteuid(0) != 0 || setegid(0) != 0)
        return err_errno(err, "cannot leave the run folder's user");
    return rc;
}

static int make_channels(struct instance *in, struct setup *setup, struct err *err)
{
    int status[2], output[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, status) != 0)
        return err_errno(err, "cannot make the status channel");
    in->status_fd = status[0];
    setup->status = status[1];
    if (pipe2(output, O_CLOEXEC) != 0)
        return err_errno(err, "cannot make the log's pipe");
    in->output_fd = output[0];
    setup->output = output[1];
    /* Only our ends: the flag belongs to the description, and Node.js takes its own as they are. */
    if (fcntl(in->output_fd, F_SETFL, O_NONBLOCK) != 0)
        return err_errno(err, "cannot prepare the log's pipe");
    return 0;
}

static int start_sandbox(struct instance *in, const struct setup *setup, struct err *err)
{
    const struct warden_record *r = in->record;
    char zone[256], tz[300], options[sizeof(r->node_options) + 16];
    const struct sandbox_mount mounts[] = {{WARDEN_FD_STACK, "/stack", SANDBOX_READ_ONLY},
                                           {WARDEN_FD_PLUGINS, "/plugins", SANDBOX_READ_ONLY},
                                           {WARDEN_FD_DATA, "/data", SANDBOX_WRITABLE}};
    char node[] = "/stack/bin/node", launcher[] = "/plugins/launcher/index.js";
    char *argv[] = {node, launcher, NULL};
    char home[] = "HOME=/data", path[] = "PATH=/stack/bin:/usr/bin:/bin", lang[] = "LANG=C.UTF-8";
    char *env[] = {home, path, lang, tz, r->node_options[0] != '\0' ? options : NULL, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int fds[] = {null,          setup->output,      setup->output,
                       setup->editor, WARDEN_FD_DOCUMENT, setup->status};

    snprintf(tz, sizeof(tz), "TZ=%s", etc_zone(zone, sizeof(zone)));
    snprintf(options, sizeof(options), "NODE_OPTIONS=%s", r->node_options);
    const struct sandbox_spec spec = {
        .name = r->id,
        .uid = r->uid,
        .gid = r->gid,
        .mounts = mounts,
        .n_mounts = 3,
        .public_host = r->public_host,
        .workdir = "/data",
        .argv = argv,
        .env = env,
        .fds = fds,
        .n_fds = 6,
        .tmp_bytes = TMP_BYTES,
        .file_bytes = FILE_BYTES,
        .cgroup = &in->cgroup,
        .pids = r->pids,
    };
    int rc = sandbox_start(&in->sandbox, &spec, err);
    close(null);
    return rc;
}

static int build(struct instance *in, struct setup *setup, struct err *err)
{
    const struct warden_record *r = in->record;
    const struct cgroup_limits limits = {r->memory_bytes, r->cpu_percent, r->pids};

    if (netns_enter(r->public_host, err) != 0)
        return -1;
    in->carrier = carrier_open(r->public_port, err);
    if (in->carrier == NULL || cgroup_make(&in->cgroup, r->id, &limits, err) != 0)
        return -1;
    if (fill_run_folder(in, setup, err) != 0 || make_channels(in, setup, err) != 0)
        return -1;
    int rc = start_sandbox(in, setup, err);
    if (rc == 0)
        cgroup_settle();
    return rc;
}

int instance_start(struct instance *in, const struct warden_record *record, struct err *err)
{
    struct setup setup = {-1, -1, -1};

    *in = (struct instance){.record = record, .clients_fd = -1, .status_fd = -1, .output_fd = -1};
    logfile_init(&in->log, WARDEN_FD_LOG);
    int rc = build(in, &setup, err);
    const int inner[] = {setup.editor, setup.status, setup.output};
    for (unsigned i = 0; i < 3; i++)
        if (inner[i] >= 0)
            close(inner[i]);
    if (rc != 0)
        return -1;
    for (int fd = WARDEN_FD_DATA; fd < WARDEN_FD_LOCK; fd++)
        close(fd);
    if (privilege_keep_kill(record->server_uid, record->server_gid, err) != 0) {
        sandbox_kill(&in->sandbox);
        return -1;
    }
    if (!in->sandbox.landlock)
        logfile_line(&in->log, TEXT("redhouse: this kernel has no Landlock; namespaces, uid and "
                                    "seccomp isolate this instance"));
    return 0;
}
