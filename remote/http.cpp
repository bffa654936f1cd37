// SPDX-License-Identifier: Apache-2.0
#include "remote/http.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <string_view>

#include <curl/curl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "store/error.hpp"

namespace karapace::remote {

namespace {

constexpr long redirects_at_most = 10;
constexpr long stalled_below_bytes_per_second = 100;

/// What one request's callbacks share. Exceptions may not pass through libcurl, so they wait here.
struct Reception {
  CURL* curl;
  PartialFile& file;
  std::uint64_t asked_from;
  bool begun = false;
  std::optional<std::string> refusal;
  std::exception_ptr failure;
};

/// Judges the answer's head when its first bytes arrive: a 206 continues, a 200 begins anew.
void begin(Reception& reception) {
  reception.begun = true;
  long status = 0;
  curl_easy_getinfo(reception.curl, CURLINFO_RESPONSE_CODE, &status);
  if (reception.asked_from != 0 && status != 206) reception.file.restart();
  curl_off_t length = -1;
  curl_easy_getinfo(reception.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  auto declared = reception.file.declared_size();
  auto announced = reception.file.size() + static_cast<std::uint64_t>(std::max<curl_off_t>(length, 0));
  if (announced > declared) {
    reception.refusal = fmt::format("announces {} bytes where {} are declared", announced, declared);
  }
}

bool accept(Reception& reception, std::string_view bytes) {
  if (!reception.begun) begin(reception);
  if (reception.refusal) return false;
  if (reception.file.append(bytes) == PartialFile::Room::enough) return true;
  reception.refusal = fmt::format("sends more than the {} bytes that are declared", reception.file.declared_size());
  return false;
}

std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& reception = *static_cast<Reception*>(user);
  try {
    return accept(reception, {data, size * count}) ? size * count : 0;
  } catch (...) {
    reception.failure = std::current_exception();
    return 0;
  }
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

bool is_transient_status(long status) { return status == 408 || status == 429 || status >= 500; }

Attempt judge_status(long status, PartialFile& file) {
  auto reason = fmt::format("HTTP {}", status);
  if (status == 416 && file.size() > 0) {
    file.restart();  // what we have does not fit what is there
    return {Attempt::Result::interrupted, reason};
  }
  return {is_transient_status(status) ? Attempt::Result::interrupted : Attempt::Result::refused, reason};
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

}  // namespace

struct HttpClient::Handle {
  Handle() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (curl = curl_easy_init()) == nullptr) {
      throw RemoteError("libcurl can not be initialised");
    }
  }
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

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

  CURL* curl = nullptr;
};

HttpClient::HttpClient(TransferOptions options) : options_(std::move(options)), handle_(std::make_unique<Handle>()) {}
HttpClient::~HttpClient() = default;

Attempt HttpClient::get(const std::string& url, PartialFile& file) {
  curl_easy_reset(handle_->curl);  // keeps connections
  handle_->set_safety();
  handle_->set_times(options_);
  handle_->set_trust(options_);
  handle_->set_proxy(options_, url);
  handle_->set_text(CURLOPT_URL, url);
  Reception reception{handle_->curl, file, file.size(), false, std::nullopt, nullptr};
  handle_->set(CURLOPT_WRITEFUNCTION, &on_bytes);
  handle_->set(CURLOPT_WRITEDATA, static_cast<void*>(&reception));
  if (file.size() > 0) handle_->set(CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(file.size()));
  auto code = curl_easy_perform(handle_->curl);
  if (reception.failure) std::rethrow_exception(reception.failure);
  if (reception.refusal) return {Attempt::Result::refused, *reception.refusal};
  if (code == CURLE_OK) return {Attempt::Result::complete, {}};
  long status = 0;
  curl_easy_getinfo(handle_->curl, CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_HTTP_RETURNED_ERROR) return judge_status(status, file);
  if (code == CURLE_RANGE_ERROR) {
    file.restart();
    return {Attempt::Result::interrupted, "the server can not continue a download"};
  }
  auto reason = fmt::format("{} after {}", curl_easy_strerror(code), file.progress());
  return {is_transient(code) ? Attempt::Result::interrupted : Attempt::Result::refused, reason};
}

}  // namespace karapace::remote
