// SPDX-License-Identifier: Apache-2.0
// HttpClient: GET over http and https with libcurl, streamed into a PartialFile.
//
// Redirects are followed to http and https only, ten at most. A transfer that stalls (fewer than 100 bytes a second for
// the configured time) is cut. Neither headers nor bodies are kept in memory.
#pragma once

#include <memory>
#include <string>

#include "remote/attempt.hpp"
#include "remote/partial_file.hpp"
#include "remote/sources.hpp"

namespace karapace::remote {

class HttpClient {
 public:
  explicit HttpClient(TransferOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Continues `file` where it ends when the server can (Range), else from its beginning. StoreError when the file
  /// can not be written.
  Attempt get(const std::string& url, PartialFile& file);

 private:
  struct Handle;
  TransferOptions options_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace karapace::remote
