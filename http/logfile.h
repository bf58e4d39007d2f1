/*
 * A log file over HTTP: its tail, or followed as events while it grows, also when it is rotated.
 * The caller has judged who asks. Used by instances and by builds.
 */
#pragma once

#include <stdbool.h>

struct call;

/* ?tail=N lines (1 to 5000, 200 by default), ?follow=true for events "line". Answers the call. path
 * is copied. Following ends, with an event "end", when nothing more will come: at once if `whole`,
 * or after the last line when the file was finished. */
void logfile_serve(struct call *c, const char *path, bool whole);
/* By who writes it, after the last line. */
void logfile_finish(int fd);
