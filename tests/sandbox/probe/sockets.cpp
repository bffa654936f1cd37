// SPDX-License-Identifier: Apache-2.0
// socket.*: families of sockets, and names that no mount hides. Most families are no part of a network namespace or of
// little use and much code: AF_VSOCK reaches the hypervisor's other machines, AF_ALG the kernel's ciphers
// (CVE-2026-31431). Abstract names were the way out of containerd (CVE-2020-15257) and out of Nix' builds
// (CVE-2024-27297, CVE-2025-46416).
#include <cstddef>
#include <cstring>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

struct Family {
  const char* name;
  int family;
  int type;
  int protocol = 0;
};

constexpr int every_protocol = 0x0300;  // htons(ETH_P_ALL)

constexpr Family families[] = {
    // On purpose: what programs talk by. Within a sandbox without network they reach nothing.
    {"unix", AF_UNIX, SOCK_STREAM},
    {"inet-stream", AF_INET, SOCK_STREAM},
    {"inet-datagram", AF_INET, SOCK_DGRAM},
    {"inet6-stream", AF_INET6, SOCK_STREAM},
    {"netlink-route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
    // Needs rights over the network namespace, which a session does not have and a step has over its own, empty one.
    {"inet-raw", AF_INET, SOCK_RAW, IPPROTO_ICMP},
    {"inet6-raw", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
    {"ax25", AF_AX25, SOCK_DGRAM},
    {"ipx", AF_IPX, SOCK_DGRAM},
    {"appletalk", AF_APPLETALK, SOCK_DGRAM},
    {"x25", AF_X25, SOCK_SEQPACKET},
    {"decnet", 12, SOCK_STREAM},
    {"key", AF_KEY, SOCK_RAW, 2},
    {"packet", AF_PACKET, SOCK_RAW},  // CVE-2016-8655, CVE-2017-7308, CVE-2020-14386
    {"packet-datagram", AF_PACKET, SOCK_DGRAM},
    // A type that makes the kernel take AF_PACKET for AF_INET (packet(7)).
    {"inet-packet", AF_INET, SOCK_PACKET, every_protocol},
    {"inet-packet-with-flags", AF_INET, SOCK_PACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, every_protocol},
    {"rds", AF_RDS, SOCK_SEQPACKET},
    {"llc", AF_LLC, SOCK_DGRAM},
    {"can", AF_CAN, SOCK_RAW, 1},              // CVE-2021-34693
    {"tipc", AF_TIPC, SOCK_STREAM},            // CVE-2021-43267
    {"bluetooth", AF_BLUETOOTH, SOCK_RAW, 1},  // CVE-2020-12351
    {"rxrpc", AF_RXRPC, SOCK_DGRAM, AF_INET},
    {"phonet", AF_PHONET, SOCK_DGRAM},
    {"ieee802154", AF_IEEE802154, SOCK_DGRAM},
    {"caif", AF_CAIF, SOCK_STREAM},
    {"alg", AF_ALG, SOCK_SEQPACKET},
    {"nfc", AF_NFC, SOCK_SEQPACKET},
    {"vsock-stream", AF_VSOCK, SOCK_STREAM},
    {"vsock-datagram", AF_VSOCK, SOCK_DGRAM},
    {"kcm", AF_KCM, SOCK_DGRAM},
    {"qrtr", AF_QIPCRTR, SOCK_DGRAM},
    {"smc", AF_SMC, SOCK_STREAM},
    {"xdp", AF_XDP, SOCK_RAW},
    {"mctp", 45, SOCK_DGRAM},
};

struct AbstractName {
  sockaddr_un address{};
  socklen_t length = 0;

  explicit AbstractName(const std::string& name) {
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Outcome connect_abstract(const Facts& facts) {
  const AbstractName name(facts.at("abstract"));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return judged(::connect(fd, name.get(), name.length));
}

/// A datagram needs no connection: another path through the kernel.
Outcome send_abstract(const Facts& facts) {
  const AbstractName name(facts.at("abstract-datagram"));
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return judged(::sendto(fd, "x", 1, 0, name.get(), name.length));
}

/// Among themselves abstract names are fine.
Outcome use_own_abstract(const Facts&) {
  const AbstractName name("probe-own-" + std::to_string(::getpid()));
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener, name.get(), name.length) != 0 || ::listen(listener, 1) != 0) return failed();
  return judged_as_own(::connect(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), name.get(), name.length));
}

Outcome connect_path(const Facts& facts) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  facts.at("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return judged(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
}

Outcome connect_vsock(const Facts&) {
  const int fd = ::socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed();
  sockaddr_vm host{};
  host.svm_family = AF_VSOCK;
  host.svm_cid = VMADDR_CID_HOST;
  host.svm_port = 1;
  ::connect(fd, reinterpret_cast<sockaddr*>(&host), sizeof host);
  return allowed("asked the hypervisor");
}

int netlink(int protocol, unsigned groups) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = groups;
  if (fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) return -1;
  return fd;
}

/// Sends a request and reads the kernel's verdict.
Outcome ask(int protocol, int type, const void* body, std::size_t size) {
  const int fd = netlink(protocol, 0);
  if (fd < 0) return failed();
  struct {
    nlmsghdr header;
    char body[64];
  } request{};
  request.header.nlmsg_len = static_cast<std::uint32_t>(sizeof(nlmsghdr) + size);
  request.header.nlmsg_type = static_cast<std::uint16_t>(type);
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  std::memcpy(request.body, body, size);
  if (::send(fd, &request, request.header.nlmsg_len, 0) < 0) return failed();
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[512];
  } answer{};
  if (::recv(fd, &answer, sizeof answer, 0) < 0) return failed();
  if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error == 0) return allowed("done");
  errno = -answer.error.error;
  const auto verdict = failed();
  return verdict.result == Result::invalid ? allowed("reached the kernel: " + verdict.detail) : verdict;
}

/// A socket alone reaches nothing where the network is the sandbox's own; a raw one hears and says all elsewhere.
Outcome make_socket(const Family& family) {
  const auto outcome = judged(::socket(family.family, family.type, family.protocol));
  // A family that the kernel knows and finds the type or protocol wrong for has been reached.
  if (outcome.result == Result::invalid) return allowed("reached the kernel");
  const bool is_plain = family.family == AF_UNIX || family.family == AF_NETLINK || family.type != SOCK_RAW;
  const bool is_packet = (family.type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) == SOCK_PACKET;
  const bool is_meant = !is_packet && (family.family == AF_UNIX || family.family == AF_INET ||
                                       family.family == AF_INET6 || family.family == AF_NETLINK);
  return outcome.result == Result::allowed && is_meant && (is_plain || has_own_network()) ? contained() : outcome;
}

/// Devices that come and go, told to every network namespace of the first user namespace.
Outcome hear_devices(const Facts&) {
  if (netlink(NETLINK_KOBJECT_UEVENT, 1) < 0) return failed();
  return has_own_network() ? contained() : allowed();
}

Outcome raise_loopback(const Facts&) {
  ifinfomsg interface{};
  interface.ifi_index = 1;
  interface.ifi_change = 1;  // IFF_UP
  interface.ifi_flags = 1;
  return ask(NETLINK_ROUTE, RTM_SETLINK, &interface, sizeof interface);
}

Outcome delete_route(const Facts&) {
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = 199;  // nothing is there
  return ask(NETLINK_ROUTE, RTM_DELROUTE, &route, sizeof route);
}

}  // namespace

Attempts socket_attempts() {
  Attempts all;
  for (const auto& family : families)
    all.push_back({std::string("socket.") + family.name, [family](const Facts&) { return make_socket(family); }});
  all.insert(all.end(), {{"socket.pair-vsock",
                          [](const Facts&) {
                            int ends[2];
                            return judged(::socketpair(AF_VSOCK, SOCK_STREAM, 0, ends));
                          }},
                         {"socket.vsock-to-hypervisor", connect_vsock},
                         {"socket.host-abstract", connect_abstract},
                         {"socket.host-abstract-datagram", send_abstract},
                         {"socket.own-abstract", use_own_abstract},
                         {"socket.host-path", connect_path},
                         {"socket.netlink-devices", hear_devices},
                         {"socket.netlink-set-link", raise_loopback},
                         {"socket.netlink-delete-route", delete_route},
                         {"socket.netlink-filter",  // CVE-2022-1015, CVE-2022-25636, CVE-2023-32233: nf_tables
                          [](const Facts&) {
                            const unsigned char body[4] = {AF_INET, 0, 0, 0};
                            return ask(NETLINK_NETFILTER, (10 << 8) | 0, body, sizeof body);  // NFT_MSG_NEWTABLE
                          }},
                         {"socket.netlink-audit",
                          [](const Facts&) {
                            const char body[4] = {};
                            return ask(NETLINK_AUDIT, 1000, body, sizeof body);  // AUDIT_GET
                          }},
                         {"socket.netlink-xfrm", [](const Facts&) {
                            const char body[64] = {};
                            return ask(NETLINK_XFRM, 0x1c, body, 24);  // XFRM_MSG_FLUSHSA
                          }}});
  return all;
}

}  // namespace karapace::probe
