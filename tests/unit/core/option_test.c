#include "tests/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/option.h"
#include "core/pool.h"

struct config {
    const char *domain;
    const char *data;
    int64_t workers;
    bool secure;
    int64_t idle_ms;
    int64_t body_bytes;
};

#define AT(field) offsetof(struct config, field)
static const struct option table[] = {
    {"domain", OPTION_TEXT, 1, 20, "localhost", NULL, "The host name | of the portal.", AT(domain)},
    {"data", OPTION_PATH, 0, 0, NULL, NULL, "The data folder.", AT(data)},
    {"workers", OPTION_INT, 1, 64, "4", "threads", "Workers.", AT(workers)},
    {"secure", OPTION_BOOL, 0, 0, "false", NULL, "TLS only.", AT(secure)},
    {"idle-after", OPTION_DURATION_MS, 1000, 86400000, "30m", NULL, "Sleeps then.", AT(idle_ms)},
    {"body-max", OPTION_BYTES, 1, (int64_t)1 << 30, "64M", NULL, "Ceiling.", AT(body_bytes)},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

static struct pool *pool;
static struct config config;
static char file[64];
static int rest;

static int setup(void **state)
{
    pool = pool_new();
    config = (struct config){.data = "unset"};
    rest = -1;
    snprintf(file, sizeof(file), "/tmp/redhouse-option-XXXXXX");
    close(mkstemp(file));
    return 0;
}

static int teardown(void **state)
{
    unlink(file);
    unsetenv("REDHOUSE_IDLE_AFTER");
    unsetenv("REDHOUSE_WORKERS");
    pool_free(pool);
    return 0;
}

static int read_args(struct err *err, const char *path, const char *const *args)
{
    char *argv[16] = {0};

    for (size_t i = 0; args[i] != NULL; i++)
        argv[i] = pool_strdup(pool, args[i]);
    int words = option_read(table, ROWS, &config, pool, path, argv, err);
    if (words < 0)
        return -1;
    rest = words;
    return 0;
}
#define READ(err, path, ...) read_args(err, path, (const char *const[]){__VA_ARGS__, NULL})

static int parse(struct err *err, const char *content)
{
    return option_parse_file(table, ROWS, &config, pool, text_of(content), err);
}

static void presets_fill_what_nobody_gives(void **state)
{
    struct err err;

    assert_works(READ(&err, NULL, NULL), err);
    assert_string_equal(config.domain, "localhost");
    assert_string_equal(config.data, "unset");
    assert_int_equal(config.workers, 4);
    assert_false(config.secure);
    assert_int_equal(config.idle_ms, 1800000);
    assert_int_equal(config.body_bytes, 64 << 20);
    assert_int_equal(rest, 0);
}

static void flags_beat_environment_beats_file(void **state)
{
    struct err err;

    assert_works(
        file_replace(file, TEXT("workers = 2\nidle-after=2m\ndomain=from.file\n"), 0600, &err),
        err);
    setenv("REDHOUSE_WORKERS", "3", 1);
    setenv("REDHOUSE_IDLE_AFTER", "3m", 1);
    assert_works(READ(&err, file, "--workers", "5", "--secure", "--body-max=1k", "serve", "--x"),
                 err);
    assert_string_equal(config.domain, "from.file");
    assert_int_equal(config.idle_ms, 180000);
    assert_int_equal(config.workers, 5);
    assert_true(config.secure);
    assert_int_equal(config.body_bytes, 1024);
    assert_int_equal(rest, 4);
}

static void two_dashes_end_the_flags(void **state)
{
    struct err err;

    assert_works(READ(&err, NULL, "--secure=no", "--", "--workers"), err);
    assert_int_equal(rest, 2);
    assert_false(config.secure);
}

static void what_is_wrong_is_named_and_nothing_is_touched(void **state)
{
    struct err err;

    assert_fails(READ(&err, NULL, "--nope", "1"), err, ERR_INVALID, "unknown_option");
    assert_string_equal(err.text, "There is no flag --nope.");
    assert_fails(READ(&err, NULL, "--workers"), err, ERR_INVALID, "bad_option");
    assert_string_equal(err.text, "--workers needs a value.");
    assert_fails(READ(&err, NULL, "--workers", "65"), err, ERR_INVALID, "bad_option");
    assert_string_equal(err.text, "--workers must be between 1 and 64.");
    assert_fails(READ(&err, NULL, "--idle-after", "5"), err, ERR_INVALID, "bad_option");
    assert_fails(READ(&err, NULL, "--idle-after", "999ms"), err, ERR_INVALID, "bad_option");
    assert_string_equal(err.text, "--idle-after must be between 1s and 1d.");
    assert_fails(READ(&err, NULL, "--body-max", "2G"), err, ERR_INVALID, "bad_option");
    assert_string_equal(err.text, "--body-max must be between 1 and 1G.");
    assert_fails(READ(&err, NULL, "--body-max", "9999999999T"), err, ERR_INVALID, "bad_option");
    assert_fails(READ(&err, NULL, "--secure=maybe"), err, ERR_INVALID, "bad_option");
    assert_fails(READ(&err, NULL, "--data="), err, ERR_INVALID, "bad_option");
    assert_fails(READ(&err, NULL, "--domain", "a\nb"), err, ERR_INVALID, "bad_option");
    assert_fails(READ(&err, NULL, "--domain", "aaaaaaaaaaaaaaaaaaaaa"), err, ERR_INVALID,
                 "bad_option");
    setenv("REDHOUSE_WORKERS", "many", 1);
    assert_fails(READ(&err, NULL, "--workers", "5"), err, ERR_INVALID, "bad_option");
    assert_string_equal(err.text, "REDHOUSE_WORKERS: workers must be a whole number.");
    assert_null(config.domain);
    assert_int_equal(config.workers, 0);
    assert_int_equal(rest, -1);
}

static void a_file_has_keys_comments_and_any_line_ends(void **state)
{
    struct err err;

    assert_works(
        parse(&err, "# comment\r\n\r\n  workers\t=  7 \r\n domain = a = b # c\n#x\ndata=/d"), err);
    assert_int_equal(config.workers, 7);
    assert_string_equal(config.domain, "a = b # c");
    assert_string_equal(config.data, "/d");
    assert_works(parse(&err, ""), err);
}

static void a_wrong_file_names_its_line(void **state)
{
    struct err err;

    assert_fails(parse(&err, "workers=7\nnope=1\n"), err, ERR_INVALID, "unknown_option");
    assert_string_equal(err.text, "Line 2: there is no option \"nope\".");
    assert_int_equal(config.workers, 0);
    assert_fails(parse(&err, "workers 7"), err, ERR_INVALID, "bad_option");
    assert_fails(parse(&err, "= 7"), err, ERR_INVALID, "unknown_option");
    assert_fails(parse(&err, "workers=7\nworkers=7"), err, ERR_INVALID, "bad_option");
    assert_string_equal(err.text, "Line 2: workers stands there twice.");
    assert_fails(parse(&err, "domain=\xff"), err, ERR_INVALID, "bad_option");
    assert_fails(parse(&err, "workers="), err, ERR_INVALID, "bad_option");
    assert_works(file_replace(file, TEXT("\n\nworkers = x\n"), 0600, &err), err);
    assert_int_equal(READ(&err, file, NULL), -1);
    assert_non_null(strstr(err.text, file));
    assert_non_null(strstr(err.text, "Line 3: workers must be a whole number."));
    unlink(file);
    assert_fails(READ(&err, file, NULL), err, ERR_NOT_FOUND, "not_found");
}

static void the_table_describes_itself(void **state)
{
    auto_buf struct buf b;

    buf_init(&b, 10000);
    option_describe(table, ROWS, &b);
    assert_non_null(strstr(b.base, "| `domain` | text, 1 to 20 bytes | `localhost` | The host name "
                                   "\\| of the portal. |\n"));
    assert_non_null(strstr(b.base, "| `data` | path | | The data folder. |\n"));
    assert_non_null(strstr(b.base, "| `workers` | number (threads), 1 to 64 | `4` | Workers. |\n"));
    assert_non_null(
        strstr(b.base, "| `idle-after` | duration, 1s to 1d | `30m` | Sleeps then. |\n"));
    assert_non_null(strstr(b.base, "| `body-max` | bytes, 1 to 1G | `64M` | Ceiling. |\n"));
    assert_non_null(strstr(b.base, "| `secure` | true or false | `false` | TLS only. |\n"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(presets_fill_what_nobody_gives),
    T(flags_beat_environment_beats_file),
    T(two_dashes_end_the_flags),
    T(what_is_wrong_is_named_and_nothing_is_touched),
    T(a_file_has_keys_comments_and_any_line_ends),
    T(a_wrong_file_names_its_line),
    T(the_table_describes_itself),
};
UNIT_MAIN(tests)
