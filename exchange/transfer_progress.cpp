// SPDX-License-Identifier: Apache-2.0
#include "exchange/transfer_progress.hpp"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::exchange {

namespace {

constexpr std::chrono::milliseconds on_a_terminal{200};
constexpr std::chrono::milliseconds elsewhere{10'000};
/// Before that a rate is none.
constexpr std::chrono::milliseconds soonest_rate{1000};

/// What can not be written to people is no fault of a transfer.
void write_to(int fd, std::string_view text) {
  [[maybe_unused]] const auto count = ::write(fd, text.data(), text.size());
}

}  // namespace

ProgressOutput ProgressOutput::standard() {
  const char* terminal = std::getenv("TERM");
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
  return {STDERR_FILENO, is_terminal, is_terminal ? on_a_terminal : elsewhere};
}

TransferProgress::TransferProgress(std::string label, std::string noun, ProgressOutput output)
    : label_(std::move(label)), noun_(std::move(noun)), output_(output) {
  if (!label_.empty()) teller_ = std::thread([this] { tell_from_time_to_time(); });
}

TransferProgress::~TransferProgress() {
  if (!teller_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
  }
  ended_.notify_all();
  teller_.join();
  if (output_.is_terminal && has_told_) write_to(output_.fd, "\r\x1b[K");
}

std::size_t TransferProgress::add(std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  items_.push_back({.size = size});
  return items_.size() - 1;
}

void TransferProgress::at(std::size_t number, std::uint64_t position) {
  const std::lock_guard lock(mutex_);
  items_.at(number).position = std::min(position, items_[number].size);
}

void TransferProgress::end(std::size_t number) {
  const std::lock_guard lock(mutex_);
  items_.at(number).position = items_[number].size;
  items_[number].is_done = true;
}

void TransferProgress::leave_out(std::size_t number) {
  const std::lock_guard lock(mutex_);
  items_.at(number).is_left_out = true;
}

std::function<void(std::uint64_t)> TransferProgress::watcher(std::size_t number) {
  return [this, number](std::uint64_t position) { at(number, position); };
}

std::string TransferProgress::text(std::chrono::milliseconds passed) const {
  const std::lock_guard lock(mutex_);
  std::size_t done = 0;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t total = 0;
  for (const auto& item : items_) {
    if (item.is_left_out) continue;
    ++count;
    if (item.is_done) ++done;
    bytes += item.position;
    total += item.size;
  }
  auto text =
      fmt::format("{}: {} of {}, {} of {}", label_, done, counted(count, noun_), size_text(bytes), size_text(total));
  if (passed >= soonest_rate)
    text += fmt::format(", {}/s", size_text(bytes * 1000 / static_cast<std::uint64_t>(passed.count())));
  return text;
}

void TransferProgress::tell() {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin_);
  const auto line = "karapace: " + printable(text(passed));
  // The cursor stays at the beginning, so that a warning stands there.
  write_to(output_.fd, output_.is_terminal ? fmt::format("{}\x1b[K\r", line) : line + "\n");
  has_told_ = true;
}

void TransferProgress::tell_from_time_to_time() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (ended_.wait_for(lock, output_.every, [this] { return is_ended_; })) return;
      if (items_.empty()) continue;
    }
    tell();
  }
}

}  // namespace karapace::exchange
