// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/layout_files.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "remote/oci/json_document.hpp"

namespace karapace::oci {

namespace {

[[noreturn]] void refuse_writing(const LayoutFiles& files) {
  throw RemoteError(
      fmt::format("{} is only read; write to a directory (oci-layout:) or a new archive (oci-archive:)", files.name()));
}

}  // namespace

void LayoutFiles::add_blob(const ContentDigest& /*digest*/, const BlobSource& /*source*/, Content /*content*/) {
  refuse_writing(*this);
}
bool LayoutFiles::remove_blob(const ContentDigest& /*digest*/) { refuse_writing(*this); }
std::uint64_t LayoutFiles::sweep(const FindKept& /*find_kept*/, std::chrono::seconds /*idle*/) {
  refuse_writing(*this);
}
void LayoutFiles::change_index(const ChangeIndex& /*change*/) { refuse_writing(*this); }

std::string blob_path(const ContentDigest& digest) {
  return fmt::format("blobs/{}/{}", text(digest.algorithm()), digest.hex());
}

void read_verified(const Descriptor& blob, std::uint64_t from, const TakeBytes& take, std::string_view where,
                   const std::function<void(const TakeBytes&)>& read) {
  ContentHasher hasher(blob.digest.algorithm());
  auto received = from;
  read([&](std::string_view bytes) {
    if (bytes.size() > blob.size - received) {
      throw RemoteError(fmt::format("{} has more than {} bytes of {}", where, blob.size, blob.digest.text()));
    }
    received += bytes.size();
    if (from == 0) hasher.update(bytes);
    take(bytes);
  });
  if (received != blob.size) {
    throw RemoteError(fmt::format("{} has {} bytes of {}, not {}", where, received, blob.digest.text(), blob.size));
  }
  if (from == 0) require_digest(blob.digest, hasher.finish(), where);
}

void require_digest(const ContentDigest& wanted, const ContentDigest& actual, std::string_view where) {
  if (wanted == actual) return;
  throw RemoteError(
      fmt::format("{}: the bytes of {} are others, with the digest {}", where, wanted.text(), actual.text()));
}

void require_marker(const std::optional<std::string>& marker, std::string_view where) {
  if (!marker) throw RemoteError(fmt::format("{} is no OCI image layout: it has no \"{}\"", where, layout_marker_name));
  const JsonDocument document(*marker, fmt::format("\"{}\" of {}", layout_marker_name, where));
  auto version = document.root().required_text("imageLayoutVersion");
  if (!version.starts_with("1.")) {
    throw RemoteError(
        fmt::format("{} is a layout of version {}, and 1.0.0 is understood", where, printable_word(version)));
  }
}

}  // namespace karapace::oci
