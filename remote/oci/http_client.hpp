// SPDX-License-Identifier: Apache-2.0
// HttpClient: requests of all kinds and their answers, headers included, with libcurl.
//
// What a registry's client has to get right about redirects is done here: a HEAD stays a HEAD and an upload what it is
// (RFC 9110, 15.4.8 and 15.4.9), ten are followed at most, none leads from https to http, and Authorization is sent to
// the origin it is meant for and to no other. Several threads may ask at once; connections are kept for whoever comes
// next.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "remote/oci/blob_source.hpp"
#include "remote/oci/url.hpp"
#include "remote/sources.hpp"

namespace karapace::oci {

enum class Method { get, head, post, put, patch, remove };
std::string_view text(Method method) noexcept;

/// What came before the body.
struct AnswerHead {
  long status = 0;
  std::multimap<std::string, std::string> headers = {};  // names in lower case
  std::optional<std::string> header(const std::string& lower_case_name) const;
  std::vector<std::string> all(const std::string& lower_case_name) const;
  /// Content-Length, when there is a valid one.
  std::optional<std::uint64_t> length() const;
};

/// A body of which more is sent than is wanted of a memory.
using TakeBytes = std::function<void(std::string_view)>;
struct BodyReader {
  std::function<void(const AnswerHead&)> head;  // before the first byte; may throw, which ends the transfer
  TakeBytes take;
};

struct RequestBody {
  BlobSource source;
  std::uint64_t from = 0;  // what is before it is not sent
};

enum class Redirects { followed, within_origin };

struct Request {
  Method method = Method::get;
  Url url;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::optional<std::string> authorization = {};  // for the origin of `url` alone
  std::optional<RequestBody> body = {};
  std::optional<BodyReader> reader = {};          // of an answer with 200 or 206; else it is kept
  std::size_t body_limit = std::size_t{1} << 20;  // a longer one, when it is kept, is cut there and `is_cut`
  Redirects redirects = Redirects::followed;
};

/// There was no answer, or no whole one.
struct HttpFailure {
  std::string reason;
  bool is_transient = false;
  bool is_refused = false;   // nobody listens there
  bool is_distrust = false;  // of the server's certificate
};

struct Answer {
  explicit Answer(Url asked) : url(std::move(asked)) {}
  AnswerHead head;
  std::string body;
  bool is_cut = false;
  Url url;  // that answered, after redirects
  std::optional<std::chrono::seconds> retry_after = {};
  std::optional<HttpFailure> failure = {};
  long status() const noexcept { return failure ? 0 : head.status; }
};

class HttpClient {
 public:
  explicit HttpClient(remote::TransferOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Whatever a server answers is returned. What the reader, or the source of the body, throws is thrown.
  Answer ask(const Request& request);
  const remote::TransferOptions& options() const noexcept { return options_; }

 private:
  class Transfer;
  std::unique_ptr<Transfer> take_transfer();
  Answer ask_once(const Request& request);

  remote::TransferOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> idle_;
};

}  // namespace karapace::oci
