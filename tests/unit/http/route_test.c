#include "http/route.h"

#include "core/pool.h"
#include "tests/unit/unit.h"

static void handle(struct call *c)
{
    c->answered = true;
}

static const struct route table[] = {
    {"GET", "/", handle, .summary = "root"},
    {"GET", "/api/v1/tenants/:tenant", handle, WHO_MEMBER, .summary = "tenant"},
    {"PATCH", "/api/v1/tenants/:tenant", handle, WHO_MEMBER, .summary = "rename"},
    {"GET", "/api/v1/tenants/mine", handle, .summary = "mine"},
    {"GET", "/npm/:pkg", handle, .faces = FACE_PLATFORM | FACE_CARRIER, .summary = "packument"},
    {"PUT", "/npm/:pkg", handle, .max_body = 1000, .summary = "publish"},
    {"GET", "/npm/:pkg/-/:file", handle, .faces = FACE_PLATFORM | FACE_CARRIER, .summary = "file"},
    {"GET", "/npm/-/ping", handle, .summary = "ping"},
    {"HEAD", "/npm/-/ping", handle, .summary = "head of ping"},
    {"GET", "/.redhouse/theme/*rest", handle, .faces = FACE_EDITOR, .summary = "theme"},
};
#define N_TABLE (sizeof(table) / sizeof(table[0]))

struct fixture {
    struct router *router;
    struct call call;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;
    f.router = router_new();
    f.call = (struct call){.pool = pool_new()};
    *state = &f;
    return router_add(f.router, table, N_TABLE, &f, &err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    router_free(f->router);
    pool_free(f->call.pool);
    return 0;
}

static enum route_match ask(struct fixture *f, const char *method, const char *path)
{
    f->call.route = NULL;
    f->call.allow = 0;
    return router_match(f->router, FACE_PLATFORM, text_of(method), text_of(path), &f->call);
}

static void assert_found(struct fixture *f, const char *method, const char *path,
                         const char *summary)
{
    if (ask(f, method, path) != ROUTE_FOUND)
        fail_msg("%s %s was not found", method, path);
    assert_string_equal(f->call.route->summary, summary);
    assert_ptr_equal(f->call.area, f);
}

static void a_row_is_found_by_method_and_path(void **state)
{
    struct fixture *f = *state;
    assert_found(f, "GET", "/", "root");
    assert_found(f, "GET", "/api/v1/tenants/acme", "tenant");
    assert_text(f->call.params[0], "acme");
    assert_found(f, "PATCH", "/api/v1/tenants/acme", "rename");
}

static void a_literal_wins_over_a_parameter(void **state)
{
    struct fixture *f = *state;
    assert_found(f, "GET", "/api/v1/tenants/mine", "mine");
    assert_found(f, "PATCH", "/api/v1/tenants/mine", "rename");
    assert_text(f->call.params[0], "mine");
}

static void a_get_row_serves_head_unless_head_has_its_own(void **state)
{
    struct fixture *f = *state;
    assert_found(f, "HEAD", "/api/v1/tenants/acme", "tenant");
    assert_found(f, "HEAD", "/npm/-/ping", "head of ping");
    assert_found(f, "GET", "/npm/-/ping", "ping");
}

static void a_package_is_one_route_in_all_its_spellings(void **state)
{
    static const char *const spellings[] = {"/npm/@acme%2fnode", "/npm/@acme%2Fnode",
                                            "/npm/@acme/node", "/npm/%40acme%2fnode",
                                            "/npm/%40acme/node"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        assert_found(f, "GET", spellings[i], "packument");
        assert_text(f->call.params[0], "@acme/node");
    }
    assert_found(f, "GET", "/npm/left-pad", "packument");
    assert_text(f->call.params[0], "left-pad");
    assert_found(f, "GET", "/npm/@acme/node/-/node-1.0.0.tgz", "file");
    assert_text(f->call.params[0], "@acme/node");
    assert_text(f->call.params[1], "node-1.0.0.tgz");
    assert_found(f, "GET", "/npm/@acme%2fnode/-/node-1.0.0.tgz", "file");
}

static void half_a_package_name_matches_nothing(void **state)
{
    static const char *const bad[] = {
        "/npm/@acme",       "/npm/@",        "/npm/@/",         "/npm/@acme/",
        "/npm/@%2fnode",    "/npm/@acme%2f", "/npm/a%2fb",      "/npm/@acme%2fa%2fb",
        "/npm/@acme/a%2fb", "/npm/@acme/..", "/npm/@acme%2f..", "/npm/@..%2fnode",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (ask(f, "GET", bad[i]) == ROUTE_FOUND)
            fail_msg("%s matched", bad[i]);
    }
}

static void what_cannot_be_decoded_matches_nothing(void **state)
{
    static const char *const bad[] = {
        "/api/v1/tenants/%",
        "/api/v1/tenants/%zz",
        "/api/v1/tenants/%00",
        "/api/v1/tenants/%0a",
        "/api/v1/tenants/%ff",
        "/api/v1/tenants/a%2fb",
        "/api/v1/tenants/..",
        "/api/v1/tenants/%2e%2e",
        "/api/v1//tenants/acme",
        "//",
        "",
        "acme",
        "/api/v1/tenants/acme//",
        "/api/v1/tenants/\xff",
        "/api/v1/tenants/.",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (ask(f, "GET", bad[i]) != ROUTE_NO_PATH)
            fail_msg("%s matched", bad[i]);
    }
}

static void one_slash_at_the_end_is_ignored(void **state)
{
    struct fixture *f = *state;
    assert_found(f, "GET", "/api/v1/tenants/acme/", "tenant");
    assert_found(f, "GET", "/npm/-/ping/", "ping");
}

static void segments_are_decoded_once(void **state)
{
    struct fixture *f = *state;
    assert_found(f, "GET", "/%61pi/v1/tenants/a%2541", "tenant");
    assert_text(f->call.params[0], "a%41");
}

static void rest_takes_what_is_left(void **state)
{
    struct fixture *f = *state;
    struct text path = TEXT("/.redhouse/theme/img/a%20b.svg");
    assert_int_equal(router_match(f->router, FACE_EDITOR, TEXT("GET"), path, &f->call),
                     ROUTE_FOUND);
    assert_text(f->call.params[0], "img/a b.svg");
    path = TEXT("/.redhouse/theme/");
    assert_int_equal(router_match(f->router, FACE_EDITOR, TEXT("GET"), path, &f->call),
                     ROUTE_FOUND);
    assert_text(f->call.params[0], "");
    path = TEXT("/.redhouse/theme/a/%2e%2e/b");
    assert_int_equal(router_match(f->router, FACE_EDITOR, TEXT("GET"), path, &f->call),
                     ROUTE_NO_PATH);
    path = TEXT("/.redhouse/theme/a%2f..%2fb");
    assert_int_equal(router_match(f->router, FACE_EDITOR, TEXT("GET"), path, &f->call),
                     ROUTE_NO_PATH);
}

static void a_face_sees_only_its_rows(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/.redhouse/theme/a"), ROUTE_NO_PATH);
    struct text path = TEXT("/npm/left-pad");
    assert_int_equal(router_match(f->router, FACE_CARRIER, TEXT("GET"), path, &f->call),
                     ROUTE_FOUND);
    assert_int_equal(router_match(f->router, FACE_CARRIER, TEXT("PUT"), path, &f->call),
                     ROUTE_NO_METHOD);
    path = TEXT("/api/v1/tenants/acme");
    assert_int_equal(router_match(f->router, FACE_CARRIER, TEXT("GET"), path, &f->call),
                     ROUTE_NO_PATH);
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "DELETE", "/npm/left-pad"), ROUTE_NO_METHOD);
    assert_text(router_allow(&f->call), "GET, HEAD, PUT");
    assert_int_equal(ask(f, "BREW", "/npm/left-pad"), ROUTE_NO_METHOD);
}

static void clashes_are_refused_at_the_start(void **state)
{
    static const struct route bad[] = {
        {"GET", "/npm/:pkg", handle, .summary = ""},
        {"GET", "/npm/:name", handle, .summary = ""},
        {"GET", "/npm/:pkg", handle, .faces = FACE_CARRIER},
        {"GET", "/a/*rest/b", handle, .summary = ""},
        {"GET", "a", handle, .summary = ""},
        {"GET", "/a//b", handle, .summary = ""},
        {"BREW", "/a", handle, .summary = ""},
        {"GET", "/a", NULL, .summary = ""},
        {"GET", "/a/:tenants", handle, WHO_MEMBER, .summary = ""},
        {"GET", "/:a/:b/:c/:d/:e/:f/:g", handle, .summary = ""},
    };
    struct fixture *f = *state;
    struct err err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(router_add(f->router, &bad[i], 1, NULL, &err), err, ERR_INTERNAL, "bad_route");
    static const struct route good = {"GET", "/npm/:pkg", handle, .faces = FACE_EDITOR};
    assert_works(router_add(f->router, &good, 1, NULL, &err), err);
}

static void the_table_prints_in_order(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < N_TABLE; i++)
        assert_ptr_equal(router_row(f->router, i), &table[i]);
    assert_null(router_row(f->router, N_TABLE));
    assert_int_equal(router_max_body(f->router), 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    TEST(a_row_is_found_by_method_and_path),
    TEST(a_literal_wins_over_a_parameter),
    TEST(a_get_row_serves_head_unless_head_has_its_own),
    TEST(a_package_is_one_route_in_all_its_spellings),
    TEST(half_a_package_name_matches_nothing),
    TEST(what_cannot_be_decoded_matches_nothing),
    TEST(one_slash_at_the_end_is_ignored),
    TEST(segments_are_decoded_once),
    TEST(rest_takes_what_is_left),
    TEST(a_face_sees_only_its_rows),
    TEST(a_wrong_method_is_told_the_right_ones),
    TEST(clashes_are_refused_at_the_start),
    TEST(the_table_prints_in_order),
};

UNIT_MAIN(tests)
