// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/package_index.hpp"

#include <array>
#include <string_view>

#include <apt-pkg/progress.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "generator/resolve/deb/control_fields.hpp"
#include "generator/resolve/deb/session.hpp"

namespace karapace::resolve::deb {
namespace {

std::string named(const pkgCache::VerIterator& version) {
  return fmt::format("{} {}", version.ParentPkg().Name(), version.VerStr());
}

/// Fields that describe the archive's file, not the installed package.
bool describes_file(std::string_view field) {
  for (const std::string_view name : {"Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5"}) {
    if (field == name) return true;
  }
  return false;
}

/// The path is joined to a mirror's URL and to nothing else, but it comes from outside.
bool plain_path(std::string_view path) {
  return !path.empty() && path.front() != '/' && path.find("..") == std::string_view::npos &&
         path.find_first_of("\n\r") == std::string_view::npos;
}

}  // namespace

PackageIndex::Source PackageIndex::source_of(const pkgCache::VerIterator& version) const {
  for (auto file = version.FileList(); !file.end(); ++file) {
    if (file.File().Flagged(pkgCache::Flag::NotSource) || file.File().FileName() == nullptr) continue;
    const auto found = index_files_.find(file.File().FileName());
    if (found != index_files_.end()) return {file, found->second};
  }
  return {pkgCache::VerFileIterator(), nullptr};
}

bool PackageIndex::available(const pkgCache::VerIterator& version) const {
  return source_of(version).repository != nullptr;
}

lock::LockedPackage PackageIndex::locked(const pkgCache::VerIterator& version) {
  const Source source = source_of(version);
  if (source.repository == nullptr) {
    throw LockError(fmt::format("lock: {} is in no index of the chosen repositories", named(version)));
  }
  auto& record = records_.Lookup(source.file);
  const auto hashes = record.Hashes();
  const HashString* hash = hashes.find("SHA256");
  const auto sha256 = hash == nullptr ? std::nullopt : Sha256::from_hex(hash->HashValue());
  const std::string path = record.FileName();
  if (!sha256 || !plain_path(path)) {
    throw LockError(
        fmt::format("lock: {}: its entry for {} has no usable SHA256 or Filename; tell the repository's "
                    "owner",
                    source.repository->label(), named(version)));
  }
  return {.name = version.ParentPkg().Name(),
          .version = version.VerStr(),
          .architecture = version.Arch(),
          .size = version->Size,
          .sha256 = *sha256,
          .archive = source.repository->archive,
          .path = path};
}

std::string PackageIndex::status_stanza(const pkgCache::VerIterator& version) {
  const Source source = source_of(version);
  const char* begin = nullptr;
  const char* end = nullptr;
  records_.Lookup(source.file).GetRec(begin, end);
  const ControlFields fields(std::string_view(begin, static_cast<std::size_t>(end - begin)));
  std::string stanza;
  for (const auto& [name, value] : fields.fields()) {
    if (describes_file(name)) continue;
    stanza += fmt::format("{}: {}\n", name, value);
    if (name == "Package") stanza += "Status: install ok installed\n";
  }
  return stanza + "\n";
}

void open_cache(pkgCacheFile& file) {
  OpProgress silence;
  if (!file.Open(&silence, false)) throw LockError("lock: apt cannot read the package lists: " + take_apt_messages());
}

}  // namespace karapace::resolve::deb
