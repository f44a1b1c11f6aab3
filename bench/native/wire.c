// The kernel's floor for wiring a workload: netlink messages from C, timed without anything else.
//
//   wire least|same NETNS...      one namespace path per run; prints microseconds per run
//
// least: what makes it work. Two sends per run: in the host a pair with its far end inside the namespace, its device configuration and
// the /32 route; inside, links up, address, gateway route, default route and the permanent neighbour.
// same: all that the dataplane sends (WiringMessages). The link's group, alias, IPv6 gateway address and accept_ra, with which it is known
// and kept, and, in a third send, the workload's neighbour entry and the carriers' settling, without which first packets are lost.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IFLA_INET_CONF
#define IFLA_INET_CONF 1
#endif

static char buffer[16384];
static int used, messages;
static struct nlmsghdr *message;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}
static void begin(int type, int flags, const void *head, int length) {
  message = (struct nlmsghdr *)(buffer + used);
  memset(message, 0, NLMSG_HDRLEN);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  message->nlmsg_seq = ++messages;
  used += NLMSG_HDRLEN;
  memcpy(buffer + used, head, length);
  used += NLMSG_ALIGN(length);
}
static void end(void) { message->nlmsg_len = buffer + used - (char *)message; }
static int attribute(int type, const void *value, int length) {
  int at = used;
  struct rtattr *a = (struct rtattr *)(buffer + used);
  a->rta_type = type;
  a->rta_len = RTA_LENGTH(length);
  memset(RTA_DATA(a), 0, RTA_ALIGN(length));
  if (value) memcpy(RTA_DATA(a), value, length);
  used += RTA_ALIGN(a->rta_len);
  return at;
}
static int nest(int type) { return attribute(type | NLA_F_NESTED, NULL, 0); }
static void close_nest(int at) { ((struct rtattr *)(buffer + at))->rta_len = buffer + used - (buffer + at); }
static void number(int type, unsigned value) { attribute(type, &value, 4); }
static void text(int type, const char *value) { attribute(type, value, strlen(value) + 1); }

static void exchange(int fd, int wanted) {
  struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
  if (sendto(fd, buffer, used, 0, (struct sockaddr *)&kernel, sizeof kernel) != used) { perror("send"); exit(1); }
  char answer[16384];
  while (wanted > 0) {
    int length = recv(fd, answer, sizeof answer, 0);
    for (struct nlmsghdr *h = (struct nlmsghdr *)answer; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length))
      if (h->nlmsg_type == NLMSG_ERROR) {
        int error = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
        if (error) { fprintf(stderr, "message %u: %s\n", h->nlmsg_seq, strerror(-error)); exit(1); }
        wanted--;
      }
  }
  used = messages = 0;
}
static void interface(int type, int flags, int index, unsigned up) {
  struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = up, .ifi_change = up };
  begin(type, flags, &head, sizeof head);
}
static void route(int index, unsigned destination, int length, int scope, unsigned gateway, int protocol) {
  struct rtmsg head = { .rtm_family = AF_INET, .rtm_dst_len = length, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = protocol, .rtm_scope = scope, .rtm_type = RTN_UNICAST };
  begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof head);
  if (length) attribute(RTA_DST, &destination, 4);
  if (gateway) attribute(RTA_GATEWAY, &gateway, 4);
  number(RTA_OIF, index);
  end();
}
static void settle(int index) {
  interface(RTM_GETLINK, 0, index, 0);
  number(IFLA_EXT_MASK, 8 /* RTEXT_FILTER_SKIP_STATS */);
  end();
}
static void refuse_advertisements(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_ra", name);
  int file = open(path, O_WRONLY);
  if (file < 0 || write(file, "0", 1) != 1) { perror(path); exit(1); }
  close(file);
}

int main(int argc, char **argv) {
  if (argc < 2) { fprintf(stderr, "wire least|same NETNS...\n"); return 2; }
  int same = !strcmp(argv[1], "same");
  int home = open("/proc/self/ns/net", O_RDONLY), host = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  unsigned char mac[6] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee }, peer_mac[6] = { 2, 0, 0, 0, 0, 1 };
  unsigned char link_local[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0xec, 0xee, 0xee, 0xff, 0xfe, 0xee, 0xee, 0xee };
  unsigned gateway = inet_addr("169.254.1.1");
  for (int run = 1; run < argc - 1; run++) {
    int target = open(argv[run + 1], O_RDONLY);
    if (target < 0) { perror(argv[run + 1]); return 1; }
    int host_index = 500000 + run * 2, peer_index = host_index + 1;
    unsigned address = htonl(0x0a640000u + run);
    char name[IFNAMSIZ];
    snprintf(name, sizeof name, "wire%d", run);
    double begun = now();

    interface(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, host_index, IFF_UP);
    text(IFLA_IFNAME, name);
    number(IFLA_MTU, 1500);
    attribute(IFLA_ADDRESS, mac, 6);
    number(IFLA_NUM_TX_QUEUES, 1);
    number(IFLA_NUM_RX_QUEUES, 1);
    if (same) number(IFLA_GROUP, 0x63616c68);
    int info = nest(IFLA_LINKINFO);
    text(IFLA_INFO_KIND, "veth");
    int data = nest(IFLA_INFO_DATA), peer = nest(VETH_INFO_PEER);
    struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = peer_index };
    memcpy(buffer + used, &head, sizeof head);
    used += NLMSG_ALIGN(sizeof head);
    text(IFLA_IFNAME, "eth0");
    number(IFLA_MTU, 1500);
    attribute(IFLA_ADDRESS, peer_mac, 6);
    number(IFLA_NUM_TX_QUEUES, 1);
    number(IFLA_NUM_RX_QUEUES, 1);
    number(IFLA_NET_NS_FD, target);
    close_nest(peer); close_nest(data); close_nest(info);
    end();
    interface(RTM_SETLINK, 0, host_index, 0);
    if (same) text(IFLA_IFALIAS, "wire12345678901 bench:workload/eth0");
    int spec = nest(IFLA_AF_SPEC), inet = nest(AF_INET), conf = nest(IFLA_INET_CONF);
    number(1 /* IPV4_DEVCONF_FORWARDING */, 1);
    number(6 /* IPV4_DEVCONF_PROXY_ARP */, 1);
    if (same) number(26 /* IPV4_DEVCONF_ROUTE_LOCALNET */, 0);
    close_nest(conf); close_nest(inet);
    if (same) {
      unsigned char none = IN6_ADDR_GEN_MODE_NONE;
      int inet6 = nest(AF_INET6);
      attribute(IFLA_INET6_ADDR_GEN_MODE, &none, 1);
      close_nest(inet6);
    }
    close_nest(spec);
    end();
    if (same) {
      struct ifaddrmsg gateway6 = { .ifa_family = AF_INET6, .ifa_prefixlen = 64, .ifa_index = host_index, .ifa_flags = IFA_F_NODAD, .ifa_scope = RT_SCOPE_LINK };
      begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &gateway6, sizeof gateway6);
      attribute(IFA_LOCAL, link_local, 16);
      attribute(IFA_ADDRESS, link_local, 16);
      end();
    }
    route(host_index, address, 32, RT_SCOPE_LINK, 0, 80);
    exchange(host, messages);
    if (same) refuse_advertisements(name);

    if (setns(target, CLONE_NEWNET)) { perror("setns"); return 1; }
    int inside = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (setns(home, CLONE_NEWNET)) { perror("setns"); return 1; }
    interface(RTM_SETLINK, 0, 1, IFF_UP); end();
    interface(RTM_SETLINK, 0, peer_index, IFF_UP); end();
    struct ifaddrmsg own = { .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = peer_index };
    begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &own, sizeof own);
    attribute(IFA_LOCAL, &address, 4);
    attribute(IFA_ADDRESS, &address, 4);
    end();
    route(peer_index, gateway, 32, RT_SCOPE_LINK, 0, RTPROT_BOOT);
    route(peer_index, 0, 0, RT_SCOPE_UNIVERSE, gateway, RTPROT_BOOT);
    struct ndmsg neighbour = { .ndm_family = AF_INET, .ndm_ifindex = peer_index, .ndm_state = NUD_PERMANENT };
    begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &neighbour, sizeof neighbour);
    attribute(NDA_DST, &gateway, 4);
    attribute(NDA_LLADDR, mac, 6);
    end();
    if (same) settle(peer_index);
    exchange(inside, messages);
    if (same) {
      settle(host_index);
      struct ndmsg workload = { .ndm_family = AF_INET, .ndm_ifindex = host_index, .ndm_state = NUD_STALE };
      begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &workload, sizeof workload);
      attribute(NDA_DST, &address, 4);
      attribute(NDA_LLADDR, peer_mac, 6);
      end();
      exchange(host, messages);
    }
    printf("%.1f\n", now() - begun);
    close(inside);
    close(target);
  }
  return 0;
}
