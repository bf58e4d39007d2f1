/* Private addresses are refused wherever they come from: the request, a name, a redirect, a
 * connection kept from another request. 203.0.113.0/24, which is nobody's, leads to the server here
 * and plays the public side. */
#include "tests/unit/core/fetch_world.h"

#include <dlfcn.h>

#define PUBLIC "203.0.113.5"

#define OURS __attribute__((visibility("default")))

/* Where each descriptor believes to be connected to. */
static struct in_addr peers[4096];

OURS int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    int (*real)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in here;

    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    if (address->sa_family != AF_INET || len < sizeof(here) || fd >= 4096)
        return real(fd, address, len);
    memcpy(&here, address, sizeof(here));
    peers[fd] = here.sin_addr;
    if (ntohl(here.sin_addr.s_addr) >> 8 == 0xcb0071)
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return real(fd, (const struct sockaddr *)&here, sizeof(here));
}

OURS int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict len)
{
    int (*real)(int, struct sockaddr *, socklen_t *);

    *(void **)&real = dlsym(RTLD_NEXT, "getpeername");
    int rc = real(fd, address, len);
    if (rc == 0 && address->sa_family == AF_INET && fd < 4096)
        ((struct sockaddr_in *)(void *)address)->sin_addr = peers[fd];
    return rc;
}

static struct fetch_request asking_public(const char *path)
{
    struct fetch_request request = asking(path);

    request.url = pool_printf(pool, "http://" PUBLIC ":%d%s", server.port, path);
    request.refuse_private = true;
    return request;
}

static void refused(const struct fetch_request *request)
{
    struct fetch_reply reply;
    struct err err = {0};

    if (fetch(fetcher, request, pool, &reply, &err) == 0 ||
        strcmp(err.code, "upstream_private") != 0)
        fail_msg("%s: %s", request->url, err.code != NULL ? err.code : "an answer");
}

static void private_addresses_are_refused_before_they_are_asked(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.255.0.9",
        "localhost",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.9.9",
        "192.168.0.1",
        "169.254.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a00:1]",
        "[64:ff9b:1::808:808]",
        "[2002:a00:1::1]",
        "[2002:7f00:1::]",
        "[fec0::1]",
    };

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct fetch_request request = asking_public("/");
        request.url = pool_printf(pool, "http://%s:%d/", hosts[i], server.port);
        refused(&request);
    }
    assert_int_equal(atomic_load(&server.requests), 0);
}

static void public_addresses_are_asked(void **state)
{
    struct fetch_request request = asking_public("/302//echo");
    struct fetch_reply reply;
    struct err err;

    request.max_redirects = 3;
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_int_equal(reply.status, 200);
}

static void a_redirect_inwards_is_refused(void **state)
{
    struct fetch_request request = asking_public(pool_printf(pool, "/302/%s", url("/echo")));

    request.max_redirects = 3;
    refused(&request);
    assert_int_equal(atomic_load(&server.requests), 1);
}

static void a_connection_kept_from_another_request_is_refused(void **state)
{
    struct fetch_request trusted = asking("/echo");
    struct fetch_request request = asking_public(pool_printf(pool, "/302/%s", url("/echo")));
    struct fetch_reply reply;
    struct err err;

    assert_works(fetch(fetcher, &trusted, pool, &reply, &err), err);
    request.max_redirects = 3;
    refused(&request);
    request.url = url("/echo");
    refused(&request);
    assert_int_equal(atomic_load(&server.requests), 2);
    assert_works(fetch(fetcher, &trusted, pool, &reply, &err), err);
}

static void no_proxy_judges_for_us(void **state)
{
    char *here = pool_printf(pool, "http://127.0.0.1:%d", server.port);
    struct fetch_request request = asking_public("/echo");
    struct fetch_reply reply;
    struct err err;

    assert_int_equal(setenv("http_proxy", "http://" PUBLIC ":1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://" PUBLIC ":1", 1), 0);
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_true(text_starts(reply.body, "GET /echo "));
    fetcher_stop(fetcher);
    fetcher_start(&(struct fetch_options){.proxy = here});
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_true(text_starts(reply.body, "GET /echo ")); /* a proxy would be told the whole URL */
    request.refuse_private = false;
    assert_works(fetch(fetcher, &request, pool, &reply, &err), err);
    assert_true(text_starts(reply.body, "GET http://" PUBLIC));
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void a_name_tells_of_itself_whether_it_is_private(void **state)
{
    static const char *const private[] = {"http://localhost/",
                                          "http://LocalHost.:80/",
                                          "http://a.b.LOCALHOST/",
                                          "http://127.1/",
                                          "http://127.0.0.1./",
                                          "http://2130706433/",
                                          "http://0x7f.1/",
                                          "http://[::1]:8/",
                                          "http://10.0.0.1/",
                                          "http://[fd00::1%25e]/",
                                          "http://[2002:a00:1::1]/",
                                          "none",
                                          ""};
    static const char *const public[] = {"http://example.org/",    "http://localhost.example.org./",
                                         "http://notlocalhost/",   "http://" PUBLIC "/",
                                         "https://[2001:db9::1]/", "http://[2002:808:808::1]/"};

    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
        if (!fetch_names_private(private[i]))
            fail_msg("%s", private[i]);
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
        if (fetch_names_private(public[i]))
            fail_msg("%s", public[i]);
}

static const struct CMUnitTest tests[] = {
    fetch_test(private_addresses_are_refused_before_they_are_asked),
    fetch_test(public_addresses_are_asked),
    fetch_test(a_redirect_inwards_is_refused),
    fetch_test(a_connection_kept_from_another_request_is_refused),
    fetch_test(no_proxy_judges_for_us),
    fetch_test(a_name_tells_of_itself_whether_it_is_private),
};
UNIT_MAIN(tests)
