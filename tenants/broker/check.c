#include "tenants/broker/check.h"

#include "core/err.h"
#include "tenants/broker/broker.h"

struct flag {
    const char *name;
    int64_t min, max; /* max 0: no value */
};

/* Of V8 and Node.js what a stack may want to tune, and nothing that loads code or opens ports. */
static const struct flag flags[] = {
    {"--max-old-space-size", 16, 1 << 20},
    {"--max-semi-space-size", 1, 1024},
    {"--v8-pool-size", 0, 64},
    {"--stack-trace-limit", 0, 1000},
    {"--max-http-header-size", 4096, 1 << 20},
    {"--no-warnings", 0, 0},
    {"--no-deprecation", 0, 0},
    {"--trace-warnings", 0, 0},
    {"--trace-deprecation", 0, 0},
    {"--trace-uncaught", 0, 0},
    {"--enable-source-maps", 0, 0},
    {"--jitless", 0, 0},
    {"--no-network-family-autoselection", 0, 0},
};

static bool all_of(const char *s, const char *extra)
{
    for (; *s != '\0'; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || strchr(extra, *s) != NULL))
            return false;
    return true;
}

bool check_id(const char *id)
{
    return strlen(id) == BROKER_ID - 1 && all_of(id, "");
}

bool check_name(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n < BROKER_NAME && all_of(name, "@._-") && strstr(name, "..") == NULL &&
           name[0] != '.';
}

static bool check_host(const char *host)
{
    size_t n = strlen(host);

    return n > 0 && n < 254 && all_of(host, ".-:") && host[0] != '-' && host[0] != '.';
}

static bool check_flag(struct text word)
{
    struct text name, value = word;
    int64_t n;
    bool has_value = text_has(word, '=');

    (void)text_cut(&value, '=', &name);
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (text_is(name, flags[i].name))
            return flags[i].max == 0
                       ? !has_value
                       : has_value && text_number(value, flags[i].min, flags[i].max, &n);
    return false;
}

bool check_node_options(struct text options)
{
    struct text word;

    if (options.len == 0)
        return true;
    while (text_cut(&options, ' ', &word))
        if (!check_flag(word))
            return false;
    return true;
}

bool check_subdir(struct text path)
{
    struct text part;

    if (path.len == 0)
        return true;
    if (!text_is_printable(path) || !text_is_utf8(path))
        return false;
    while (text_cut(&path, '/', &part))
        if (part.len == 0 || text_is(part, "..") || text_is(part, "."))
            return false;
    return true;
}

static int refuse(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "bad_request", "The broker refuses the request: %s.", what);
}

static bool terminated(const char *s, size_t n)
{
    return memchr(s, '\0', n) != NULL;
}

static int check_texts(const struct broker_request *r, struct err *err)
{
    if (!terminated(r->id, sizeof(r->id)) || !terminated(r->stack, sizeof(r->stack)) ||
        !terminated(r->plugins, sizeof(r->plugins)) ||
        !terminated(r->public_host, sizeof(r->public_host)) ||
        !terminated(r->node_options, sizeof(r->node_options)) ||
        !terminated(r->subdir, sizeof(r->subdir)))
        return refuse(err, "a text has no end");
    if (r->verb != BROKER_STACK_REMOVE && !check_id(r->id))
        return refuse(err, "the id is malformed");
    return 0;
}

static int check_limits(const struct broker_request *r, struct err *err)
{
    if (r->memory_bytes < BROKER_MEMORY_MIN || r->memory_bytes > BROKER_MEMORY_MAX)
        return refuse(err, "the memory limit is out of bounds");
    if (r->cpu_percent < 1 || r->cpu_percent > BROKER_CPU_MAX)
        return refuse(err, "the CPU limit is out of bounds");
    if (r->pids < BROKER_PIDS_MIN || r->pids > BROKER_PIDS_MAX)
        return refuse(err, "the process limit is out of bounds");
    return 0;
}

static int check_address(const struct broker_request *r, struct err *err)
{
    if (!check_host(r->public_host))
        return refuse(err, "the public host name is malformed");
    if (r->public_port < 1 || r->public_port > 65535)
        return refuse(err, "the public port is out of bounds");
    return 0;
}

static int check_start(const struct broker_request *r, struct err *err)
{
    if (!check_name(r->stack) || !check_name(r->plugins))
        return refuse(err, "the stack's or the plugins' name is malformed");
    if (r->generation < 0)
        return refuse(err, "the generation is out of bounds");
    if (!check_node_options(text_of(r->node_options)))
        return refuse(err, "the Node.js options name a flag or value that is not allowed");
    return check_address(r, err) != 0 ? -1 : check_limits(r, err);
}

static int check_job(const struct broker_request *r, struct err *err)
{
    if (r->job_kind > BROKER_JOB_UNPACK)
        return refuse(err, "there is no such kind of job");
    if (r->job_kind != BROKER_JOB_GIT && r->job_kind != BROKER_JOB_UNPACK && !check_name(r->stack))
        return refuse(err, "the stack's name is malformed");
    if (!check_subdir(text_of(r->subdir)))
        return refuse(err, "the package's folder is malformed");
    if (r->deadline_ms < 100 || r->deadline_ms > BROKER_DEADLINE_MAX_MS)
        return refuse(err, "the deadline is out of bounds");
    if (r->job_kind == BROKER_JOB_STACK && check_address(r, err) != 0)
        return -1;
    return check_limits(r, err);
}

int check_request(const struct broker_request *request, size_t n, struct err *err)
{
    if (n != sizeof(*request) || request->version != BROKER_VERSION)
        return refuse(err, "it is of another version");
    if (check_texts(request, err) != 0)
        return -1;
    switch (request->verb) {
    case BROKER_PREPARE:
    case BROKER_REMOVE:
    case BROKER_KILL:
    case BROKER_JOB_KILL:
    case BROKER_JOB_CLEAN:
        return 0;
    case BROKER_START:
        return check_start(request, err);
    case BROKER_JOB:
        return check_job(request, err);
    case BROKER_STACK_COMMIT:
    case BROKER_STACK_REMOVE:
        return check_name(request->stack) ? 0 : refuse(err, "the stack's name is malformed");
    default:
        return refuse(err, "there is no such verb");
    }
}
