#include "http/peers.h"

#include "core/pool.h"
#include "tests/unit/unit.h"

static struct pool *pool;

static int set_up(void **state)
{
    pool = pool_new();
    return 0;
}

static int tear_down(void **state)
{
    pool_free(pool);
    return 0;
}

static struct peers *parse(const char *list)
{
    struct peers *peers;
    struct err err;
    assert_works(peers_parse(pool, list, &peers, &err), err);
    return peers;
}

static void nobody_is_trusted_without_a_list(void **state)
{
    assert_false(peers_has(parse(NULL), TEXT("127.0.0.1")));
    assert_false(peers_has(parse(" , "), TEXT("127.0.0.1")));
    assert_text(peers_client(parse(""), TEXT("127.0.0.1"), TEXT("203.0.113.7")), "127.0.0.1");
}

static void networks_hold_their_addresses(void **state)
{
    struct peers *peers = parse("10.0.0.0/8, 192.0.2.128/25,2001:db8::/33, ::1, 198.51.100.7");
    static const char *const in[] = {"10.0.0.1",     "10.255.255.255", "192.0.2.129",
                                     "::1",          "2001:db8::1",    "2001:db8:7fff::1",
                                     "198.51.100.7", "::ffff:10.1.2.3"};
    static const char *const out[] = {"11.0.0.1", "192.0.2.127",  "2001:db8:8000::1",
                                      "::2",      "198.51.100.8", "local",
                                      "",         "10.0.0.1x"};
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
        assert_true(peers_has(peers, text_of(in[i])));
    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
        assert_false(peers_has(peers, text_of(out[i])));
}

static void a_list_that_is_wrong_is_refused(void **state)
{
    static const char *const bad[] = {"localhost",   "10.0.0.0/33", "::/129",         "10.0.0.0/",
                                      "10.0.0.0/-1", "10.0.0",      "1.2.3.4 5.6.7.8"};
    struct peers *peers;
    struct err err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(peers_parse(pool, bad[i], &peers, &err), err, ERR_INVALID, "bad_address");
}

static void the_last_stranger_is_the_client(void **state)
{
    struct peers *peers = parse("10.0.0.0/8");
    struct text proxy = TEXT("10.0.0.1");
    assert_text(peers_client(peers, proxy, TEXT_NONE), "10.0.0.1");
    assert_text(peers_client(peers, proxy, TEXT("203.0.113.7")), "203.0.113.7");
    assert_text(peers_client(peers, proxy, TEXT("6.6.6.6, 203.0.113.7")), "203.0.113.7");
    assert_text(peers_client(peers, proxy, TEXT("203.0.113.7,10.2.2.2 , 10.3.3.3")), "203.0.113.7");
    assert_text(peers_client(peers, proxy, TEXT("10.9.9.9")), "10.9.9.9");
    assert_text(peers_client(peers, proxy, TEXT("6.6.6.6, evil")), "10.0.0.1");
    assert_text(peers_client(peers, TEXT("203.0.113.1"), TEXT("6.6.6.6")), "203.0.113.1");
    assert_text(peers_client(peers, proxy, TEXT("2001:db8::5")), "2001:db8::5");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(nobody_is_trusted_without_a_list, set_up, tear_down),
    cmocka_unit_test_setup_teardown(networks_hold_their_addresses, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_list_that_is_wrong_is_refused, set_up, tear_down),
    cmocka_unit_test_setup_teardown(the_last_stranger_is_the_client, set_up, tear_down),
};

UNIT_MAIN(tests)
