#include "tests/unit/unit.h"

#include "core/err.h"
#include "registry/pkgname.h"

static bool may_be_new(const char *name)
{
    return pkgname_check_new(text_of(name), NULL) == 0;
}

static void a_scoped_name_is_split(void **state)
{
    struct pkgname n;

    assert_true(pkgname_split(TEXT("@acme/red-hello"), &n));
    assert_text(n.scope, "acme");
    assert_text(n.base, "red-hello");
    assert_true(pkgname_split(TEXT("lodash"), &n));
    assert_int_equal(n.scope.len, 0);
    assert_text(n.base, "lodash");
}

static void odd_names_that_exist_may_be_asked_for(void **state)
{
    struct pkgname n;
    static const char *const ok[] = {"JSONStream", "-ui", "@a/_b",  "@con/x",
                                     "_under",     "a.b", "crypto", "~x"};

    for (size_t i = 0; i < sizeof ok / sizeof ok[0]; i++)
        assert_true(pkgname_split(text_of(ok[i]), &n));
}

static void nothing_that_is_no_name_may_be_asked_for(void **state)
{
    struct pkgname n;
    static const char *const bad[] = {"",      "-",    ".",      "..",   "@a",        "@/b",
                                      "@a/",   "a/b",  "@a/b/c", "a b",  "a%2fb",     "@a/..",
                                      "@../b", "a\\b", ".hid",   "a\nb", "h\xc3\xa9", "a?b",
                                      "@a/-",  "a@1",  "@@a/b"};
    char long_one[PKGNAME_MAX + 2];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(pkgname_split(text_of(bad[i]), &n));
    assert_false(pkgname_split(text_n("a\0b", 3), &n));
    memset(long_one, 'a', sizeof long_one);
    assert_true(pkgname_split(text_n(long_one, PKGNAME_MAX), &n));
    assert_false(pkgname_split(text_n(long_one, PKGNAME_MAX + 1), &n));
}

static void new_names_follow_the_rules_of_npm(void **state)
{
    static const char *const bad[] = {
        "Upper", "@acme/Upper",  "_under",      "-dash", ".dot", "a~b", "it's",          "a*",
        "http",  "node_modules", "favicon.ico", "a!b",   "(x)",  "",    "worker_threads"};

    assert_true(may_be_new("red-hello"));
    assert_true(may_be_new("@acme/red-hello"));
    assert_true(may_be_new("@acme/_inner"));
    assert_true(may_be_new("@acme/http"));
    assert_true(may_be_new("a.b_c-1"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(may_be_new(bad[i]));
}

static void a_refused_name_says_why(void **state)
{
    struct err err;

    assert_int_equal(pkgname_check_new(TEXT("http"), &err), -1);
    assert_int_equal(err.kind, ERR_UNPROCESSABLE);
    assert_string_equal(err.code, "bad_package_name");
    assert_non_null(strstr(err.text, "http"));
}

static void a_tag_is_no_range(void **state)
{
    static const char *const bad[] = {"",  "1",  "1.x", "v2",  "1.0.0", "*",
                                      "x", "~1", "a b", "a/b", ".a",    "__proto__"};
    char long_one[101];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pkgname_check_tag(text_of(bad[i]), NULL), -1);
    memset(long_one, 'a', sizeof long_one);
    assert_int_equal(pkgname_check_tag(text_n(long_one, 101), NULL), -1);
    assert_int_equal(pkgname_check_tag(text_n(long_one, 100), NULL), 0);
    assert_int_equal(pkgname_check_tag(TEXT("latest"), NULL), 0);
    assert_int_equal(pkgname_check_tag(TEXT("release-1.x"), NULL), 0);
    assert_int_equal(pkgname_check_tag(TEXT("beta_2"), NULL), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_scoped_name_is_split),
    cmocka_unit_test(odd_names_that_exist_may_be_asked_for),
    cmocka_unit_test(nothing_that_is_no_name_may_be_asked_for),
    cmocka_unit_test(new_names_follow_the_rules_of_npm),
    cmocka_unit_test(a_refused_name_says_why),
    cmocka_unit_test(a_tag_is_no_range),
};
UNIT_MAIN(tests)
