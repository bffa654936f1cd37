// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/http_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "remote/curl_handle.hpp"

namespace karapace::oci {

namespace {

constexpr int redirects_at_most = 10;
constexpr std::size_t longest_head = std::size_t{1} << 20;
/// A registry hashes a blob before it answers; silence that long after an upload is no stall.
constexpr long silence_after_upload_seconds = 300;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

bool is_redirect(long status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Where an answer sends the request. An upload that is to become a GET is not sent on: nothing would be uploaded.
std::optional<std::string> redirection(const Request& request, const Answer& answer) {
  if (answer.failure || !is_redirect(answer.head.status)) return std::nullopt;
  const bool reads = request.method == Method::get || request.method == Method::head;
  if (!reads && answer.head.status < 307) return std::nullopt;
  return answer.head.header("location");
}

HttpFailure lasting(std::string reason) { return {.reason = std::move(reason)}; }

HttpFailure failure_of(CURLcode code, std::string_view reason) {
  return {.reason = printable_word(trimmed(reason)),
          .is_transient = remote::is_transient(code),
          .is_refused = code == CURLE_COULDNT_CONNECT,
          .is_distrust = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE};
}

}  // namespace

std::string_view text(Method method) noexcept {
  constexpr std::array<std::string_view, 6> words{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  return words[static_cast<std::size_t>(method)];
}

std::optional<std::string> AnswerHead::header(const std::string& name) const {
  auto found = headers.find(name);
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> AnswerHead::all(const std::string& name) const {
  std::vector<std::string> values;
  auto [from, to] = headers.equal_range(name);
  for (auto each = from; each != to; ++each) values.push_back(each->second);
  return values;
}

std::optional<std::uint64_t> AnswerHead::length() const {
  auto text = header("content-length").value_or("");
  std::uint64_t length = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return length;
}

/// One handle of libcurl, and the request and answer that go through it at the moment.
class HttpClient::Transfer {
 public:
  Answer run(const Request& request, const remote::TransferOptions& options) {
    request_ = &request;
    answer_.emplace(request.url);
    head_size_ = 0;
    head_told_ = false;
    sent_ = 0;
    thrown_ = nullptr;
    reason_[0] = '\0';
    prepare(options);
    auto code = curl_easy_perform(handle_.get());
    curl_easy_setopt(handle_.get(), CURLOPT_HTTPHEADER, nullptr);
    if (!thrown_ && code == CURLE_OK) guarded([&] { tell_head(); });
    if (thrown_) std::rethrow_exception(thrown_);
    return finish(code);
  }

 private:
  void prepare(const remote::TransferOptions& options) {
    handle_.prepare(request_->url.text(), options);
    // What is said in the clear to this machine must not go to a proxy.
    if (request_->url.is_loopback()) handle_.set_text(CURLOPT_NOPROXY, "*");
    handle_.set(CURLOPT_ERRORBUFFER, reason_.data());
    handle_.set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    handle_.set(CURLOPT_HEADERDATA, this);
    handle_.set(CURLOPT_WRITEFUNCTION, &Transfer::on_bytes);
    handle_.set(CURLOPT_WRITEDATA, this);
    // A handle whose last look-up failed refuses it (libcurl 7.88), and it only makes large answers faster.
    ::curl_easy_setopt(handle_.get(), CURLOPT_BUFFERSIZE, 256L << 10);
    prepare_method();
    prepare_headers();
  }

  void prepare_method() {
    auto method = request_->method;
    if (method == Method::head) handle_.set(CURLOPT_NOBODY, 1L);
    if (method == Method::get || method == Method::head) return;
    if (request_->body || method != Method::remove) prepare_body();
    handle_.set_text(CURLOPT_CUSTOMREQUEST, std::string(text(method)));
  }

  /// Without one, "Content-Length: 0" is sent, as registries demand of what begins and ends an upload.
  void prepare_body() {
    handle_.set(CURLOPT_UPLOAD, 1L);
    handle_.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_size()));
    handle_.set(CURLOPT_READFUNCTION, &Transfer::on_room);
    handle_.set(CURLOPT_READDATA, this);
    handle_.set(CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
    handle_.set(CURLOPT_SEEKDATA, this);
    ::curl_easy_setopt(handle_.get(), CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);  // the same
    handle_.set(CURLOPT_LOW_SPEED_TIME, silence_after_upload_seconds);
  }

  void prepare_headers() {
    headers_.reset();
    for (const auto& [name, value] : request_->headers) add_header(name, value);
    if (request_->authorization) add_header("Authorization", *request_->authorization);
    if (headers_) handle_.set(CURLOPT_HTTPHEADER, headers_.get());
  }

  void add_header(std::string_view name, std::string_view value) {
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) {
      throw RemoteError(fmt::format("the value of the header \"{}\" has a line end in it", name));
    }
    auto* longer = curl_slist_append(headers_.get(), fmt::format("{}: {}", name, value).c_str());
    if (longer == nullptr) throw RemoteError("libcurl has no memory");
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  }

  Answer finish(CURLcode code) {
    curl_off_t seconds = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &answer_->head.status);
    curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &seconds);
    if (answer_->head.header("retry-after")) answer_->retry_after = std::chrono::seconds(seconds);
    // A server that refuses an upload need not read it to its end: what it answered counts, not that it left.
    const bool is_refused = request_->body && answer_->head.status >= 400 && remote::is_transient(code);
    if (code != CURLE_OK && !is_refused && !answer_->is_cut) {
      answer_->failure = failure_of(code, reason_[0] == '\0' ? curl_easy_strerror(code) : reason_.data());
    }
    return std::move(*answer_);
  }

  /// Exceptions may not pass through libcurl.
  template <class Action>
  bool guarded(Action action) noexcept {
    try {
      action();
      return true;
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  bool streams() const noexcept {
    return request_->reader && (answer_->head.status == 200 || answer_->head.status == 206);
  }

  void tell_head() {
    if (std::exchange(head_told_, true)) return;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &answer_->head.status);
    if (streams() && request_->reader->head) request_->reader->head(answer_->head);
  }

  bool take(std::string_view bytes) {
    tell_head();
    if (streams()) {
      request_->reader->take(bytes);
      return true;
    }
    auto room = request_->body_limit - answer_->body.size();
    answer_->is_cut = bytes.size() > room;
    answer_->body.append(bytes.substr(0, room));
    return !answer_->is_cut;
  }

  void take_header(std::string_view line) {
    if (line.starts_with("HTTP/")) return answer_->head.headers.clear();  // after 100, or a proxy's own answer
    auto colon = line.find(':');
    if (colon == line.npos) return;
    answer_->head.headers.emplace(lower_case(trimmed(line.substr(0, colon))), trimmed(line.substr(colon + 1)));
  }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    auto& self = *static_cast<Transfer*>(user);
    self.head_size_ += size * count;
    if (self.head_size_ > longest_head) return 0;
    return self.guarded([&] { self.take_header({data, size * count}); }) ? size * count : 0;
  }

  static std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    auto& self = *static_cast<Transfer*>(user);
    bool wanted = false;
    self.guarded([&] { wanted = self.take({data, size * count}); });
    return wanted ? size * count : 0;
  }

  std::uint64_t body_size() const noexcept {
    return request_->body ? request_->body->source.size() - request_->body->from : 0;
  }

  static std::size_t on_room(char* data, std::size_t size, std::size_t count, void* user) noexcept {
    auto& self = *static_cast<Transfer*>(user);
    if (!self.request_->body) return 0;
    const auto& body = *self.request_->body;
    std::size_t got = CURL_READFUNC_ABORT;
    if (self.guarded([&] { got = body.source.read(body.from + self.sent_, {data, size * count}); })) self.sent_ += got;
    return got;
  }

  static int on_seek(void* user, curl_off_t offset, int origin) noexcept {
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
    static_cast<Transfer*>(user)->sent_ = static_cast<std::uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }

  struct FreeList {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };

  remote::CurlHandle handle_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::array<char, CURL_ERROR_SIZE> reason_{};
  const Request* request_ = nullptr;
  std::optional<Answer> answer_;
  std::size_t head_size_ = 0;
  std::uint64_t sent_ = 0;
  bool head_told_ = false;
  std::exception_ptr thrown_;
};

HttpClient::HttpClient(remote::TransferOptions options) : options_(std::move(options)) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw RemoteError("libcurl can not be initialised");
}

HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Transfer> HttpClient::take_transfer() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Transfer>();
  auto transfer = std::move(idle_.back());
  idle_.pop_back();
  return transfer;
}

Answer HttpClient::ask_once(const Request& request) {
  auto transfer = take_transfer();
  auto answer = transfer->run(request, options_);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(transfer));
  return answer;
}

Answer HttpClient::ask(const Request& request) {
  auto step = request;
  for (int redirects = 0;; ++redirects) {
    auto answer = ask_once(step);
    auto location = redirection(step, answer);
    if (!location) return answer;
    auto target = step.url.resolved(*location);
    const bool leaves = !target || target->origin() != request.url.origin();
    if (!target) {
      answer.failure =
          lasting(fmt::format("is redirected to \"{}\", which is no http address", printable_word(*location)));
    } else if (step.url.is_https() && !target->is_https()) {
      answer.failure = lasting(fmt::format("is redirected from https to {}, in the clear", target->origin()));
    } else if (leaves && request.redirects == Redirects::within_origin) {
      answer.failure = lasting(fmt::format("is redirected to {}, which must not have the secret", target->origin()));
    } else if (redirects == redirects_at_most) {
      answer.failure = lasting(fmt::format("is redirected more than {} times", redirects_at_most));
    }
    if (answer.failure) return answer;
    step.url = *target;
    step.authorization = leaves ? std::nullopt : request.authorization;
  }
}

}  // namespace karapace::oci
