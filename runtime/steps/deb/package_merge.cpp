// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/package_merge.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "deb/version.hpp"
#include "store/listing.hpp"

namespace karapace::steps::deb {

namespace {

constexpr std::string_view data_prefix = "data/";

std::set<std::string> conffiles_of(const DebPackage& package) {
  std::set<std::string> paths;
  for (const auto& file : package.configuration_files)
    if (file.policy == ConfigurationPolicy::kept) paths.insert(file.path);
  return paths;
}

/// As dpkg's tarobject_matches: what two architectures of a package share must be the same in both.
void require_shared(const DebPackage& package, const store::Entry& entry, const store::Entry& existing) {
  if (entry.type == existing.type && entry.content == existing.content && entry.target == existing.target) return;
  throw StepError(fmt::format(
      "install: {} {} has another \"/{}\" than the same package of another architecture; tell who keeps it, "
      "or leave one of them out",
      package.full_name(), package.version, entry.path));
}

}  // namespace

PackageMerge::PackageMerge(trees::Composition& tree, const DpkgDatabase& database, const PathFilters& filters,
                           Conffiles conffiles, std::int64_t mtime)
    : tree_(tree), database_(database), filters_(filters), conffiles_(conffiles), mtime_(mtime) {
  for (const auto& [from, diversion] : database.diversions()) {
    diversions_[tree.resolve_parents(from)] = {tree.resolve_parents(diversion.to), diversion.owner};
  }
}

void PackageMerge::add(const DebPackage& package) {
  require_alone(package);
  merged_.push_back(&package);
  std::map<std::string, std::uint64_t> groups;  // path of the first name -> group
  for (const auto& entry : package.listing.entries()) {
    if (entry.type == store::EntryType::hardlink) groups.try_emplace(entry.target, tree_.new_group());
  }
  std::set<std::string> conffiles;
  if (conffiles_ == Conffiles::as_unpacked) conffiles = conffiles_of(package);
  for (const auto& entry : package.listing.entries()) {
    if (!entry.path.starts_with(data_prefix)) continue;
    const auto absolute = std::string_view(entry.path).substr(data_prefix.size() - 1);
    if (filters_.leave_out(absolute, entry.type)) continue;
    auto path = tree_.resolve_parents(absolute);
    if (entry.type == store::EntryType::directory) {
      add_directory(package, entry, path);
      continue;
    }
    const auto& first = entry.type == store::EntryType::hardlink ? entry.target : entry.path;
    trees::Node node;
    node.entry = *package.listing.find(first);
    node.entry.path = diverted(package, std::move(path));
    if (auto group = groups.find(first); group != groups.end()) node.group = group->second;
    node.source = package.tree / entry.path;
    node.owner = package.info_name();
    if (conffiles.contains(std::string(absolute))) node.entry.path += ".dpkg-new";
    add_file(package, std::move(node));
  }
}

void PackageMerge::add_directory(const DebPackage& package, const store::Entry& entry, const std::string& path) {
  const auto* existing = tree_.visible(path);
  if (existing && existing->type == store::EntryType::directory) return;
  if (existing && existing->type == store::EntryType::symlink) {
    auto target = tree_.resolve_parents(path + "/.x");
    if (target.size() > 3 && tree_.is_directory(target.substr(0, target.size() - 3))) return;
  }
  if (existing) {
    throw StepError(fmt::format("install: {} {} has a directory \"/{}\" where something else stands", package.name,
                                package.version, path));
  }
  trees::Node node;
  node.entry = entry;
  node.entry.path = path;
  tree_.put(std::move(node));
}

void PackageMerge::add_file(const DebPackage& package, trees::Node node) {
  const auto& path = node.entry.path;
  if (node.entry.type == store::EntryType::fifo && is_read_by_dpkg(path))
    throw StepError(fmt::format("install: {} {} has a FIFO \"/{}\", for which dpkg would wait for ever", package.name,
                                package.version, path));
  const auto* existing = tree_.visible(path);
  if (!existing) return tree_.put(std::move(node));
  bool directory = existing->type == store::EntryType::directory;
  // dpkg keeps a directory where a package has a link.
  if (directory && node.entry.type == store::EntryType::symlink) return;
  if (directory) {
    throw StepError(
        fmt::format("install: {} {} has a file \"/{}\" where a directory stands", package.name, package.version, path));
  }
  std::vector<std::string> owners;
  if (const auto* here = tree_.find(path)) {
    if (!here->owner.empty()) owners.push_back(here->owner);
  } else {
    owners = database_.owners(path, tree_);
  }
  for (const auto& owner : owners) {
    if (owner == package.info_name()) continue;
    if (is_in_another_architecture(package, owner)) {
      require_shared(package, node.entry, *existing);
    } else if (!takes_over(package, owner, path)) {
      return;
    }
  }
  tree_.put(std::move(node));
}

void PackageMerge::require_alone(const DebPackage& package) const {
  for (const auto* other : merged_) {
    if (other->name != package.name || (other->multi_arch_same && package.multi_arch_same)) continue;
    throw StepError(
        fmt::format("install: {} and {} can not be installed together, as not both are \"Multi-Arch: same\"; leave one "
                    "of them out",
                    other->full_name(), package.full_name()));
  }
}

bool PackageMerge::is_in_another_architecture(const DebPackage& package, const std::string& owner) const {
  const auto* other = stanza_of(owner);
  return package.multi_arch_same && other && other->value("Package") == package.name;
}

std::string PackageMerge::diverted(const DebPackage& package, std::string path) const {
  auto diversion = diversions_.find(path);
  if (diversion == diversions_.end() || diversion->second.owner == package.name) return path;
  return diversion->second.to;
}

const karapace::deb::Stanza* PackageMerge::stanza_of(const std::string& package) const {
  for (const auto* merged : merged_) {
    if (merged->info_name() == package) return &merged->stanza;
  }
  return database_.unpacked(package);
}

bool PackageMerge::takes_over(const DebPackage& package, const std::string& owner, const std::string& path) {
  const auto* other = stanza_of(owner);
  if (!other) return true;
  const auto name = other->value("Package");
  if (karapace::deb::names_package(package.stanza.value("Replaces"), name, other->value("Version"))) {
    disowned_[owner].insert(path);
    return true;
  }
  if (karapace::deb::names_package(other->value("Replaces"), package.name, package.version)) {
    disowned_[package.info_name()].insert(path);
    return false;
  }
  throw StepError(fmt::format("install: {} {} and {} {} both have \"/{}\", and neither replaces the other",
                              package.name, package.version, name, other->value("Version"), path));
}

void PackageMerge::finish() {
  database_.write(tree_, merged_, conffiles_, mtime_);
  for (const auto& [name, paths] : disowned_) {
    auto is_it = [&](const DebPackage* package) { return package->info_name() == name; };
    auto merged = std::find_if(merged_.begin(), merged_.end(), is_it);
    if (merged == merged_.end()) {
      for (const auto& path : paths) database_.disown(tree_, name, path, mtime_);
      continue;
    }
    std::string kept;
    const auto list = (*merged)->read("list");
    for (auto line : lines(list)) {
      if (!paths.contains(tree_.resolve_parents(line))) kept.append(line).append("\n");
    }
    tree_.put_file("var/lib/dpkg/info/" + (*merged)->info_name() + ".list", std::move(kept), mtime_);
  }
}

}  // namespace karapace::steps::deb
