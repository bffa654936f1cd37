// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/blob_download.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "remote/oci/patience.hpp"

namespace karapace::oci {

namespace {

/// The start of `Content-Range: bytes 5-9/10`.
std::optional<std::uint64_t> range_start(const AnswerHead& head) {
  constexpr std::string_view unit = "bytes ";
  auto text = head.header("content-range").value_or("");
  std::uint64_t start = 0;
  if (!text.starts_with(unit)) return std::nullopt;
  auto [end, error] = std::from_chars(text.data() + unit.size(), text.data() + text.size(), start);
  if (error != std::errc{} || end == text.data() + text.size() || *end != '-') return std::nullopt;
  return start;
}

}  // namespace

BlobDownload::BlobDownload(RegistryConnection& connection, Url url, const Descriptor& blob, const TakeBytes& take)
    : connection_(connection),
      url_(std::move(url)),
      blob_(blob),
      take_(take),
      what_(fmt::format("read blob {}", blob.digest.text())),
      hasher_(blob.digest.algorithm()) {}

void BlobDownload::run(std::uint64_t from) {
  received_ = from;
  is_hashed_ = from == 0;
  Patience patience(connection_.options().pauses);
  while (received_ < blob_.size || blob_.size == 0) {
    auto before = received_;
    auto answer = connection_.ask(request(), connection_.pulling());
    if (answer.status() == 200 || answer.status() == 206) break;
    if (received_ > before) patience.renew();
    if (!patience.lasts(answer)) connection_.refuse(answer, what_);
  }
  verify();
}

Request BlobDownload::request() {
  Request request{.url = url_,
                  .reader = BodyReader{.head = [this](const AnswerHead& head) { begin(head); },
                                       .take = [this](std::string_view bytes) { take(bytes); }}};
  if (received_ > 0) request.headers = {{"Range", fmt::format("bytes={}-", received_)}};
  return request;
}

void BlobDownload::begin(const AnswerHead& head) {
  auto length = head.length();
  skip_ = head.status == 200 ? received_ : 0;
  if (head.status == 200) {
    if (length && *length != blob_.size) refuse_size(*length);
    return;
  }
  if (range_start(head) != received_) connection_.refuse("answers with another range than it was asked for", what_);
  if (length && *length != blob_.size - received_) refuse_size(received_ + *length);
}

void BlobDownload::take(std::string_view bytes) {
  auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
  skip_ -= skipped;
  bytes.remove_prefix(skipped);
  if (bytes.empty()) return;
  if (bytes.size() > blob_.size - received_) refuse_size(received_ + bytes.size());
  received_ += bytes.size();
  if (is_hashed_) hasher_.update(bytes);
  take_(bytes);
}

void BlobDownload::verify() {
  if (received_ != blob_.size) refuse_size(received_);
  if (!is_hashed_) return;
  auto digest = hasher_.finish();
  if (digest != blob_.digest) {
    connection_.refuse(fmt::format("sent other bytes, whose digest is {}", digest.text()), what_);
  }
}

void BlobDownload::refuse_size(std::uint64_t size) const {
  connection_.refuse(fmt::format("sends {} bytes or more of it, not {}", size, blob_.size), what_);
}

}  // namespace karapace::oci
