/* `redhouse serve` and `redhouse stop`: the process around the application. */
#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "core/pool.h"
#include "server/app.h"
#include "server/args.h"
#include "server/commands.h"
#include "server/config.h"
#include "server/datadir.h"
#include "server/plugins.h"
#include "tenants/broker/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_BROKER_GONE 75 /* EX_TEMPFAIL: a supervisor starts us again */

static int check_data(const struct config *config, struct pool *pool, struct err *err)
{
    const char *control = pool_printf(pool, "%s/redhouse.db", config->data);

    if (access(control, F_OK) != 0)
        return err_set(
            err, ERR_NOT_FOUND, "no_data",
            "There is no platform in %s; make one with `redhouse init --data %s --admin NAME"
            " --password-file FILE`.",
            config->data, config->data);
    return 0;
}

static int start_broker(const struct config *config, struct pool *pool, uid_t uid, gid_t gid,
                        int *fd, pid_t *pid, struct err *err)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return err_errno(err, "The server does not find its own binary");
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    struct broker_config broker = {
        .data_dir = config->data,
        .stacks_dir = config->stacks,
        .warden_path = pool_printf(pool, "%.*s/redhouse-warden", (int)(slash - self), self),
        .self_path = pool_strdup(pool, self),
        .git_local = config->git_local,
        .server_uid = uid,
        .server_gid = gid,
        .uid_base = (uid_t)config->uid_base,
    };
    return broker_fork(&broker, fd, pid, err);
}

/* Port 0 means a free one; addresses that others are told must name it, so it is looked for before
 * they are made. */
static int choose_port(struct config *config, struct pool *pool, struct err *err)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    auto_close int fd = -1;

    if (!text_ends(text_of(config->listen), ":0"))
        return 0;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        return err_errno(err, "No free port was found");
    int port = ntohs(sa.sin_port);
    config->listen =
        pool_printf(pool, "%.*s:%d", (int)strlen(config->listen) - 2, config->listen, port);
    if (text_ends(text_of(config->public_url), ":0"))
        config->public_url = pool_printf(pool, "%.*s:%d", (int)strlen(config->public_url) - 2,
                                         config->public_url, port);
    return 0;
}

static void raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* One line of JSON to whoever started us; then the descriptor is closed, so that nothing left
 * running keeps it. */
static void tell_ready(const struct config *config, const struct app *app)
{
    char line[512];
    int n = snprintf(line, sizeof(line), "{\"url\":\"%s\",\"port\":%d,\"pid\":%d}\n",
                     app_public_url(app), app_port(app), (int)getpid());

    if (config->json) {
        fputs(line, stdout);
        fflush(stdout);
    }
    if (config->ready_fd <= 0)
        return;
    if (write((int)config->ready_fd, line, (size_t)n) != n)
        log_warn("serve", "the ready line could not be written", "fd=%lld",
                 (long long)config->ready_fd);
    close((int)config->ready_fd);
}

/* Waits for a signal; returns the exit status. */
static int wait_for_end(struct app *app, pid_t broker, const sigset_t *signals)
{
    for (;;) {
        int status;
        struct err err;
        /* Asked before the first wait as well: one that ended before signals were blocked told
         * nobody. */
        if (waitpid(broker, &status, WNOHANG) == broker) {
            log_error("serve", "the broker ended; the server must be started again", NULL);
            app_stop(app, false);
            return EXIT_BROKER_GONE;
        }
        switch (sigwaitinfo(signals, NULL)) {
        case SIGINT:
            log_info("serve", "stops, with its instances", NULL);
            app_stop(app, true);
            return 0;
        case SIGTERM:
            log_info("serve", "stops; instances go on", NULL);
            app_stop(app, false);
            return 0;
        case SIGHUP:
            if (app_reload(app, &err) != 0)
                log_error("serve", err.text, NULL);
            break;
        default:
            break;
        }
    }
}

/* The server reads its stacks by a folder opened as root: its own user may not pass through all the
 * folders on the way, as when a checkout lies in a home. */
static int hold_stacks(struct config *config, struct pool *pool, struct err *err)
{
    int fd = open(config->stacks, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, "The stacks folder %s cannot be opened", config->stacks);
    config->stacks = pool_printf(pool, "/proc/self/fd/%d", fd);
    return 0;
}

static int serve(struct config *config, struct pool *pool, int *status, struct err *err)
{
    sigset_t signals;
    uid_t uid;
    gid_t gid;
    int lock, broker_fd;
    pid_t broker;
    char plugins[PLUGINS_HASH];

    if (check_data(config, pool, err) != 0)
        return -1;
    if (geteuid() != 0)
        return err_set(err, ERR_FORBIDDEN, "not_root",
                       "Run `redhouse serve` as root (sudo): it gives each instance its own user "
                       "and then drops to the"
                       " user \"" DATADIR_USER "\".");
    if (datadir_user(&uid, &gid, 0, err) != 0 || datadir_make(config->data, uid, gid, err) != 0 ||
        file_mkdirs(config->stacks, 0755, err) != 0)
        return -1;
    raise_files();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_DFL); /* a shell ignores it for what it starts in the background */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    if (config->ready_fd > 0)
        (void)fcntl((int)config->ready_fd, F_SETFD, FD_CLOEXEC);
    if (datadir_holder(config->data) != 0)
        return datadir_lock(config->data, &lock, err);
    if (plugins_unpack(config->data, plugins, err) != 0 ||
        start_broker(config, pool, uid, gid, &broker_fd, &broker, err) != 0 ||
        hold_stacks(config, pool, err) != 0 || datadir_drop(uid, gid, err) != 0 ||
        datadir_lock(config->data, &lock, err) != 0)
        return -1;
    sigprocmask(SIG_BLOCK, &signals, NULL);
    umask(077);
    /* Many threads that seldom work would each keep a heap of its own. */
    mallopt(M_ARENA_MAX, 2 * (int)sysconf(_SC_NPROCESSORS_ONLN));
    struct app *app = app_start(config, broker_fd, plugins, err);
    if (app == NULL)
        return -1;
    log_info("serve", "ready", "url=%s port=%d pid=%d data=%s", app_public_url(app), app_port(app),
             (int)getpid(), config->data);
    tell_ready(config, app);
    *status = wait_for_end(app, broker, &signals);
    return 0;
}

int command_serve(const struct command *command, int argc, char **argv)
{
    auto_pool struct pool *pool = pool_new();
    struct config config;
    struct err err;
    int status = 0;

    if (config_read(&config, pool, argv, NULL, &err) != 0 ||
        choose_port(&config, pool, &err) != 0 || serve(&config, pool, &status, &err) != 0)
        return command_fail(&err);
    return status;
}

/* Waits until nobody holds the folder; false after the deadline. */
static bool wait_free(const char *data, int64_t deadline_ms)
{
    int64_t until = clock_mono_ms() + deadline_ms;

    while (datadir_holder(data) != 0) {
        if (clock_mono_ms() > until)
            return false;
        usleep(50000);
    }
    return true;
}

static int print_stop(const struct config *config, bool ended, bool instances)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    if (!config->json && !ended)
        printf("No server runs on %s.\n", config->data);
    else if (!config->json)
        printf("The server has ended%s.\n",
               instances ? ", its instances too" : "; its instances go on");
    if (!config->json)
        return 0;
    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "data", config->data);
    json_put_bool(&w, "ended", ended);
    json_put_bool(&w, "instances", ended && instances);
    json_close(&w);
    return command_print(&out);
}

int command_stop(const struct command *command, int argc, char **argv)
{
    auto_pool struct pool *pool = pool_new();
    struct config config;
    struct args args;
    struct err err;

    if (args_read(&args, pool, command, argc, argv, &err) != 0 ||
        config_read(&config, pool, args.options, NULL, &err) != 0)
        return command_fail(&err);
    bool instances = args_flag(&args, "--instances") != NULL;
    pid_t pid = datadir_holder(config.data);
    if (pid == 0)
        return print_stop(&config, false, instances);
    if (kill(pid, instances ? SIGINT : SIGTERM) != 0) {
        err_errno(&err, "Process %d cannot be told to end", (int)pid);
        return command_fail(&err);
    }
    if (!wait_free(config.data, 60000)) {
        err_set(&err, ERR_TIMEOUT, "still_running", "Process %d did not end within a minute.",
                (int)pid);
        return command_fail(&err);
    }
    return print_stop(&config, true, instances);
}
