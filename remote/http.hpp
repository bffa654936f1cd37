// SPDX-License-Identifier: Apache-2.0
// HttpHandle: one GET over http or https with libcurl, as karapace-transfer makes it for a download.
//
// Redirects are followed to http and https only, ten at most. Neither headers nor bytes are kept in memory.
#pragma once

#include <cstddef>

#include <curl/curl.h>

#include "remote/curl_handle.hpp"
#include "remote/transfer_message.hpp"

namespace karapace::remote {

class HttpHandle {
 public:
  using OnBytes = std::size_t (*)(char* data, std::size_t size, std::size_t count, void* user);

  /// `on_bytes` and `user` as for CURLOPT_WRITEFUNCTION. RemoteError when libcurl does not know an option, or has no
  /// memory.
  HttpHandle(const TransferRequest& request, OnBytes on_bytes, void* user);
  CURL* get() const noexcept { return handle_.get(); }
  /// Once the first bytes have arrived.
  TransferHead head() const;
  /// What it came to, for the code with which libcurl ended.
  TransferEnd end(CURLcode code) const;

 private:
  CurlHandle handle_;
};

}  // namespace karapace::remote
