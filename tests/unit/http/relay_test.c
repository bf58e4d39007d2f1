#include "tests/unit/unit.h"

#include "http/relay.h"

static void assert_cookies(const char *sent, const char *passed)
{
    char out[256];
    size_t n = relay_cookies(text_of(sent), TEXT("redhouse_ab12"), out);

    assert_true(n <= strlen(sent));
    assert_text(text_n(out, n), passed);
}

static void our_cookies_stay_with_us(void **state)
{
    assert_cookies("redhouse_ab12=secret", "");
    assert_cookies("a=b; redhouse_ab12=secret; c=d", "a=b; c=d");
    assert_cookies("redhouse_ab12=secret;a=b;c=d", "a=b;c=d");
    assert_cookies("__Host-redhouse_ab12=s; __Secure-redhouse_ab12=s; a=b", "a=b");
    assert_cookies("__host-REDHOUSE_ab12=s; a=b", "a=b");
    assert_cookies("redhouse_ab12_next=s; redhouse_ab12; a=b", "a=b");
    assert_cookies(" \tredhouse_ab12 =s;;; a=b;", "a=b");
    assert_cookies("redhouse_ab1=x; xredhouse_ab12=y", "redhouse_ab1=x; xredhouse_ab12=y");
    assert_cookies("a;b;c", "a;b;c");
    assert_cookies("", "");
}

static void our_cookies_are_known_when_the_name_has_a_prefix(void **state)
{
    char out[64];
    size_t n = relay_cookies(TEXT("__Host-rh=1; rh=2; a=b"), TEXT("__Host-rh"), out);

    assert_text(text_n(out, n), "a=b");
}

static void our_tokens_stay_with_us(void **state)
{
    static const char *const ours[] = {
        "Bearer rh_abc", "bearer  rh_abc", "BEARER rh_",
        /* x:rh_abc, rh_abc:, rh_abc */
        "Basic eDpyaF9hYmM=", "basic cmhfYWJjOg==", "Basic cmhfYWJj"};
    static const char *const theirs[] = {
        "Bearer rhubarb", "Bearer rh", "Bearer xrh_abc", "Basic eDp5",    "Bearer",
        "rh_abc",         "",          "Basic !!!",      "Digest rh_abc", "Bearer rh+x"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(relay_authorization_is_ours(text_of(ours[i]), TEXT("rh")));
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
        assert_false(relay_authorization_is_ours(text_of(theirs[i]), TEXT("rh")));
    assert_true(relay_authorization_is_ours(TEXT("Bearer rh_abc"), TEXT("rh_")));
}

static void a_client_cannot_speak_for_the_proxy(void **state)
{
    static const char *const dropped[] = {
        "x-redhouse-identity",
        "x-redhouse-face",
        "x-redhouse-anything",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-whatever",
        "forwarded",
        "x-real-ip",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "host",
        "expect",
        "proxy-authorization",
        "proxy-connection",
        "http2-settings",
    };
    static const char *const passed[] = {
        "cookie", "accept",     "authorization",     "x-forward",
        "origin", "x-redhouse", "sec-websocket-key", "content-type"};

    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
        assert_true(relay_request_drops(text_of(dropped[i])));
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        assert_false(relay_request_drops(text_of(passed[i])));
    assert_true(relay_request_drops(TEXT("")));
}

static void an_instance_cannot_speak_for_the_platform(void **state)
{
    static const char *const dropped[] = {
        "Clear-Site-Data",
        "Strict-Transport-Security",
        "ALT-SVC",
        "X-Reproxy-URL",
        "X-Compress-Hint",
        "Service-Worker-Allowed",
        "Date",
        "Connection",
        "Transfer-Encoding",
        "Content-Length",
        "Upgrade",
        "X-Redhouse-Identity",
        "Keep-Alive",
    };
    static const char *const passed[] = {"Content-Type",
                                         "Location",
                                         "ETag",
                                         "Set-Cookie",
                                         "Server",
                                         "Access-Control-Allow-Origin",
                                         "Content-Security-Policy"};

    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
        assert_true(relay_response_drops(text_of(dropped[i])));
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        assert_false(relay_response_drops(text_of(passed[i])));
}

static void an_instance_cannot_set_our_cookies(void **state)
{
    static const char *const refused[] = {
        "redhouse_ab12=x",
        "redhouse_ab12=x; Path=/",
        "REDHOUSE_AB12=x",
        "__Host-redhouse_ab12=x; Secure",
        "redhouse_ab12_more=x",
        " redhouse_ab12 = x",
        "=redhouse_ab12=x",
        "= = redhouse_ab12=x",
        "redhouse_ab12",
        "a=b; Domain=example.org",
        "a=b; path=/;domain =.example.org",
        "a=b;DOMAIN",
        "a=b; Domain=",
    };
    static const char *const passed[] = {
        "a=b", "a=b; Path=/; HttpOnly", "a=domain; Path=/domain", "a=redhouse_ab12", "redhouse=1",
        ""};

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (relay_set_cookie_passes(text_of(refused[i]), TEXT("redhouse_ab12")))
            fail_msg("passed: %s", refused[i]);
    }
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        assert_true(relay_set_cookie_passes(text_of(passed[i]), TEXT("redhouse_ab12")));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(our_cookies_stay_with_us),
    cmocka_unit_test(our_cookies_are_known_when_the_name_has_a_prefix),
    cmocka_unit_test(our_tokens_stay_with_us),
    cmocka_unit_test(a_client_cannot_speak_for_the_proxy),
    cmocka_unit_test(an_instance_cannot_speak_for_the_platform),
    cmocka_unit_test(an_instance_cannot_set_our_cookies),
};
UNIT_MAIN(tests)
