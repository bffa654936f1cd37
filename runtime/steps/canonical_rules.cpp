// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/canonical_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fnmatch.h>

namespace karapace::steps {

namespace {

using enum CanonicalAction;

constexpr auto rules = std::to_array<CanonicalRule>({
    {"etc/machine-id", empty, "random; made at first entry"},
    {"var/lib/dbus/machine-id", drop, "random; a link to etc/machine-id is made by dbus"},
    {"etc/ssh/ssh_host_*", drop, "a secret must not be in a shared layer; ssh-keygen -A makes it"},
    {"etc/ssl/private/ssl-cert-snakeoil.key", drop, "a secret must not be in a shared layer"},
    {"etc/ssl/certs/ssl-cert-snakeoil.pem", drop, "belongs to the dropped key"},
    {"etc/shadow", shadow_days, "the day of the last change"},
    {"etc/ssl/certs/java/cacerts", key_store, "the moment at which each certificate was added"},
    {"etc/passwd-", drop, "backup of the state before"},
    {"etc/group-", drop, "backup of the state before"},
    {"etc/shadow-", drop, "backup of the state before"},
    {"etc/gshadow-", drop, "backup of the state before"},
    {"etc/subuid-", drop, "backup of the state before"},
    {"etc/subgid-", drop, "backup of the state before"},
    {"var/cache/ldconfig/aux-cache", drop, "inode numbers and times"},
    {"var/cache/man/**", drop, "times in the index; mandb makes it again"},
    {"var/cache/fontconfig/**", drop, "times; fc-cache makes it again"},
    {"var/cache/apt/**", drop, "apt's downloads and binary caches"},
    {"var/cache/debconf/*-old", drop, "backup of the state before"},
    {"var/lib/apt/lists/**", drop, "what apt fetched"},
    {"var/lib/dpkg/status-old", drop, "backup of the state before"},
    {"var/lib/dpkg/diversions-old", drop, "backup of the state before"},
    {"var/lib/dpkg/statoverride-old", drop, "backup of the state before"},
    {"var/lib/dpkg/available-old", drop, "backup of the state before"},
    {"var/lib/systemd/catalog/database", drop, "times; journalctl --update-catalog makes it again"},
    {"var/lib/texmf/**/*.log", drop, "times"},
    {"var/log/**", empty, "times"},
    {"root/.bash_history", drop, "history of the build"},
    {"dev/**", drop, "the sandbox makes its own"},
    {"proc/**", drop, "the sandbox makes its own"},
    {"sys/**", drop, "the sandbox makes its own"},
    {"run/**", drop, "of the time being"},
    {"tmp/**", drop, "of the time being"},
});

std::string_view take_part(std::string_view& path) {
  auto end = std::min(path.find('/'), path.size());
  auto part = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return part;
}

}  // namespace

std::span<const CanonicalRule> canonical_rules() { return rules; }

bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    auto wanted = take_part(pattern);
    if (wanted == "**" && pattern.empty()) return !path.empty();
    if (wanted == "**") {
      for (; !path.empty(); take_part(path)) {
        if (matches(pattern, path)) return true;
      }
      return false;
    }
    if (path.empty()) return false;
    auto part = take_part(path);
    if (::fnmatch(std::string(wanted).c_str(), std::string(part).c_str(), 0) != 0) return false;
  }
  return path.empty();
}

const CanonicalRule* rule_for(std::string_view path) {
  auto found = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) { return matches(rule.pattern, path); });
  return found == rules.end() ? nullptr : &*found;
}

// name:password:last change:...
std::string with_shadow_days(std::string_view text, std::int64_t epoch) {
  const std::int64_t day = epoch / 86400;
  std::string result;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto first = line.find(':');
    auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    auto third = second == std::string_view::npos ? second : line.find(':', second + 1);
    std::int64_t changed = 0;
    if (third != std::string_view::npos) std::from_chars(line.data() + second + 1, line.data() + third, changed);
    if (changed > day) {
      result.append(line.substr(0, second + 1)).append(std::to_string(day)).append(line.substr(third));
    } else {
      result.append(line);
    }
    result += '\n';
  }
  return result;
}

}  // namespace karapace::steps
