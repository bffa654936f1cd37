// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/git_url.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace karapace::manifest {

namespace {

constexpr std::string_view scheme_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
constexpr std::string_view separator = "://";

/// "https" of "https://host"; nothing of what is no such URL.
std::optional<std::string_view> scheme_of(std::string_view url) noexcept {
  const auto scheme = url.substr(0, std::min(url.find_first_not_of(scheme_letters), url.size()));
  if (scheme.empty() || !url.substr(scheme.size()).starts_with(separator)) return std::nullopt;
  return scheme;
}

/// Where its path begins: behind the host, with it credentials and port.
std::size_t path_begin(std::string_view url) noexcept {
  if (const auto scheme = scheme_of(url))
    return std::min(url.find_first_of("/?#", scheme->size() + separator.size()), url.size());
  if (is_local_git_url(url)) return 0;
  const auto colon = url.find(':');
  const auto bracket = url.find('[');  // "[::1]:path"
  return (bracket < colon ? std::min(url.find("]:", bracket), url.size() - 2) + 1 : colon) + 1;
}

}  // namespace

bool is_local_git_url(std::string_view url) noexcept {
  return url.starts_with("file://") || url.find(':') >= url.find('/');
}

bool is_remote_git_url(std::string_view url) noexcept {
  const auto word = std::min(url.find_first_not_of(scheme_letters), url.size());
  if (is_local_git_url(url) || url.substr(word).starts_with("::")) return false;  // "hg::URL" runs git-remote-hg
  const auto scheme = scheme_of(url);
  constexpr std::array<std::string_view, 6> own{"https", "http", "ssh", "git", "git+ssh", "ssh+git"};
  return scheme ? std::ranges::find(own, *scheme) != own.end() : url.find(separator) == url.npos;
}

Complaint judge_git_url(std::string_view word) {
  if (word.empty()) return "is empty";
  if (word.starts_with('-')) return "begins with \"-\", which git would take for an option";
  if (word.find(' ') != word.npos) return "has a blank in it";
  if (auto complaint = judge_line(word)) return complaint;
  if (is_local_git_url(word) || is_remote_git_url(word)) return std::nullopt;
  return "has a transport that git would run a program of this machine for: write https, http, ssh, git, "
         "\"host:path\" or a path";
}

std::optional<std::string> resolved_git_url(std::string_view url, std::string_view of) {
  if (!url.starts_with("./") && !url.starts_with("../")) return std::string(url);
  const auto head = of.substr(0, path_begin(of));
  auto path = of.substr(head.size());
  const bool is_absolute = path.starts_with('/') || scheme_of(of);
  const auto strip = [&] {
    while (path.ends_with('/')) path.remove_suffix(1);
  };
  strip();
  for (;;) {
    if (url.starts_with("./")) {
      url.remove_prefix(2);
    } else if (url.starts_with("../")) {
      url.remove_prefix(3);
      if (path.empty()) return std::nullopt;
      const auto cut = path.rfind('/');
      path = path.substr(0, cut == path.npos ? 0 : cut);
      strip();
    } else {
      const auto* between = is_absolute || !path.empty() ? "/" : "";
      return fmt::format("{}{}{}{}", head, path, between, url);
    }
  }
}

std::string without_credentials(std::string_view text) {
  std::string shown;
  for (std::size_t found; (found = text.find(separator)) != text.npos;) {
    const auto begin = found + separator.size();
    const auto end = std::min(text.find_first_of("/?#'\" \t\r\n", begin), text.size());
    const auto authority = text.substr(begin, end - begin);
    const auto host = authority.rfind('@');
    const auto colon = authority.find(':');
    shown += text.substr(0, begin);
    if (host == authority.npos) {
      shown += authority;
    } else if (text.substr(0, found).ends_with("ssh")) {
      shown += authority.substr(0, std::min(colon, host));
      if (colon < host) shown += ":***";
      shown += authority.substr(host);
    } else {
      shown += "***";
      shown += authority.substr(host);
    }
    text.remove_prefix(end);
  }
  return shown += text;
}

}  // namespace karapace::manifest
