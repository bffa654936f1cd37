// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <map>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "release/launchers.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"
#include "store/pax_writer.hpp"
#include "store/tree_walk.hpp"

namespace karapace::release {

namespace {

using store::Entry;
using store::EntryType;

/// What an archive has under a path: its entry, and where the bytes come from.
struct Item {
  Entry entry;
  std::filesystem::path file = {};  // below the destination
  std::string text = {};            // when there is no file
};

[[noreturn]] void refuse(const std::filesystem::path& path) {
  throw StoreError(fmt::format("release export: \"{}\" is not as it was built; `karapace release verify` tells more",
                               escaped_utf8(path.native())));
}

class Contents {
 public:
  Contents(const Destination& destination, const std::string& version, ArchiveRoot root)
      : destination_(destination),
        version_(version),
        document_(destination.document(version)),
        root_(root == ArchiveRoot::machine ? document_.destination.substr(1) + "/" : "") {
    // What is above the destination is not ours: where it is missing, whoever unpacks makes it.
    if (root == ArchiveRoot::machine) add_directory(document_.destination.substr(1));
    for (const auto* name :
         {"store", "versions", "bin", ".karapace", ".karapace/listings", ".karapace/installed", ".karapace/locks"})
      add_directory(root_ + name);
    for (const auto& package : document_.packages) {
      const auto listing = destination.entry_listing(package.entry);
      if (!listing || listing->id() != package.layer) refuse(destination.entry(package.entry));
      add_tree("store/" + package.entry, *listing);
      add_text(".karapace/listings/" + package.entry, listing->text());
    }
    add_version();
    add_programs();
  }

  const std::map<std::string, Item>& items() const { return items_; }

 private:
  void add(Entry entry, std::filesystem::path file = {}, std::string text = {}) {
    auto path = entry.path;
    items_.insert_or_assign(std::move(path), Item{std::move(entry), std::move(file), std::move(text)});
  }
  void add_directory(const std::string& path) { add({.path = path, .type = EntryType::directory, .mode = 0755}); }
  void add_text(const std::string& name, std::string text, std::uint32_t mode = 0444) {
    Entry entry{.path = root_ + name, .type = EntryType::regular, .mode = mode};
    entry.size = text.size();
    entry.content = blake3(text);
    add(std::move(entry), {}, std::move(text));
  }
  void add_link(const std::string& name, std::string target) {
    Entry entry{.path = root_ + name, .type = EntryType::symlink, .mode = 0777};
    entry.target = std::move(target);
    add(std::move(entry));
  }
  /// As it is installed: read-only, of nobody in particular.
  void add_tree(const std::string& name, const store::Listing& listing) {
    const auto prefix = root_ + name;
    const auto inside = [&](const std::string& path) { return path.empty() ? prefix : prefix + "/" + path; };
    for (auto entry : listing.entries()) {
      const auto file = name / std::filesystem::path(entry.path);
      entry.path = inside(entry.path);
      entry.uid = entry.gid = 0;
      entry.xattrs.clear();
      entry.opaque = false;
      if (entry.type == EntryType::hardlink)
        entry.target = inside(entry.target);
      else if (entry.type != EntryType::symlink)
        entry.mode &= 0555;
      add(std::move(entry), file);
    }
  }

  void add_version() {
    const auto listing = destination_.version_listing(version_);
    if (!listing) refuse(destination_.version(version_));
    add_tree("versions/" + version_, *listing);
    add_text(".karapace/installed/" + version_, listing->text());
    const auto lock = ".karapace/locks/" + document_.lock.hex();
    if (auto text = read_file_if_exists(destination_.root() / lock)) add_text(lock, std::move(*text));
    for (const auto& [alias, target] : aliases_of({version_}, {}).links) add_link("versions/" + alias, target);
    add_link("versions/latest", version_);
    add_link("versions/stable", version_);
  }

  void add_programs() {
    for (const auto& entrypoint : document_.entrypoints) {
      const auto launcher = link_text(destination_.program(entrypoint));
      auto program = launcher ? read_launcher(destination_, *launcher) : std::nullopt;
      if (!program) refuse(destination_.program(entrypoint));
      add_link("bin/" + entrypoint, *launcher);
      add_text("bin/" + *launcher, std::move(*program), 0555);
    }
  }

  const Destination& destination_;
  std::string version_;
  store::ReleaseDocument document_;
  std::string root_;  // of all paths: "", or ends with a slash
  std::map<std::string, Item> items_;
};

void write_content(store::PaxWriter& archive, const Item& item, int destination) {
  if (item.file.empty()) {
    archive.append(item.text);
    return;
  }
  const auto file = try_open_regular(destination, item.file, Links::refused).fd;
  if (!file) refuse(item.file);
  Blake3 hash;
  std::array<char, 128 * 1024> buffer;
  std::uint64_t size = 0;
  for (ssize_t got; (got = ::read(file->get(), buffer.data(), buffer.size())) != 0;) {
    if (got < 0)
      throw StoreError(errno_message(fmt::format("cannot read \"{}\"", escaped_utf8(item.file.native())), errno));
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    size += bytes.size();
    if (size > item.entry.size) break;
    hash.update(bytes);
    archive.append(bytes);
  }
  if (size != item.entry.size || hash.finish() != item.entry.content) refuse(item.file);
}

}  // namespace

ArchivedVersion archive_version(const Destination& destination, const std::string& version, ArchiveRoot root,
                                const std::function<void(std::string_view bytes)>& write) {
  const Contents contents(destination, version, root);
  store::PaxWriter archive(write, store::PaxWriter::Dialect::star);
  const auto directory = open_at(AT_FDCWD, destination.root(), O_PATH | O_DIRECTORY);
  ArchivedVersion archived;
  for (const auto& [path, item] : contents.items()) {
    archive.add(item.entry);
    if (item.entry.type == EntryType::directory) continue;
    ++archived.files;
    if (item.entry.type != EntryType::regular) continue;
    write_content(archive, item, directory.get());
    archive.end_content(item.entry.size);
    archived.bytes += item.entry.size;
  }
  archive.finish();
  return archived;
}

}  // namespace karapace::release
