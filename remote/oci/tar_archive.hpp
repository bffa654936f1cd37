// SPDX-License-Identifier: Apache-2.0
// Tar archives as boxes of named files: one that is read in any order, without unpacking it, and one that is written.
//
// Names are keys and nothing more: no file is ever made of one, so what an archive of a stranger calls its files does
// no harm.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "remote/oci/blob_source.hpp"
#include "remote/oci/http_client.hpp"
#include "store/pax_writer.hpp"

namespace karapace::oci {

class TarReader {
 public:
  /// Reads through its headers once. RemoteError when it is no tar archive; one that is compressed is read, too, but
  /// each file in it costs reading all that comes before.
  explicit TarReader(const std::filesystem::path& path);

  /// Symbolic and hard links are followed, a few. Nothing when there is no such regular file.
  std::optional<std::uint64_t> size(const std::string& name) const;
  /// Gives the file's bytes from `from` on. RemoteError when there is no such file.
  void read(const std::string& name, std::uint64_t from, const TakeBytes& take) const;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  struct Entry {
    std::uint64_t position = 0;  // of its header, from the beginning of the file
    std::uint64_t size = 0;
    std::string link;  // it is another name of that file
  };
  std::optional<std::string> resolve(const std::string& name) const;
  void read_headers();

  std::filesystem::path path_;
  Fd fd_;
  bool is_compressed_ = false;
  std::map<std::string, Entry> entries_;
};

class TarWriter {
 public:
  /// Until `finish` the file has no name, so that nothing stays of one that was interrupted; where the file system has
  /// no such files (NFS), "PATH.XXXXXX". StoreError when it can not be made.
  explicit TarWriter(std::filesystem::path path);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// A regular file of root's, 0644, with time 0. `seen` is given its bytes as they pass.
  void add(const std::string& name, const BlobSource& source, const TakeBytes& seen);
  /// Replaces `path` by what was written.
  void finish();

 private:
  [[noreturn]] void fail() const;
  void make_named();
  void give_name();

  std::filesystem::path path_;
  std::filesystem::path unfinished_;
  bool is_named_ = false;  // the latter
  Fd fd_;
  store::PaxWriter writer_;
};

}  // namespace karapace::oci
