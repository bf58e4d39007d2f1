#include "tenants/sandbox/netns.h"

#include "core/err.h"

#include <arpa/inet.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int loopback_up(int fd)
{
    struct ifreq r = {.ifr_name = "lo"};

    if (ioctl(fd, SIOCGIFFLAGS, &r) != 0)
        return -1;
    r.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &r);
}

static int add_v4(int fd, struct in_addr address)
{
    struct ifreq r = {.ifr_name = "lo:1"};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = address};

    /* 127/8 is local already. */
    if ((ntohl(address.s_addr) >> 24) == 127)
        return 0;
    memcpy(&r.ifr_addr, &in, sizeof(in));
    if (ioctl(fd, SIOCSIFADDR, &r) != 0)
        return -1;
    in.sin_addr.s_addr = 0xffffffff;
    memcpy(&r.ifr_netmask, &in, sizeof(in));
    return ioctl(fd, SIOCSIFNETMASK, &r);
}

static int add_v6(const struct in6_addr *address)
{
    struct in6_ifreq r = {.ifr6_addr = *address, .ifr6_prefixlen = 128, .ifr6_ifindex = 1};

    if (IN6_IS_ADDR_LOOPBACK(address))
        return 0;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int rc = ioctl(fd, SIOCSIFADDR, &r);
    close(fd);
    return rc;
}

int netns_enter(const char *address, struct err *err)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (unshare(CLONE_NEWNET) != 0)
        return err_errno(err, "cannot make a network namespace");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || loopback_up(fd) != 0) {
        err_errno(err, "cannot bring up the loopback");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int rc = 0;
    if (inet_pton(AF_INET, address, &v4) == 1)
        rc = add_v4(fd, v4);
    else if (inet_pton(AF_INET6, address, &v6) == 1)
        rc = add_v6(&v6);
    if (rc != 0)
        err_errno(err, "cannot make %s local in the sandbox", address);
    close(fd);
    return rc;
}
