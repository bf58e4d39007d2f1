/* Deadlines, the stop, and what curl itself refuses: nobody waits longer than told. */
#include "tests/unit/core/fetch_world.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <netdb.h>

#include "core/fetch_part.h"

#define OURS __attribute__((visibility("default")))

/* curl finds these in the program first. "slow.test" is looked up until the test lets it. */
static atomic_bool slow_over;
static atomic_uint slow_begun, slow_ended;
static atomic_bool refuse_handles;

OURS int getaddrinfo(const char *restrict node, const char *restrict service,
                     const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (node == NULL || strcmp(node, "slow.test") != 0)
        return real(node, service, hints, out);
    atomic_fetch_add(&slow_begun, 1);
    while (!atomic_load(&slow_over))
        nap(5);
    atomic_fetch_add(&slow_ended, 1);
    return EAI_NONAME;
}

OURS CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    CURLMcode (*real)(CURLM *, CURL *);

    *(void **)&real = dlsym(RTLD_NEXT, "curl_multi_add_handle");
    return atomic_load(&refuse_handles) ? CURLM_OUT_OF_MEMORY : real(multi, easy);
}

static void a_deadline_is_of_the_whole_exchange(void **state)
{
    static const char *const paths[] = {"/never", "/stall", "/drip/100000"};
    struct fetch_reply reply;
    struct err err;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct fetch_request request = asking(paths[i]);
        int64_t start = clock_mono_ms();
        request.deadline_ms = 250;
        assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_TIMEOUT,
                     "upstream_slow");
        assert_true(clock_mono_ms() - start >= 250);
    }
}

static void a_stall_ends_it_and_slowness_does_not(void **state)
{
    struct fetch_request request = asking("/stall");
    struct fetch_reply reply;
    struct err err;
    int64_t start = clock_mono_ms();

    request.stall_ms = 150;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_TIMEOUT, "upstream_slow");
    assert_true(clock_mono_ms() - start >= 150);
    request = asking("/never");
    request.stall_ms = 150;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_TIMEOUT, "upstream_slow");
    request = asking("/drip/35"); /* longer in all than may be between two bytes */
    request.stall_ms = 3000;
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.body.len, 35);
}

static void a_stall_is_counted_from_the_last_byte(void **state)
{
    struct fetch_request request = {.url = "http://a/", .stall_ms = 250};
    struct transfer t = {.request = &request, .deadline_at = 2000};

    assert_int_equal(transfer_left(&t, 1000), 1000); /* not connected: only the deadline counts */
    t.moved_at = 1000;
    assert_int_equal(transfer_left(&t, 1100), 150);
    t.header_bytes = 5;
    assert_int_equal(transfer_left(&t, 1240), 250);
    assert_int_equal(transfer_left(&t, 1489), 1);
    assert_null(t.problem.code);
    assert_int_equal(transfer_left(&t, 1490), 0);
    assert_string_equal(t.problem.code, "upstream_slow");
    t.header_bytes = 10;
    assert_int_equal(transfer_left(&t, 1900), 100);
}

struct asker {
    pthread_t thread;
    const char *url;
    int result;
    struct err err;
};

static void *ask(void *arg)
{
    struct asker *asker = arg;
    auto_pool struct pool *own = pool_new();
    struct fetch_request request = {
        .url = asker->url, .deadline_ms = WAIT_MS, .connect_ms = WAIT_MS, .max_bytes = 3000};
    struct fetch_reply reply;

    asker->result = fetch(fetcher, &request, own, &reply, &asker->err);
    return NULL;
}

static void waiting_for_a_turn_counts(void **state)
{
    struct asker first = {.url = url("/never")};
    struct fetch_request request = asking("/echo");
    struct fetch_reply reply;
    struct err err;

    fetcher_stop(fetcher);
    fetcher_start(&(struct fetch_options){.max_parallel = 1});
    assert_int_equal(pthread_create(&first.thread, NULL, ask, &first), 0);
    until_count(&server.held, 1);
    request.deadline_ms = 150;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_TIMEOUT, "upstream_slow");
    assert_int_equal(atomic_load(&server.requests), 1);
    fetcher_stop(fetcher);
    fetcher = NULL;
    pthread_join(first.thread, NULL);
    assert_fails(first.result, first.err, ERR_UNAVAILABLE, "stopping");
}

static void a_slow_name_holds_up_neither_the_others_nor_the_stop(void **state)
{
    struct asker slow = {.url = "http://slow.test/"};
    struct fetch_request request = asking("/");
    struct fetch_reply reply;
    struct err err;

    atomic_store(&slow_over, false);
    request.url = "http://slow.test/";
    request.deadline_ms = 100;
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_TIMEOUT, "upstream_slow");
    assert_int_equal(pthread_create(&slow.thread, NULL, ask, &slow), 0);
    until_count(&slow_begun, 2);
    request = asking("/echo");
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    fetcher_stop(fetcher);
    fetcher = NULL;
    pthread_join(slow.thread, NULL);
    assert_fails(slow.result, slow.err, ERR_UNAVAILABLE, "stopping");
    assert_int_equal(atomic_load(&slow_ended), 0); /* all that while it was looked up */
    atomic_store(&slow_over, true);
    until_count(&slow_ended, 2);
}

static void what_curl_does_not_take_is_told_at_once(void **state)
{
    struct fetch_request request = asking("/echo");
    struct fetch_reply reply;
    struct err err;

    atomic_store(&refuse_handles, true);
    assert_fails(fetch(fetcher, &request, pool, &reply, &err), err, ERR_INTERNAL, "internal");
    atomic_store(&refuse_handles, false);
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
}

static const struct CMUnitTest tests[] = {
    fetch_test(a_deadline_is_of_the_whole_exchange),
    fetch_test(a_stall_ends_it_and_slowness_does_not),
    fetch_test(a_stall_is_counted_from_the_last_byte),
    fetch_test(waiting_for_a_turn_counts),
    fetch_test(a_slow_name_holds_up_neither_the_others_nor_the_stop),
    fetch_test(what_curl_does_not_take_is_told_at_once),
};
UNIT_MAIN(tests)
