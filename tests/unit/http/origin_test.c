#include "tests/unit/unit.h"

#include "http/origin.h"

static struct origin_facts facts(const char *method)
{
    return (struct origin_facts){
        .scheme = TEXT("http"), .host = TEXT("demo.localhost:8080"), .method = text_of(method)};
}

static bool foreign_origin(const char *method, const char *origin)
{
    struct origin_facts f = facts(method);

    f.origin = text_of(origin);
    return origin_is_foreign(&f);
}

static void the_hosts_own_origin_may_do_everything(void **state)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        assert_false(foreign_origin(methods[i], "http://demo.localhost:8080"));
    assert_false(foreign_origin("POST", "http://DEMO.localhost:8080"));
}

static void every_other_origin_is_foreign_even_for_get(void **state)
{
    static const char *const origins[] = {
        "null",
        "",
        "http://demo.localhost",
        "http://demo.localhost:8081",
        "https://demo.localhost:8080",
        "http://demo--app.localhost:8080",
        "http://other.localhost:8080",
        "http://demo.localhost:8080.evil",
        "http://xdemo.localhost:8080",
        "http://demo.localhost:8080/",
        "http://demo.localhost:8080 http://demo.localhost:8080",
        "demo.localhost:8080",
    };

    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        assert_true(foreign_origin("GET", origins[i]));
        assert_true(foreign_origin("POST", origins[i]));
    }
}

static void a_schemes_own_port_is_no_difference(void **state)
{
    struct origin_facts f = facts("POST");

    f.host = TEXT("demo.example.org:80");
    f.origin = TEXT("http://demo.example.org");
    assert_false(origin_is_foreign(&f));
    f.scheme = TEXT("https");
    f.host = TEXT("demo.example.org:443");
    f.origin = TEXT("https://demo.example.org");
    assert_false(origin_is_foreign(&f));
    f.host = TEXT("demo.example.org:80");
    assert_true(origin_is_foreign(&f));
}

static void without_origin_only_reading_is_ours(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"};
    struct origin_facts f = facts("GET");

    assert_false(origin_is_foreign(&f));
    f = facts("HEAD");
    assert_false(origin_is_foreign(&f));
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        f = facts(methods[i]);
        assert_true(origin_is_foreign(&f));
        f.site = TEXT("same-origin");
        assert_true(origin_is_foreign(&f));
    }
}

static void a_websocket_needs_the_own_origin(void **state)
{
    struct origin_facts f = facts("GET");

    f.upgrade = true;
    assert_true(origin_is_foreign(&f));
    f.site = TEXT("same-origin");
    assert_true(origin_is_foreign(&f));
    f.origin = TEXT("http://demo.localhost:8080");
    assert_false(origin_is_foreign(&f));
    f.origin = TEXT("http://evil.localhost:8080");
    assert_true(origin_is_foreign(&f));
}

static void what_the_browser_says_about_a_get_counts(void **state)
{
    struct origin_facts f = facts("GET");

    f.site = TEXT("none");
    assert_false(origin_is_foreign(&f));
    f.site = TEXT("same-origin");
    assert_false(origin_is_foreign(&f));
    f.site = TEXT("same-site");
    assert_true(origin_is_foreign(&f));
    f.site = TEXT("cross-site");
    assert_true(origin_is_foreign(&f));
    f.site = TEXT("");
    assert_true(origin_is_foreign(&f));
}

static void a_top_level_navigation_from_elsewhere_is_ours(void **state)
{
    struct origin_facts f = facts("GET");

    f.site = TEXT("cross-site");
    f.mode = TEXT("navigate");
    f.dest = TEXT("document");
    assert_false(origin_is_foreign(&f));
    f.dest = TEXT("iframe");
    assert_true(origin_is_foreign(&f));
    f.dest = TEXT("document");
    f.mode = TEXT("no-cors");
    assert_true(origin_is_foreign(&f));
    f.mode = TEXT("navigate");
    f.method = TEXT("POST");
    assert_true(origin_is_foreign(&f));
}

static void a_program_with_a_token_is_no_page(void **state)
{
    struct origin_facts f = facts("POST");

    f.token = true;
    assert_false(origin_is_foreign(&f));
    f.site = TEXT("cross-site");
    assert_true(origin_is_foreign(&f));
    f.site = TEXT_NONE;
    f.origin = TEXT("http://evil.localhost:8080");
    assert_true(origin_is_foreign(&f));
}

static void a_header_twice_is_foreign(void **state)
{
    struct origin_facts f = facts("GET");

    f.origin = TEXT("http://demo.localhost:8080");
    f.repeated = true;
    assert_true(origin_is_foreign(&f));
}

static void without_a_host_nothing_is_ours(void **state)
{
    struct origin_facts f = facts("GET");

    f.host = TEXT_NONE;
    f.origin = TEXT("http://");
    assert_true(origin_is_foreign(&f));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_hosts_own_origin_may_do_everything),
    cmocka_unit_test(every_other_origin_is_foreign_even_for_get),
    cmocka_unit_test(a_schemes_own_port_is_no_difference),
    cmocka_unit_test(without_origin_only_reading_is_ours),
    cmocka_unit_test(a_websocket_needs_the_own_origin),
    cmocka_unit_test(what_the_browser_says_about_a_get_counts),
    cmocka_unit_test(a_top_level_navigation_from_elsewhere_is_ours),
    cmocka_unit_test(a_program_with_a_token_is_no_page),
    cmocka_unit_test(a_header_twice_is_foreign),
    cmocka_unit_test(without_a_host_nothing_is_ours),
};
UNIT_MAIN(tests)
