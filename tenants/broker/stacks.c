/*
 * The verbs about stacks.
 */
#include "core/err.h"
#include "tenants/broker/folders.h"
#include "tenants/broker/helper.h"
#include "tenants/broker/state.h"
#include "tenants/broker/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct commit {
    struct broker *broker;
    const char *id, *name;
};

static int commit(void *arg, struct warden_report *report, struct err *err)
{
    const struct commit *c = arg;
    struct broker *b = c->broker;
    char from[64];
    struct stat st;

    snprintf(from, sizeof(from), ".job-%s", c->id);
    int dir = folder_open(b->stacks, from, err);
    if (dir < 0 || tree_harden(dir, err) != 0)
        return -1;
    if (fstatat(dir, "bin/node", &st, 0) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
        return err_set(err, ERR_UNPROCESSABLE, "bad_stack", "The job left no executable bin/node.");
    if (syncfs(dir) != 0)
        return err_errno(err, "cannot sync the stack");
    if (renameat2(b->stacks, from, b->stacks, c->name, RENAME_NOREPLACE) != 0)
        return errno == EEXIST
                   ? err_set(err, ERR_CONFLICT, "stack_exists", "There is a stack %s.", c->name)
                   : err_errno(err, "cannot name the stack %s", c->name);
    return fsync(b->stacks) == 0 ? 0 : err_errno(err, "cannot sync the stacks folder");
}

static void on_done(struct helper *h)
{
    struct err err = {.kind = ERR_INTERNAL, .code = h->report.code};

    if (h->report.status == 0) {
        broker_reply_ok(h->broker, h->serial, 0);
        return;
    }
    snprintf(err.text, sizeof(err.text), "%s", h->report.text);
    broker_reply_err(h->broker, h->serial, &err);
}

void stack_commit(struct broker *b, const struct asked *asked)
{
    const struct broker_request *r = &asked->request;
    struct commit c = {b, r->id, r->stack};
    struct err err;

    if (helper_find(b, r->id) != NULL) {
        err_set(&err, ERR_CONFLICT, "job_runs", "The job still runs.");
        broker_reply_err(b, r->serial, &err);
        return;
    }
    struct helper *h = helper_new(b, r->id, r->serial);
    h->on_end = on_done;
    if (helper_fork(h, commit, &c, &err) == 0)
        return;
    broker_reply_err(b, r->serial, &err);
    helper_free(h);
}

static int remove_stack(void *arg, struct warden_report *report, struct err *err)
{
    struct helper *h = arg;
    char gone[80];

    /* Out of sight first, so that nothing starts on half of one. */
    snprintf(gone, sizeof(gone), ".gone-%s", h->id);
    if (renameat(h->broker->stacks, h->id, h->broker->stacks, gone) != 0 && errno != ENOENT)
        return err_errno(err, "cannot remove the stack %s", h->id);
    return tree_remove(h->broker->stacks, gone, err);
}

void stack_remove(struct broker *b, const struct asked *asked)
{
    struct err err;
    struct helper *h = helper_new(b, asked->request.stack, asked->request.serial);

    h->on_end = on_done;
    if (helper_fork(h, remove_stack, h, &err) == 0)
        return;
    broker_reply_err(b, asked->request.serial, &err);
    helper_free(h);
}
