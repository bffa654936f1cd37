// SPDX-License-Identifier: Apache-2.0
#include "remote/curl_handle.hpp"

#include <cstdlib>
#include <string_view>

#include <fmt/ranges.h>

namespace karapace::remote {

namespace {

constexpr long stalled_below_bytes_per_second = 100;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

void set_safety(const CurlHandle& handle) {
  handle.set_text(CURLOPT_PROTOCOLS_STR, "http,https");
  handle.set_text(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  handle.set(CURLOPT_NOSIGNAL, 1L);
  handle.set_text(CURLOPT_USERAGENT, "karapace/" KARAPACE_VERSION);
}

void set_times(const CurlHandle& handle, const TransferOptions& options) {
  handle.set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.timeout_seconds));
  handle.set(CURLOPT_LOW_SPEED_LIMIT, stalled_below_bytes_per_second);
  handle.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.timeout_seconds));
}

/// Who leaves while a name is looked up is not waited for: that could take half a minute, for all downloads.
void set_leaving([[maybe_unused]] const CurlHandle& handle) {
#if LIBCURL_VERSION_NUM >= 0x075700
  handle.set(CURLOPT_QUICK_EXIT, 1L);
#endif
}

void set_trust(const CurlHandle& handle, const TransferOptions& options) {
  handle.set(CURLOPT_SSL_VERIFYPEER, options.verify_peer ? 1L : 0L);
  handle.set(CURLOPT_SSL_VERIFYHOST, options.verify_host ? 2L : 0L);
  auto bundle = options.ca_info.value_or(std::string(environment("CURL_CA_BUNDLE")));
  if (bundle.empty()) bundle = environment("SSL_CERT_FILE");
  if (!bundle.empty()) handle.set_text(CURLOPT_CAINFO, bundle);
}

/// Without a configured proxy libcurl asks http_proxy, https_proxy, all_proxy and no_proxy of the environment.
void set_proxy(const CurlHandle& handle, const TransferOptions& options, const std::string& url) {
  const auto& proxy = url.starts_with("https:") ? options.https_proxy : options.http_proxy;
  if (proxy) handle.set_text(CURLOPT_PROXY, *proxy == "DIRECT" ? std::string() : *proxy);
  if (!options.no_proxy.empty()) {
    handle.set_text(CURLOPT_NOPROXY, fmt::format("{}", fmt::join(options.no_proxy, ",")));
  }
}

/// Where a server knows HTTP/2, who comes later waits for the first connection and shares it.
void set_connection(const CurlHandle& handle, const std::string& url) {
  if (url.starts_with("https:")) handle.set(CURLOPT_PIPEWAIT, 1L);
}

}  // namespace

CurlHandle::CurlHandle() : curl_(curl_easy_init()) {
  if (!curl_) throw RemoteError("libcurl can not be initialised");
}

void CurlHandle::prepare(const std::string& url, const TransferOptions& options) const {
  curl_easy_reset(curl_.get());
  set_safety(*this);
  set_times(*this, options);
  set_leaving(*this);
  set_trust(*this, options);
  set_proxy(*this, options, url);
  set_connection(*this, url);
  set_text(CURLOPT_URL, url);
}

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

}  // namespace karapace::remote
