// SPDX-License-Identifier: Apache-2.0
// network.*: the host's network. Sessions have it on purpose, unless isolated; steps and debug never do.
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

sockaddr_in local_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Outcome connect_host(const Facts& facts) {
  const auto address = local_address(facts.number("port"));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return judged(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

std::string other_interfaces() {
  std::string others;
  struct if_nameindex* all = ::if_nameindex();
  for (auto* one = all; one != nullptr && one->if_name != nullptr; ++one)
    if (std::string_view(one->if_name) != "lo") others += std::string(one->if_name) + " ";
  return others;
}

Outcome see_interfaces(const Facts&) {
  const auto others = other_interfaces();
  return others.empty() ? contained("lo alone") : allowed(others);
}

Outcome take_low_port(const Facts&) {
  const auto address = local_address(7);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return judged_as_own(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

Outcome set_interface(unsigned long request) {
  ifreq question{};
  std::memcpy(question.ifr_name, "lo", 3);
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::ioctl(fd, SIOCGIFFLAGS, &question) != 0) return failed();
  return judged(::ioctl(fd, request, &question));
}

Outcome set_packet_filter(const Facts&) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char rules[8] = {};
  constexpr int replace_rules = 64;  // IPT_SO_SET_REPLACE
  return judged_by_filter(::setsockopt(fd, IPPROTO_IP, replace_rules, rules, sizeof rules));
}

}  // namespace

bool has_own_network() { return other_interfaces().empty(); }

Attempts network_attempts() {
  return {
      {"network.host-loopback", connect_host},
      {"network.host-interfaces", see_interfaces},
      {"network.low-port", take_low_port},
      {"network.set-flags", [](const Facts&) { return set_interface(SIOCSIFFLAGS); }},
      {"network.set-packet-filter", set_packet_filter},
      {"network.names-of-sockets",  // the kernel lists them for whoever shares the network
       [](const Facts& facts) { return search_attempt("/proc/net/unix", facts.at("abstract")); }},
  };
}

}  // namespace karapace::probe
