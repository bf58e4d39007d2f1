/* Children: what they are given and nothing else, and that they end. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/child.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/pool.h"

#define WAIT_MS 30000

static struct pool *pool;

static int set_up(void **state)
{
    alarm(90); /* what hangs ends */
    pool = pool_new();
    return 0;
}

static int tear_down(void **state)
{
    pool_free(pool);
    return 0;
}

static struct text all_of(int fd)
{
    struct buf b;
    char *room;
    ssize_t n;

    buf_init(&b, 1 << 20);
    while ((room = buf_reserve(&b, 4096)) != NULL && (n = read(fd, room, 4096)) > 0)
        buf_grew(&b, (size_t)n);
    struct text t = buf_take(&b, pool);
    buf_release(&b);
    return t;
}

/* What the child writes to its standard output; its end must be a clean one. */
static struct text output(struct child_spec *spec)
{
    struct child child;
    struct child_fd fds[8];
    struct err err;
    int ends[2], status = -1;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (unsigned i = 0; i < spec->n_fds; i++)
        fds[i] = spec->fds[i];
    fds[spec->n_fds] = (struct child_fd){ends[1], 1};
    spec->fds = fds;
    spec->n_fds++;
    assert_works(child_start(&child, spec, &err), err);
    close(ends[1]);
    struct text t = all_of(ends[0]);
    close(ends[0]);
    assert_works(child_wait(&child, WAIT_MS, &status, &err), err);
    child_close(&child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("status %x after: %.*s", (unsigned)status, TEXT_ARG(t));
    return t;
}

static struct text shell(const char *script, const struct child_fd *fds, unsigned n_fds)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_spec spec = {.path = "/bin/sh", .argv = argv, .fds = fds, .n_fds = n_fds};

    return output(&spec);
}

/* The status of a program with no descriptors of its own. */
static int status_of(const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_spec spec = {.path = "/bin/sh", .argv = argv};
    struct child child;
    struct err err;
    int status = -1;

    if (child_start(&child, &spec, &err) != 0 || child_wait(&child, WAIT_MS, &status, &err) != 0)
        return -1;
    child_close(&child);
    return status;
}

static void arguments_and_environment_are_exactly_those_given(void **state)
{
    const char *const argv[] = {"odd name", NULL}, *const env[] = {"A=b c", "D=", NULL};
    struct child_spec spec = {.path = "/usr/bin/env", .argv = argv, .env = env};

    assert_int_equal(setenv("REDHOUSE_SECRET", "x", 1), 0);
    assert_text(output(&spec), "A=b c\nD=\n");
    spec = (struct child_spec){.path = "/usr/bin/env", .argv = argv};
    assert_text(output(&spec), "");
    const char *const echo[] = {"sh", "-c", "printf '%s|' \"$0\" \"$@\"", "a b", "$(c)", "", NULL};
    spec = (struct child_spec){.path = "/bin/sh", .argv = echo};
    assert_text(output(&spec), "a b|$(c)||");
}

static void it_starts_in_the_folder_told_or_the_root(void **state)
{
    const char *const argv[] = {"pwd", NULL};
    struct child_spec spec = {.path = "/bin/pwd", .argv = argv, .cwd = "/proc"};

    assert_text(output(&spec), "/proc\n");
    spec = (struct child_spec){.path = "/bin/pwd", .argv = argv};
    assert_text(output(&spec), "/\n");
}

static int letter_file(char letter)
{
    FILE *f = tmpfile();
    int fd;

    assert_non_null(f);
    fputc(letter, f);
    fflush(f);
    fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
    fclose(f);
    assert_true(fd >= 0);
    return fd;
}

static void descriptors_arrive_under_any_numbers(void **state)
{
    static const char script[] = "for n in \"$@\"; do cat /proc/self/fd/$n; done";
    int a = letter_file('a'), b = letter_file('b'), c = letter_file('c');
    const char *const argv[] = {"sh", "-c", script, "sh", "66", "65", "64", "3", NULL};
    const struct child_fd high[] = {{a, 66}, {b, 65}, {c, 64}, {a, 3}};
    struct child_spec spec = {.path = "/bin/sh", .argv = argv, .fds = high, .n_fds = 4};

    assert_text(output(&spec), "abca");
    const struct child_fd swapped[] = {{a, b}, {b, c}, {c, a}};
    char *turned =
        pool_printf(pool, "cat /proc/self/fd/%d /proc/self/fd/%d /proc/self/fd/%d", b, c, a);
    assert_text(shell(turned, swapped, 3), "abc");
    const struct child_fd up[] = {{a, 64}, {b, 65}, {c, 66}, {a, 67}, {b, 200}};
    assert_text(shell("cd /proc/self/fd; cat 64 65 66 67 200", up, 5), "abcab");
    close(a);
    close(b);
    close(c);
}

static void no_other_descriptor_is_passed_on(void **state)
{
    int left_open = dup2(STDERR_FILENO, 90);

    assert_int_equal(left_open, 90);
    assert_text(shell("[ -e /proc/$$/fd/90 ] && echo passed on; readlink /proc/$$/fd/0; "
                      "readlink /proc/$$/fd/2",
                      NULL, 0),
                "/dev/null\n/dev/null\n");
    close(left_open);
}

/* In a process of its own: returns its exit code. */
static int apart(int (*fn)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fn());
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int with_nothing_open(void)
{
    close(0);
    close(1);
    close(2);
    int status = status_of("for n in 0 1 2; do [ /dev/null -ef /proc/$$/fd/$n ] || exit 3; done");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static void a_parent_without_standard_descriptors_still_gives_them(void **state)
{
    assert_int_equal(apart(with_nothing_open), 0);
}

static void what_cannot_be_started_says_why(void **state)
{
    const char *const argv[] = {"x", NULL};
    struct child_fd many[17] = {{0, 0}};
    struct child child;
    struct err err;
    struct child_spec spec = {.path = "/nowhere/x", .argv = argv};

    assert_fails(child_start(&child, &spec, &err), err, ERR_INTERNAL, "internal");
    assert_non_null(strstr(err.text, "/nowhere/x"));
    assert_non_null(strstr(err.text, "No such file"));
    spec = (struct child_spec){.path = "/bin/true", .argv = argv, .cwd = "/nowhere"};
    assert_fails(child_start(&child, &spec, &err), err, ERR_INTERNAL, "internal");
    const struct child_fd closed = {999999, 5}, odd = {0, -1};
    spec = (struct child_spec){.path = "/bin/true", .argv = argv, .fds = &closed, .n_fds = 1};
    assert_fails(child_start(&child, &spec, &err), err, ERR_INTERNAL, "internal");
    spec.fds = &odd;
    assert_fails(child_start(&child, &spec, &err), err, ERR_INTERNAL, "internal");
    spec = (struct child_spec){.path = "/bin/true", .argv = argv, .fds = many, .n_fds = 17};
    assert_fails(child_start(&child, &spec, &err), err, ERR_INTERNAL, "too_many_fds");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left behind */
    assert_int_equal(errno, ECHILD);
}

static void the_end_is_told_as_it_was(void **state)
{
    int status = status_of("exit 7");

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    status = status_of("kill -TERM $$");
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void start_cat(struct child *child, int *end)
{
    const char *const argv[] = {"cat", NULL};
    struct err err;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const struct child_fd in = {ends[0], 0};
    struct child_spec spec = {.path = "/bin/cat", .argv = argv, .fds = &in, .n_fds = 1};
    assert_works(child_start(child, &spec, &err), err);
    close(ends[0]);
    *end = ends[1];
}

static void what_does_not_end_in_time_is_ended(void **state)
{
    int64_t start = clock_mono_ms();
    struct child child;
    struct err err;
    int end, status = -1;

    start_cat(&child, &end);
    assert_fails(child_wait(&child, 50, &status, &err), err, ERR_TIMEOUT, "child_slow");
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(clock_mono_ms() - start >= 50);
    child_kill(&child, SIGTERM); /* it is gone: nobody else is hit */
    child_close(&child);
    child_close(&child);
    child_kill(&child, SIGTERM);
    close(end);
}

static void a_signal_reaches_it(void **state)
{
    struct child child;
    struct err err;
    int end, status = -1;

    start_cat(&child, &end);
    child_kill(&child, SIGINT);
    assert_works(child_wait(&child, WAIT_MS, &status, &err), err);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
    child_close(&child);
    close(end);
}

static void signals_and_session_are_its_own(void **state)
{
    const char *const argv[] = {"sh", "-c",
                                "read -r pid name state parent group session rest < /proc/$$/stat; "
                                "[ $session = $$ ] || echo in our session; "
                                "grep -E 'SigBlk|SigIgn' /proc/$$/status",
                                NULL};
    struct child_spec spec = {.path = "/bin/sh", .argv = argv, .new_session = 1};
    sigset_t all, old;

    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    sigprocmask(SIG_SETMASK, &all, &old);
    void (*pipe_was)(int) = signal(SIGPIPE, SIG_IGN);
    struct text t = output(&spec);
    signal(SIGPIPE, pipe_was);
    sigprocmask(SIG_SETMASK, &old, NULL);
    assert_text(t, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void it_runs_as_who_was_told_without_our_groups(void **state)
{
    const char *const argv[] = {"sh", "-c", "id -u; id -g; id -G", NULL};
    struct child_spec spec = {.path = "/bin/sh", .argv = argv, .uid = 65534, .gid = 65533};

    if (geteuid() != 0)
        skip();
    const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    spec.env = env;
    assert_text(output(&spec), "65534\n65533\n65533\n");
}

static int without_pidfd(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
    const char *const argv[] = {"sleep", "60", NULL};
    struct child_spec spec = {.path = "/bin/sleep", .argv = argv};
    struct child child = {.pid = 0, .pidfd = -1};
    struct err err = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        return 1;
    if (child_start(&child, &spec, &err) == 0)
        return 2;
    if (strstr(err.text, "Too many open files") == NULL)
        return 3;
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 4; /* it was ended */
}

static void a_child_that_cannot_be_watched_is_not_left_running(void **state)
{
    assert_int_equal(apart(without_pidfd), 0);
}

#define child_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    child_test(arguments_and_environment_are_exactly_those_given),
    child_test(it_starts_in_the_folder_told_or_the_root),
    child_test(descriptors_arrive_under_any_numbers),
    child_test(no_other_descriptor_is_passed_on),
    child_test(a_parent_without_standard_descriptors_still_gives_them),
    child_test(what_cannot_be_started_says_why),
    child_test(the_end_is_told_as_it_was),
    child_test(what_does_not_end_in_time_is_ended),
    child_test(a_signal_reaches_it),
    child_test(signals_and_session_are_its_own),
    child_test(it_runs_as_who_was_told_without_our_groups),
    child_test(a_child_that_cannot_be_watched_is_not_left_running),
};
UNIT_MAIN(tests)
