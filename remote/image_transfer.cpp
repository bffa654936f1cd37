// SPDX-License-Identifier: Apache-2.0
#include "remote/image_transfer.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <system_error>

#include "base/error.hpp"
#include "remote/oci/image_location.hpp"

namespace karapace::remote {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds sign_of_life{1000};
constexpr int longest_full_ms = 30'000;  // of a download that reads nothing
constexpr std::size_t piece = std::size_t{32} << 10;

/// Nobody reads any more what is sent.
struct Unwanted : std::exception {};

/// Waits until it is sent.
void send(int connection, const std::atomic<bool>& is_unwanted, MessageKind kind, std::string_view body) {
  for (;;) {
    if (is_unwanted) throw Unwanted();
    const auto sent = send_message(connection, kind, body);
    if (sent == Sent::yes) return;
    if (sent == Sent::gone) throw Unwanted();
    struct pollfd wanted{connection, POLLOUT, 0};
    if (::poll(&wanted, 1, longest_full_ms) == 0) throw Unwanted();
  }
}

}  // namespace

ImageTransfers::~ImageTransfers() {
  for (auto& transfer : transfers_) transfer.is_unwanted = true;
  for (auto& transfer : transfers_) transfer.thread.join();
}

void ImageTransfers::begin(Fd connection, TransferRequest request) {
  auto& transfer = transfers_.emplace_back();
  transfer.connection = std::move(connection);
  transfer.request = std::move(request);
  try {
    transfer.thread = std::thread([this, &transfer] { run(transfer); });
  } catch (const std::system_error&) {
    // Whoever waits sees the connection end, and asks again.
    transfers_.pop_back();
  }
}

void ImageTransfers::tick() {
  const auto now = Clock::now();
  for (auto& transfer : transfers_) {
    if (transfer.is_done || now - transfer.said < sign_of_life) continue;
    transfer.said = now;
    if (send_message(transfer.connection.get(), MessageKind::alive, {}) == Sent::gone) transfer.is_unwanted = true;
  }
}

std::list<Fd> ImageTransfers::take_done() {
  std::list<Fd> connections;
  for (auto transfer = transfers_.begin(); transfer != transfers_.end();) {
    if (!transfer->is_done) {
      ++transfer;
      continue;
    }
    transfer->thread.join();
    if (!transfer->is_unwanted) connections.push_back(std::move(transfer->connection));
    transfer = transfers_.erase(transfer);
  }
  return connections;
}

std::shared_ptr<oci::ImageRepository> ImageTransfers::repository(const std::string& place,
                                                                 const TransferOptions& options) {
  const std::lock_guard lock(mutex_);
  auto& known = repositories_[place + '\n' + options_text(options)];
  if (known) return known;
  const auto location = oci::ImageLocation::parse(place);
  known = oci::open_repository(location, oci::Access::read,
                               oci::registry_options(location.place.substr(0, location.place.find('/')), options));
  return known;
}

void ImageTransfers::send_blob(Transfer& transfer) {
  const auto& [address, from, size, options] = transfer.request;
  const auto at = address.rfind('@');
  const auto digest = at == address.npos ? std::nullopt : oci::ContentDigest::parse(address.substr(at + 1));
  if (!digest) throw RemoteError("it names no digest");
  const auto say = [&](MessageKind kind, std::string_view body) {
    send(transfer.connection.get(), transfer.is_unwanted, kind, body);
  };
  const auto from_where = repository(address.substr(0, at), options);
  bool is_begun = false;
  const auto take = [&](std::string_view bytes) {
    if (!std::exchange(is_begun, true))
      say(MessageKind::head, text(TransferHead{from > 0 ? 206 : 200, static_cast<std::int64_t>(size - from)}));
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), piece)))
      say(MessageKind::data, bytes.substr(0, piece));
  };
  from_where->read_blob({.media_type = "application/octet-stream", .digest = *digest, .size = size}, take, from);
}

void ImageTransfers::run(Transfer& transfer) {
  TransferEnd end{TransferEnd::Result::complete, 0, {}};
  try {
    send_blob(transfer);
  } catch (const Unwanted&) {
    transfer.is_unwanted = true;
  } catch (const std::exception& error) {
    end = {TransferEnd::Result::refused, 0, error.what()};
  }
  try {
    if (!transfer.is_unwanted) send(transfer.connection.get(), transfer.is_unwanted, MessageKind::end, text(end));
  } catch (const Unwanted&) {
    transfer.is_unwanted = true;
  }
  transfer.is_done = true;
  ended_();
}

}  // namespace karapace::remote
