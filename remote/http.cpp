// SPDX-License-Identifier: Apache-2.0
#include "remote/http.hpp"

namespace karapace::remote {

namespace {

constexpr long redirects_at_most = 10;

}  // namespace

HttpHandle::HttpHandle(const TransferRequest& request, OnBytes on_bytes, void* user) {
  handle_.prepare(request.url, request.options);
  handle_.set(CURLOPT_FOLLOWLOCATION, 1L);
  handle_.set(CURLOPT_MAXREDIRS, redirects_at_most);
  handle_.set(CURLOPT_FAILONERROR, 1L);
  handle_.set(CURLOPT_WRITEFUNCTION, on_bytes);
  handle_.set(CURLOPT_WRITEDATA, user);
  handle_.set(CURLOPT_PRIVATE, user);
  if (request.from > 0) handle_.set(CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(request.from));
}

TransferHead HttpHandle::head() const {
  TransferHead head;
  curl_off_t length = -1;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &head.status);
  curl_easy_getinfo(handle_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
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
