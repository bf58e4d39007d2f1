/*
 * Tries system calls that a sandbox should refuse (and a few that it should not) and prints what
 * each came to, as one JSON object: {"unshare": "EPERM", "inet": ""}. Linked statically, to be run
 * inside.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *name, long rc)
{
    static const char *comma = "";

    printf("%s\"%s\": \"%s\"", comma, name, rc < 0 ? strerrorname_np(errno) : "");
    comma = ", ";
}

int main(void)
{
    char none[256] = {0};

    printf("{");
    say("io_uring_setup", syscall(SYS_io_uring_setup, 1, none));
    say("unshare", unshare(CLONE_NEWUSER));
    say("mount", syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
    say("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0));
    say("bpf", syscall(SYS_bpf, 0, none, sizeof(none)));
    say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    say("userfaultfd", syscall(SYS_userfaultfd, 1));
    say("setns", setns(0, 0));
    say("clone_newuser", syscall(SYS_clone, CLONE_NEWUSER, NULL, NULL, NULL, 0));
    say("clone3", syscall(SYS_clone3, none, 64));
    say("open_tree", syscall(SYS_open_tree, -1, "/", 0));
    say("personality", syscall(SYS_personality, 0x0040000));
    say("packet", socket(AF_PACKET, SOCK_RAW, 0));
    say("alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
    say("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    say("netlink_audit", socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
    say("netlink_route", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    say("inet", socket(AF_INET, SOCK_STREAM, 0));
    say("unix", socket(AF_UNIX, SOCK_STREAM, 0));
    say("tiocsti", ioctl(0, TIOCSTI, none));
    printf("}\n");
    return 0;
}
