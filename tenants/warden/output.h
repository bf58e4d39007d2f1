/*
 * What the sandbox writes to its standard output and error: lines into the log, at a bounded pace.
 */
#pragma once

struct err;
struct logfile;
struct loop;
struct output;

struct output *output_open(struct loop *loop, int fd, struct logfile *log, struct err *err);
/* Takes what is still in the pipe, some megabyte at most. */
void output_drain(struct output *output);
void output_close(struct output *output);
