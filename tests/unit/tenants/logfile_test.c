#include "tests/unit/unit.h"

#include "tenants/warden/logfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static int dir;

static int set_up(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/logfile-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -1 : 0;
}

static void name_of(char out[32], int n)
{
    snprintf(out, 32, n == 0 ? LOGFILE_NAME : LOGFILE_NAME ".%d", n);
}

static int tear_down(void **state)
{
    for (int i = 0; i < 8; i++) {
        char name[32];
        name_of(name, i);
        unlinkat(dir, name, 0);
    }
    close(dir);
    return rmdir(folder);
}

static int64_t size_of(int n)
{
    char name[32];
    struct stat st;

    name_of(name, n);
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (int64_t)st.st_size : -1;
}

/* The character after the time of the first line. */
static char first_of(int n)
{
    char name[32], head[26] = "";

    name_of(name, n);
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, head, sizeof(head));
    close(fd);
    return got == (ssize_t)sizeof(head) ? head[25] : '?';
}

static void a_line_gets_a_time_and_an_end(void **state)
{
    struct logfile log;
    char content[64] = "";

    logfile_init(&log, dir);
    logfile_line(&log, TEXT("hello"));
    logfile_close(&log);
    int fd = openat(dir, LOGFILE_NAME, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, content, sizeof(content)), 31);
    close(fd);
    assert_int_equal(content[4], '-');
    assert_int_equal(content[10], 'T');
    assert_string_equal(content + 23, "Z hello\n");
}

static void a_full_log_moves_on_and_the_oldest_goes(void **state)
{
    static char line[4096];
    struct logfile log;

    logfile_init(&log, dir);
    for (char mark = 'a'; mark <= 'g'; mark++) {
        memset(line, mark, sizeof(line));
        for (int i = 0; i < LOGFILE_BYTES / (int)(sizeof(line) + 26); i++)
            logfile_line(&log, text_n(line, sizeof(line)));
        /* fills the rest, so that the next mark begins a file */
        logfile_line(&log, text_n(line, LOGFILE_BYTES % (sizeof(line) + 26) > 40 ? 10 : 0));
    }
    logfile_close(&log);
    for (int n = 0; n <= LOGFILE_OLD; n++) {
        assert_true(size_of(n) > 0);
        assert_true(size_of(n) <= LOGFILE_BYTES);
    }
    assert_int_equal(size_of(LOGFILE_OLD + 1), -1);
    for (int n = 1; n < LOGFILE_OLD; n++)
        assert_true(first_of(n + 1) < first_of(n));
}

static void what_was_there_is_added_to(void **state)
{
    struct logfile log;

    for (int i = 0; i < 3; i++) {
        logfile_init(&log, dir);
        logfile_line(&log, TEXT("12345"));
        logfile_close(&log);
    }
    assert_int_equal(size_of(0), 3 * 31);
}

static void a_link_is_not_followed(void **state)
{
    struct logfile log;
    struct stat st;
    char victim[96];

    snprintf(victim, sizeof(victim), "%s.victim", folder);
    int fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(symlinkat(victim, dir, LOGFILE_NAME), 0);
    logfile_init(&log, dir);
    logfile_line(&log, TEXT("secret"));
    logfile_close(&log);
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, 0);
    unlink(victim);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    EACH(a_line_gets_a_time_and_an_end),
    EACH(a_full_log_moves_on_and_the_oldest_goes),
    EACH(what_was_there_is_added_to),
    EACH(a_link_is_not_followed),
};

UNIT_MAIN(tests)
