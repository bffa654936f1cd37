// SPDX-License-Identifier: Apache-2.0
// source: the blob of a package's source as a tree.
//
// Whoever packed it, the files belong to root, without set-id bits and attributes: so building them does not depend on
// who has which ids. Of an archive whose only entry is a directory, as releases of software are packed, that directory
// is the tree. What zip archives call the time is that of an unknown place: all of their files get one.
#include <array>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/steps/archive_layer.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "runtime/trees/tree_writer.hpp"

namespace karapace::steps {

namespace {

constexpr const char* lifted_name = ".wh.lifted";  // no entry of an archive has such a name (TreeWriter)
constexpr std::int64_t zip_time = 946'684'800;     // 2000-01-01, as files of paths have it
constexpr std::string_view zip_magic = "PK\3\4";

store::Listing written(trees::ArchiveReader& archive, const ArchiveTarget& target,
                       std::optional<std::int64_t> mtime = std::nullopt) {
  trees::TreeWriter writer(target.tree, {.devices = trees::DeviceNodes::refuse,
                                         .owners = trees::Owners::root,
                                         .byte_limit = target.byte_limit,
                                         .mtime = mtime});
  writer.extract(archive, "", [](const store::Entry&, const trees::OwnersByName&) {});
  return writer.finish();
}

store::Listing read_tar(const ArchiveTarget& target) {
  trees::ArchiveReader archive(trees::ArchiveFormat::tar, target.blob.source(), target.label);
  return written(archive, target);
}

store::Listing read_zip(const ArchiveTarget& target) {
  trees::ArchiveReader archive(trees::ZipFile{target.blob.verified_file()}, target.label);
  return written(archive, target, zip_time);
}

/// What the archive's name said decides how it is read: it is in the step's key.
void refuse_zip(const ArchiveTarget& target) {
  std::array<char, zip_magic.size()> begin{};
  const auto count = ::pread(target.blob.file(), begin.data(), begin.size(), 0);
  if (count != static_cast<ssize_t>(begin.size()) || std::string_view(begin.data(), begin.size()) != zip_magic) return;
  throw StepError(
      fmt::format("{}: it is a zip archive, and its name does not say so: keep it in the project under a "
                  "name that ends in .zip",
                  target.label));
}

/// The only directory at the top, or null.
const store::Entry* only_top(const store::Listing& listing) {
  const store::Entry* top = nullptr;
  for (const auto& entry : listing.entries()) {
    if (entry.path.empty() || entry.path.find('/') != entry.path.npos) continue;
    if (top || entry.type != store::EntryType::directory) return nullptr;
    top = &entry;
  }
  return top;
}

void rename_in(int tree, const std::string& from, const std::string& to) {
  if (::renameat(tree, from.c_str(), tree, to.c_str()) != 0)
    throw StoreError(errno_message(fmt::format("cannot move \"{}\"", from), errno));
}

store::Listing without_top(const store::Listing& listing, const store::Entry& top, int tree) {
  rename_in(tree, top.path, lifted_name);
  const auto directory = open_at(tree, lifted_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const auto& name : names_in(directory.get(), top.path))
    rename_in(tree, fmt::format("{}/{}", lifted_name, name), name);
  if (::unlinkat(tree, lifted_name, AT_REMOVEDIR) != 0)
    throw StoreError(errno_message("cannot remove a directory", errno));
  const auto skipped = top.path.size() + 1;
  std::vector<store::Entry> entries;
  for (auto entry : listing.entries()) {
    if (entry.path.empty()) continue;
    entry.path = entry.path.size() < skipped ? "" : entry.path.substr(skipped);
    if (entry.type == store::EntryType::hardlink) entry.target = entry.target.substr(skipped);
    entries.push_back(std::move(entry));
  }
  store::Listing lifted(std::move(entries));
  trees::apply_metadata(tree, lifted.entries().front());
  return lifted;
}

store::Listing single_top_lifted(store::Listing listing, const ArchiveTarget& target) {
  const auto* top = only_top(listing);
  return top ? without_top(listing, *top, target.tree) : listing;
}

}  // namespace

StepOutput source(const StepContext& context) {
  if (context.step.inputs.size() != 1) throw StepError("source: exactly one input is expected");
  const auto format = context.step.required("format");
  if (format == "tree") return layer_of_archive(context, read_tar);
  if (format == "tar")
    return layer_of_archive(context, [](const ArchiveTarget& target) {
      refuse_zip(target);
      return single_top_lifted(read_tar(target), target);
    });
  if (format == "zip")
    return layer_of_archive(context,
                            [](const ArchiveTarget& target) { return single_top_lifted(read_zip(target), target); });
  throw StepError(fmt::format("source: the format \"{}\" is unknown", format));
}

}  // namespace karapace::steps
