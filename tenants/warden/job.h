/*
 * A warden of a one-shot job: fetch a repository, pack a package, install a stack. Its end is
 * reported to the broker, with which it also ends.
 */
#pragma once

struct warden_record;
struct warden_report;

void job_run(const struct warden_record *record, struct warden_report *report);
