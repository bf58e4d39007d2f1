#include "registry/semver.h"

#define NUMBER_MAX 9007199254740991 /* the largest integer of JavaScript */
#define MAX_COMPARATORS 32          /* of one alternative; more is refused */

enum op { OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE };

struct comparator {
    enum op op;
    struct semver v;
};

struct comparators {
    struct comparator all[MAX_COMPARATORS];
    size_t n;
    bool never; /* holds "<0.0.0-0": nothing matches */
};

/* A version whose parts may be missing or x; what stands behind the first missing part does not
 * count. */
struct partial {
    struct semver v;
    unsigned given;  /* numbers that are there: 0 to 3 */
    bool disordered; /* a number stands behind an x: "1.x.3" */
};

static const struct text LOWEST = {"0", 1};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool all_digits(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!is_digit(t.base[i]))
            return false;
    return t.len > 0;
}

/* Cuts what is made of identifier characters and dots off the front. */
static struct text cut_identifiers(struct text *t)
{
    size_t n = 0;
    while (n < t->len && (is_identifier_char(t->base[n]) || t->base[n] == '.'))
        n++;
    struct text out = text_sub(*t, 0, n);
    *t = text_sub(*t, n, t->len);
    return out;
}

static bool identifiers_ok(struct text t, bool numeric_strict)
{
    struct text rest = t, part;
    if (t.len == 0)
        return false;
    while (text_cut(&rest, '.', &part)) {
        if (part.len == 0)
            return false;
        if (numeric_strict && part.len > 1 && part.base[0] == '0' && all_digits(part))
            return false;
    }
    return t.base[t.len - 1] != '.';
}

static bool cut_number(struct text *t, int64_t *out)
{
    size_t n = 0;
    while (n < t->len && is_digit(t->base[n]))
        n++;
    if (n == 0 || n > 16 || (n > 1 && t->base[0] == '0'))
        return false;
    if (!text_number(text_sub(*t, 0, n), 0, NUMBER_MAX, out))
        return false;
    *t = text_sub(*t, n, t->len);
    return true;
}

static bool cut_char(struct text *t, char c)
{
    if (t->len == 0 || t->base[0] != c)
        return false;
    *t = text_sub(*t, 1, t->len);
    return true;
}

static bool cut_pre(struct text *t, struct semver *v)
{
    v->pre = text_sub(*t, 0, 0);
    if (!cut_char(t, '-'))
        return true;
    v->pre = cut_identifiers(t);
    return identifiers_ok(v->pre, true);
}

static bool cut_build(struct text *t, struct semver *v)
{
    v->build = text_sub(*t, 0, 0);
    if (!cut_char(t, '+'))
        return true;
    v->build = cut_identifiers(t);
    return identifiers_ok(v->build, false);
}

bool semver_parse(struct text t, struct semver *out)
{
    struct semver v = {0};
    if (t.len == 0 || t.len > SEMVER_MAX)
        return false;
    if (!cut_number(&t, &v.major) || !cut_char(&t, '.') || !cut_number(&t, &v.minor) ||
        !cut_char(&t, '.') || !cut_number(&t, &v.patch) || !cut_pre(&t, &v) || !cut_build(&t, &v) ||
        t.len > 0)
        return false;
    *out = v;
    return true;
}

static int cmp_int(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static struct text without_zeros(struct text t)
{
    while (t.len > 1 && t.base[0] == '0')
        t = text_sub(t, 1, t.len);
    return t;
}

static int cmp_identifier(struct text a, struct text b)
{
    bool a_number = all_digits(a), b_number = all_digits(b);
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (!a_number)
        return text_cmp(a, b);
    a = without_zeros(a);
    b = without_zeros(b);
    return a.len != b.len ? (a.len < b.len ? -1 : 1) : text_cmp(a, b);
}

static int cmp_pre(struct text a, struct text b)
{
    if (a.len == 0 || b.len == 0)
        return a.len == b.len ? 0 : (a.len > 0 ? -1 : 1);
    for (;;) {
        struct text x, y;
        bool has_x = text_cut(&a, '.', &x), has_y = text_cut(&b, '.', &y);
        if (!has_x || !has_y)
            return has_x == has_y ? 0 : (has_x ? 1 : -1);
        int order = cmp_identifier(x, y);
        if (order != 0)
            return order;
    }
}

int semver_cmp(const struct semver *a, const struct semver *b)
{
    int order = cmp_int(a->major, b->major);
    if (order == 0)
        order = cmp_int(a->minor, b->minor);
    if (order == 0)
        order = cmp_int(a->patch, b->patch);
    return order != 0 ? order : cmp_pre(a->pre, b->pre);
}

/* Ranges. */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(struct text *t)
{
    while (t->len > 0 && is_space(t->base[0]))
        *t = text_sub(*t, 1, t->len);
}

static bool cut_x(struct text *t)
{
    return cut_char(t, 'x') || cut_char(t, 'X') || cut_char(t, '*');
}

/* One number or x of a partial version. */
static bool cut_part(struct text *t, int64_t *number, unsigned index, struct partial *p)
{
    if (cut_x(t))
        return true;
    if (!cut_number(t, number))
        return false;
    if (p->given == index)
        p->given = index + 1;
    else
        p->disordered = true;
    return true;
}

static bool cut_parts(struct text *t, struct partial *p)
{
    if (!cut_part(t, &p->v.major, 0, p))
        return false;
    if (!cut_char(t, '.'))
        return true;
    if (!cut_part(t, &p->v.minor, 1, p))
        return false;
    if (!cut_char(t, '.'))
        return true;
    return cut_part(t, &p->v.patch, 2, p) && cut_pre(t, &p->v);
}

static bool cut_partial(struct text *t, struct partial *p)
{
    memset(p, 0, sizeof *p);
    while (cut_char(t, 'v') || cut_char(t, '='))
        ;
    if (!cut_parts(t, p) || !cut_build(t, &p->v))
        return false;
    if (p->given < 3)
        p->v.pre = TEXT_NONE;
    return t->len == 0 || is_space(t->base[0]);
}

static bool add(struct comparators *set, enum op op, int64_t major, int64_t minor, int64_t patch,
                struct text pre)
{
    if (set->n == MAX_COMPARATORS)
        return false;
    set->all[set->n++] =
        (struct comparator){op, {.major = major, .minor = minor, .patch = patch, .pre = pre}};
    return true;
}

/* At least p, whose missing numbers are 0. */
static bool add_from(struct comparators *set, const struct partial *p)
{
    return add(set, OP_GE, p->v.major, p->given > 1 ? p->v.minor : 0, p->given > 2 ? p->v.patch : 0,
               p->v.pre);
}

static bool add_below(struct comparators *set, int64_t major, int64_t minor, int64_t patch)
{
    return add(set, OP_LT, major, minor, patch, LOWEST);
}

static bool add_plain(struct comparators *set, enum op op, const struct partial *p)
{
    const struct semver *v = &p->v;
    if (p->disordered)
        return false;
    if (p->given == 0) {
        if (op == OP_GT || op == OP_LT)
            set->never = true;
        return true;
    }
    if (p->given == 3)
        return add(set, op, v->major, v->minor, v->patch, v->pre);
    int64_t minor = p->given > 1 ? v->minor : 0;
    int64_t up_major = p->given == 1 ? v->major + 1 : v->major;
    int64_t up_minor = p->given == 1 ? 0 : minor + 1;
    switch (op) {
    case OP_GT:
        return add(set, OP_GE, up_major, up_minor, 0, TEXT_NONE);
    case OP_LE:
        return add_below(set, up_major, up_minor, 0);
    case OP_LT:
        return add_below(set, v->major, minor, 0);
    case OP_GE:
        return add_from(set, p);
    case OP_EQ:
        break;
    }
    return add_from(set, p) && add_below(set, up_major, up_minor, 0);
}

static bool add_tilde(struct comparators *set, const struct partial *p)
{
    if (p->given == 0)
        return true;
    return add_from(set, p) && (p->given == 1 ? add_below(set, p->v.major + 1, 0, 0)
                                              : add_below(set, p->v.major, p->v.minor + 1, 0));
}

static bool add_caret(struct comparators *set, const struct partial *p)
{
    const struct semver *v = &p->v;
    if (p->given == 0)
        return true;
    if (!add_from(set, p))
        return false;
    if (v->major > 0 || p->given == 1)
        return add_below(set, v->major + 1, 0, 0);
    if (v->minor > 0 || p->given == 2)
        return add_below(set, 0, v->minor + 1, 0);
    return add_below(set, 0, 0, v->patch + 1);
}

static bool add_hyphen(struct comparators *set, const struct partial *from,
                       const struct partial *to)
{
    if (from->given > 0 && !add_from(set, from))
        return false;
    switch (to->given) {
    case 0:
        return true;
    case 1:
        return add_below(set, to->v.major + 1, 0, 0);
    case 2:
        return add_below(set, to->v.major, to->v.minor + 1, 0);
    default:
        return add(set, OP_LE, to->v.major, to->v.minor, to->v.patch, to->v.pre);
    }
}

/* "1.2 - 2": true when it was one (well-formed or not, *ok says). */
static bool parse_hyphen(struct text t, struct comparators *set, bool *ok)
{
    for (size_t i = 1; i + 1 < t.len; i++) {
        if (t.base[i] != '-' || !is_space(t.base[i - 1]) || !is_space(t.base[i + 1]))
            continue;
        struct text left = text_sub(t, 0, i), right = text_sub(t, i + 1, t.len);
        struct partial from, to;
        *ok = cut_partial(&left, &from);
        skip_space(&left);
        skip_space(&right);
        *ok = *ok && left.len == 0 && cut_partial(&right, &to);
        skip_space(&right);
        *ok = *ok && right.len == 0 && add_hyphen(set, &from, &to);
        return true;
    }
    return false;
}

static bool parse_one(struct text *t, struct comparators *set)
{
    struct partial p;
    if (cut_char(t, '~')) {
        skip_space(t);
        cut_char(t, '>');
        skip_space(t);
        return cut_partial(t, &p) && add_tilde(set, &p);
    }
    if (cut_char(t, '^')) {
        skip_space(t);
        return cut_partial(t, &p) && add_caret(set, &p);
    }
    enum op op = OP_EQ;
    if (cut_char(t, '<'))
        op = cut_char(t, '=') ? OP_LE : OP_LT;
    else if (cut_char(t, '>'))
        op = cut_char(t, '=') ? OP_GE : OP_GT;
    else
        cut_char(t, '=');
    skip_space(t);
    return cut_partial(t, &p) && add_plain(set, op, &p);
}

static bool parse_alternative(struct text t, struct comparators *set)
{
    bool ok;
    set->n = 0;
    set->never = false;
    skip_space(&t);
    if (parse_hyphen(t, set, &ok))
        return ok;
    while (t.len > 0) {
        if (!parse_one(&t, set))
            return false;
        skip_space(&t);
    }
    return true;
}

static bool holds(const struct comparator *c, const struct semver *v)
{
    int order = semver_cmp(v, &c->v);
    switch (c->op) {
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    case OP_GE:
        return order >= 0;
    case OP_EQ:
        break;
    }
    return order == 0;
}

static bool set_holds(const struct comparators *set, const struct semver *v, bool all)
{
    bool pre_allowed = all || v->pre.len == 0;
    if (set->never)
        return false;
    for (size_t i = 0; i < set->n; i++) {
        const struct comparator *c = &set->all[i];
        if (!holds(c, v))
            return false;
        /* A prerelease matches only where somebody asked for one of the same numbers. */
        if (c->v.pre.len > 0 && c->v.major == v->major && c->v.minor == v->minor &&
            c->v.patch == v->patch)
            pre_allowed = true;
    }
    return pre_allowed;
}

/* Walks the alternatives: 1 some matches (v NULL: is well-formed), 0 none, -1 malformed. all: also
 * prereleases that nobody asked for. */
static int range_judge(const struct semver *v, struct text range, bool all)
{
    struct comparators set;
    int found = 0;
    if (range.len > SEMVER_MAX)
        return -1;
    for (size_t from = 0;;) {
        size_t bar = from;
        while (bar < range.len &&
               !(range.base[bar] == '|' && bar + 1 < range.len && range.base[bar + 1] == '|'))
            bar++;
        if (!parse_alternative(text_sub(range, from, bar - from), &set))
            return -1;
        if (v == NULL || set_holds(&set, v, all))
            found = 1;
        if (bar >= range.len)
            return found;
        from = bar + 2;
    }
}

bool semver_is_range(struct text range)
{
    return range_judge(NULL, range, false) > 0;
}

bool semver_satisfies(const struct semver *version, struct text range)
{
    return range_judge(version, range, false) > 0;
}

bool semver_covers(const struct semver *version, struct text range)
{
    return range_judge(version, range, true) > 0;
}
