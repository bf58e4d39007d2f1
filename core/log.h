/*
 * One line per event on standard error: time, level, area, message, key=value pairs.
 * Library code does not log; requests log once at their end, background work where it ends.
 * Thread-safe; a line is one write(2). Control characters in values are escaped.
 */
#pragma once

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_level_set(enum log_level least);
/* pairs is a printf format of "key=%s …", or NULL. */
void log_line(enum log_level level, const char *area, const char *message, const char *pairs, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(area, message, ...) log_line(LOG_LEVEL_DEBUG, area, message, __VA_ARGS__)
#define log_info(area, message, ...) log_line(LOG_LEVEL_INFO, area, message, __VA_ARGS__)
#define log_warn(area, message, ...) log_line(LOG_LEVEL_WARN, area, message, __VA_ARGS__)
#define log_error(area, message, ...) log_line(LOG_LEVEL_ERROR, area, message, __VA_ARGS__)
