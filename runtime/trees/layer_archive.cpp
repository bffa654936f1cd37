// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/layer_archive.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/regular_file.hpp"
#include "store/pax_writer.hpp"
#include "store/verified_content.hpp"

namespace karapace::trees {

namespace {

using store::Entry;
using store::EntryType;

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }
std::string in_directory(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

/// An empty file that says something.
Entry mark(std::string path) {
  return {.path = std::move(path), .type = EntryType::regular, .mode = 0600, .content = blake3("")};
}

std::string whiteout_path(const std::string& path) {
  const auto name = name_of(path);
  const std::string_view directory = std::string_view(path).substr(0, path.size() - name.size());
  return fmt::format("{}{}{}", directory, whiteout_prefix, name);
}

class LayerWriter {
 public:
  LayerWriter(const LayerFiles& files, ChunkedCompressor& output)
      : files_(files),
        output_(output),
        archive_([&output](std::string_view bytes) { output.write(bytes); }, store::PaxWriter::Dialect::image) {}

  void run() {
    std::vector<MergedEntry> merged;
    std::vector<Place> places;
    if (files_.listings.size() == 1 && files_.below == Below::something) {
      for (const auto& entry : files_.listings.front().entries()) places.push_back({&entry, 0});
    } else {
      merged = merge_layers(files_.listings, files_.below);
      for (const auto& [entry, layer] : merged) places.push_back({&entry, layer});
    }
    for (const auto& [entry, layer] : places)
      if (entry->type == EntryType::hardlink) linked_.emplace(entry->target, nullptr);
    for (const auto& [entry, layer] : places) add(*entry, layer);
    archive_.finish();
  }

 private:
  struct Place {
    const Entry* entry;
    std::size_t layer;
  };

  void add(const Entry& entry, std::size_t layer) {
    if (name_of(entry.path).starts_with(whiteout_prefix)) refuse_name(entry);
    switch (entry.type) {
      case EntryType::whiteout: return write(mark(whiteout_path(entry.path)));
      case EntryType::hardlink: return add_link(entry);
      case EntryType::directory: return add_directory(entry);
      case EntryType::regular: return add_file(entry, layer);
      default: return write(entry);
    }
  }

  void add_directory(const Entry& entry) {
    Entry plain = entry;
    plain.opaque = false;
    write(plain);
    if (entry.opaque) write(mark(in_directory(entry.path, opaque_name)));
  }

  void add_link(const Entry& entry) {
    Entry link = *linked_.at(entry.target);
    link.path = entry.path;
    link.type = EntryType::hardlink;
    link.target = entry.target;
    link.size = 0;
    write(link);
  }

  void add_file(const Entry& entry, std::size_t layer) {
    if (const auto found = linked_.find(entry.path); found != linked_.end()) found->second = &entry;
    write(entry);
    append_content(entry, layer);
    archive_.end_content(entry.size);
  }

  void write(const Entry& entry) {
    try {
      archive_.add(entry);
    } catch (const StepError& error) {
      throw StepError(fmt::format("{}: \"/{}\" {}", files_.label, escaped_utf8(entry.path), error.what()));
    }
  }

  void append_content(const Entry& entry, std::size_t layer) {
    const auto file = open_regular(files_.trees[layer].get(), entry.path, Links::refused);
    if (!file) fail_damaged(entry);
    Blake3 hasher;
    for (auto rest = entry.size; rest > 0;) {
      auto room = output_.space();
      room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), rest)));
      const auto count = read(file->get(), room, entry);
      if (count == 0) fail_damaged(entry);
      hasher.update({room.data(), count});
      output_.advance(count);
      rest -= count;
    }
    if (hasher.finish() != entry.content) fail_damaged(entry);
  }

  std::size_t read(int file, std::span<char> room, const Entry& entry) const {
    for (;;) {
      const auto count = ::read(file, room.data(), room.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR)
        throw StoreError(
            errno_message(fmt::format("{}: cannot read \"/{}\"", files_.label, escaped_utf8(entry.path)), errno));
    }
  }

  [[noreturn]] void fail_damaged(const Entry& entry) const {
    store::throw_damaged(fmt::format("{}: \"/{}\"", files_.label, escaped_utf8(entry.path)));
  }
  [[noreturn]] void refuse_name(const Entry& entry) const {
    throw StepError(
        fmt::format("{}: \"/{}\" can not be in an image: names that begin with \"{}\" hide other files there; give it "
                    "another name, or remove it",
                    files_.label, escaped_utf8(entry.path), whiteout_prefix));
  }

  const LayerFiles& files_;
  ChunkedCompressor& output_;
  store::PaxWriter archive_;
  std::map<std::string_view, const Entry*> linked_;  // files that have other names
};

}  // namespace

void write_layer_archive(const LayerFiles& files, ChunkedCompressor& output) { LayerWriter(files, output).run(); }

}  // namespace karapace::trees
