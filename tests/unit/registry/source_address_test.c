#include "tests/unit/unit.h"

#include "registry/source_part.h"

static const struct sources none, local = {.config = {.git_local = "/srv/git/"}};

static void check(const struct sources *s, const char *url, bool admin, const char *code)
{
    struct err err = {0};
    int rc = source_address_check(s, text_of(url), admin, &err);

    if (rc != (code != NULL ? -1 : 0) || (code != NULL && strcmp(err.code, code) != 0))
        fail_msg("%s: %d %s", url, rc, err.code);
}

static void an_address_on_the_network_has_a_host_and_a_path_and_nothing_secret(void **state)
{
    static const char *const bad[] = {
        "",
        "nodes.git",
        "ftp://example.org/x.git",
        "ssh://git@example.org/x.git",
        "https://",
        "https:///x.git",
        "https://example.org",
        "https://user:word@example.org/x.git",
        "https://example.org/x.git?a=b",
        "https://example.org/x.git#main",
        "https://example.org/a b.git",
        "https://example.org/a\nb.git",
    };

    check(&none, "https://example.org/nodes.git", false, NULL);
    check(&none, "http://example.org:3000/team/nodes", false, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check(&none, bad[i], true, "bad_url");
}

static void a_file_address_lies_below_the_folder_for_them_and_is_an_admins(void **state)
{
    static const char *const bad[] = {
        "file:///srv/git",       "file:///srv/git/",           "file:///srv/gitx/nodes.git",
        "file:///etc/passwd",    "file:///srv/git/../secret",  "file:///srv/git/a/../../secret",
        "file://srv/git/nodes",  "file:///srv/git//nodes.git", "file:///srv/git/./nodes.git",
        "file:///srv/git/a?b=c", "file://host/srv/git/nodes",
    };

    check(&local, "file:///srv/git/nodes.git", true, NULL);
    check(&local, "file:///srv/git/team/nodes.git/", true, NULL);
    check(&local, "file:///srv/git/nodes.git", false, "admins_only");
    check(&none, "file:///srv/git/nodes.git", true, "bad_url");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check(&local, bad[i], true, "bad_url");
}

static void the_repository_is_told_below_the_folder(void **state)
{
    struct pool *pool = pool_new();
    struct err err;

    assert_string_equal(source_repository(&local, pool, TEXT("file:///srv/git/a/b.git/"), &err),
                        "a/b.git");
    assert_string_equal(source_repository(&local, pool, TEXT("https://example.org/b.git"), &err),
                        "");
    assert_null(source_repository(&none, pool, TEXT("file:///srv/git/a/b.git"), &err));
    assert_string_equal(err.code, "bad_url");
    pool_free(pool);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_address_on_the_network_has_a_host_and_a_path_and_nothing_secret),
    cmocka_unit_test(a_file_address_lies_below_the_folder_for_them_and_is_an_admins),
    cmocka_unit_test(the_repository_is_told_below_the_folder),
};
UNIT_MAIN(tests)
