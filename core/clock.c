#include "core/clock.h"

#include <time.h>

#include "core/pool.h"

/* The span that four digits of year can show. */
#define FIRST_MS (-62135596800000LL)
#define LAST_MS 253402300799999LL

static int64_t now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    return now(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return now(CLOCK_MONOTONIC);
}

/* Splits into UTC fields; returns the milliseconds left. */
static int split(int64_t wall_ms, struct tm *tm)
{
    if (wall_ms < FIRST_MS)
        wall_ms = FIRST_MS;
    if (wall_ms > LAST_MS)
        wall_ms = LAST_MS;
    int64_t ms = wall_ms % 1000;
    if (ms < 0)
        ms += 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    gmtime_r(&seconds, tm);
    return (int)ms;
}

char *clock_iso(struct pool *pool, int64_t wall_ms)
{
    struct tm tm;
    int ms = split(wall_ms, &tm);

    return pool_printf(pool, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}

char *clock_http(struct pool *pool, int64_t wall_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    split(wall_ms, &tm);
    return pool_printf(pool, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + tm.tm_wday * 3,
                       tm.tm_mday, months + tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                       tm.tm_sec);
}

/* Days from 1970 to a day of the proleptic calendar; years begin in March. */
static int64_t days_to(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "746Z", "7Z" or "": milliseconds. */
static bool take_fraction(struct text t, int64_t *ms)
{
    static const int64_t scale[] = {0, 100, 10, 1};
    int64_t n = 0;

    if (!text_ends(t, "Z"))
        return false;
    struct text all = text_sub(t, 0, t.len - 1), first = text_sub(all, 0, 3);
    if (all.len == 0 || all.len > 9 || !text_number(all, 0, INT64_MAX, &n) ||
        !text_number(first, 0, 999, &n) || all.base[0] == '-')
        return false;
    *ms = n * scale[first.len];
    return true;
}

bool clock_parse_iso(struct text t, int64_t *wall_ms)
{
    static const struct {
        size_t at, len;
        int64_t min, max;
        char after;
    } parts[] = {{0, 4, 1, 9999, '-'}, {5, 2, 1, 12, '-'},  {8, 2, 1, 31, 'T'},
                 {11, 2, 0, 23, ':'},  {14, 2, 0, 59, ':'}, {17, 2, 0, 60, '\0'}};
    int64_t v[6], ms = 0;

    if (t.len < 20 || t.len > 30)
        return false;
    for (size_t i = 0; i < 6; i++) {
        struct text part = text_sub(t, parts[i].at, parts[i].len);
        if (part.base[0] == '-' || !text_number(part, parts[i].min, parts[i].max, &v[i]) ||
            (parts[i].after != '\0' && t.base[parts[i].at + parts[i].len] != parts[i].after))
            return false;
    }
    if (t.base[19] == '.' ? !take_fraction(text_sub(t, 20, t.len), &ms)
                          : t.len != 20 || t.base[19] != 'Z')
        return false;
    *wall_ms = ((days_to(v[0], v[1], v[2]) * 24 + v[3]) * 60 + v[4]) * 60000 + v[5] * 1000 + ms;
    return true;
}
