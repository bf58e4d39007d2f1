#include "core/option.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#define FILE_MAX_BYTES ((size_t)256 * 1024)
#define ENV_PREFIX "REDHOUSE_"

/* The strongest text seen for each option, so that the caller's struct is touched only when all is
 * well. Weaker sources come first and are checked too. */
struct reading {
    const struct option *table;
    size_t n;
    struct pool *pool;
    struct text *chosen; /* absent: nothing was given */
    struct err *err;
};

static int bad(struct reading *r, const char *where, const struct option *o, const char *wanted)
{
    return err_set(r->err, ERR_INVALID, "bad_option", "%s%s must be %s.", where, o->name, wanted);
}

static bool parse_bytes(struct text t, int64_t *out)
{
    static const char units[] = "kMGT";
    const char *unit = t.len > 0 ? strchr(units, t.base[t.len - 1]) : NULL;
    int shift = unit != NULL && *unit != '\0' ? (int)(unit - units + 1) * 10 : 0;
    int64_t n;

    if (shift > 0)
        t.len--;
    if (!text_number(t, 0, INT64_MAX >> shift, &n))
        return false;
    *out = n << shift;
    return true;
}

static bool parse_bool(struct text t, bool *out)
{
    if (text_is(t, "true") || text_is(t, "yes") || text_is(t, "on") || text_is(t, "1"))
        *out = true;
    else if (text_is(t, "false") || text_is(t, "no") || text_is(t, "off") || text_is(t, "0"))
        *out = false;
    else
        return false;
    return true;
}

static bool in_bounds(const struct option *o, int64_t n)
{
    return (o->min == 0 && o->max == 0) || (n >= o->min && n <= o->max);
}

static const char *in_unit(struct reading *r, const struct option *o, int64_t n)
{
    static const struct {
        int64_t ms;
        const char *name;
    } durations[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    static const char *const sizes[] = {"", "k", "M", "G", "T"};
    size_t size = 0;

    if (o->type == OPTION_BYTES) {
        for (; n != 0 && n % 1024 == 0 && size < 4; size++)
            n /= 1024;
        return pool_printf(r->pool, "%" PRId64 "%s", n, sizes[size]);
    }
    if (o->type != OPTION_DURATION_MS)
        return pool_printf(r->pool, "%" PRId64, n);
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
        if (n != 0 && n % durations[i].ms == 0)
            return pool_printf(r->pool, "%" PRId64 "%s", n / durations[i].ms, durations[i].name);
    return pool_printf(r->pool, "%" PRId64 "ms", n);
}

static int check_bounds(struct reading *r, const char *where, const struct option *o, int64_t n)
{
    if (in_bounds(o, n))
        return 0;
    return bad(
        r, where, o,
        pool_printf(r->pool, "between %s and %s", in_unit(r, o, o->min), in_unit(r, o, o->max)));
}

static int check_text(struct reading *r, const char *where, const struct option *o, struct text t)
{
    if (!text_is_utf8(t) || !text_is_printable(t))
        return bad(r, where, o, "printable text");
    if (o->type == OPTION_PATH && t.len == 0)
        return bad(r, where, o, "a path");
    if (in_bounds(o, (int64_t)t.len))
        return 0;
    return bad(r, where, o,
               pool_printf(r->pool, "%" PRId64 " to %" PRId64 " bytes long", o->min, o->max));
}

/* Checks t and, with out, stores it there. */
static int convert(struct reading *r, const char *where, const struct option *o, struct text t,
                   char *out)
{
    int64_t n = 0;
    bool on = false;

    switch (o->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
        if (check_text(r, where, o, t) != 0)
            return -1;
        if (out != NULL)
            *(const char **)(void *)(out + o->offset) = text_c(r->pool, t);
        return 0;
    case OPTION_BOOL:
        if (!parse_bool(t, &on))
            return bad(r, where, o, "true or false");
        if (out != NULL)
            *(bool *)(out + o->offset) = on;
        return 0;
    case OPTION_INT:
        if (!text_number(t, INT64_MIN, INT64_MAX, &n))
            return bad(r, where, o, "a whole number");
        break;
    case OPTION_DURATION_MS:
        if (!text_duration_ms(t, &n))
            return bad(r, where, o, "a duration such as 150ms, 20s, 5m, 12h or 30d");
        break;
    case OPTION_BYTES:
        if (!parse_bytes(t, &n))
            return bad(r, where, o, "a number of bytes such as 4096, 64k, 512M or 2G");
        break;
    }
    if (check_bounds(r, where, o, n) != 0)
        return -1;
    if (out != NULL)
        *(int64_t *)(void *)(out + o->offset) = n;
    return 0;
}

static const struct option *find(struct reading *r, struct text name)
{
    for (size_t i = 0; i < r->n; i++)
        if (text_is(name, r->table[i].name))
            return &r->table[i];
    return NULL;
}

static int choose(struct reading *r, const char *where, const struct option *o, struct text value)
{
    if (convert(r, where, o, value, NULL) != 0)
        return -1;
    r->chosen[o - r->table] = value;
    return 0;
}

static int parse_line(struct reading *r, struct text line, unsigned number, bool *given)
{
    const char *where = pool_printf(r->pool, "Line %u: ", number);
    size_t equals = text_find(line, '=', 0);
    struct text name = text_trim(text_sub(line, 0, equals));

    if (equals == SIZE_MAX)
        return err_set(r->err, ERR_INVALID, "bad_option",
                       "%sexpected \"key = value\", a comment or nothing.", where);
    const struct option *o = find(r, name);
    if (o == NULL)
        return err_set(r->err, ERR_INVALID, "unknown_option", "%sthere is no option \"%.*s\".",
                       where, TEXT_ARG(text_sub(name, 0, 80)));
    if (given[o - r->table])
        return err_set(r->err, ERR_INVALID, "bad_option", "%s%s stands there twice.", where,
                       o->name);
    given[o - r->table] = true;
    return choose(r, where, o, text_trim(text_sub(line, equals + 1, line.len)));
}

static int parse_content(struct reading *r, struct text content)
{
    bool *given = pool_zalloc(r->pool, r->n);
    struct text line;

    for (unsigned number = 1; text_cut(&content, '\n', &line); number++) {
        if (text_ends(line, "\r"))
            line.len--;
        line = text_trim(line);
        if (line.len == 0 || line.base[0] == '#')
            continue;
        if (!text_is_utf8(line))
            return err_set(r->err, ERR_INVALID, "bad_option", "Line %u is not UTF-8.", number);
        if (parse_line(r, line, number, given) != 0)
            return -1;
    }
    return 0;
}

static int read_file(struct reading *r, const char *path)
{
    struct buf content;
    struct err inner;

    buf_init(&content, FILE_MAX_BYTES);
    if (file_read(path, FILE_MAX_BYTES, &content, r->err) != 0) {
        buf_release(&content);
        return -1;
    }
    if (parse_content(r, buf_take(&content, r->pool)) == 0)
        return 0;
    if (r->err == NULL)
        return -1;
    inner = *r->err;
    return err_set(r->err, inner.kind, inner.code, "%s: %s", path, inner.text);
}

static int read_environ(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        char *name = pool_printf(r->pool, ENV_PREFIX "%s", r->table[i].name);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
        const char *value = getenv(name);
        if (value == NULL)
            continue;
        const char *where = pool_printf(r->pool, "%s: ", name);
        if (choose(r, where, &r->table[i], text_of(value)) != 0)
            return -1;
    }
    return 0;
}

/* One flag; *i moves on to its value when that is an argument of its own. */
static int read_flag(struct reading *r, char **argv, int *i)
{
    struct text flag = text_of(argv[*i] + 2), value = TEXT_NONE;
    size_t equals = text_find(flag, '=', 0);

    if (equals != SIZE_MAX) {
        value = text_sub(flag, equals + 1, flag.len);
        flag = text_sub(flag, 0, equals);
    }
    const struct option *o = find(r, flag);
    if (o == NULL)
        return err_set(r->err, ERR_INVALID, "unknown_option", "There is no flag --%.*s.",
                       TEXT_ARG(text_sub(flag, 0, 80)));
    if (value.base == NULL && o->type == OPTION_BOOL)
        value = TEXT("true");
    if (value.base == NULL) {
        if (argv[*i + 1] == NULL)
            return err_set(r->err, ERR_INVALID, "bad_option", "--%s needs a value.", o->name);
        value = text_of(argv[++*i]);
    }
    return choose(r, "--", o, value);
}

static int read_flags(struct reading *r, char **argv, int *rest)
{
    int i = 0;

    for (; argv[i] != NULL && strncmp(argv[i], "--", 2) == 0; i++) {
        if (argv[i][2] == '\0') {
            i++;
            break;
        }
        if (read_flag(r, argv, &i) != 0)
            return -1;
    }
    *rest = i;
    return 0;
}

static int read_presets(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->table[i].preset != NULL &&
            choose(r, "Default: ", &r->table[i], text_of(r->table[i].preset)) != 0)
            return -1;
    return 0;
}

static void store(struct reading *r, char *out)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->chosen[i].base != NULL)
            convert(r, "", &r->table[i], r->chosen[i], out);
}

static struct reading begin(const struct option *table, size_t n, struct pool *pool,
                            struct err *err)
{
    return (struct reading){
        .table = table,
        .n = n,
        .pool = pool,
        .chosen = pool_zalloc(pool, n * sizeof(struct text)),
        .err = err,
    };
}

int option_read(const struct option *table, size_t n, void *out, struct pool *pool,
                const char *file, char **argv, struct err *err)
{
    struct reading r = begin(table, n, pool, err);
    int used = 0;

    if (read_presets(&r) != 0 || (file != NULL && read_file(&r, file) != 0) ||
        read_environ(&r) != 0 || read_flags(&r, argv, &used) != 0)
        return -1;
    store(&r, out);
    return used;
}

int option_parse_file(const struct option *table, size_t n, void *out, struct pool *pool,
                      struct text content, struct err *err)
{
    struct reading r = begin(table, n, pool, err);

    if (parse_content(&r, content) != 0)
        return -1;
    store(&r, out);
    return 0;
}

static const char *type_name(enum option_type type)
{
    switch (type) {
    case OPTION_TEXT:
        return "text";
    case OPTION_PATH:
        return "path";
    case OPTION_INT:
        return "number";
    case OPTION_BOOL:
        return "true or false";
    case OPTION_DURATION_MS:
        return "duration";
    case OPTION_BYTES:
        return "bytes";
    }
    return "";
}

static void describe_values(struct reading *r, const struct option *o, struct buf *out)
{
    buf_str(out, type_name(o->type));
    if (o->unit != NULL)
        buf_printf(out, " (%s)", o->unit);
    if ((o->min == 0 && o->max == 0) || o->type == OPTION_BOOL)
        return;
    if (o->type == OPTION_TEXT || o->type == OPTION_PATH)
        buf_printf(out, ", %" PRId64 " to %" PRId64 " bytes", o->min, o->max);
    else
        buf_printf(out, ", %s to %s", in_unit(r, o, o->min), in_unit(r, o, o->max));
}

void option_describe(const struct option *table, size_t n, struct buf *out)
{
    auto_pool struct pool *pool = pool_new();
    struct reading r = begin(table, n, pool, NULL);

    buf_str(out, "| option | value | default | what it is |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "| `%s` | ", table[i].name);
        describe_values(&r, &table[i], out);
        if (table[i].preset != NULL && table[i].preset[0] != '\0')
            buf_printf(out, " | `%s` | ", table[i].preset);
        else
            buf_str(out, " | | ");
        for (const char *c = table[i].sentence; *c != '\0'; c++) {
            if (*c == '|')
                buf_char(out, '\\');
            buf_char(out, *c);
        }
        buf_str(out, " |\n");
    }
}
