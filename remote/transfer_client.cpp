// SPDX-License-Identifier: Apache-2.0
#include "remote/transfer_client.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "remote/transfer_message.hpp"

namespace karapace::remote {

namespace {

/// The shared one gives a sign of life every second.
constexpr int patience_with_shared_ms = 5000;
constexpr int for_ever = -1;
/// One may end in the moment in which we connect.
constexpr int shared_tries = 3;

bool is_transient_status(long status) { return status == 408 || status == 429 || status >= 500; }

Attempt judge_status(long status, PartialFile& file) {
  auto reason = fmt::format("HTTP {}", status);
  if (status == 416 && file.size() > 0) {
    file.restart();  // what we have does not fit what is there
    return {Attempt::Result::interrupted, reason};
  }
  return {is_transient_status(status) ? Attempt::Result::interrupted : Attempt::Result::refused, reason};
}

/// One answer on its way into the file.
class Reception {
 public:
  explicit Reception(PartialFile& file) : file_(file), asked_from_(file.size()) {}

  /// Says why when more than was declared is announced or comes.
  std::optional<std::string> take(const Message& message) {
    if (message.kind == MessageKind::head) return begin(parse_head(message.body).value_or(TransferHead{}));
    if (message.kind != MessageKind::data) return std::nullopt;
    if (file_.append(message.body) == PartialFile::Room::enough) return std::nullopt;
    return fmt::format("sends more than the {} bytes that are declared", file_.declared_size());
  }

  Attempt judge(const TransferEnd& end) {
    auto result = Attempt::Result::refused;
    switch (end.result) {
      case TransferEnd::Result::complete: return {Attempt::Result::complete, {}};
      case TransferEnd::Result::status: return judge_status(end.status, file_);
      case TransferEnd::Result::no_range:
        file_.restart();
        return {Attempt::Result::interrupted, "the server can not continue a download"};
      case TransferEnd::Result::interrupted: result = Attempt::Result::interrupted; break;
      case TransferEnd::Result::refused: break;
    }
    return {result, fmt::format("{} after {}", end.reason, file_.progress())};
  }

 private:
  /// A 206 continues, a 200 begins anew.
  std::optional<std::string> begin(const TransferHead& head) {
    if (asked_from_ != 0 && head.status != 206) file_.restart();
    auto announced = file_.size() + static_cast<std::uint64_t>(std::max<std::int64_t>(head.length, 0));
    if (announced <= file_.declared_size()) return std::nullopt;
    return fmt::format("announces {} bytes where {} are declared", announced, file_.declared_size());
  }

  PartialFile& file_;
  std::uint64_t asked_from_;
};

bool wait_until_readable(int fd, int milliseconds) {
  struct pollfd wanted{fd, POLLIN, 0};
  for (;;) {
    auto ready = ::poll(&wanted, 1, milliseconds);
    if (ready < 0 && errno == EINTR) continue;
    return ready != 0;
  }
}

}  // namespace

TransferClient::TransferClient(TransferOptions options, const std::optional<std::filesystem::path>& store)
    : options_(std::move(options)), buffer_(longest_message) {
  if (store) shared_.emplace(*store);
}

Attempt TransferClient::get(const std::string& url, PartialFile& file) {
  if (text(TransferRequest{url, file.size(), file.declared_size(), options_}).size() >= longest_message) {
    return {Attempt::Result::refused, fmt::format("an address of {} bytes is too long", url.size())};
  }
  if (auto attempt = get_shared(url, file)) return *attempt;
  if (!own_) own_ = std::make_unique<OwnProgram>();
  auto outcome = ask(own_->connection(), for_ever, url, file);
  auto* attempt = std::get_if<Attempt>(&outcome);
  // One that is not at the end of its answer can not be asked again.
  if (attempt == nullptr || attempt->result != Attempt::Result::complete) own_.reset();
  if (attempt != nullptr) return *attempt;
  auto reason = fmt::format("{} ended after {}", transfer_program, file.progress());
  return {Attempt::Result::interrupted, reason};
}

/// Nothing when our own has to go on.
std::optional<Attempt> TransferClient::get_shared(const std::string& url, PartialFile& file) {
  for (int i = 0; shared_ && i < shared_tries; ++i) {
    auto connection = shared_->connect();
    if (!connection) break;
    auto outcome = ask(connection->get(), patience_with_shared_ms, url, file);
    if (auto* attempt = std::get_if<Attempt>(&outcome)) return *attempt;
    if (std::get<Lost>(outcome) == Lost::closed) continue;
    shared_->retire();
    break;
  }
  shared_.reset();
  return std::nullopt;
}

TransferClient::Outcome TransferClient::ask(int connection, int patience_ms, const std::string& url,
                                            PartialFile& file) {
  auto request = text(TransferRequest{url, file.size(), file.declared_size(), options_});
  if (send_message(connection, MessageKind::request, request) != Sent::yes) return Lost::closed;
  Reception reception(file);
  for (;;) {
    if (!wait_until_readable(connection, patience_ms)) return Lost::silent;
    auto message = receive_message(connection, buffer_);
    if (!message) return Lost::closed;
    if (message->kind == MessageKind::end) {
      auto end = parse_end(message->body);
      return end ? Outcome(reception.judge(*end)) : Outcome(Lost::closed);
    }
    if (auto refusal = reception.take(*message)) return Attempt{Attempt::Result::refused, *refusal};
  }
}

}  // namespace karapace::remote
