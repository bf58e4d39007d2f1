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
