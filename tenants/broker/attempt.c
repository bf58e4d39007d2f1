#include "tenants/broker/attempt.h"

#include "core/pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void on_time(void *arg)
{
    struct attempt *a = arg;

    if (!a->try_it(a)) {
        a->left--;
        loop_timer_set(a->broker->loop, &a->timer, ATTEMPT_MS);
        return;
    }
    for (int i = 0; i < 2; i++)
        if (a->asked.fds[i] >= 0)
            close(a->asked.fds[i]);
    free(a);
}

void attempt_begin(struct broker *b, const struct asked *asked, unsigned ms,
                   bool (*try_it)(struct attempt *a))
{
    struct attempt *a = xcalloc(1, sizeof(*a));

    a->broker = b;
    a->asked = *asked;
    for (int i = 0; i < 2; i++)
        if (asked->fds[i] >= 0)
            a->asked.fds[i] = fcntl(asked->fds[i], F_DUPFD_CLOEXEC, 3);
    a->left = ms / ATTEMPT_MS;
    a->try_it = try_it;
    a->timer = (struct loop_timer){.fn = on_time, .arg = a};
    on_time(a);
}
