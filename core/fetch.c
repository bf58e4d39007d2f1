/* The fetcher's thread and who waits for it. Single exchanges are in fetch_transfer.c. */
#include "core/fetch.h"

#include "core/clock.h"
#include "core/fetch_part.h"
#include "core/pool.h"

#include <stdatomic.h>
#include <stdlib.h>

#define POLL_MS 1000

struct fetcher {
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock; /* guards first, last, callers, done flags */
    struct transfer *first, **last;
    unsigned callers; /* inside fetch() */
    pthread_cond_t left;
    struct transfer *active;
    atomic_bool stopping;
    struct fetch_options options; /* its texts are ours */
};

static int say_stopping(struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE, "stopping", "The server is stopping.");
}

/* The transfer belongs to its caller again afterwards. */
static void finish(struct fetcher *f, struct transfer *t, CURLcode code)
{
    for (struct transfer **p = &f->active; *p != NULL; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            curl_multi_remove_handle(f->multi, t->easy);
            break;
        }
    }
    transfer_end(t, code);
    pthread_mutex_lock(&f->lock);
    t->done = true;
    pthread_cond_signal(&t->ended);
    pthread_mutex_unlock(&f->lock);
}

static void begin(struct fetcher *f, struct transfer *t)
{
    if (transfer_set_up(t, &f->options) == 0 &&
        curl_multi_add_handle(f->multi, t->easy) == CURLM_OK) {
        t->next = f->active;
        f->active = t;
        return;
    }
    err_set(&t->problem, ERR_INTERNAL, "internal", "The request to %s could not be begun.",
            t->request->url);
    finish(f, t, CURLE_FAILED_INIT);
}

static void take_new(struct fetcher *f)
{
    pthread_mutex_lock(&f->lock);
    struct transfer *t = f->first;
    f->first = NULL;
    f->last = &f->first;
    pthread_mutex_unlock(&f->lock);
    while (t != NULL) {
        struct transfer *next = t->next;
        begin(f, t);
        t = next;
    }
}

static void take_ended(struct fetcher *f)
{
    CURLMsg *message;
    int left = 0;

    while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
        struct transfer *t = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(f, t, code);
    }
}

/* Ends what is too slow; how long the others may be waited for. */
static int64_t check_times(struct fetcher *f)
{
    int64_t now = clock_mono_ms(), wait = POLL_MS;
    struct transfer *next;

    for (struct transfer *t = f->active; t != NULL; t = next) {
        int64_t left = transfer_left(t, now);
        next = t->next;
        if (left <= 0)
            finish(f, t, CURLE_OPERATION_TIMEDOUT);
        else
            wait = left < wait ? left : wait;
    }
    return wait;
}

static void *run(void *arg)
{
    struct fetcher *f = arg;
    int running = 0;

    pthread_setname_np(pthread_self(), "uplink");
    while (!atomic_load(&f->stopping)) {
        take_new(f);
        curl_multi_perform(f->multi, &running);
        take_ended(f);
        curl_multi_poll(f->multi, NULL, 0, (int)check_times(f), NULL);
    }
    take_new(f);
    while (f->active != NULL) {
        say_stopping(&f->active->problem);
        finish(f, f->active, CURLE_ABORTED_BY_CALLBACK);
    }
    return NULL;
}

static char *copy(const char *s)
{
    return s != NULL ? xstrdup(s) : NULL;
}

static void release(struct fetcher *f)
{
    if (f->multi != NULL)
        curl_multi_cleanup(f->multi);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->left);
    free((void *)(uintptr_t)f->options.ca_file);
    free((void *)(uintptr_t)f->options.proxy);
    free((void *)(uintptr_t)f->options.user_agent);
    free(f);
}

struct fetcher *fetcher_new(const struct fetch_options *options, struct err *err)
{
    struct fetcher *f = xcalloc(1, sizeof(*f));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    f->last = &f->first;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->left, NULL);
    f->options = (struct fetch_options){.ca_file = copy(options->ca_file),
                                        .proxy = copy(options->proxy),
                                        .user_agent = copy(options->user_agent)};
    f->multi = curl_multi_init();
    if (f->multi != NULL)
        curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                          (long)(options->max_parallel > 0 ? options->max_parallel : 32));
    if (f->multi == NULL || pthread_create(&f->thread, NULL, run, f) != 0) {
        err_set(err, ERR_INTERNAL, "no_thread", "The uplink's thread cannot be started.");
        release(f);
        return NULL;
    }
    return f;
}

void fetcher_abort(struct fetcher *f)
{
    if (atomic_exchange(&f->stopping, true))
        return;
    curl_multi_wakeup(f->multi);
    pthread_join(f->thread, NULL);
}

void fetcher_stop(struct fetcher *f)
{
    fetcher_abort(f);
    pthread_mutex_lock(&f->lock);
    while (f->callers > 0)
        pthread_cond_wait(&f->left, &f->lock);
    pthread_mutex_unlock(&f->lock);
    release(f);
}

/* Hands the transfer to the thread and waits for its end; false when the fetcher is stopping. */
static bool exchange(struct fetcher *f, struct transfer *t)
{
    pthread_mutex_lock(&f->lock);
    bool taken = !atomic_load(&f->stopping);
    if (taken) {
        f->callers++;
        *f->last = t;
        f->last = &t->next;
        curl_multi_wakeup(f->multi);
    }
    while (taken && !t->done)
        pthread_cond_wait(&t->ended, &f->lock);
    if (taken && --f->callers == 0)
        pthread_cond_signal(&f->left);
    pthread_mutex_unlock(&f->lock);
    return taken;
}

int fetch(struct fetcher *f, const struct fetch_request *request, struct pool *pool,
          struct fetch_reply *reply, struct err *err)
{
    struct transfer t = {
        .request = request, .pool = pool, .deadline_at = clock_mono_ms() + request->deadline_ms};

    if (transfer_check(request, err) != 0)
        return -1;
    buf_init(&t.body, request->max_bytes);
    pthread_cond_init(&t.ended, NULL);
    bool taken = exchange(f, &t);
    pthread_cond_destroy(&t.ended);
    t.reply.body = buf_take(&t.body, pool);
    buf_release(&t.body);
    if (!taken)
        return say_stopping(err);
    if (transfer_judge(&t, err) != 0)
        return -1;
    *reply = t.reply;
    return 0;
}

struct text fetch_header(const struct fetch_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (text_is(reply->headers[i].name, name))
            return reply->headers[i].value;
    return TEXT_NONE;
}
