/*
 * The broker's door: whatever passes is what its verbs rely on.
 */
#include "tenants/broker/broker.h"
#include "tenants/broker/check.h"
#include "tests/fuzz/fuzz.h"

#include "core/err.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool inside(int64_t n, int64_t min, int64_t max)
{
    return n >= min && n <= max;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct broker_request r;
    struct err err;
    size_t n = size < sizeof(r) ? size : sizeof(r);

    memset(&r, 0, sizeof(r));
    memcpy(&r, data, n);
    if (check_request(&r, size, &err) != 0)
        return 0;
    must(size == sizeof(r));
    must(r.verb == BROKER_STACK_REMOVE || check_id(r.id));
    if (r.verb == BROKER_START || r.verb == BROKER_JOB) {
        must(inside(r.memory_bytes, BROKER_MEMORY_MIN, BROKER_MEMORY_MAX));
        must(inside(r.cpu_percent, 1, BROKER_CPU_MAX));
        must(inside(r.pids, BROKER_PIDS_MIN, BROKER_PIDS_MAX));
    }
    if (r.verb == BROKER_START) {
        must(check_name(r.stack) && check_name(r.plugins));
        must(strpbrk(r.public_host, " \t\r\n/#") == NULL);
        must(strpbrk(r.node_options, "\t\r\n/\"'\\") == NULL);
    }
    if (r.verb == BROKER_JOB)
        must(strstr(r.subdir, "..") == NULL || strstr(r.subdir, "/../") == NULL);
    return 0;
}
