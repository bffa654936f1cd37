// SPDX-License-Identifier: Apache-2.0
// unpack: one blob into one layer.
//
// A root file system archive becomes the layer's tree as it is. A Debian package becomes `data/` (its files),
// `control/` (its control files) and `dpkg/`: what dpkg would write into its database when it unpacks the package,
// prepared once so that every environment only links it: `list` (info/NAME.list) and `stanza` (the status stanza
// with the digests of the configuration files).
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <set>

#include <archive_entry.h>
#include <fmt/format.h>
#include <openssl/md5.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/words.hpp"
#include "deb/control_file.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "runtime/trees/tree_writer.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"

namespace karapace::steps {

namespace {

constexpr std::uint64_t default_byte_limit = std::uint64_t{8} << 30;
constexpr std::int64_t large_member = std::int64_t{4} << 20;  // compressed; smaller ones rarely have two blocks

enum class Decompression { plain, parallel };

std::uint64_t byte_limit() {
  const char* text = std::getenv("KARAPACE_UNPACK_LIMIT");
  if (!text || !*text) return default_byte_limit;
  char* end = nullptr;
  errno = 0;
  auto limit = std::strtoull(text, &end, 10);
  if (*end != '\0' || errno != 0) throw StepError(fmt::format("KARAPACE_UNPACK_LIMIT=\"{}\" is not a number", text));
  return limit;
}

/// A blob's bytes, hashed while they are read: an archive is only believed once all of it had the right digest.
class VerifiedBlob {
 public:
  VerifiedBlob(const store::Store& store, const BlobId& id) : id_(id), fd_(store.open_blob(id)) {}

  trees::ByteSource source() {
    return [this](std::span<char> buffer) { return read(buffer); };
  }

  void verify_rest() {
    std::vector<char> buffer(64 * 1024);
    while (read(buffer) > 0) {
    }
    if (BlobId(hasher_.finish()) != id_) {
      throw StoreError(fmt::format("the blob {} is damaged; run `karapace verify-store --repair`, then ninja again",
                                   id_.short_hex()));
    }
  }

 private:
  std::size_t read(std::span<char> buffer) {
    for (;;) {
      ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw StoreError(errno_message(fmt::format("cannot read the blob {}", id_.hex()), errno));
      hasher_.update({buffer.data(), static_cast<std::size_t>(count)});
      return static_cast<std::size_t>(count);
    }
  }

  BlobId id_;
  Fd fd_;
  Blake3 hasher_;
};

std::string md5_hex(std::string_view bytes) {
  std::array<unsigned char, MD5_DIGEST_LENGTH> digest{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  // dpkg's database speaks MD5. The one-shot function keeps OpenSSL's providers out of this lean program.
  ::MD5(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
#pragma GCC diagnostic pop
  std::string hex;
  for (unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

/// One .deb on its way into a layer.
class DebUnpacker {
 public:
  DebUnpacker(trees::TreeWriter& writer, int tree, std::string label)
      : writer_(writer), tree_(tree), label_(std::move(label)) {}

  void read(trees::ByteSource source) {
    trees::ArchiveReader outer(trees::ArchiveFormat::deb, std::move(source), label_);
    require_format(outer);
    bool control = false;
    bool data = false;
    while (archive_entry* header = outer.next()) {
      std::string name = archive_entry_pathname(header);
      mtime_ = trees::nearest_time(archive_entry_mtime(header));
      bool is_control = name.starts_with("control.tar");
      bool is_data = name.starts_with("data.tar");
      if (!is_control && !is_data) continue;
      if (is_control ? control : data) throw StepError(fmt::format("{}: refused: two members \"{}\"", label_, name));
      (is_control ? control : data) = true;
      bool large = name.ends_with(".tar.xz") && archive_entry_size(header) >= large_member;
      extract_member(outer, is_control ? "control" : "data", large ? Decompression::parallel : Decompression::plain);
    }
    if (!control || !data) throw StepError(fmt::format("{}: not a Debian package: a member is missing", label_));
  }

  void write_database_files() {
    auto stanza = karapace::deb::Stanza::parse(control_text("control"), label_ + ": control");
    if (stanza.value("Package").empty() || stanza.value("Version").empty() || stanza.value("Architecture").empty()) {
      throw StepError(fmt::format("{}: its control file lacks Package, Version or Architecture", label_));
    }
    stanza.set("Status", "install ok unpacked");
    std::string text = stanza.text() + conffiles_field();
    writer_.add_directory("dpkg", 0755, mtime_);
    writer_.add_file("dpkg/list", list_, mtime_);
    writer_.add_file("dpkg/stanza", text, mtime_);
  }

 private:
  void require_format(trees::ArchiveReader& outer) {
    archive_entry* header = outer.next();
    std::array<char, 16> text{};
    std::string name = header ? archive_entry_pathname(header) : "";
    std::size_t count = name == "debian-binary" ? outer.read({text.data(), text.size() - 1}) : 0;
    if (!std::string_view(text.data(), count).starts_with("2.")) {
      throw StepError(fmt::format("{}: not a Debian package of format 2", label_));
    }
  }

  void extract_member(trees::ArchiveReader& outer, std::string_view prefix, Decompression decompression) {
    auto label = fmt::format("{}: {}.tar", label_, prefix);
    trees::ByteSource bytes = [&](std::span<char> buffer) { return outer.read(buffer); };
    std::optional<trees::XzReader> xz;
    if (decompression == Decompression::parallel) {
      xz.emplace(std::move(bytes), label);
      bytes = [&](std::span<char> buffer) { return xz->read(buffer); };
    }
    trees::ArchiveReader inner(trees::ArchiveFormat::tar, std::move(bytes), label);
    writer_.add_directory(std::string(prefix), 0755, mtime_);
    writer_.extract(inner, prefix, [&](std::string_view path) {
      if (prefix == "data") remember_in_list(path);
    });
  }

  // As dpkg writes info/NAME.list: the root first as "/.", every path in the archive's order.
  void remember_in_list(std::string_view path) {
    path.remove_prefix(std::string_view("data").size());
    list_.append(path.empty() ? std::string_view("/.") : path).append("\n");
  }

  /// A package may have a FIFO or a link where a file is expected.
  Fd open_member(const std::string& path) const {
    try {
      if (auto file = open_regular(tree_, path, Links::refused)) return std::move(*file);
    } catch (const StoreError&) {
    }
    throw StepError(fmt::format("{}: refused: \"{}\" is not a regular file", label_, path));
  }

  std::string control_text(const std::string& name) {
    auto path = "control/" + name;
    if (!writer_.find(path)) return {};
    auto file = open_member(path);
    return read_all(file.get(), path, std::size_t{16} << 20);
  }

  std::string conffiles_field() {
    std::string field;
    auto conffiles = control_text("conffiles");
    for (auto line : lines(conffiles)) {
      // "remove-on-upgrade /path" names a file that this version does not ship.
      if (line.front() != '/') continue;
      auto path = "data" + std::string(line);
      const auto* entry = writer_.find(path);
      if (!entry || entry->type != store::EntryType::regular) continue;
      auto file = open_member(path);
      if (field.empty()) field = "Conffiles:\n";
      field += fmt::format(" {} {}\n", line, md5_hex(read_all(file.get(), path)));
    }
    return field;
  }

  trees::TreeWriter& writer_;
  int tree_;
  std::string label_;
  std::int64_t mtime_ = 0;
  std::string list_;
};

/// What every sandbox mounts on (runtime/sandbox/mount_plan.hpp): it refuses these, but says so late, to whoever uses
/// the environment first.
void require_usable_root(const trees::TreeWriter& writer, const std::string& label) {
  for (const char* name : {"proc", "sys", "dev", "run", "tmp"}) {
    const auto* entry = writer.find(name);
    if (!entry || entry->type == store::EntryType::directory) continue;
    throw StepError(
        fmt::format("{}: refused: \"/{}\" is {}, and sandboxes mount on it: make it a directory in the archive, or "
                    "leave it out",
                    label, name, entry->type == store::EntryType::symlink ? "a link" : "no directory"));
  }
  for (const char* name : {"etc/hosts", "etc/resolv.conf", "etc/machine-id"}) {
    const auto* entry = writer.find(name);
    if (!entry || entry->type != store::EntryType::directory) continue;
    throw StepError(
        fmt::format("{}: refused: \"/{}\" is a directory, and sandboxes put a file there: make it a file in the "
                    "archive, or leave it out",
                    label, name));
  }
}

void read_archive(trees::ArchiveFormat format, VerifiedBlob& blob, trees::TreeWriter& writer, int tree,
                  const std::string& label) {
  if (format == trees::ArchiveFormat::deb) {
    DebUnpacker unpacker(writer, tree, label);
    unpacker.read(blob.source());
    unpacker.write_database_files();
    return;
  }
  trees::ArchiveReader archive(trees::ArchiveFormat::tar, blob.source(), label);
  writer.extract(archive, "", [](std::string_view) {});
  require_usable_root(writer, label);
}

}  // namespace

StepOutput unpack(const StepContext& context) {
  auto format = context.step.required("format");
  if (format != "deb" && format != "tar") throw StepError(fmt::format("unpack: unknown format \"{}\"", format));
  if (context.step.inputs.size() != 1) throw StepError("unpack: exactly one input is expected");
  auto blob = context.store.input_record(context.step.inputs.front()).blob();
  auto label = context.hint("title", "blob " + blob.blob.short_hex());

  auto path = context.staging.path() / "tree";
  if (::mkdir(path.c_str(), 0755) != 0) throw StoreError(errno_message("cannot make " + path.string(), errno));
  auto tree = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  bool deb = format == "deb";
  trees::TreeWriter writer(tree.get(),
                           {.devices = deb ? trees::DeviceNodes::refuse : trees::DeviceNodes::leave_out_below_dev,
                            .byte_limit = byte_limit()});
  VerifiedBlob verified(context.store, blob.blob);
  try {
    read_archive(deb ? trees::ArchiveFormat::deb : trees::ArchiveFormat::tar, verified, writer, tree.get(),
                 "unpack " + label);
  } catch (const StepError&) {
    // Bytes that changed on disk look like a bad archive: tell which of the two it is.
    verified.verify_rest();
    throw;
  }
  verified.verify_rest();
  return LayerOutput{context.store.add_layer(path, writer.finish(), context.staging)};
}

}  // namespace karapace::steps
