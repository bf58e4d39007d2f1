#include "tenants/warden/logfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void logfile_init(struct logfile *log, int dir)
{
    *log = (struct logfile){.dir = dir, .fd = -1};
}

static void open_current(struct logfile *log)
{
    struct stat st;

    log->fd = openat(log->dir, LOGFILE_NAME,
                     O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (log->fd >= 0 && (fstat(log->fd, &st) != 0 || !S_ISREG(st.st_mode)))
        logfile_close(log);
    else if (log->fd >= 0)
        log->bytes = st.st_size;
}

static void rotate(struct logfile *log)
{
    char from[32], to[32];

    logfile_close(log);
    for (int i = LOGFILE_OLD; i > 0; i--) {
        snprintf(to, sizeof(to), LOGFILE_NAME ".%d", i);
        snprintf(from, sizeof(from), i > 1 ? LOGFILE_NAME ".%d" : LOGFILE_NAME, i - 1);
        (void)renameat(log->dir, from, log->dir, to);
    }
}

static int stamp(char *out, size_t size)
{
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    return snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", tm.tm_year + 1900,
                    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                    (int)(now.tv_nsec / 1000000));
}

void logfile_line(struct logfile *log, struct text line)
{
    static char whole[LOGFILE_LINE + 64];
    size_t at = (size_t)stamp(whole, sizeof(whole)), n = line.len;

    n = n < LOGFILE_LINE ? n : LOGFILE_LINE;
    if (n > 0)
        memcpy(whole + at, line.base, n);
    at += n;
    whole[at++] = '\n';
    if (log->fd < 0)
        open_current(log);
    if (log->fd >= 0 && log->bytes > 0 && log->bytes + (int64_t)at > LOGFILE_BYTES) {
        rotate(log);
        open_current(log);
    }
    ssize_t done = log->fd < 0 ? -1 : write(log->fd, whole, at);
    if (done > 0)
        log->bytes += done;
}

void logfile_close(struct logfile *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}
