/* What is asked and answered. Deadlines and the stop are in fetch_time_test.c, private addresses in
 * fetch_private_test.c. */
#include "tests/unit/core/fetch_world.h"

#include <fcntl.h>
#include <sys/stat.h>

#define ASKERS 6
#define EACH 20

static bool has(struct text body, const char *words)
{
    return memmem(body.base, body.len, words, strlen(words)) != NULL;
}

static void an_answer_has_status_headers_and_body(void **state)
{
    struct fetch_request request = asking("/bytes/5");
    struct fetch_reply reply;
    struct err err;

    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.status, 200);
    assert_text(reply.body, "xxxxx");
    assert_int_equal(reply.body_bytes, 5);
    assert_text(fetch_header(&reply, "x-kind"), "An Answer");
    assert_text(fetch_header(&reply, "content-length"), "5");
    assert_null(fetch_header(&reply, "x-other").base);
    request = asking("/404/nowhere"); /* any status is a success */
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.status, 404);
    assert_int_equal(reply.body.len, 0);
    assert_non_null(reply.body.base);
}

static void a_request_arrives_as_it_was_asked(void **state)
{
    const struct fetch_header headers[] = {{TEXT("X-One"), TEXT("1, 2")},
                                           {TEXT("X-Empty"), TEXT("")}};
    struct fetch_request request = asking("/echo?a=b");
    struct fetch_reply reply;
    struct err err;

    request.headers = headers;
    request.n_headers = 2;
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_text(reply.body, pool_printf(pool,
                                        "GET /echo?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                        "User-Agent: test/1\r\nAccept: */*\r\nX-One: 1, 2\r\n"
                                        "X-Empty:\r\n\r\n",
                                        server.port));
    request = asking("/echo");
    request.method = "PUT";
    request.body = text_n("a\0b", 3);
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_true(has(reply.body, "PUT /echo HTTP/1.1\r\n"));
    assert_true(has(reply.body, "Content-Length: 3\r\n"));
    assert_false(has(reply.body, "Content-Type"));
    assert_false(has(reply.body, "Expect"));
    assert_memory_equal(reply.body.base + reply.body.len - 3, "a\0b", 3);
    request.method = "DELETE";
    request.body = TEXT_NONE;
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_true(has(reply.body, "DELETE /echo HTTP/1.1\r\n"));
    request.method = "POST"; /* one without a body still says so */
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_true(has(reply.body, "POST /echo HTTP/1.1\r\n"));
    assert_true(has(reply.body, "Content-Length: 0\r\n"));
    request.method = "HEAD";
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body.len, 0);
}

static void what_would_break_out_of_its_line_is_refused(void **state)
{
    static const struct fetch_header bad[] = {
        {TEXT("X-A"), TEXT("a\r\nX-B: b")}, {TEXT("X-A"), TEXT("a\nb")},
        {TEXT("X-A"), TEXT("a\rb")},        {TEXT("X-A"), {"a\0b", 3}},
        {TEXT("X A"), TEXT("a")},           {TEXT("X:A"), TEXT("a")},
        {TEXT("X\r\nA"), TEXT("a")},        {TEXT(""), TEXT("a")},
    };
    struct fetch_request request = asking("/echo");
    struct fetch_reply reply;
    struct err err;

    request.n_headers = 1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request.headers = &bad[i];
        assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_INVALID, "bad_header");
    }
    request.n_headers = 0;
    request.method = "GET / HTTP/1.1\r\nX-A:";
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_INVALID, "bad_method");
    request.method = "";
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_INVALID, "bad_method");
    assert_int_equal(atomic_load(&server.requests), 0);
}

static void redirects_are_followed_as_told(void **state)
{
    struct fetch_request request = asking("/302//302//echo");
    struct fetch_reply reply;
    struct err err;

    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.status, 302);
    assert_text(fetch_header(&reply, "location"), "/302//echo");
    request.max_redirects = 1;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_UPSTREAM,
                 "upstream_unreachable");
    request.max_redirects = 2;
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.status, 200);
    assert_null(fetch_header(&reply, "location").base); /* of the last answer only */
    request = asking("/302/file:///etc/passwd");
    request.max_redirects = 3;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_UPSTREAM,
                 "upstream_unreachable");
    request.url = "file:///etc/passwd";
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_UPSTREAM,
                 "upstream_unreachable");
}

/* The body of the answer after following one redirect of that status. */
static struct text followed(const char *method, int status)
{
    struct fetch_request request = asking(pool_printf(pool, "/%d//echo", status));
    struct fetch_reply reply;
    struct err err;

    request.method = method;
    request.body = TEXT("body");
    request.max_redirects = 3;
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    return reply.status == 200 ? reply.body : TEXT_NONE;
}

static void a_redirected_post_is_a_get_where_it_ought_to_be(void **state)
{
    for (int status = 301; status <= 303; status++) {
        struct text body = followed("POST", status);
        assert_true(text_starts(body, "GET /echo "));
        assert_false(has(body, "Content-Length"));
    }
    struct text kept = followed("POST", 307);
    assert_true(text_starts(kept, "POST /echo "));
    assert_true(text_ends(kept, "\r\n\r\nbody"));
    assert_null(followed("PUT", 302).base);
    assert_null(followed("DELETE", 303).base);
}

static void a_ceiling_of_bytes_holds(void **state)
{
    struct fetch_request request = asking("/bytes/100000");
    struct fetch_reply reply;
    struct err err;

    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.body.len, 100000);
    request = asking("/bytes/100001");
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_UPSTREAM,
                 "upstream_too_large");
}

static void too_many_headers_are_told_as_such(void **state)
{
    static const char *const paths[] = {"/headers/100", "/long/70000"};
    struct fetch_request request = asking("/headers/99");
    struct fetch_reply reply;
    struct err err;

    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.n_headers, 100);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        request = asking(paths[i]);
        assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_UPSTREAM,
                     "upstream_too_large");
        assert_non_null(strstr(err.text, "headers"));
    }
}

static void a_body_can_go_to_a_descriptor(void **state)
{
    FILE *file = tmpfile();
    struct fetch_request request = asking("/bytes/50000");
    struct fetch_reply reply;
    struct stat st;
    struct err err;

    assert_non_null(file);
    request.body_fd = fileno(file);
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.body_bytes, 50000);
    assert_int_equal(reply.body.len, 0);
    assert_int_equal(fstat(request.body_fd, &st), 0);
    assert_int_equal(st.st_size, 50000);
    fclose(file);
}

static void a_descriptor_that_takes_no_more_is_told_as_itself(void **state)
{
    struct fetch_request request = asking("/bytes/50000");
    auto_close int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    auto_close int unwritable = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct fetch_reply reply;
    struct err err;

    request.body_fd = full;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_NO_SPACE, "disk_full");
    request.body_fd = unwritable;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_INTERNAL, "internal");
}

static void a_unix_socket_is_asked_instead(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct fetch_request request;
    struct fetch_reply reply;
    struct err err;

    fetcher_stop(fetcher);
    server_stop();
    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/redhouse-fetch-%d", (int)getpid());
    server_start(AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
    fetcher_start(&(struct fetch_options){.proxy = "http://127.0.0.1:1"}); /* not for sockets */
    request = asking("/echo");
    request.url = "http://localhost/echo";
    request.unix_socket = address.sun_path;
    request.refuse_private = true; /* of addresses; this has none */
    int rc = fetch(fetcher, &request, pool, &reply, &err);
    unlink(address.sun_path);
    assert_works(rc, err);
    assert_true(has(reply.body, "Host: localhost\r\n"));
}

static void what_is_not_there_says_so(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct fetch_request request = asking("/");
    socklen_t len = sizeof(address);
    struct fetch_reply reply;
    struct err err;
    /* a port that nobody else gets meanwhile, and that nobody listens at */
    auto_close int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(bound, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&address, &len), 0);
    request.url = pool_printf(pool, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_UPSTREAM,
                 "upstream_unreachable");
    request.url = "gopher://127.0.0.1/";
    assert_int_equal(fetch(fetcher, &request, pool, &reply, NULL), -1);
}

struct asker {
    pthread_t thread;
    unsigned good, stopped;
};

static void *ask_many(void *arg)
{
    struct asker *asker = arg;
    auto_pool struct pool *own = pool_new();
    const char *where = pool_printf(own, "http://127.0.0.1:%d/bytes/3000", server.port);

    for (int i = 0; i < EACH; i++) {
        struct fetch_request request = {.url = where, .deadline_ms = WAIT_MS, .max_bytes = 3000};
        struct fetch_reply reply;
        struct err err;
        if (fetch(fetcher, &request, own, &reply, &err) == 0 && reply.body.len == 3000)
            asker->good++;
    }
    return NULL;
}

static void many_ask_at_once(void **state)
{
    struct asker askers[ASKERS] = {0};

    fetcher_stop(fetcher);
    fetcher_start(&(struct fetch_options){.max_parallel = 2});
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].good, EACH);
    }
    assert_int_equal(atomic_load(&server.requests), ASKERS * EACH);
}

static void *ask_never(void *arg)
{
    struct asker *asker = arg;
    auto_pool struct pool *own = pool_new();
    const char *where = pool_printf(own, "http://127.0.0.1:%d/never", server.port);
    struct fetch_request request = {.url = where, .deadline_ms = WAIT_MS, .max_bytes = 3000};
    struct fetch_reply reply;
    struct err err;

    if (fetch(fetcher, &request, own, &reply, &err) != 0)
        asker->stopped = err.kind == ERR_UNAVAILABLE && strcmp(err.code, "stopping") == 0;
    return NULL;
}

static void a_stop_ends_what_is_under_way_and_what_waits(void **state)
{
    struct asker askers[ASKERS] = {0};

    fetcher_stop(fetcher);
    fetcher_start(&(struct fetch_options){.max_parallel = 3});
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_never, &askers[i]), 0);
    until_count(&server.held, 3);
    nap(20); /* so that the others most likely wait; whatever they do, they must be told */
    fetcher_stop(fetcher);
    fetcher = NULL;
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].stopped, 1);
    }
}

static const struct CMUnitTest tests[] = {
    fetch_test(an_answer_has_status_headers_and_body),
    fetch_test(a_request_arrives_as_it_was_asked),
    fetch_test(what_would_break_out_of_its_line_is_refused),
    fetch_test(redirects_are_followed_as_told),
    fetch_test(a_redirected_post_is_a_get_where_it_ought_to_be),
    fetch_test(a_ceiling_of_bytes_holds),
    fetch_test(too_many_headers_are_told_as_such),
    fetch_test(a_body_can_go_to_a_descriptor),
    fetch_test(a_descriptor_that_takes_no_more_is_told_as_itself),
    fetch_test(a_unix_socket_is_asked_instead),
    fetch_test(what_is_not_there_says_so),
    fetch_test(many_ask_at_once),
    fetch_test(a_stop_ends_what_is_under_way_and_what_waits),
};
UNIT_MAIN(tests)
