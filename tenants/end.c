#include "tenants/end.h"

#include "core/digest.h"
#include "tenants/driver.h"

#include <stdio.h>

void end_describe(const struct instance_end *end, char *out, size_t n)
{
    static const char *const words[] = {
        [END_EXIT] = "Node-RED ended with status",
        [END_SIGNAL] = "Node-RED was ended by signal",
        [END_OOM] = "Node-RED needed more memory than its limit",
        [END_SANDBOX] = "The sandbox could not be set up",
        [END_LOST] = "Node-RED ended and left no word",
    };
    int used = end->kind == END_EXIT || end->kind == END_SIGNAL
                   ? snprintf(out, n, "%s %d", words[end->kind], end->code)
                   : snprintf(out, n, "%s", words[end->kind]);

    if (end->text[0] != '\0' && used > 0 && (size_t)used < n)
        snprintf(out + used, n - (size_t)used, ": %.90s", end->text);
}

int64_t end_backoff_ms(unsigned ends)
{
    int64_t ms = END_BACKOFF_FIRST_MS;
    unsigned char jitter;

    for (unsigned i = 1; i < ends && ms < END_BACKOFF_MOST_MS; i++)
        ms *= 2;
    random_bytes(&jitter, 1);
    return (ms < END_BACKOFF_MOST_MS ? ms : END_BACKOFF_MOST_MS) * (256 + jitter / 2) / 256;
}
