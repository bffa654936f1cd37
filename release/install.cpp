// SPDX-License-Identifier: Apache-2.0
#include "release/install.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "base/semantic_version.hpp"
#include "release/aliases.hpp"
#include "release/destination_lock.hpp"
#include "release/installed_tree.hpp"
#include "release/launchers.hpp"
#include "release/trusted_directory.hpp"
#include "release/unfinished.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

/// A tree that is being written, gone with the value unless it got its name.
class UnfinishedTree {
 public:
  explicit UnfinishedTree(const fs::path& directory) : path_(directory / unfinished_name()) {}
  UnfinishedTree(UnfinishedTree&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  UnfinishedTree& operator=(UnfinishedTree&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~UnfinishedTree() {
    if (path_.empty()) return;
    try {
      remove_tree(path_);
    } catch (const std::exception&) {
      // The next installation sweeps it.
    }
  }
  const fs::path& path() const noexcept { return path_; }
  bool finish(const fs::path& name) {
    if (!rename_into_place(path_, name)) return false;
    path_.clear();
    return true;
  }

 private:
  fs::path path_;
};

void keep_file(const fs::path& path, std::string_view text) {
  if (read_file_if_exists(path) != text) replace_file(path, text);
}

/// What is in bin/ under these names is ours, or nothing.
void require_programs_replaceable(const Destination& destination, const std::vector<std::string>& entrypoints) {
  for (const auto& entrypoint : entrypoints) {
    const auto path = destination.program(entrypoint);
    const auto target = link_text(path);
    if (!is_there(path) || (target && is_launcher_name(*target))) continue;
    throw StoreError(
        fmt::format("release: \"{}\" is in the way: it is no program of a release; move it away and try again",
                    escaped_utf8(path.native())));
  }
}

class Installation {
 public:
  Installation(const store::Store& store, const Release& release, const InstallOptions& options)
      : store_(store),
        release_(release),
        options_(options),
        destination_(Destination::create(release.document.destination)) {}

  Installed run() {
    require_same_release();
    require_links_without_circles();
    require_programs_replaceable(destination_, release_.document.entrypoints);
    destination_.sweep();
    publish();
    add_entries(lost_packages());
    return result_;
  }

 private:
  void publish() {
    std::optional<UnfinishedTree> tree;
    for (;;) {
      add_entries(release_.document.packages);
      if (!tree && !version_of_build(destination_, release_.document)) tree = staged_version();
      const auto lock = destination_.lock(options_.patience, options_.notice);
      destination_.sweep_versions();
      require_same_release();
      require_links_without_circles();
      const auto same = version_of_build(destination_, release_.document);
      // What was there a moment ago may have been pruned.
      if (!has_entries() || (!same && !tree)) continue;
      if (same) require_as_built(*same);
      result_.is_new = !same;
      if (same) keep_records(*same);
      result_.version = same ? *same : add_version(*tree, lock);
      lock.renew();
      install_launcher(destination_, options_.launcher, release_.document.entrypoints);
      switch_links();
      return;
    }
  }

  /// Versions of two releases in one place would hide each other's programs and share their links.
  void require_same_release() const {
    for (const auto& version : destination_.versions()) {
      const auto document = destination_.readable_document(version);
      if (!document || document->name == release_.document.name) continue;
      throw Error(
          fmt::format("release: \"{}\" is the destination of another release, {}; give {} a destination of its own",
                      escaped_utf8(destination_.root().native()), document->name, release_.document.name));
    }
  }

  /// What the manifest wishes for counts together with what was chosen here: told before anything gets a name.
  void require_links_without_circles() const {
    aliases_of(destination_.linkable_versions(), {release_.declared.links, destination_.wishes().chosen});
  }

  /// An entry's listing is written when the entry has its name: what has none is not believed to be ours.
  void add_entries(const std::vector<store::ReleasePackage>& packages) {
    struct Written {
      UnfinishedTree tree;
      WrittenTree content;
    };
    std::map<std::string, Written> written;
    std::vector<const store::ReleasePackage*> placed;
    for (const auto& package : packages) {
      require_no_link(destination_.entry(package.entry));
      if (destination_.is_entry(package.entry)) {
        if (!is_known(package) && is_as_built(package)) placed.push_back(&package);
        continue;
      }
      UnfinishedTree tree(destination_.root() / "store");
      const auto content = write_installed_tree(store_, package.layer, {tree.path(), destination_.entry(package.entry)},
                                                options_.threads);
      written.emplace(package.entry, Written{std::move(tree), content});
    }
    for (const auto& package : packages) {
      const auto found = written.find(package.entry);
      if (found == written.end() || !found->second.tree.finish(destination_.entry(package.entry))) continue;
      placed.push_back(&package);
      ++result_.copied_entries;
      result_.copied_bytes += found->second.content.bytes;
    }
    if (!written.empty()) sync_directory(destination_.root() / "store");
    for (const auto* package : placed)
      keep_file(destination_.own("listings/" + package->entry), store_.listing(package->layer).text());
    if (!placed.empty()) sync_directory(destination_.own("listings"));
  }

  /// What other versions are made of, and somebody moved away: damaged ones, perhaps. Without a readable release.json
  /// nobody knows; `release verify` tells of those.
  std::vector<store::ReleasePackage> lost_packages() {
    std::map<std::string, store::ReleasePackage> lost;
    for (const auto& version : destination_.versions()) {
      const auto document = destination_.readable_document(version);
      if (!document || destination_.has_installed_document(version) == false) continue;
      for (const auto& package : document->packages)
        if (!destination_.is_entry(package.entry)) lost.emplace(package.entry, package);
    }
    std::vector<store::ReleasePackage> here;
    for (auto& [entry, package] : lost) {
      if (store_.has_layer(package.layer))
        here.push_back(std::move(package));
      else
        result_.missing_entries.push_back(entry);
    }
    return here;
  }

  /// Whether its listing is there. Error when that is of something else.
  bool is_known(const store::ReleasePackage& package) const {
    const auto known = destination_.entry_listing(package.entry);
    if (known && known->id() != package.layer) refuse_other(package);
    return known.has_value();
  }

  /// What nobody has listed is read: an installation was interrupted before it did, or somebody else made it, and then
  /// it is refused unless it is the same. False when it was removed meanwhile.
  bool is_as_built(const store::ReleasePackage& package) const {
    const auto path = destination_.entry(package.entry);
    const auto directory = open_if_exists(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!directory) return false;
    try {
      require_no_faults(path, store_.listing(package.layer));
    } catch (const StoreError&) {
      if (!still_named(directory->get(), path)) return false;
      throw;
    }
    return true;
  }

  /// Of a version that has our release.json: what it leads to may be something else.
  void require_as_built(const std::string& version) const {
    require_no_faults(destination_.version(version), store_.listing(release_.tree));
  }

  void require_no_faults(const fs::path& path, const store::Listing& listing) const {
    const auto faults = faults_of_installed_tree(path, listing, options_.threads);
    if (faults.empty()) return;
    throw StoreError(
        fmt::format("release: \"{}\" is there, and is not what was built (\"{}\": {}); move it away and try again",
                    escaped_utf8(path.native()), escaped_utf8(faults.front().path), faults.front().what));
  }

  bool has_entries() const {
    const auto& packages = release_.document.packages;
    return std::all_of(packages.begin(), packages.end(),
                       [&](const auto& package) { return destination_.is_entry(package.entry) && is_known(package); });
  }

  [[noreturn]] static void refuse_other(const store::ReleasePackage& package) {
    throw Error(fmt::format(
        "release: {} is installed with other content than this build of {} {} has, though both are of the same "
        "sources: its "
        "build does not give the same twice (`karapace reproduce` tells where); make it, or give it another version",
        package.entry, package.name, package.version));
  }

  UnfinishedTree staged_version() const {
    UnfinishedTree tree(destination_.root() / "versions");
    write_installed_tree(store_, release_.tree, {tree.path(), destination_.version(release_.document.version)},
                         options_.threads);
    const auto document = tree.path() / store::release_document_file;
    if (read_file(document) != store::text(release_.document))
      throw StoreError(fmt::format("release: the tree {} is not of this release; run `karapace release build` again",
                                   release_.tree.short_hex()));
    return tree;
  }

  std::string add_version(UnfinishedTree& tree, const DestinationLock& lock) const {
    if (const auto lost = lost_version(tree.path()); lost && tree.finish(destination_.version(*lost))) {
      sync_directory(destination_.root() / "versions");
      return *lost;
    }
    for (;;) {
      lock.renew();
      const auto id = next_id();
      const auto name = fmt::format("{}+{}", release_.document.version, id);
      keep_records(name);  // a version that has a name has records, too
      if (!finish(tree, name)) continue;
      sync_directory(destination_.root() / "versions");
      destination_.set_used_id(release_.document.version, id);
      return name;
    }
  }

  /// This very build, whose directory is gone: it is brought back under its own name.
  std::optional<std::string> lost_version(const fs::path& staged) const {
    for (const auto& name : destination_.lost_versions(staged)) {
      const auto listing = destination_.version_listing(name);
      if (listing && listing->id() == release_.tree && !is_there(destination_.version(name))) return name;
    }
    return std::nullopt;
  }

  /// Without a name there is nothing to record.
  bool finish(UnfinishedTree& tree, const std::string& name) const {
    try {
      return tree.finish(destination_.version(name));
    } catch (const std::exception&) {
      ::unlink(destination_.own("installed/" + name).c_str());
      throw;
    }
  }

  std::uint64_t next_id() const {
    const auto highest = destination_.used_id(release_.document.version);
    for (auto id = highest + 1; highest < most_builds && id <= most_builds; ++id)
      // What has the name of a version and is none stays there.
      if (!is_there(destination_.version(fmt::format("{}+{}", release_.document.version, id)))) return id;
    throw Error(fmt::format("release: all build ids of the version {} are used; give it another version",
                            release_.document.version));
  }

  void keep_records(const std::string& version) const {
    keep_file(destination_.own("locks/" + release_.document.lock.hex()), release_.lock);
    const auto record = destination_.own("installed/" + version);
    const auto known = destination_.version_listing(version);
    if (known && known->id() == release_.tree) return;
    replace_file(record, store_.listing(release_.tree).text());
    sync_directory(destination_.own("installed"));
  }

  void switch_links() {
    auto wishes = destination_.wishes();
    wishes.manifest = release_.declared.links;
    destination_.set_wishes(wishes);
    const auto aliases = destination_.switch_links();
    for (const auto& [alias, target] : aliases.links)
      if (target == result_.version) result_.aliases.push_back(alias);
    result_.unfulfilled = aliases.unfulfilled;
  }

  const store::Store& store_;
  const Release& release_;
  const InstallOptions& options_;
  Destination destination_;
  Installed result_;
};

}  // namespace

Installed install(const store::Store& store, const Release& release, const InstallOptions& options) {
  // Before anything is written: names and circles of the manifest's links.
  aliases_of({}, {release.declared.links});
  return Installation(store, release, options).run();
}

std::optional<std::string> version_of_build(const Destination& destination, const store::ReleaseDocument& document) {
  const auto text = store::text(document);
  auto versions = destination.versions();
  std::reverse(versions.begin(), versions.end());
  // Under a name of another version it was not installed.
  std::erase_if(versions, [&](const auto& name) {
    return parse_build_name(name)->version != document.version ||
           read_file_if_exists(destination.version(name) / store::release_document_file) != text;
  });
  // A copy that somebody made has no record.
  for (const auto& name : versions)
    if (destination.has_installed_document(name)) return name;
  return versions.empty() ? std::nullopt : std::optional(versions.front());
}

void install_launcher(const Destination& destination, const fs::path& launcher,
                      const std::vector<std::string>& entrypoints) {
  const auto program = read_file(launcher);
  const auto name = launcher_name(program);
  require_programs_replaceable(destination, entrypoints);
  if (!has_launcher(destination, name)) replace_file(destination.program(name), program, 0555);
  for (const auto& entrypoint : entrypoints)
    if (link_text(destination.program(entrypoint)) != name) replace_link(destination.program(entrypoint), name);
}

}  // namespace karapace::release
