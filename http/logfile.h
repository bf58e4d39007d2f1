/*
 * A log file over HTTP: its tail, or followed as events while it grows, also when it is rotated.
 * The caller has judged who asks. Used by instances and by builds.
 */
#pragma once

struct call;

/* ?tail=N lines (1 to 5000, 200 by default), ?follow=true for events "line". Answers the call. path
 * is copied. */
void logfile_serve(struct call *c, const char *path);
