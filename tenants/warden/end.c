#include "tenants/warden/end.h"

#include "core/json.h"
#include "tenants/sandbox/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void end_judge(struct end *end, const struct sandbox_report *report, int64_t oom_kills, bool killed,
               const char *last_words)
{
    bool by_kill = report == NULL || (report->kind == SANDBOX_KILLED && report->code == SIGKILL);

    *end = (struct end){.kind = "signal", .code = SIGKILL};
    if (report != NULL) {
        end->kind = report->kind == SANDBOX_EXITED ? "exit" : "signal";
        end->code = report->code;
    }
    snprintf(end->text, sizeof(end->text), "%s", last_words);
    if (!by_kill || killed || oom_kills == 0)
        return;
    end->kind = "oom";
    if (last_words[0] == '\0')
        snprintf(end->text, sizeof(end->text), "it needed more memory than its limit");
}

void end_write(struct buf *out, const struct end *end, int64_t at_ms, int64_t generation)
{
    struct json_writer w;

    json_writer_init(&w, out);
    json_open(&w);
    json_put_str(&w, "kind", end->kind);
    json_put_int(&w, "code", end->code);
    json_put_str(&w, "text", end->text);
    json_put_int(&w, "at", at_ms);
    json_put_int(&w, "generation", generation);
    json_close(&w);
}

int end_save(const struct buf *json)
{
    static const char temp[] = "end.json.new";

    (void)unlink(temp);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool ok = write(fd, json->base, json->len) == (ssize_t)json->len && fsync(fd) == 0;
    close(fd);
    if (!ok || rename(temp, "end.json") != 0)
        return -1;
    int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    int rc = fsync(dir);
    close(dir);
    return rc;
}
