// SPDX-License-Identifier: Apache-2.0
// Url: an absolute http or https address (RFC 3986), without a user and a password in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace karapace::oci {

class Url {
 public:
  /// Nothing when it is something else, or has a user.
  static std::optional<Url> parse(const std::string& text);
  /// What `reference`, absolute or relative, means in a document of this address. Nothing when that is no Url.
  std::optional<Url> resolved(const std::string& reference) const;
  /// With another field at the end of its query, percent-encoded; what is there already stays.
  Url with_query(std::string_view name, std::string_view value) const;

  const std::string& text() const noexcept { return text_; }
  /// Scheme, host and port, the usual one spelt out: "https://registry.example:443".
  const std::string& origin() const noexcept { return origin_; }
  bool is_https() const noexcept { return text_.starts_with("https:"); }
  /// Without port; an IPv6 address in brackets.
  const std::string& host() const noexcept { return host_; }
  /// "localhost", 127.0.0.0/8 or [::1]: nobody on the network hears what is said to it.
  bool is_loopback() const noexcept;
  bool operator==(const Url& other) const noexcept { return text_ == other.text_; }

 private:
  Url(std::string text, std::string host, std::string origin);
  friend class UrlParts;

  std::string text_;
  std::string host_;
  std::string origin_;
};

}  // namespace karapace::oci
