#include "tenants/sandbox/etc.h"

#include "core/err.h"
#include "tenants/sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_FILE_MAX 65536
#define ZONES "/usr/share/zoneinfo/"

static int put(int root, const char *path, const void *p, size_t n)
{
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        return -1;
    ssize_t done = write(fd, p, n);
    close(fd);
    return done == (ssize_t)n ? 0 : -1;
}

static int putf(int root, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int putf(int root, const char *path, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        return errno = EOVERFLOW, -1;
    return put(root, path, text, (size_t)n);
}

/* A copy, so that a resolver file that is replaced on the host later shows nothing else here. */
static int copy_host_file(int root, const char *from, const char *to)
{
    static char content[HOST_FILE_MAX];
    int fd = open(from, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return put(root, to, "", 0);
    ssize_t n = read(fd, content, sizeof(content));
    close(fd);
    return n < 0 ? -1 : put(root, to, content, (size_t)n);
}

static bool is_address(const char *host)
{
    unsigned char raw[16];

    return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

static int put_resolver(int root, const struct sandbox_spec *spec)
{
    const char *host = spec->public_host;

    if (spec->host_network)
        return copy_host_file(root, "/etc/resolv.conf", "etc/resolv.conf") != 0 ||
                       copy_host_file(root, "/etc/hosts", "etc/hosts") != 0 ||
                       put(root, "etc/nsswitch.conf", "hosts: files dns\n", 17) != 0
                   ? -1
                   : 0;
    if (put(root, "etc/resolv.conf", "", 0) != 0 ||
        put(root, "etc/nsswitch.conf", "hosts: files\n", 13) != 0)
        return -1;
    if (host == NULL || strcmp(host, "localhost") == 0 || is_address(host))
        return putf(root, "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
    return putf(root, "etc/hosts", "127.0.0.1 localhost %s\n::1 localhost %s\n", host, host);
}

const char *etc_zone(char *out, unsigned n)
{
    char link[256];
    ssize_t len = readlink("/etc/localtime", link, sizeof(link) - 1);

    link[len > 0 ? len : 0] = '\0';
    if (strncmp(link, ZONES, sizeof(ZONES) - 1) == 0 && strstr(link, "..") == NULL)
        snprintf(out, n, "%s", link + sizeof(ZONES) - 1);
    else
        snprintf(out, n, "UTC");
    return out;
}

int etc_write(int root, const struct sandbox_spec *spec, struct err *err)
{
    char zone[256];

    etc_zone(zone, sizeof(zone));
    if (mkdirat(root, "etc", 0755) != 0 || mkdirat(root, "etc/ssl", 0755) != 0 ||
        putf(root, "etc/passwd",
             "root:x:0:0:root:/:/bin/false\nnode-red:x:%u:%u::/data:/bin/sh\n"
             "nobody:x:65534:65534:nobody:/:/bin/false\n",
             spec->uid, spec->gid) != 0 ||
        putf(root, "etc/group", "root:x:0:\nnode-red:x:%u:\nnogroup:x:65534:\n", spec->gid) != 0 ||
        put_resolver(root, spec) != 0 || copy_host_file(root, "/etc/services", "etc/services") != 0)
        return err_errno(err, "cannot write the sandbox's /etc");
    char target[300];
    snprintf(target, sizeof(target), ZONES "%s", zone);
    if (symlinkat(target, root, "etc/localtime") != 0 ||
        putf(root, "etc/timezone", "%s\n", zone) != 0)
        return err_errno(err, "cannot write the sandbox's time zone");
    return 0;
}
