#include "tests/unit/unit.h"

#include "core/loop.h"
#include "tenants/broker/client.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The client's loop on a thread, the broker's end of the pair in the test. */
struct setting {
    struct loop *loop;
    struct broker_client *client;
    pthread_t thread;
    int broker;
    unsigned replies;
    struct broker_reply last;
    bool gone;
};

static void *run(void *arg)
{
    struct setting *s = arg;

    loop_run(s->loop);
    return NULL;
}

static void on_gone(void *arg)
{
    struct setting *s = arg;

    s->gone = true;
}

static void open_setting(struct setting *s)
{
    int pair[2];
    struct err err;

    memset(s, 0, sizeof(*s));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->loop = loop_new(&err);
    s->client = broker_client_open(pair[0], s->loop, &err);
    s->broker = pair[1];
    assert_non_null(s->client);
    broker_client_on_gone(s->client, on_gone, s);
}

static void close_setting(struct setting *s)
{
    broker_client_close(s->client);
    loop_free(s->loop);
    if (s->broker >= 0)
        close(s->broker);
}

static void on_reply(void *arg, const struct broker_reply *reply)
{
    struct setting *s = arg;

    s->last = *reply;
    if (++s->replies == 2)
        loop_stop(s->loop);
}

static void answer(int fd, uint32_t serial, int status, const char *code)
{
    struct broker_reply reply = {.version = BROKER_VERSION, .serial = serial, .status = status};

    snprintf(reply.code, sizeof(reply.code), "%s", code);
    assert_int_equal(send(fd, &reply, sizeof(reply), 0), sizeof(reply));
}

static void replies_find_their_requests_in_any_order(void **state)
{
    struct setting s;
    struct broker_request request = {.verb = BROKER_PREPARE}, first, second;

    open_setting(&s);
    broker_client_send(s.client, &request, NULL, 0, NULL, NULL);
    request.verb = BROKER_KILL;
    broker_client_send(s.client, &request, NULL, 0, on_reply, &s);
    broker_client_send(s.client, &request, NULL, 0, on_reply, &s);
    assert_int_equal(recv(s.broker, &first, sizeof(first), 0), sizeof(first));
    assert_int_equal(first.verb, BROKER_PREPARE);
    assert_int_equal(recv(s.broker, &second, sizeof(second), 0), sizeof(second));
    answer(s.broker, second.serial + 1, -1, "no_stack");
    answer(s.broker, 12345, 0, "");
    answer(s.broker, second.serial, 0, "");
    answer(s.broker, first.serial, 0, "");
    loop_run(s.loop);
    assert_int_equal(s.replies, 2);
    assert_int_equal(s.last.serial, second.serial);
    close_setting(&s);
}

static void descriptors_go_along_and_stay_the_callers(void **state)
{
    struct setting s;
    struct broker_request request = {.verb = BROKER_JOB};
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {&request, sizeof(request)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fds[2] = {open("/dev/null", O_RDWR | O_CLOEXEC), open("/dev/zero", O_RDWR | O_CLOEXEC)};

    open_setting(&s);
    broker_client_send(s.client, &request, fds, 2, NULL, NULL);
    assert_int_equal(recvmsg(s.broker, &message, 0), sizeof(request));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    assert_non_null(head);
    assert_int_equal(head->cmsg_len, CMSG_LEN(2 * sizeof(int)));
    for (int i = 0; i < 2; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(head) + (size_t)i * sizeof(int), sizeof(fd));
        close(fd);
        assert_int_equal(close(fds[i]), 0);
    }
    close_setting(&s);
}

struct caller {
    struct setting *setting;
    struct broker_reply reply;
    struct err err;
    int rc;
};

static void *call(void *arg)
{
    struct caller *c = arg;
    struct broker_request request = {.verb = BROKER_STACK_REMOVE};

    c->rc = broker_client_call(c->setting->client, &request, NULL, 0, &c->reply, &c->err);
    return NULL;
}

static void calls_of_many_threads_get_their_own_replies(void **state)
{
    struct setting s;
    struct caller callers[8];
    pthread_t threads[8];
    struct broker_request request;

    open_setting(&s);
    pthread_create(&s.thread, NULL, run, &s);
    for (int i = 0; i < 8; i++) {
        callers[i] = (struct caller){.setting = &s};
        pthread_create(&threads[i], NULL, call, &callers[i]);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(recv(s.broker, &request, sizeof(request), 0), sizeof(request));
        answer(s.broker, request.serial, i % 2 == 0 ? 0 : -1, i % 2 == 0 ? "" : "stack_exists");
    }
    int failed = 0;
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        if (callers[i].rc != 0)
            assert_string_equal(callers[i].err.code, "stack_exists");
        failed += callers[i].rc != 0;
    }
    assert_int_equal(failed, 4);
    loop_stop(s.loop);
    pthread_join(s.thread, NULL);
    close_setting(&s);
}

static void when_the_broker_goes_everybody_hears_of_it(void **state)
{
    struct setting s;
    struct caller caller = {.setting = &s};
    struct broker_request request = {.verb = BROKER_PREPARE};

    open_setting(&s);
    broker_client_send(s.client, &request, NULL, 0, on_reply, &s);
    close(s.broker);
    s.broker = -1;
    pthread_create(&s.thread, NULL, run, &s);
    call(&caller);
    assert_int_equal(caller.rc, -1);
    assert_string_equal(caller.err.code, "broker_gone");
    loop_stop(s.loop);
    pthread_join(s.thread, NULL);
    assert_true(s.gone);
    assert_int_equal(s.replies, 1);
    assert_string_equal(s.last.code, "broker_gone");
    close_setting(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(replies_find_their_requests_in_any_order),
    cmocka_unit_test(descriptors_go_along_and_stay_the_callers),
    cmocka_unit_test(calls_of_many_threads_get_their_own_replies),
    cmocka_unit_test(when_the_broker_goes_everybody_hears_of_it),
};

UNIT_MAIN(tests)
