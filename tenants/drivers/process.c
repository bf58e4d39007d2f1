#include "tenants/drivers/process.h"

#include "core/err.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/pool.h"
#include "tenants/broker/client.h"
#include "tenants/drivers/ward.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define START_PATIENCE_MS 10000 /* until the warden of a start greets */
#define LIST_PATIENCE_MS 200    /* one that runs already listens already */
#define STOP_SPARE_MS 5000      /* beyond the grace, before the broker kills */

struct process {
    struct driver driver;
    struct process_config config;
    struct loop *loop;
    struct driver_events events;
    struct ward *wards;
    /* a listing under way */
    driver_item_fn *item;
    driver_done_fn *listed;
    void *list_arg;
    unsigned list_left;
};

/* A broker request under way, and what comes after it. */
struct errand {
    struct process *process;
    char instance[32];
    driver_done_fn *done;
    void *arg;
    struct loop_timer timer;
    struct err err; /* what is said at its end, whatever the broker replies */
    /* of a start */
    struct broker_request request;
    int document;
    bool cleared; /* whoever held the instance was ended already */
};

static struct process *of(struct driver *d)
{
    return (struct process *)d;
}

static struct ward *find(struct process *p, const char *instance)
{
    for (struct ward *w = p->wards; w != NULL; w = w->next)
        if (strcmp(w->instance, instance) == 0)
            return w;
    return NULL;
}

static void folder_of(struct process *p, const char *instance, char *out, size_t n)
{
    snprintf(out, n, "%s/run/instances/%s", p->config.data_dir, instance);
}

static void socket_path(struct driver *d, const char *instance, char *out, size_t n)
{
    snprintf(out, n, "%s/run/instances/%s/editor.sock", of(d)->config.data_dir, instance);
}

static struct errand *errand_new(struct process *p, const char *instance, driver_done_fn *done,
                                 void *arg)
{
    struct errand *e = xcalloc(1, sizeof(*e));

    e->process = p;
    snprintf(e->instance, sizeof(e->instance), "%s", instance);
    e->done = done;
    e->arg = arg;
    e->document = -1;
    return e;
}

static void errand_end(struct errand *e, const struct err *err)
{
    if (e->done != NULL)
        e->done(e->arg, err);
    if (e->document >= 0)
        close(e->document);
    free(e);
}

static const struct err *reply_err(const struct broker_reply *reply, struct err *err)
{
    if (reply->status == 0)
        return NULL;
    err_set(err, ERR_INTERNAL, "broker", "%s", reply->text);
    return err;
}

static void on_simple_reply(void *arg, const struct broker_reply *reply)
{
    struct err err;

    errand_end(arg, reply_err(reply, &err));
}

static struct broker_request request_for(enum broker_verb verb, const char *instance)
{
    struct broker_request r = {.verb = verb};

    snprintf(r.id, sizeof(r.id), "%.26s", instance);
    return r;
}

static void prepare(struct driver *d, const char *instance, driver_done_fn *done, void *arg)
{
    struct broker_request r = request_for(BROKER_PREPARE, instance);

    broker_client_send(of(d)->config.broker, &r, NULL, 0, on_simple_reply,
                       errand_new(of(d), instance, done, arg));
}

/* Wards. */

static void settle(struct ward *w, const struct err *err)
{
    driver_done_fn *done = w->done;

    w->done = NULL;
    if (done != NULL)
        done(w->done_arg, err);
}

static void item_done(struct process *p)
{
    if (p->list_left == 0 || --p->list_left > 0)
        return;
    p->listed(p->list_arg, NULL);
}

static void on_greeted(void *arg, struct ward *w)
{
    struct process *p = arg;

    if (w->done != NULL) {
        settle(w, NULL);
        return;
    }
    char path[512];
    socket_path(&p->driver, w->instance, path, sizeof(path));
    struct driver_item item = {w->instance, w->generation, path, w->ready};
    p->item(p->list_arg, &item);
    item_done(p);
}

static void on_status(void *arg, struct ward *w, struct text json)
{
    struct process *p = arg;

    if (w->greeted)
        p->events.status(p->events.arg, w->instance, json);
}

static void on_vacant(void *arg, const struct broker_reply *reply)
{
    struct errand *e = arg;
    struct process *p = e->process;

    if (reply->status != 0)
        log_warn("process", reply->text, "instance=%s", e->instance);
    errand_end(e, NULL);
    item_done(p);
}

static void on_start_given_up(void *arg, const struct broker_reply *reply)
{
    struct errand *e = arg;
    struct err err = e->err;

    if (reply->status != 0)
        log_warn("process", reply->text, "instance=%s", e->instance);
    errand_end(e, &err);
}

static void on_ended(void *arg, struct ward *w, const struct instance_end *end)
{
    struct process *p = arg;
    struct ward **at = &p->wards;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (w->greeted) {
        p->events.ended(p->events.arg, w->instance, end);
        settle(w, NULL);
        return;
    }
    /* Nobody lives there, or one that is too slow: it must not come up unseen, nor keep the
     * instance from the next start. */
    struct broker_request r = request_for(BROKER_KILL, w->instance);
    struct errand *e = errand_new(p, w->instance, w->done, w->done_arg);
    err_set(&e->err, ERR_INTERNAL, "no_warden", "The sandbox did not come up%s%s.",
            end->text[0] != '\0' ? ": " : "", end->text);
    broker_client_send(p->config.broker, &r, NULL, 0,
                       w->done == NULL ? on_vacant : on_start_given_up, e);
}

static struct ward *add_ward(struct process *p, const char *instance, int64_t patience_ms)
{
    struct ward_events events = {p, on_greeted, on_status, on_ended};
    char folder[400];

    folder_of(p, instance, folder, sizeof(folder));
    struct ward *w = ward_new(p->loop, instance, folder, patience_ms, &events);
    w->next = p->wards;
    p->wards = w;
    return w;
}

/* Start. */

static int document_fd(struct text document, struct err *err)
{
    int fd = memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || write(fd, document.base, document.len) != (ssize_t)document.len ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
        if (fd >= 0)
            close(fd);
        return err_errno(err, "The settings document cannot be handed over");
    }
    return fd;
}

static void send_start(struct errand *e);

static void on_cleared(void *arg, const struct broker_reply *reply)
{
    struct errand *e = arg;
    struct err err;

    if (reply->status != 0)
        errand_end(e, reply_err(reply, &err));
    else
        send_start(e);
}

/* Whoever runs already is none of ours, or we would not start: a broker that was killed left it, or
 * we lost it because it did not take our words. */
static void clear(struct errand *e)
{
    struct broker_request r = request_for(BROKER_KILL, e->instance);

    log_warn("process", "ends a sandbox that nobody watches", "instance=%s", e->instance);
    e->cleared = true;
    broker_client_send(e->process->config.broker, &r, NULL, 0, on_cleared, e);
}

static void on_start_reply(void *arg, const struct broker_reply *reply)
{
    struct errand *e = arg;
    struct err err;

    if (reply->status != 0 && !e->cleared && strcmp(reply->code, "already_running") == 0) {
        clear(e);
        return;
    }
    if (reply->status != 0) {
        errand_end(e, reply_err(reply, &err));
        return;
    }
    struct ward *w = add_ward(e->process, e->instance, START_PATIENCE_MS);
    w->done = e->done;
    w->done_arg = e->arg;
    e->done = NULL;
    errand_end(e, NULL);
}

static void send_start(struct errand *e)
{
    broker_client_send(e->process->config.broker, &e->request, &e->document, 1, on_start_reply, e);
}

static void start(struct driver *d, const struct instance_spec *spec, driver_done_fn *done,
                  void *arg)
{
    struct errand *e = errand_new(of(d), spec->instance, done, arg);
    struct broker_request *r = &e->request;
    struct err err;

    e->document = document_fd(spec->document, &err);
    if (e->document < 0) {
        errand_end(e, &err);
        return;
    }
    *r = request_for(BROKER_START, spec->instance);
    snprintf(r->stack, sizeof(r->stack), "%s", spec->stack);
    snprintf(r->plugins, sizeof(r->plugins), "%s", spec->plugins);
    snprintf(r->public_host, sizeof(r->public_host), "%s", spec->public_host);
    snprintf(r->node_options, sizeof(r->node_options), "%s", spec->node_options);
    r->public_port = spec->public_port;
    r->generation = spec->generation;
    r->memory_bytes = spec->memory_bytes;
    r->cpu_percent = spec->cpu_percent;
    r->pids = spec->pids;
    r->grace_ms = spec->grace_ms;
    send_start(e);
}

/* Stop and remove. */

static void on_stop_late(void *arg)
{
    struct errand *e = arg;
    struct broker_request r = request_for(BROKER_KILL, e->instance);

    /* Its end is then read from the warden's socket, which closes. */
    broker_client_send(e->process->config.broker, &r, NULL, 0, NULL, NULL);
}

static void on_stop_end(void *arg, const struct err *err)
{
    struct errand *e = arg;

    loop_timer_clear(e->process->loop, &e->timer);
    errand_end(e, err);
}

static void stop(struct driver *d, const char *instance, int64_t grace_ms, driver_done_fn *done,
                 void *arg)
{
    struct process *p = of(d);
    struct ward *w = find(p, instance);
    struct errand *e = errand_new(p, instance, done, arg);
    auto_pool struct pool *pool = pool_new();

    if (w == NULL) {
        struct broker_request r = request_for(BROKER_KILL, instance);
        broker_client_send(p->config.broker, &r, NULL, 0, on_simple_reply, e);
        return;
    }
    w->done = on_stop_end;
    w->done_arg = e;
    e->timer = (struct loop_timer){.fn = on_stop_late, .arg = e};
    loop_timer_set(p->loop, &e->timer, grace_ms + STOP_SPARE_MS);
    ward_say(w, text_printf(pool, "{\"do\":\"stop\",\"graceMs\":%lld}", (long long)grace_ms));
}

static void on_stopped_for_remove(void *arg, const struct err *err)
{
    struct errand *e = arg;
    struct broker_request r = request_for(BROKER_REMOVE, e->instance);

    broker_client_send(e->process->config.broker, &r, NULL, 0, on_simple_reply, e);
}

static void remove_instance(struct driver *d, const char *instance, driver_done_fn *done, void *arg)
{
    stop(d, instance, 5000, on_stopped_for_remove, errand_new(of(d), instance, done, arg));
}

/* List. */

static void list(struct driver *d, driver_item_fn *item, driver_done_fn *done, void *arg)
{
    struct process *p = of(d);
    char path[400];
    struct dirent *entry;

    p->item = item;
    p->listed = done;
    p->list_arg = arg;
    p->list_left = 1;
    snprintf(path, sizeof(path), "%s/run/instances", p->config.data_dir);
    DIR *dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) != 26)
            continue;
        p->list_left++;
        add_ward(p, entry->d_name, LIST_PATIENCE_MS);
    }
    if (dir != NULL)
        closedir(dir);
    item_done(p);
}

static void command(struct driver *d, const char *instance, struct text json)
{
    auto_pool struct pool *pool = pool_new();
    struct ward *w = find(of(d), instance);

    if (w != NULL)
        ward_say(w, text_printf(pool, "{\"do\":\"command\",\"line\":%.*s}", TEXT_ARG(json)));
}

static void close_driver(struct driver *d)
{
    free(of(d));
}

struct driver *process_driver_open(const struct process_config *config, struct loop *loop,
                                   const struct driver_events *events, struct err *err)
{
    struct process *p = xcalloc(1, sizeof(*p));

    p->config = *config;
    p->loop = loop;
    p->events = *events;
    p->driver = (struct driver){.name = "process",
                                .prepare = prepare,
                                .start = start,
                                .stop = stop,
                                .remove = remove_instance,
                                .list = list,
                                .command = command,
                                .socket_path = socket_path,
                                .close = close_driver};
    return &p->driver;
}
