#include "tests/unit/unit.h"

#include "core/name.h"

static int slug(const char *s, struct err *err)
{
    return name_check_slug(text_of(s), "The instance slug", "bad_slug", err);
}

static void slugs_are_dns_labels(void **state)
{
    struct err err;

    assert_works(slug("a", &err), err);
    assert_works(slug("plant-1", &err), err);
    assert_works(slug("abcdefghijabcdefghijabcdefghijabcdefghij", &err), err);
}

static void odd_slugs_are_refused(void **state)
{
    static const char *const odd[] = {
        "",     "-a",  "a-",  "1a",       "a--b", "A",
        "a_b",  "a.b", "a b", "\xc3\xa9", "a/b",  "abcdefghijabcdefghijabcdefghijabcdefghijk",
        "xn--a"};
    struct err err;

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_fails(slug(odd[i], &err), err, ERR_UNPROCESSABLE, "bad_slug");
    assert_fails(name_check_slug(text_n("a\0b", 3), "It", "c", &err), err, ERR_UNPROCESSABLE, "c");
    slug("A", &err);
    assert_string_equal(err.text, "The instance slug must start with a letter a to z.");
}

static void user_names(void **state)
{
    static const char *const odd[] = {"", ".a", "-a", "_a", "A", "a b", "a@b", "a\n"};
    struct err err;

    assert_works(name_check_user(TEXT("anna.b_c-1"), &err), err);
    assert_works(name_check_user(TEXT("1"), &err), err);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_fails(name_check_user(text_of(odd[i]), &err), err, ERR_UNPROCESSABLE,
                     "bad_user_name");
    char longest[65];
    memset(longest, 'a', sizeof(longest));
    assert_works(name_check_user(text_n(longest, 64), &err), err);
    assert_int_equal(name_check_user(text_n(longest, 65), &err), -1);
}

static void hosts(void **state)
{
    static const char *const good[] = {"localhost",   "a.localhost:8080",   "127.0.0.1",
                                       "Example.ORG", "x--app.example.org", "a:65535"};
    static const char *const odd[] = {"",      ".",     "a.",  ".a",  "a..b", "-a",      "a-.b",
                                      "a_b",   "a b",   "a:",  "a:0", "a:01", "a:65536", "a:-1",
                                      "a:8:9", "[::1]", "a/b", "a@b", "a%41", "a:123456"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(name_is_host(text_of(good[i])));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(name_is_host(text_of(odd[i])));
}

static void hosts_have_the_lengths_of_dns(void **state)
{
    char name[400];

    memset(name, 'a', sizeof(name));
    assert_true(name_is_host(text_n(name, 63)));
    assert_false(name_is_host(text_n(name, 64)));
    for (size_t i = 3; i < sizeof(name); i += 4)
        name[i] = '.';
    assert_true(name_is_host(text_n(name, 251)));
    assert_false(name_is_host(text_n(name, 255)));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(slugs_are_dns_labels),
    cmocka_unit_test(odd_slugs_are_refused),
    cmocka_unit_test(user_names),
    cmocka_unit_test(hosts),
    cmocka_unit_test(hosts_have_the_lengths_of_dns),
};
UNIT_MAIN(tests)
