#include "tenants/warden/instance.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "core/loop.h"
#include "core/pool.h"
#include "tenants/warden/carrier.h"
#include "tenants/warden/clients.h"
#include "tenants/warden/end.h"
#include "tenants/warden/launcher.h"
#include "tenants/warden/output.h"
#include "tenants/warden/record.h"
#include "tenants/warden/warden.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GRACE_MAX_MS 600000
#define GRACE_SIGNAL_MS 10000 /* SIGTERM to the warden itself: the machine goes down */
#define FAREWELL_MS 1000
#define LINE_NODES 2000
#define SAY_BYTES 131072

struct supervisor {
    struct instance *in;
    struct loop *loop;
    struct clients *clients;
    struct launcher *launcher;
    struct output *output;
    struct loop_watch exit, signals;
    struct loop_timer grace, farewell;
    struct buf line; /* the one that is being said */
    bool ready, killed, ended;
    char last_words[160];
};

static void begin_line(struct supervisor *s, struct json_writer *w)
{
    buf_clear(&s->line);
    json_writer_init(w, &s->line);
    json_open(w);
}

static struct text end_line(struct supervisor *s, struct json_writer *w)
{
    json_close(w);
    return buf_view(&s->line);
}

static struct text hello(void *arg)
{
    struct supervisor *s = arg;
    struct json_writer w;

    begin_line(s, &w);
    json_put_int(&w, "warden", WARDEN_PROTOCOL);
    json_put_str(&w, "instance", s->in->record->id);
    json_put_int(&w, "generation", s->in->record->generation);
    json_put_bool(&w, "ready", s->ready);
    json_put_int(&w, "pid", s->in->sandbox.pid);
    return end_line(s, &w);
}

static void on_status(void *arg, struct text json, struct text event, struct text message)
{
    struct supervisor *s = arg;
    struct json_writer w;

    if (text_is(event, "ready"))
        s->ready = true;
    if (text_is(event, "fatal") && message.len > 0)
        snprintf(s->last_words, sizeof(s->last_words), "%.*s", TEXT_ARG(message));
    begin_line(s, &w);
    json_key(&w, "status");
    json_raw(&w, json);
    clients_say(s->clients, end_line(s, &w));
}

static void say_stats(struct supervisor *s)
{
    struct cgroup_stats stats;
    struct json_writer w;

    cgroup_read(&s->in->cgroup, &stats);
    begin_line(s, &w);
    json_key(&w, "stats");
    json_open(&w);
    json_put_int(&w, "memory", stats.memory_bytes);
    json_put_int(&w, "cpuMs", stats.cpu_ms);
    json_put_int(&w, "pids", stats.pids);
    json_close(&w);
    clients_answer(s->clients, end_line(s, &w));
}

static void kill_now(void *arg)
{
    struct supervisor *s = arg;

    s->killed = true;
    sandbox_kill(&s->in->sandbox);
}

static void stop(struct supervisor *s, int64_t grace_ms)
{
    sandbox_terminate(&s->in->sandbox);
    loop_timer_set(s->loop, &s->grace, grace_ms);
}

static void on_client_line(void *arg, struct text line)
{
    struct supervisor *s = arg;
    struct json *json;
    struct text verb = TEXT_NONE;
    int64_t grace_ms = GRACE_SIGNAL_MS;
    struct pool *pool = pool_new();

    if (!s->ended && json_read(pool, line, LINE_NODES, &json, NULL) == 0 &&
        json_need_text(json, "do", &verb, NULL) == 0) {
        const struct json *command = json_get(json, "line");
        if (text_is(verb, "stats"))
            say_stats(s);
        else if (text_is(verb, "kill"))
            kill_now(s);
        else if (text_is(verb, "stop") && json_want_int(json, "graceMs", &grace_ms, NULL) == 0 &&
                 grace_ms >= 0 && grace_ms <= GRACE_MAX_MS)
            stop(s, grace_ms);
        else if (text_is(verb, "command") && command != NULL && command->type == JSON_OBJECT)
            launcher_command(s->launcher, command->raw);
    }
    pool_free(pool);
}

static void on_farewell(void *arg)
{
    struct supervisor *s = arg;

    loop_stop(s->loop);
}

/* Clients hear of the end before the connection closes; one that does not read is not waited for
 * long. */
static void say_end(struct supervisor *s, const struct end *end)
{
    auto_buf struct buf saved = {0};
    struct json_writer w;

    buf_init(&saved, SAY_BYTES);
    end_write(&saved, end, clock_wall_ms(), s->in->record->generation);
    (void)end_save(&saved);
    begin_line(s, &w);
    json_key(&w, "end");
    json_raw(&w, buf_view(&saved));
    clients_say(s->clients, end_line(s, &w));
    loop_timer_set(s->loop, &s->farewell, clients_drained(s->clients) ? 0 : FAREWELL_MS);
}

static void log_end(struct supervisor *s, const struct end *end)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "redhouse: ended (%s %d)%s%s", end->kind, end->code,
                     end->text[0] != '\0' ? ": " : "", end->text);

    logfile_line(&s->in->log,
                 text_n(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

static void on_exit_of_sandbox(void *arg, uint32_t events)
{
    struct supervisor *s = arg;
    struct sandbox_report report, last;
    struct cgroup_stats stats;
    struct end end;
    bool told = false;
    int status;

    (void)events;
    loop_watch_clear(s->loop, &s->exit);
    loop_timer_clear(s->loop, &s->grace);
    while (sandbox_read(&s->in->sandbox, &report))
        if (report.kind == SANDBOX_EXITED || report.kind == SANDBOX_KILLED)
            last = report, told = true;
    launcher_drain(s->launcher);
    output_drain(s->output);
    sandbox_reap(&s->in->sandbox, &status);
    cgroup_read(&s->in->cgroup, &stats);
    cgroup_kill(&s->in->cgroup);
    end_judge(&end, told ? &last : NULL, stats.oom_kills, s->killed, s->last_words);
    s->ended = true;
    log_end(s, &end);
    say_end(s, &end);
}

static void on_signal(void *arg, uint32_t events)
{
    struct supervisor *s = arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(s->signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info) && !s->ended)
        stop(s, GRACE_SIGNAL_MS);
}

static int watch_all(struct supervisor *s, struct err *err)
{
    struct instance *in = s->in;
    sigset_t term;

    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    s->exit = (struct loop_watch){.fn = on_exit_of_sandbox, .arg = s, .fd = in->sandbox.pidfd};
    s->signals = (struct loop_watch){
        .fn = on_signal, .arg = s, .fd = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK)};
    s->grace = (struct loop_timer){.fn = kill_now, .arg = s};
    s->farewell = (struct loop_timer){.fn = on_farewell, .arg = s};
    const struct clients_config clients = {s->loop, in->clients_fd, in->record->server_uid,
                                           s,       hello,          on_client_line};
    const struct launcher_config launcher = {s->loop, in->status_fd, s, on_status};
    s->clients = clients_open(&clients, err);
    if (s->clients == NULL || (s->launcher = launcher_open(&launcher, err)) == NULL ||
        (s->output = output_open(s->loop, in->output_fd, &in->log, err)) == NULL ||
        carrier_start(in->carrier, s->loop, err) != 0 ||
        loop_watch_set(s->loop, &s->signals, EPOLLIN, err) != 0)
        return -1;
    return loop_watch_set(s->loop, &s->exit, EPOLLIN, err);
}

static void remove_sockets(void)
{
    (void)unlink("editor.sock");
    (void)unlink("warden.sock");
    (void)unlink("warden.pid");
}

int instance_run(struct instance *in, struct err *err)
{
    struct supervisor s = {.in = in, .loop = loop_new(err)};

    buf_init(&s.line, SAY_BYTES);
    if (s.loop == NULL || watch_all(&s, err) != 0) {
        sandbox_kill(&in->sandbox);
        return -1;
    }
    loop_run(s.loop);
    remove_sockets();
    return 0;
}
