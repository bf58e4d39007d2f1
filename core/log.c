#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"

#define LINE_MAX_BYTES 4096

static atomic_int least_level = LOG_LEVEL_INFO;

struct line {
    size_t len;
    char bytes[LINE_MAX_BYTES];
};

void log_level_set(enum log_level least)
{
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

/* What would move a terminal's cursor or begin a new line is shown, not done: bytes below 0x20,
 * 0x7f, C1 controls and whatever is not UTF-8. A line that is too long ends early. */
static void add(struct line *line, struct text t)
{
    static const char digits[] = "0123456789abcdef";

    while (t.len > 0 && line->len + 8 < LINE_MAX_BYTES) {
        unsigned char c = (unsigned char)t.base[0];
        size_t n = 1;
        bool plain = c >= 0x20 && c < 0x7f;
        if (c >= 0x80) {
            while (n < 4 && n < t.len && ((unsigned char)t.base[n] & 0xc0) == 0x80)
                n++;
            bool c1 = c == 0xc2 && n == 2 && (unsigned char)t.base[1] < 0xa0;
            plain = !c1 && text_is_utf8(text_n(t.base, n));
            if (!plain)
                n = 1;
        }
        if (plain) {
            memcpy(line->bytes + line->len, t.base, n);
            line->len += n;
        } else {
            char escape[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
            memcpy(line->bytes + line->len, escape, sizeof(escape));
            line->len += sizeof(escape);
        }
        t = text_sub(t, n, t.len - n);
    }
}

static void add_time(struct line *line)
{
    char stamp[40];
    struct tm tm;
    int64_t ms = clock_wall_ms();
    time_t seconds = (time_t)(ms / 1000);

    gmtime_r(&seconds, &tm);
    size_t n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(stamp + n, sizeof(stamp) - n, ".%03dZ", (int)(ms % 1000));
    add(line, text_of(stamp));
}

void log_line(enum log_level level, const char *area, const char *message, const char *pairs, ...)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct line line = {0};
    char values[LINE_MAX_BYTES];
    int saved = errno;
    va_list ap;

    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    add_time(&line);
    add(&line, TEXT(" "));
    add(&line, text_of(levels[level]));
    add(&line, TEXT(" "));
    add(&line, text_of(area));
    add(&line, TEXT(" "));
    add(&line, text_of(message));
    if (pairs != NULL) {
        va_start(ap, pairs);
        int n = vsnprintf(values, sizeof(values), pairs, ap);
        va_end(ap);
        add(&line, TEXT(" "));
        if (n > 0)
            add(&line, text_of(values));
    }
    line.bytes[line.len++] = '\n';
    while (write(STDERR_FILENO, line.bytes, line.len) < 0 && errno == EINTR)
        continue;
    errno = saved;
}
