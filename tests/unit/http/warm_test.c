#include "http/content.h"
#include "http/warm_part.h"

#include "core/pool.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LARGE 100000 /* is mapped, with its file open */

/* A file of n bytes of c that has no name any more. */
static struct content *file_of(char c, size_t n)
{
    char path[] = "/tmp/rh-warm-XXXXXX";
    auto_free char *bytes = xmalloc(n);
    int fd = mkstemp(path);
    memset(bytes, c, n);
    assert_true(fd >= 0 && unlink(path) == 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    struct content *content = content_open(fd, n, NULL);
    assert_non_null(content);
    return content;
}

static void put(struct warm *warm, const char *group, const char *name, char c, size_t n)
{
    struct text in = text_of(group);
    struct content *content = file_of(c, n);
    warm_keep(warm, in, text_of(name), warm_moment(warm, in), content, TEXT("\"tag\""));
    content_drop(content);
}

/* The first byte of what is there; 0: nothing. */
static char first(struct warm *warm, const char *group, const char *name)
{
    char etag[WARM_ETAG];
    struct content *content = warm_find(warm, text_of(group), text_of(name), etag);
    char c = content != NULL ? content_bytes(content)[0] : 0;
    if (content != NULL)
        assert_string_equal(etag, "\"tag\"");
    content_drop(content);
    return c;
}

static void finds_what_was_kept(void **state)
{
    struct warm *warm = warm_new(1 << 20, 8);
    put(warm, "red", "one", 'a', 10);
    put(warm, "red", "two", 'b', LARGE);
    put(warm, "green", "one", 'c', 10);
    assert_int_equal(first(warm, "red", "one"), 'a');
    assert_int_equal(first(warm, "red", "two"), 'b');
    assert_int_equal(first(warm, "green", "one"), 'c');
    assert_int_equal(first(warm, "green", "two"), 0);
    warm_drop(warm, TEXT("red"));
    assert_int_equal(first(warm, "red", "one"), 0);
    assert_int_equal(first(warm, "red", "two"), 0);
    assert_int_equal(first(warm, "green", "one"), 'c');
    warm_drop_all(warm);
    assert_int_equal(first(warm, "green", "one"), 0);
    warm_free(warm);
}

static void names_do_not_run_together(void **state)
{
    struct warm *warm = warm_new(1 << 20, 8);
    put(warm, "a b", "c", 'x', 10);
    assert_int_equal(first(warm, "a", "b c"), 0);
    assert_int_equal(first(warm, "a b", "c"), 'x');
    warm_free(warm);
}

static void a_group_that_was_dropped_meanwhile_does_not_come_back(void **state)
{
    struct warm *warm = warm_new(1 << 20, 8);
    uint64_t moment = warm_moment(warm, TEXT("red"));
    struct content *content = file_of('a', 10);
    warm_drop(warm, TEXT("red"));
    warm_keep(warm, TEXT("red"), TEXT("one"), moment, content, TEXT("\"tag\""));
    content_drop(content);
    assert_int_equal(first(warm, "red", "one"), 0);
    warm_free(warm);
}

static void what_is_held_outlives_the_drop(void **state)
{
    struct warm *warm = warm_new(1 << 20, 8);
    char etag[WARM_ETAG];
    put(warm, "red", "one", 'a', LARGE);
    struct content *held = warm_find(warm, TEXT("red"), TEXT("one"), etag);
    warm_drop(warm, TEXT("red"));
    assert_int_equal(content_bytes(held)[LARGE - 1], 'a');
    content_drop(held);
    warm_free(warm);
}

static void the_least_recently_used_make_room(void **state)
{
    struct warm *warm = warm_new(50000, 2);
    char name[32];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "small%d", i);
        put(warm, "red", name, 'a', 4000);
        snprintf(name, sizeof name, "large%d", i);
        put(warm, "red", name, 'b', LARGE);
        usleep(2000);
    }
    int small = 0, large = 0;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "small%d", i);
        small += first(warm, "red", name) != 0;
        snprintf(name, sizeof name, "large%d", i);
        large += first(warm, "red", name) != 0;
    }
    assert_in_range(small, 0, 12);
    assert_in_range(large, 0, 2);
    assert_int_equal(first(warm, "red", "small0"), 0);
    warm_free(warm);
}

static void *work(void *arg)
{
    struct warm *warm = arg;
    char group[16];
    for (int i = 0; i < 300; i++) {
        snprintf(group, sizeof group, "group%d", i % 5);
        if (i % 7 == 0)
            warm_drop(warm, text_of(group));
        else if (first(warm, group, "one") == 0)
            put(warm, group, "one", 'a', i % 2 ? LARGE : 4000);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    struct warm *warm = warm_new(10000, 2);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, warm), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    warm_free(warm);
}

static void a_file_that_is_shorter_than_promised_is_refused(void **state)
{
    char path[] = "/tmp/rh-warm-XXXXXX";
    struct err err;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && unlink(path) == 0);
    assert_null(content_open(fd, 10, &err));
    assert_int_equal(err.kind, ERR_INTERNAL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(finds_what_was_kept),
    cmocka_unit_test(names_do_not_run_together),
    cmocka_unit_test(a_group_that_was_dropped_meanwhile_does_not_come_back),
    cmocka_unit_test(what_is_held_outlives_the_drop),
    cmocka_unit_test(the_least_recently_used_make_room),
    cmocka_unit_test(threads_share_it),
    cmocka_unit_test(a_file_that_is_shorter_than_promised_is_refused),
};

UNIT_MAIN(tests)
