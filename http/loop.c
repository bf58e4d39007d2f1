#include "http/loop.h"

#include "core/pool.h"

#include <stdlib.h>

struct posted {
    struct http_message message;
    void (*fn)(struct http_loop *loop, void *arg);
    void *arg;
};

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct http_loop *loop = H2O_STRUCT_FROM_MEMBER(struct http_loop, inbox, receiver);
    while (!h2o_linklist_is_empty(messages)) {
        struct http_message *message =
            H2O_STRUCT_FROM_MEMBER(struct http_message, super.link, messages->next);
        h2o_linklist_unlink(&message->super.link);
        message->fn(loop, message->arg);
    }
}

void http_loop_open(struct http_loop *loop, h2o_globalconf_t *conf)
{
    h2o_context_init(&loop->ctx, h2o_evloop_create(), conf);
    h2o_multithread_register_receiver(loop->ctx.queue, &loop->inbox, on_messages);
    h2o_linklist_init_anchor(&loop->doors);
    h2o_linklist_init_anchor(&loop->handshakes);
    h2o_linklist_init_anchor(&loop->streams);
}

void http_loop_send(struct http_loop *loop, struct http_message *message)
{
    message->super.link = (h2o_linklist_t){NULL, NULL};
    h2o_multithread_send_message(&loop->inbox, &message->super);
}

static void on_posted(struct http_loop *loop, void *arg)
{
    struct posted *posted = arg;
    void (*fn)(struct http_loop * l, void *a) = posted->fn;
    void *fn_arg = posted->arg;
    free(posted);
    fn(loop, fn_arg);
}

void http_loop_post(struct http_loop *loop, void (*fn)(struct http_loop *loop, void *arg),
                    void *arg)
{
    struct posted *posted = xcalloc(1, sizeof(*posted));
    posted->fn = fn;
    posted->arg = arg;
    posted->message.fn = on_posted;
    posted->message.arg = posted;
    http_loop_send(loop, &posted->message);
}
