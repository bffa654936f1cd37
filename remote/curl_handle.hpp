// SPDX-License-Identifier: Apache-2.0
// CurlHandle: libcurl, set up as all that speaks HTTP here needs it.
//
// http and https only; a transfer that stalls (fewer than 100 bytes a second for the configured time) is cut; proxies
// and certificates are those of the options, else of the environment. Redirects are not followed and a status is no
// failure, unless who uses it says so.
#pragma once

#include <memory>
#include <string>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "remote/sources.hpp"

namespace karapace::remote {

class CurlHandle {
 public:
  /// RemoteError when libcurl has no memory.
  CurlHandle();
  CURL* get() const noexcept { return curl_.get(); }

  /// Forgets what was set, keeps open connections, and sets what belongs to `url`.
  void prepare(const std::string& url, const TransferOptions& options) const;
  /// RemoteError when libcurl does not know the option.
  template <class T>
  void set(CURLoption option, T value) const {
    auto code = curl_easy_setopt(curl_.get(), option, value);
    if (code != CURLE_OK) throw RemoteError(fmt::format("libcurl refuses an option: {}", curl_easy_strerror(code)));
  }
  void set_text(CURLoption option, const std::string& value) const { set(option, value.c_str()); }

 private:
  struct Free {
    void operator()(CURL* curl) const noexcept { curl_easy_cleanup(curl); }
  };
  std::unique_ptr<CURL, Free> curl_;
};

/// Whether what ended like this may go better another time.
bool is_transient(CURLcode code);

}  // namespace karapace::remote
