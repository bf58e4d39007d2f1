/*
 * How the sandbox ended: judged from process 1's report, its own exit and the cgroup; written to
 * end.json.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct sandbox_report;

struct end {
    const char *kind; /* "exit", "signal", "oom": static */
    int code;
    char text[160];
};

/* report: NULL when process 1 ended without a word. killed: the warden itself did it. */
void end_judge(struct end *end, const struct sandbox_report *report, int64_t oom_kills, bool killed,
               const char *last_words);
/* {"kind":…,"code":…,"text":…,"at":ms,"generation":N} */
void end_write(struct buf *out, const struct end *end, int64_t at_ms, int64_t generation);
/* Into the current folder, synced, whole or not at all. */
int end_save(const struct buf *json);
