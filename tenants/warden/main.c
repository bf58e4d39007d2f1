/*
 * redhouse-warden: started by the broker with a record and numbered descriptors (record.h), never
 * by hand.
 */
#include "core/err.h"
#include "tenants/warden/instance.h"
#include "tenants/warden/job.h"
#include "tenants/warden/record.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void terminate_texts(struct warden_record *r)
{
    r->id[sizeof(r->id) - 1] = '\0';
    r->public_host[sizeof(r->public_host) - 1] = '\0';
    r->node_options[sizeof(r->node_options) - 1] = '\0';
    r->subdir[sizeof(r->subdir) - 1] = '\0';
}

/* SIGTERM is read where the loop runs; a terminal's signals and a full pipe concern others. */
static void set_signals(void)
{
    sigset_t term;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_SETMASK, &term, NULL);
}

static void say(const struct warden_report *report)
{
    (void)!write(WARDEN_FD_REPORT, report, sizeof(*report));
    close(WARDEN_FD_REPORT);
}

static void fail(struct warden_report *report, const struct err *err)
{
    report->status = -1;
    snprintf(report->code, sizeof(report->code), "%s", err->code);
    snprintf(report->text, sizeof(report->text), "%s", err->text);
}

/* Every number keeps its meaning: one that was not given is not taken by something else either. */
static void reserve_numbers(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = WARDEN_FD_RECORD; fd < WARDEN_FD_END; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            dup3(null, fd, O_CLOEXEC);
    if (null >= WARDEN_FD_END)
        close(null);
}

static int run_instance(const struct warden_record *record, struct warden_report *report)
{
    static struct instance in;
    struct err err;

    if (instance_start(&in, record, &err) != 0) {
        logfile_line(&in.log, text_of(err.text));
        fail(report, &err);
        say(report);
        return 1;
    }
    say(report);
    return instance_run(&in, &err) == 0 ? 0 : 1;
}

int main(void)
{
    static struct warden_record record;
    struct warden_report report = {.status = 0};

    if (read(WARDEN_FD_RECORD, &record, sizeof(record)) != (ssize_t)sizeof(record) ||
        record.version != WARDEN_RECORD_VERSION) {
        fprintf(stderr, "redhouse-warden is started by the redhouse server, not by hand\n");
        return 2;
    }
    reserve_numbers();
    terminate_texts(&record);
    set_signals();
    int rc = 0;
    if (record.kind == WARDEN_INSTANCE) {
        rc = run_instance(&record, &report);
    } else {
        job_run(&record, &report);
        say(&report);
    }
    _exit(rc);
}
