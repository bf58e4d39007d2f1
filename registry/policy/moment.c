#include "registry/policy/moment.h"

/* Days since 1970 of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, year = y - era * 400;
    int64_t day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

static bool cut(struct text *t, size_t digits, const char *ends, int64_t min, int64_t max,
                int64_t *out)
{
    if (t->len <= digits || !text_has(text_of(ends), t->base[digits]) ||
        !text_number(text_sub(*t, 0, digits), min, max, out))
        return false;
    *t = text_sub(*t, digits, t->len);
    if (t->base[0] != '.' && t->base[0] != 'Z')
        *t = text_sub(*t, 1, t->len);
    return true;
}

int64_t moment_read(struct text iso)
{
    int64_t y, mo, d, h, mi, s, ms = 0;
    struct text t = iso;
    if (!cut(&t, 4, "-", 1970, 9999, &y) || !cut(&t, 2, "-", 1, 12, &mo) ||
        !cut(&t, 2, "T", 1, 31, &d) || !cut(&t, 2, ":", 0, 23, &h) ||
        !cut(&t, 2, ":", 0, 59, &mi) || !cut(&t, 2, ".Z", 0, 60, &s))
        return 0;
    if (t.base[0] == '.' && (t.len < 5 || !text_number(text_sub(t, 1, 3), 0, 999, &ms)))
        return 0;
    return ((days_of(y, mo, d) * 24 + h) * 60 + mi) * 60000 + s * 1000 + ms;
}
