// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/package_index.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <apt-pkg/aptconfiguration.h>
#include <apt-pkg/progress.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "deb/version.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/resolve/deb/control_fields.hpp"
#include "generator/resolve/deb/session.hpp"

namespace karapace::resolve::deb {
namespace {

std::string named(const pkgCache::VerIterator& version) {
  return fmt::format("{} {}", version.ParentPkg().FullName(true), version.VerStr());
}

/// Fields that describe the archive's file, not the installed package.
bool describes_file(std::string_view field) {
  for (const std::string_view name : {"Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5"}) {
    if (field == name) return true;
  }
  return false;
}

/// "main/binary-amd64/Packages:17": the stanza's first line.
std::string place_of(const pkgCache::VerFileIterator& stanza) {
  const auto file = stanza.File();
  const std::string text = read_file(file.FileName());
  const auto before = std::string_view(text).substr(0, std::min<std::size_t>(stanza->Offset, text.size()));
  return fmt::format("{}/binary-{}/Packages:{}", file.Component(), file.Architecture(),
                     1 + std::count(before.begin(), before.end(), '\n'));
}

/// What is wrong with words that become part of locks, of paths and of dpkg's database, or nothing.
std::optional<std::string> complaint_about(const pkgCache::VerIterator& version, const std::string& path) {
  const std::string name = version.ParentPkg().Name();
  if (const auto complaint = manifest::judge_package_name(name)) return fmt::format("\"{}\" {}", name, *complaint);
  if (!karapace::deb::is_version(version.VerStr()))
    return fmt::format("the version \"{}\" of {} is none", version.VerStr(), name);
  if (const std::string_view word = version.Arch();
      word != "all" && !APT::Configuration::checkArchitecture(version.Arch()))
    return fmt::format("the architecture \"{}\" of {} is not the one that was asked for", word, name);
  if (const auto complaint = manifest::judge_relative_path(path))
    return fmt::format("the Filename \"{}\" of {} {}", path, name, *complaint);
  return std::nullopt;
}

/// apt takes what it does not understand for 0, or for a very large number.
std::optional<std::uint64_t> size_in(std::string_view value) {
  std::uint64_t size = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), size);
  if (read.ec != std::errc{} || read.ptr != value.data() + value.size() || size == 0) return std::nullopt;
  return size;
}

/// apt-ftparchive, told to look at ".", writes "./pool/x.deb".
std::string plain_path(std::string path) { return path.starts_with("./") ? path.substr(2) : path; }

}  // namespace

PackageIndex::PackageIndex(pkgCache& cache, const std::map<std::filesystem::path, const Repository*>& index_files)
    : records_(cache), owners_(cache.Head().PackageFileCount) {
  for (auto file = cache.FileBegin(); !file.end(); ++file) {
    if (file.Flagged(pkgCache::Flag::NotSource) || file.FileName() == nullptr) continue;
    const auto found = index_files.find(file.FileName());
    if (found != index_files.end()) owners_.at(file->ID) = found->second;
  }
}

template <class Wanted>
PackageIndex::Source PackageIndex::first_source(const pkgCache::VerIterator& version, const Wanted& wanted) const {
  for (auto file = version.FileList(); !file.end(); ++file) {
    const Repository* repository = owners_.at(file.File()->ID);
    if (repository != nullptr && wanted(*repository)) return {file, repository};
  }
  return {pkgCache::VerFileIterator(), nullptr};
}

PackageIndex::Source PackageIndex::source_of(const pkgCache::VerIterator& version) const {
  return first_source(version, [](const Repository&) { return true; });
}

PackageIndex::Source PackageIndex::source_of(const pkgCache::VerIterator& version, Role role) const {
  return first_source(version, [role](const Repository& repository) { return repository.role == role; });
}

bool PackageIndex::available(const pkgCache::VerIterator& version) const {
  return source_of(version).repository != nullptr;
}

bool PackageIndex::only_if_asked(const pkgCache::VerIterator& version) const {
  for (auto file = version.FileList(); !file.end(); ++file) {
    const auto* owner = owner_of(file.File());
    if (owner != nullptr && owner->role != Role::asked) return false;
  }
  return true;
}

pkgCache::PkgFileIterator PackageIndex::file_of(const pkgCache::VerIterator& version, std::string_view suite) const {
  const auto source = first_source(version, [&](const Repository& repository) {
    return repository.suite == suite || (repository.role == Role::additional && repository.archive == suite);
  });
  return source.repository == nullptr ? pkgCache::PkgFileIterator() : source.file.File();
}

std::vector<std::string> PackageIndex::suites_of(const pkgCache::VerIterator& version) const {
  std::vector<std::string> suites;
  for (auto file = version.FileList(); !file.end(); ++file) {
    if (const auto* repository = owners_.at(file.File()->ID)) suites.push_back(repository->suite);
  }
  return suites;
}

bool PackageIndex::has_repository(std::string_view name) const {
  return std::ranges::any_of(owners_, [&](const Repository* owner) {
    return owner != nullptr && (owner->label() == name || owner->archive == name);
  });
}

bool PackageIndex::in_additional(const pkgCache::PkgIterator& package) const {
  for (auto version = package.VersionList(); !version.end(); ++version) {
    if (source_of(version, Role::additional).repository != nullptr) return true;
  }
  return false;
}

ControlFields PackageIndex::stanza(const pkgCache::VerFileIterator& file) {
  const char* begin = nullptr;
  const char* end = nullptr;
  records_.Lookup(file).GetRec(begin, end);
  return ControlFields(std::string_view(begin, static_cast<std::size_t>(end - begin)));
}

std::optional<ControlFields> PackageIndex::own_stanza(const pkgCache::PkgIterator& package,
                                                      const pkgCache::VerIterator& candidate) {
  auto source = source_of(candidate, Role::distribution);
  for (auto version = package.VersionList(); !version.end() && source.repository == nullptr; ++version) {
    source = source_of(version, Role::distribution);
  }
  if (source.repository == nullptr) return std::nullopt;
  return stanza(source.file);
}

bool PackageIndex::essential(const pkgCache::PkgIterator& package, const pkgCache::VerIterator& candidate) {
  // Apt keeps one flag for all versions of a name, which each stanza that it reads sets or clears.
  if (in_additional(package)) {
    const auto own = own_stanza(package, candidate);
    return own && (own->value("Essential") == "yes" || own->value("Priority") == "required");
  }
  return (package->Flags & pkgCache::Flag::Essential) != 0 || candidate->Priority == pkgCache::State::Required;
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
  const std::string path = plain_path(record.FileName());
  const auto size = size_in(stanza(source.file).value("Size"));
  auto complaint = complaint_about(version, path);
  if (!complaint && !sha256) complaint = fmt::format("{} has no usable SHA256", version.ParentPkg().FullName(true));
  if (!complaint && !size) complaint = fmt::format("{} has no usable Size", version.ParentPkg().FullName(true));
  if (complaint) {
    throw LockError(fmt::format("{}{}: {}; tell the repository's owner", source.repository->message_prefix(),
                                place_of(source.file), escaped_utf8(*complaint)));
  }
  return {.name = version.ParentPkg().Name(),
          .version = version.VerStr(),
          .architecture = version.Arch(),
          .size = *size,
          .sha256 = *sha256,
          .repository = source.repository->label(),
          .path = path};
}

std::string PackageIndex::status_stanza(const pkgCache::VerIterator& version) {
  const ControlFields fields = stanza(source_of(version).file);
  std::string text;
  for (const auto& [name, value] : fields.fields()) {
    if (describes_file(name)) continue;
    text += fmt::format("{}: {}\n", name, value);
    if (name == "Package") text += "Status: install ok installed\n";
  }
  return text + "\n";
}

pkgCache& open_cache(pkgCacheFile& file) {
  OpProgress silence;
  if (!file.BuildCaches(&silence, false))
    throw LockError("lock: apt cannot read the package lists: " + take_apt_messages());
  return *file.GetPkgCache();
}

void choose_candidates(pkgDepCache& cache) {
  OpProgress silence;
  if (!cache.Init(&silence)) throw LockError("lock: apt cannot choose candidates: " + take_apt_messages());
}

}  // namespace karapace::resolve::deb
