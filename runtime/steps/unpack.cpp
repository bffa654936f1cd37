// SPDX-License-Identifier: Apache-2.0
// unpack: one blob into one layer.
//
// A root file system archive becomes the layer's tree as it is, a package `data/` and `meta/` (unpacked_package.hpp).
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "runtime/steps/package_family.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/steps/unpacked_package.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/tree_writer.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"

namespace karapace::steps {

namespace {

constexpr std::uint64_t default_byte_limit = std::uint64_t{8} << 30;

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

/// What every program of the system reads, and what installs packages: who opens a FIFO there waits for ever.
void require_no_pipes(const trees::TreeWriter& writer, const std::string& label) {
  constexpr std::array<std::string_view, 7> read_by_all = {"etc/passwd",        "etc/group",       "etc/shadow",
                                                           "etc/nsswitch.conf", "etc/ld.so.cache", "etc/ld.so.preload",
                                                           "etc/machine-id"};
  for (const auto& entry : writer.entries()) {
    const auto is_it = [&](std::string_view path) { return entry.path == path; };
    if (entry.type != store::EntryType::fifo) continue;
    if (!is_opened_by_a_family(entry.path) && std::none_of(read_by_all.begin(), read_by_all.end(), is_it)) continue;
    throw StepError(
        fmt::format("{}: refused: \"/{}\" is a FIFO, and whoever reads it would wait for ever: make it a file in the "
                    "archive, or leave it out",
                    label, escaped_utf8(entry.path)));
  }
}

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
  require_no_pipes(writer, label);
}

void read_package(const PackageFamily& family, const Step& step, VerifiedBlob& blob, trees::TreeWriter& writer,
                  int tree, const std::string& label) {
  const PackageIdentity locked{std::string(step.required("package")), std::string(step.required("version")),
                               std::string(step.required("architecture"))};
  const auto meta = family.unpack({writer, tree, blob.source(), label});
  if (static_cast<const PackageIdentity&>(meta) != locked)
    throw StepError(fmt::format(
        "{}: refused: the lock says that it is {}, and its control file says {}: the repository's index and "
        "its package do not agree; tell who keeps it, or lock another version",
        label, locked.text(), meta.text()));
  writer.add_file("meta/package.json", meta.json(), writer.find("meta")->mtime);
}

void read_root(VerifiedBlob& blob, trees::TreeWriter& writer, const std::string& label) {
  trees::ArchiveReader archive(trees::ArchiveFormat::tar, blob.source(), label);
  writer.extract(archive, "", [](const store::Entry&, const trees::OwnersByName&) {});
  require_usable_root(writer, label);
}

}  // namespace

StepOutput unpack(const StepContext& context) {
  const auto format = context.step.required("format");
  const auto* family = format == "tar" ? nullptr : &package_family(format);
  if (context.step.inputs.size() != 1) throw StepError("unpack: exactly one input is expected");
  auto blob = context.store.input_record(context.step.inputs.front()).blob();
  auto label = "unpack " + context.hint("title", "blob " + blob.blob.short_hex());

  auto path = context.staging.path() / "tree";
  if (::mkdir(path.c_str(), 0755) != 0) throw StoreError(errno_message("cannot make " + path.string(), errno));
  auto tree = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  trees::TreeWriter writer(tree.get(),
                           {.devices = family ? trees::DeviceNodes::refuse : trees::DeviceNodes::leave_out_below_dev,
                            .byte_limit = byte_limit()});
  VerifiedBlob verified(context.store, blob.blob);
  store::Listing listing;
  try {
    if (family) read_package(*family, context.step, verified, writer, tree.get(), label);
    if (!family) read_root(verified, writer, label);
    listing = writer.finish();
  } catch (const StepError&) {
    // Bytes that changed on disk look like a bad archive: tell which of the two it is.
    verified.verify_rest();
    throw;
  } catch (const StoreError& error) {
    throw StoreError(fmt::format("{}: {}", label, error.what()));  // what can not be written stands in this archive
  }
  verified.verify_rest();
  return LayerOutput{context.store.add_layer(path, std::move(listing), context.staging)};
}

}  // namespace karapace::steps
