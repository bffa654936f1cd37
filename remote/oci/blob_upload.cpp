// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/blob_upload.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::oci {

namespace {

bool is_stored(const Answer& answer) noexcept {
  auto status = answer.status();
  return status == 201 || status == 200 || status == 204;
}

/// `Range: 0-<last byte>` as the number of bytes. "0-0" is what docker's registry says of nothing, too, and believing
/// in one byte less than there is costs nothing.
std::uint64_t stored_bytes(const Answer& answer) {
  auto range = answer.head.header("range").value_or("");
  if (range.starts_with("bytes=")) range.erase(0, 6);
  std::uint64_t last = 0;
  if (!range.starts_with("0-")) return 0;
  auto [end, error] = std::from_chars(range.data() + 2, range.data() + range.size(), last);
  if (error != std::errc{} || end != range.data() + range.size()) return 0;
  return last == 0 ? 0 : last + 1;
}

}  // namespace

BlobUpload::BlobUpload(RegistryConnection& connection, const NewBlob& blob)
    : connection_(connection),
      blob_(blob),
      what_(fmt::format("push blob {} ({})", blob.descriptor.digest.text(), size_text(blob.descriptor.size))),
      patience_(connection.options().pauses) {
  if (blob.source.size() != blob.descriptor.size) {
    throw RemoteError(
        fmt::format("{}: there are {} bytes to be sent, not {}", what_, blob.source.size(), blob.descriptor.size));
  }
}

Added BlobUpload::run() {
  if (!blob_.mount_from.empty()) {
    session_ = mount(blob_.mount_from.front());
    if (!session_) return Added::mounted;
  }
  try {
    send();
  } catch (...) {
    cancel();
    throw;
  }
  return Added::stored;
}

/// A registry that will not mount answers as if it had been asked to begin an upload (202). One that refuses, because
/// the login may not read there, is asked for an upload alone.
std::optional<BlobUpload::Session> BlobUpload::mount(const std::string& from) {
  auto address = connection_.address("blobs/uploads/").with_query("mount", blob_.descriptor.digest.text());
  auto scopes = connection_.pushing();
  for (auto& scope : pull_scope(from)) scopes.push_back(std::move(scope));
  try {
    auto answer =
        connection_.ask_patiently({.method = Method::post, .url = address.with_query("from", from)}, scopes, what_);
    if (answer.status() == 201) return std::nullopt;
    if (answer.status() == 202) return Session{newest(answer, answer.url)};
  } catch (const RemoteError&) {
    // There may be no token for both; for one there may.
  }
  return begin(connection_.address("blobs/uploads/"), connection_.pushing());
}

std::optional<BlobUpload::Session> BlobUpload::begin(const Url& address, const Scopes& scopes) {
  auto algorithm = blob_.descriptor.digest.algorithm();
  auto url = algorithm == Algorithm::sha256 ? address : address.with_query("digest-algorithm", text(algorithm));
  auto answer = connection_.ask_patiently({.method = Method::post, .url = url}, scopes, what_);
  if (answer.status() != 202) connection_.refuse(answer, what_);
  return Session{newest(answer, answer.url)};
}

void BlobUpload::send() {
  while (true) {
    if (!session_) session_ = begin(connection_.address("blobs/uploads/"), connection_.pushing());
    auto answer = send_on();
    if (is_stored(answer)) return;
    if (!recover(answer)) connection_.refuse(answer, what_);
    if (!session_ && is_there()) return;
  }
}

/// Everything with one PUT, or what is missing with a PATCH and a PUT that closes.
Answer BlobUpload::send_on() {
  if (session_->stored == 0) return close(*session_, RequestBody{blob_.source});
  const auto size = blob_.descriptor.size;
  if (session_->stored < size) {
    auto answer = connection_.ask({.method = Method::patch,
                                   .url = session_->location,
                                   .headers = {{"Content-Type", "application/octet-stream"},
                                               {"Content-Range", fmt::format("{}-{}", session_->stored, size - 1)}},
                                   .body = RequestBody{blob_.source, session_->stored}},
                                  connection_.pushing());
    if (answer.status() != 202) return answer;
    session_ = Session{newest(answer, session_->location), size};
  }
  return close(*session_, std::nullopt);
}

Answer BlobUpload::close(const Session& session, std::optional<RequestBody> body) {
  return connection_.ask({.method = Method::put,
                          .url = session.location.with_query("digest", blob_.descriptor.digest.text()),
                          .headers = {{"Content-Type", "application/octet-stream"}},
                          .body = std::move(body)},
                         connection_.pushing());
}

/// Whether there is something to try after `answer`; then the session is as far as the registry has come.
bool BlobUpload::recover(const Answer& answer) {
  auto before = session_->stored;
  const bool was_continued = before > 0;
  // 404: the session is gone. 416: its end is not where we thought. 400: pieces of it may have been lost.
  const bool is_confused =
      answer.status() == 404 || answer.status() == 416 || (was_continued && answer.status() == 400);
  if (is_confused) {
    if (std::exchange(has_begun_again_, true)) return false;
  } else if (!patience_.lasts(answer)) {
    return false;
  }
  auto now = answer.status() == 404 ? std::nullopt : status(*session_);
  if (now && was_continued && now->stored <= before && is_confused) now = std::nullopt;
  if (now && now->stored > before) patience_.renew();
  if (!now) cancel();
  session_ = now;
  return true;
}

/// A session can be gone because the upload is complete, and only the answer that said so was lost.
bool BlobUpload::is_there() {
  auto url = connection_.address("blobs/" + blob_.descriptor.digest.text());
  auto answer = connection_.ask({.method = Method::head, .url = url}, connection_.pulling());
  return answer.status() == 200 && answer.head.length() == blob_.descriptor.size;
}

/// What the registry has of it ("Pushing a blob in chunks": GET of the location). Nothing when it does not say.
std::optional<BlobUpload::Session> BlobUpload::status(const Session& session) {
  auto answer = connection_.ask({.url = session.location}, connection_.pushing());
  if (answer.status() != 204) return std::nullopt;
  auto stored = stored_bytes(answer);
  if (stored > blob_.descriptor.size) return std::nullopt;
  return Session{newest(answer, session.location), stored};
}

void BlobUpload::cancel() noexcept {
  if (!session_) return;
  try {
    connection_.ask({.method = Method::remove, .url = session_->location}, connection_.pushing());
  } catch (const std::exception&) {
    // The registry forgets it by itself, later.
  }
  session_.reset();
}

Url BlobUpload::newest(const Answer& answer, const Url& before) const {
  auto location = answer.head.header("location");
  if (!location) {
    if (answer.status() == 204) return before;
    connection_.refuse("begins an upload without saying where (no Location)", what_);
  }
  auto url = before.resolved(*location);
  if (!url || (before.is_https() && !url->is_https())) {
    connection_.refuse(fmt::format("wants the upload at \"{}\", where it is not sent", printable_word(*location)),
                       what_);
  }
  return *url;
}

}  // namespace karapace::oci
