/* Sockets: to make one at all, to reach somebody with it, to look at the network of the machine. */
#include "tests/escape/attack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static char room[4096];

/* Refused by the other end, or no answer yet: the packet left the sandbox, which is what counts. */
static long reached(int result)
{
    return result == 0 || errno == ECONNREFUSED || errno == EINPROGRESS || errno == ETIMEDOUT ? 0 : -1;
}

static long connect_four(const char *host, int port, int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, host, &address.sin_addr);
    return fd < 0 ? -1 : reached(connect(fd, (struct sockaddr *)&address, sizeof address));
}

static long connect_ssh(void) { return connect_four("127.0.0.1", 22, SOCK_STREAM); }
static long connect_gateway(void) { return connect_four("127.0.0.1", (int)attack_target(), SOCK_STREAM); }
static long connect_metadata(void) { return connect_four("169.254.169.254", 80, SOCK_STREAM); }
static long connect_name_server(void) { return connect_four("8.8.8.8", 53, SOCK_DGRAM); }

static long connect_six(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(22), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

    return fd < 0 ? -1 : reached(connect(fd, (struct sockaddr *)&address, sizeof address));
}

static long listen_for_strangers(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
}

/* -- local sockets -- */

static struct sockaddr_un address_of(const char *path, socklen_t *ret_length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path[0] ? strlen(path) : 1 + strlen(path + 1);

    memcpy(address.sun_path, path, length);
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return address;
}

static long connect_path(const char *path)
{
    socklen_t length;
    struct sockaddr_un address = address_of(path, &length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, length);
}

/* The test listens at both. */
static long connect_file(void) { return connect_path("/run/vitrine-escape.sock"); }
static long connect_abstract(void) { return connect_path("\0vitrine-escape"); }

/* D3: one worker listens under an abstract name, another connects: a channel between two demos. */
static long listen_abstract(void)
{
    socklen_t length;
    struct sockaddr_un address = address_of("\0vitrine-sibling", &length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0)
        return -1;
    return listen(fd, 1);
}

static long connect_sibling(void)
{
    return connect_path("\0vitrine-sibling");
}

static long pairs_without_end(void)
{
    int pair[2];

    for (int i = 0; i < 256; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
            return -1;
    return 0;
}

/* -- the machine's network -- */

static long raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
}

/* The kernel answers a netlink request with a message of its own; its error becomes ours. */
static long add_link(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
        struct rtattr name;
        char text[8];
        struct rtattr kind;
        struct rtattr type;
        char word[8];
    } request = {.header = {sizeof request, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1, 0},
                 .info = {.ifi_family = AF_UNSPEC},
                 .name = {4 + 8, IFLA_IFNAME}, .text = "vtn0",
                 .kind = {4 + 4 + 8, IFLA_LINKINFO}, .type = {4 + 8, IFLA_INFO_KIND}, .word = "dummy"};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

    if (fd < 0 || write(fd, &request, sizeof request) < 0 || read(fd, &answer, sizeof answer) < 0)
        return -1;
    errno = -answer.error.error;
    /* A kernel without dummy interfaces refuses after it has checked who asks. */
    return answer.error.error == 0 || errno == EOPNOTSUPP ? 0 : -1;
}

#define ATTACK_SOCKET(name, family, type, protocol) ATTACK_CALL(name, SYS_socket, family, type, protocol)

const struct attack attacks_network[] = {
    ATTACK("D1-ssh", connect_ssh),
    ATTACK("D1-gateway", connect_gateway),
    ATTACK("D1-metadata", connect_metadata),
    ATTACK("D1-name-server", connect_name_server),
    ATTACK("D1-six", connect_six),
    ATTACK("D1-listen", listen_for_strangers),
    ATTACK("D2-file", connect_file),
    ATTACK("D2-abstract", connect_abstract),
    ATTACK("D3-listen", listen_abstract),
    ATTACK("D3-connect", connect_sibling),
    ATTACK_SOCKET("D5-route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
    ATTACK_SOCKET("D5-audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT),
    ATTACK_SOCKET("D5-uevent", AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT),
    ATTACK_SOCKET("D5-netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
    ATTACK_SOCKET("D5-packet", AF_PACKET, SOCK_RAW, 0x300),
    ATTACK_SOCKET("D5-icmp", AF_INET, SOCK_RAW, 1),
    ATTACK_SOCKET("D5-ping", AF_INET, SOCK_DGRAM, 1),
    ATTACK_SOCKET("D5-alg", AF_ALG, SOCK_SEQPACKET, 0),
    ATTACK_SOCKET("D5-key", AF_KEY, SOCK_RAW, 2),
    ATTACK_SOCKET("D5-xdp", 44 /* AF_XDP */, SOCK_RAW, 0),
    ATTACK_SOCKET("D5-tipc", AF_TIPC, SOCK_STREAM, 0),
    ATTACK_SOCKET("D5-bluetooth", AF_BLUETOOTH, SOCK_RAW, 1),
    ATTACK_SOCKET("D5-can", AF_CAN, SOCK_RAW, 1),
    ATTACK_SOCKET("D5-smc", 43 /* AF_SMC */, SOCK_STREAM, 0),
    ATTACK_SOCKET("D5-mptcp", AF_INET, SOCK_STREAM, 262),
    ATTACK_SOCKET("D5-sctp", AF_INET, SOCK_STREAM, 132),
    ATTACK_SOCKET("D5-vsock", AF_VSOCK, SOCK_STREAM, 0),
    ATTACK_SOCKET("D5-qipcrtr", 42 /* AF_QIPCRTR */, SOCK_DGRAM, 0),
    ATTACK("D6-socketpairs", pairs_without_end),
    ATTACK_CALL("D6-listen", SYS_listen, 3, 1),
    ATTACK_CALL("D6-accept", SYS_accept4, 3, 0, 0, 0x800),
    ATTACK_CALL("D6-shutdown-other", SYS_shutdown, 0, 2),
    ATTACK_CALL("D6-getpeername", SYS_getpeername, 3, (long)room, (long)(room + 128)),
    ATTACK("D7-loopback", raise_loopback),
    ATTACK("D7-link", add_link),
    {0},
};
