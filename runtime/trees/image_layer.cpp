// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/image_layer.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "remote/sha256.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "runtime/trees/fresh_tree.hpp"
#include "runtime/trees/header_entry.hpp"
#include "runtime/trees/path_resolution.hpp"
#include "store/file_attributes.hpp"
#include "store/path_limit.hpp"
#include "store/verified_content.hpp"

namespace karapace::trees {

namespace {

constexpr std::uint64_t room_for_headers = std::uint64_t{1} << 30;
constexpr std::size_t most_implied = 10'000;
constexpr std::size_t most_replaced = 10'000;  // directories: each takes a look at all that was written
constexpr std::string_view opaque_mark = ".wh..wh..opq";
constexpr std::string_view aufs_prefix = ".wh..wh.";

/// The archive after decompression, hashed while it is read.
class HashedArchive {
 public:
  explicit HashedArchive(const ImageLayerRequest& request)
      : label_(request.label),
        limit_(request.byte_limit + room_for_headers),
        decompressor_(request.blob, request.label, Compression::by_content) {}

  std::size_t read(std::span<char> buffer) {
    const auto count = decompressor_.read(buffer);
    hasher_.update({buffer.data(), count});
    size_ += count;
    if (size_ > limit_)
      throw StepError(fmt::format(
          "{}: refused: it unpacks to more than {} MiB; set KARAPACE_UNPACK_LIMIT (bytes) if that is intended", label_,
          (limit_ - room_for_headers) >> 20));
    return count;
  }
  void read_rest() {
    std::vector<char> buffer(64 * 1024);
    while (read(buffer) > 0) {
    }
  }
  std::uint64_t size() const noexcept { return size_; }
  Sha256 digest() { return hasher_.finish(); }

 private:
  const std::string& label_;
  std::uint64_t limit_;
  Decompressor decompressor_;
  remote::Sha256Hasher hasher_;
  std::uint64_t size_ = 0;
};

struct Time {
  std::int64_t seconds;
  std::uint32_t nanoseconds;
};

/// "-1.5": a second and a half before the epoch, which is half a second after -2. libarchive reads it as -0.5.
std::optional<Time> pax_time(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const auto dot = std::min(text.find('.'), text.size());
  Time time{0, 0};
  const auto read = std::from_chars(text.data(), text.data() + dot, time.seconds);
  if (read.ec != std::errc{} || read.ptr != text.data() + dot || time.seconds < 0) return std::nullopt;
  auto digits = std::string(text.substr(std::min(dot + 1, text.size())));
  if (digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
  const bool has_more = digits.find_first_not_of('0', std::min<std::size_t>(9, digits.size())) != digits.npos;
  digits.resize(9, '0');
  time.nanoseconds = static_cast<std::uint32_t>(std::stoul(digits));
  if (!is_negative) return time;
  if (has_more) ++time.nanoseconds;  // rounded down
  if (time.nanoseconds == 0) return Time{-time.seconds, 0};
  return Time{-time.seconds - 1, 1'000'000'000U - time.nanoseconds};
}

/// The name below the image's root, with no part that says nothing. StepError when it leads upwards.
std::vector<std::string_view> parts_of(const std::string& label, std::string_view name) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..")
      throw StepError(fmt::format("{}: refused: the path \"{}\" leads outside with \"..\"", label, beginning(name)));
    parts.push_back(part);
  }
  return parts;
}

std::string joined(const std::vector<std::string_view>& parts) { return fmt::format("{}", fmt::join(parts, "/")); }

class ImageLayerWriter {
 public:
  explicit ImageLayerWriter(const ImageLayerRequest& request) : request_(request), tree_(request.directory) {
    if (const auto* root = below("")) tree_.change_directory(without_mark(*root));
  }

  void read(ArchiveReader& archive) {
    while (archive_entry* header = archive.next()) {
      const char* name = archive_entry_pathname(header);
      if (!name) refuse("an entry without a name");
      take(archive, header, name);
    }
  }

  store::Listing finish() {
    for (const auto& path : opaque_) apply_opaque(path);
    for (const auto& path : whiteouts_) apply_whiteout(path);
    return tree_.finish();
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw StepError(fmt::format("{}: refused: {}", request_.label, why));
  }

  static store::Entry without_mark(store::Entry directory) {
    directory.opaque = false;
    return directory;
  }

  // What is there: in this layer and below it.

  const store::Entry* below(std::string_view path) const {
    return request_.lower ? request_.lower().find(path) : nullptr;
  }

  /// Whether this layer hides what the layers below have there.
  bool is_hidden(std::string_view path) const {
    for (auto above = path;; above = parent_path(above)) {
      const bool is_itself = above.size() == path.size();
      if (whiteouts_.contains(above)) return true;
      if (!is_itself && opaque_.contains(above)) return true;
      const auto* own = tree_.find(above);
      if (!is_itself && own && (own->opaque || own->type != store::EntryType::directory)) return true;
      if (above.empty()) return false;
    }
  }

  const store::Entry* visible(std::string_view path) const {
    if (const auto* own = tree_.find(path)) return own;
    const auto* lower = below(path);
    return lower && !is_hidden(path) ? lower : nullptr;
  }

  std::string resolve(const std::vector<std::string_view>& parts) {
    if (parts.empty()) return {};
    const auto name = joined(parts);
    if (auto complaint = store::length_complaint(name)) refuse(*complaint);
    // Most entries stand in the directory of the one before.
    if (plain_parent_ && *plain_parent_ == parent_path(name)) return name;
    auto path = resolve_parents(name, [this](std::string_view part) { return visible(part); });
    if (auto complaint = store::length_complaint(path)) refuse(*complaint);
    const auto* own = tree_.find(parent_path(path));
    if (path == name && own && own->type == store::EntryType::directory) plain_parent_ = parent_path(path);
    return path;
  }

  // Entries.

  void take(ArchiveReader& archive, archive_entry* header, std::string_view name) {
    const auto parts = parts_of(request_.label, name);
    if (is_of_aufs(parts)) return;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
      if (parts[i].starts_with(store::whiteout_prefix))
        refuse(fmt::format("the path \"{}\" leads through a whiteout", beginning(name)));
    const auto path = resolve(parts);
    if (!parts.empty() && parts.back() == opaque_mark) return take_opaque(std::string(parent_path(path)));
    if (!parts.empty() && parts.back().starts_with(store::whiteout_prefix)) return take_whiteout(path);
    auto entry = entry_of(archive, header, path);
    take_time(archive, entry);
    take_attributes(archive, header, entry);
    if (const char* target = archive_entry_hardlink(header)) return take_hardlink(std::move(entry), target);
    take_file(archive, header, std::move(entry));
  }

  static bool is_of_aufs(const std::vector<std::string_view>& parts) {
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
      return part.starts_with(aufs_prefix) && !(part == opaque_mark && part.data() == parts.back().data());
    });
  }

  void take_time(const ArchiveReader& archive, store::Entry& entry) const {
    const auto* text = archive.pax_record("mtime");
    if (!text) return;
    const auto time = pax_time(*text);
    if (!time) refuse(fmt::format("the time of \"{}\" is no number", beginning(entry.path)));
    entry.mtime = nearest_time(time->seconds);
    entry.nanoseconds = entry.mtime == time->seconds ? time->nanoseconds : 0;
  }

  static void take_attributes(const ArchiveReader& archive, archive_entry* header, store::Entry& entry) {
    auto xattrs = all_xattrs(header);
    std::erase_if(xattrs, [](const auto& xattr) { return !is_of_layers(xattr.name); });
    entry.xattrs = layer_xattrs(archive, entry, std::move(xattrs));
  }

  void take_file(ArchiveReader& archive, archive_entry* header, store::Entry entry) {
    const auto type = archive_entry_filetype(header);
    if (type == AE_IFDIR) return take_directory(std::move(entry));
    if (entry.path.empty()) refuse("the root of the image is no directory");
    if (type == AE_IFLNK) {
      entry.target = archive_entry_symlink(header) ? archive_entry_symlink(header) : "";
      require_target(archive, entry);
    }
    make_room(entry.path);
    switch (type) {
      case AE_IFREG: {
        const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(archive_entry_size(header), 0));
        if (size > request_.byte_limit) refuse_size();
        return tree_.make_file(std::move(entry),
                               [&](int file, store::Entry& made) { read_content(archive, size, file, made); });
      }
      case AE_IFLNK: return tree_.make_symlink(std::move(entry));
      case AE_IFIFO: return tree_.make_fifo(std::move(entry));
      default: break;
    }
    entry.xattrs.clear();
    tree_.make_file(std::move(entry), [](int, store::Entry& made) { made.content = blake3(""); });
  }

  void read_content(ArchiveReader& archive, std::uint64_t size, int file, store::Entry& entry) {
    Blake3 hasher;
    const auto append = [&](std::size_t count) {
      count_bytes(count);
      const std::string_view bytes(buffer_.data(), count);
      hasher.update(bytes);
      write_all(file, bytes, entry.path);
      entry.size += count;
    };
    while (std::size_t count = archive.read(buffer_)) append(count);
    // libarchive gives zeros for the holes of a sparse file, but not for one at its end.
    if (entry.size < size) std::fill(buffer_.begin(), buffer_.end(), '\0');
    while (entry.size < size) append(std::min<std::uint64_t>(buffer_.size(), size - entry.size));
    entry.content = hasher.finish();
  }

  void count_bytes(std::uint64_t count) {
    written_ += count;
    if (written_ > request_.byte_limit) refuse_size();
  }

  [[noreturn]] void refuse_size() const {
    refuse(fmt::format("it unpacks to more than {} MiB; set KARAPACE_UNPACK_LIMIT (bytes) if that is intended",
                       request_.byte_limit >> 20));
  }

  void take_directory(store::Entry entry) {
    const auto* known = tree_.find(entry.path);
    if (known && known->type == store::EntryType::directory) {
      entry.opaque = known->opaque;
      return tree_.change_directory(std::move(entry));
    }
    // What the layers below have in the directory went with the file that stood here meanwhile.
    const auto* lower = known ? below(entry.path) : nullptr;
    entry.opaque = lower && lower->type == store::EntryType::directory;
    make_room(entry.path);
    tree_.make_directory(std::move(entry));
  }

  /// Its parents are there afterwards, and nothing of this layer stands at the path.
  void make_room(const std::string& path) {
    ensure_parents(path);
    const auto* known = tree_.find(path);
    if (!known) return;
    if (known->type == store::EntryType::directory && ++replaced_ > most_replaced)
      refuse(fmt::format("more than {} of its directories are replaced by it", most_replaced));
    plain_parent_.reset();
    if (!tree_.remove(path))
      refuse(fmt::format("\"{}\" appears twice, and is linked to before the second time", beginning(path)));
  }

  void ensure_parents(const std::string& path) {
    const std::string parent(parent_path(path));
    const auto* entry = visible(parent);
    if (entry && entry->type != store::EntryType::directory)
      refuse(fmt::format("\"{}\" passes through \"{}\", which is not a directory", beginning(path), beginning(parent)));
    if (tree_.find(parent)) return;
    ensure_parents(parent);
    if (entry) return tree_.make_directory(without_mark(*entry));
    // A name of three thousand bytes makes as many directories: a few hundred bytes of an archive would take minutes.
    if (++implied_ > most_implied)
      refuse(fmt::format("it leaves out more than {} directories of its paths", most_implied));
    store::Entry made;
    made.path = parent;
    made.mode = 0755;
    tree_.make_directory(std::move(made));
  }

  // Hard links.

  void take_hardlink(store::Entry entry, std::string_view name) {
    const auto path = entry.path;
    const auto target = resolve(parts_of(request_.label, name));
    const auto is_no_file = [&]() {
      refuse(fmt::format("the hard link \"{}\" points to \"{}\", which is no file of this image or stands behind it",
                         beginning(path), beginning(name)));
    };
    if (!tree_.find(target)) take_from_below(target);
    make_room(path);
    const auto* file = tree_.find(target);
    if (!file || file->type == store::EntryType::directory) is_no_file();
    if (file->type == store::EntryType::regular || file->type == store::EntryType::hardlink)
      return tree_.link_file(path, target);
    // A listing knows hard links of regular files only.
    auto copy = *file;
    copy.path = path;
    copy.type == store::EntryType::symlink ? tree_.make_symlink(std::move(copy)) : tree_.make_fifo(std::move(copy));
  }

  /// A file of the layers below into this one, with all its names: else its names would not be one file any more.
  void take_from_below(const std::string& path) {
    const auto* found = visible(path);
    if (!found || found->type == store::EntryType::directory) return;
    auto entry = *found;
    if (entry.type == store::EntryType::symlink || entry.type == store::EntryType::fifo) {
      ensure_parents(path);
      return entry.type == store::EntryType::symlink ? tree_.make_symlink(std::move(entry))
                                                     : tree_.make_fifo(std::move(entry));
    }
    std::optional<std::string> first;
    for (const auto& name : request_.lower().names_of(path)) {
      if (tree_.find(name) || is_hidden(name)) continue;
      ensure_parents(name);
      if (first) {
        tree_.link_file(name, *first);
        continue;
      }
      first = name;
      auto made = entry;
      made.path = name;
      made.target.clear();
      count_bytes(made.size);
      tree_.make_file(std::move(made), [&](int file, store::Entry& one) { copy_content(path, file, one); });
    }
  }

  void copy_content(const std::string& path, int to, const store::Entry& entry) const {
    const auto source = *request_.lower().tree_of(path) / path;
    const auto from = open_at(AT_FDCWD, source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    require_regular(from.get(), source);
    store::copy_verified({from.get(), fmt::format("\"{}\"", escaped_utf8(source.native()))}, {to, path}, entry.content);
  }

  // Marks. They are applied at the end: what this layer brings stays, wherever it stands.

  bool stands_in_own_file(std::string_view path) const {
    for (auto above = parent_path(path);; above = parent_path(above)) {
      if (const auto* own = tree_.find(above)) return own->type != store::EntryType::directory;
      if (above.empty()) return false;
    }
  }

  void take_whiteout(const std::string& mark) {
    const auto name = base_name(mark).substr(store::whiteout_prefix.size());
    if (name.empty() || name == "." || name == "..")
      refuse(fmt::format("the whiteout \"{}\" names nothing", beginning(mark)));
    const auto parent = parent_path(mark);
    const auto path = parent.empty() ? std::string(name) : fmt::format("{}/{}", parent, name);
    if (stands_in_own_file(path) || (request_.lower && (!below(path) || is_hidden(path)))) return;
    if (!tree_.find(path)) ensure_parents(path);
    whiteouts_.insert(path);
  }

  void take_opaque(const std::string& path) {
    const auto* entry = visible(path);
    if (!tree_.find(path) && entry && entry->type == store::EntryType::directory) {
      ensure_parents(path);
      tree_.make_directory(without_mark(*entry));
    }
    opaque_.insert(path);
  }

  void apply_opaque(const std::string& path) {
    const auto* own = tree_.find(path);
    if (!own || own->type != store::EntryType::directory) return;
    if (!path.empty()) return tree_.make_opaque(path);
    // The kernel knows no root that hides what is below.
    if (!request_.lower) return;
    request_.lower().for_each([&](const store::Entry& entry, const std::filesystem::path&) {
      if (!entry.path.empty() && parent_path(entry.path).empty()) whiteouts_.insert(entry.path);
    });
  }

  void apply_whiteout(const std::string& path) {
    if (const auto* own = tree_.find(path)) {
      if (own->type == store::EntryType::directory) tree_.make_opaque(path);
      return;
    }
    const auto* parent = tree_.find(parent_path(path));
    if (!parent || parent->type != store::EntryType::directory) return;
    // In a directory that hides everything they would be seen themselves.
    if (request_.lower && is_hidden(parent_path(path))) return;
    if (request_.lower && parent->opaque) return;
    tree_.make_whiteout(path);
  }

  const ImageLayerRequest& request_;
  FreshTree tree_;
  std::set<std::string, std::less<>> whiteouts_;
  std::set<std::string, std::less<>> opaque_;
  std::optional<std::string> plain_parent_;  // a directory of this layer, with no link above it
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
  std::uint64_t written_ = 0;
  std::size_t implied_ = 0;
  std::size_t replaced_ = 0;
};

}  // namespace

ImageLayer unpack_image_layer(const ImageLayerRequest& request) {
  HashedArchive hashed(request);
  ArchiveReader archive(
      ArchiveFormat::tar, [&](std::span<char> buffer) { return hashed.read(buffer); }, request.label,
      Compression::none);
  ImageLayerWriter writer(request);
  writer.read(archive);
  auto listing = writer.finish();
  hashed.read_rest();
  return {std::move(listing), hashed.digest(), hashed.size()};
}

}  // namespace karapace::trees
