#include "tenants/job.h"

#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"
#include "tenants/broker/client.h"
#include "tenants/keeper.h"
#include "tenants/tenants.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOB_MEMORY (1024ll << 20)
#define JOB_PIDS 128
#define JOB_DEADLINE_MS (5 * 60000)

static int run(struct tenants *tenants, struct broker_request *request, const int *fds, unsigned n,
               int *exit_code, struct err *err)
{
    struct broker_reply reply;

    request->verb = BROKER_JOB;
    request->memory_bytes = JOB_MEMORY;
    request->cpu_percent = 100;
    request->pids = JOB_PIDS;
    request->deadline_ms = JOB_DEADLINE_MS;
    if (broker_client_call(keeper_broker(tenants->keeper), request, fds, n, &reply, err) != 0)
        return -1;
    *exit_code = reply.exit_code;
    return 0;
}

int tenants_job_git(struct tenants *tenants, const char *job, const char *repository,
                    struct text input, int log, int *exit_code, struct err *err)
{
    struct broker_request request = {.job_kind = BROKER_JOB_GIT};
    auto_close int fd = memfd_create("git", MFD_CLOEXEC);

    if (fd < 0)
        return err_errno(err, "The job's input cannot be made");
    if (file_write_all(fd, input.base, input.len, err) != 0)
        return -1;
    lseek(fd, 0, SEEK_SET);
    snprintf(request.id, sizeof(request.id), "%s", job);
    snprintf(request.subdir, sizeof(request.subdir), "%s", repository);
    return run(tenants, &request, (const int[]){log, fd}, 2, exit_code, err);
}

int tenants_job_pack(struct tenants *tenants, const char *job, const char *subdir, int log,
                     int *exit_code, struct err *err)
{
    struct broker_request request = {.job_kind = BROKER_JOB_PACK};

    snprintf(request.id, sizeof(request.id), "%s", job);
    snprintf(request.stack, sizeof(request.stack), "%s", tenants->config.default_stack);
    snprintf(request.subdir, sizeof(request.subdir), "%s", subdir);
    return run(tenants, &request, &log, 1, exit_code, err);
}

void tenants_job_clean(struct tenants *tenants, const char *job)
{
    struct broker_request request = {.verb = BROKER_JOB_CLEAN};
    struct broker_reply reply;
    struct err ignored;

    snprintf(request.id, sizeof(request.id), "%s", job);
    (void)broker_client_call(keeper_broker(tenants->keeper), &request, NULL, 0, &reply, &ignored);
}
