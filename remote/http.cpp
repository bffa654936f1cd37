// SPDX-License-Identifier: Apache-2.0
#include "remote/http.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"

namespace karapace::remote {

namespace {

constexpr long redirects_at_most = 10;
constexpr long stalled_below_bytes_per_second = 100;

bool is_transient(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_AGAIN: return true;
    default: return false;
  }
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

/// Sets options on a handle.
struct Setter {
  CURL* curl;

  template <class T>
  void set(CURLoption option, T value) const {
    auto code = curl_easy_setopt(curl, option, value);
    if (code != CURLE_OK) throw RemoteError(fmt::format("libcurl refuses an option: {}", curl_easy_strerror(code)));
  }
  void set_text(CURLoption option, const std::string& value) const { set(option, value.c_str()); }

  void set_safety() const {
    set_text(CURLOPT_PROTOCOLS_STR, "http,https");
    set_text(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, redirects_at_most);
    set(CURLOPT_FAILONERROR, 1L);
    set(CURLOPT_NOSIGNAL, 1L);
    set_text(CURLOPT_USERAGENT, "karapace/" KARAPACE_VERSION);
  }

  void set_times(const TransferOptions& options) const {
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.timeout_seconds));
    set(CURLOPT_LOW_SPEED_LIMIT, stalled_below_bytes_per_second);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.timeout_seconds));
  }

  /// Who leaves while a name is looked up is not waited for: that could take half a minute, for all downloads.
  void set_leaving() const {
#if LIBCURL_VERSION_NUM >= 0x075700
    set(CURLOPT_QUICK_EXIT, 1L);
#endif
  }

  void set_trust(const TransferOptions& options) const {
    set(CURLOPT_SSL_VERIFYPEER, options.verify_peer ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, options.verify_host ? 2L : 0L);
    auto bundle = options.ca_info.value_or(std::string(environment("CURL_CA_BUNDLE")));
    if (bundle.empty()) bundle = environment("SSL_CERT_FILE");
    if (!bundle.empty()) set_text(CURLOPT_CAINFO, bundle);
  }

  /// Without a configured proxy libcurl asks http_proxy, https_proxy, all_proxy and no_proxy of the environment.
  void set_proxy(const TransferOptions& options, const std::string& url) const {
    const auto& proxy = url.starts_with("https:") ? options.https_proxy : options.http_proxy;
    if (proxy) set_text(CURLOPT_PROXY, *proxy == "DIRECT" ? std::string() : *proxy);
    if (!options.no_proxy.empty()) set_text(CURLOPT_NOPROXY, fmt::format("{}", fmt::join(options.no_proxy, ",")));
  }

  /// Where a server knows HTTP/2, who comes later waits for the first connection and shares it.
  void set_connection(const std::string& url) const {
    if (url.starts_with("https:")) set(CURLOPT_PIPEWAIT, 1L);
  }
};

}  // namespace

HttpHandle::HttpHandle(const TransferRequest& request, OnBytes on_bytes, void* user) : curl_(curl_easy_init()) {
  if (!curl_) throw RemoteError("libcurl can not be initialised");
  Setter setter{curl_.get()};
  setter.set_safety();
  setter.set_times(request.options);
  setter.set_leaving();
  setter.set_trust(request.options);
  setter.set_proxy(request.options, request.url);
  setter.set_connection(request.url);
  setter.set_text(CURLOPT_URL, request.url);
  setter.set(CURLOPT_WRITEFUNCTION, on_bytes);
  setter.set(CURLOPT_WRITEDATA, user);
  setter.set(CURLOPT_PRIVATE, user);
  if (request.from > 0) setter.set(CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(request.from));
}

TransferHead HttpHandle::head() const {
  TransferHead head;
  curl_off_t length = -1;
  curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &head.status);
  curl_easy_getinfo(curl_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  head.length = length;
  return head;
}

TransferEnd HttpHandle::end(CURLcode code) const {
  using Result = TransferEnd::Result;
  if (code == CURLE_OK) return {Result::complete, 0, {}};
  if (code == CURLE_RANGE_ERROR) return {Result::no_range, 0, {}};
  if (code == CURLE_HTTP_RETURNED_ERROR) return {Result::status, head().status, {}};
  return {is_transient(code) ? Result::interrupted : Result::refused, 0, curl_easy_strerror(code)};
}

}  // namespace karapace::remote
