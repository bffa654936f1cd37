// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/url.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::oci {

/// libcurl's parser, so that what is judged here is what is spoken to there.
class UrlParts {
 public:
  UrlParts() : url_(curl_url()) {
    if (!url_) throw RemoteError("libcurl has no memory");
  }

  /// On one that has a URL already, `text` may be relative to it.
  bool set(const std::string& text) {
    return curl_url_set(url_.get(), CURLUPART_URL, text.c_str(), flags) == CURLUE_OK;
  }
  void append_query(const std::string& field) {
    if (curl_url_set(url_.get(), CURLUPART_QUERY, field.c_str(), CURLU_APPENDQUERY | CURLU_URLENCODE) != CURLUE_OK) {
      throw RemoteError("libcurl has no memory");
    }
  }

  std::optional<Url> url() const {
    auto scheme = get(CURLUPART_SCHEME);
    if (scheme != "http" && scheme != "https") return std::nullopt;
    auto host = get(CURLUPART_HOST);
    std::transform(host.begin(), host.end(), host.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return Url(get(CURLUPART_URL), host, fmt::format("{}://{}:{}", scheme, host, get(CURLUPART_PORT)));
  }

 private:
  static constexpr unsigned flags = CURLU_DISALLOW_USER;

  std::string get(CURLUPart part) const {
    char* text = nullptr;
    if (curl_url_get(url_.get(), part, &text, CURLU_DEFAULT_PORT * (part == CURLUPART_PORT ? 1U : 0U)) != CURLUE_OK) {
      return {};
    }
    const std::unique_ptr<char, decltype(&curl_free)> owner(text, &curl_free);
    return text;
  }

  struct Free {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
  };
  std::unique_ptr<CURLU, Free> url_;
};

Url::Url(std::string text, std::string host, std::string origin)
    : text_(std::move(text)), host_(std::move(host)), origin_(std::move(origin)) {}

std::optional<Url> Url::parse(const std::string& text) {
  UrlParts parts;
  if (!parts.set(text)) return std::nullopt;
  return parts.url();
}

std::optional<Url> Url::resolved(const std::string& reference) const {
  UrlParts parts;
  if (!parts.set(text_) || !parts.set(reference)) return std::nullopt;
  return parts.url();
}

Url Url::with_query(std::string_view name, std::string_view value) const {
  UrlParts parts;
  parts.set(text_);
  parts.append_query(fmt::format("{}={}", name, value));
  return *parts.url();
}

bool Url::is_loopback() const noexcept {
  return host_ == "localhost" || host_ == "[::1]" ||
         (host_.starts_with("127.") && host_.find_first_not_of("0123456789.") == host_.npos);
}

}  // namespace karapace::oci
