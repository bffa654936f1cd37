// SPDX-License-Identifier: Apache-2.0
// What is still known of an instance whose records are damaged in both copies, and their writing anew.
//
// First the two copies themselves: flips in different places are told apart by the seal. What that does not bring back
// is put together of what can be proven: a digest in what is left of a record that an environment of the store has; a
// manifest's path, from a root or from what is left, whose hash the instance's id is; a name that leads to it. Nothing
// is guessed in silence, and what nothing tells stays damaged, as the changes are there all the same.
#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/instance.hpp"
#include "store/instance_names.hpp"
#include "store/kept_record.hpp"
#include "store/repair.hpp"
#include "store/root_index.hpp"
#include "store/salvage.hpp"
#include "store/snapshot.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

/// Nothing when it is damaged or not there.
template <class Read>
auto readable(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const StoreError&) {
    return {};
  }
}

bool holds(std::string_view text, std::string_view word) { return text.find(word) != text.npos; }

std::int64_t time_of(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mtim.tv_sec : std::time(nullptr);
}

std::vector<Root> readable_roots(const Store& store) {
  std::vector<Root> roots;
  for (const auto& name : names_in(store.roots_path()))
    if (auto root = readable([&] { return read_root(store, name, RootSteps::left_out); }))
      roots.push_back(*std::move(root));
  return roots;
}

/// What stands in quotes behind `field`, in whichever copy.
std::vector<std::string> values_of(std::string_view text, std::string_view field) {
  std::vector<std::string> values;
  for (auto at = text.find(field); at != text.npos; at = text.find(field, at + 1)) {
    const auto begin = at + field.size();
    const auto end = text.find('"', begin);
    if (end == text.npos) break;
    values.emplace_back(text.substr(begin, end - begin));
  }
  return values;
}

class InstanceSalvage {
 public:
  InstanceSalvage(const Store& store, const std::string& id)
      : store_(store), id_(id), directory_(store.instances_path() / id), roots_(readable_roots(store)) {}

  std::vector<std::string> run() {
    for (const fs::path name : {"current", "previous", "next"}) restore_state(directory_ / name);
    for (const fs::path name : names_in(directory_ / "snapshots")) restore_snapshot(directory_ / "snapshots" / name);
    const auto record = directory_ / "instance.json";
    if (!restore_kept_record(record)) write_record(remains_of_record(record));
    return std::move(notes_);
  }

 private:
  bool is_own(const Reference& reference) const { return instance_id(reference) == id_; }

  // Environments

  bool is_known(const EnvironmentId& id) const {
    const auto is_it = [&](const Root& root) { return root.environment == id; };
    return fs::exists(fs::symlink_status(store_.environment_path(id))) || store_.has_blob(BlobId(id.digest())) ||
           std::any_of(roots_.begin(), roots_.end(), is_it);
  }

  /// Of an environment's own instance, which never moves.
  std::optional<EnvironmentId> own_environment() const {
    for (const char* directory : {"environments", "blobs"}) {
      for (const auto& name : names_in(store_.root() / directory)) {
        const auto id = EnvironmentId::from_hex(name);
        if (id && is_own({*id, std::nullopt})) return id;
      }
    }
    return std::nullopt;
  }

  /// The only one that the digits in what is left of a record are; 256 bits are nobody else's by chance.
  std::optional<EnvironmentId> environment_in(const std::string& remains) const {
    std::vector<EnvironmentId> found;
    for (const auto& digest : digests_in(remains))
      if (is_known(EnvironmentId(digest))) found.emplace_back(digest);
    if (found.size() == 1) return found.front();
    return own_environment();
  }

  // Generations

  std::uint64_t highest_number() const {
    std::uint64_t highest = 0;
    for (const auto* name : {"current", "previous"})
      if (const auto other = readable([&] { return read_generation(directory_ / name); }))
        highest = std::max(highest, other->number);
    return highest;
  }

  /// Of `next` its number has to be known: it tells which state is the newer one.
  void restore_state(const fs::path& directory) {
    const auto record = directory / "generation.json";
    if (!fs::is_directory(fs::symlink_status(directory)) || restore_kept_record(record)) return;
    const auto name = directory.filename().native();
    const auto environment = environment_in(remains_of_record(record));
    if (name != "next" && environment)
      return write_generation({name == "current" ? highest_number() + 1 : 1, *environment, directory});
    notes_.push_back(
        fmt::format("nothing tells which environment its state \"{}\" is in; what was changed lies in \"{}\", and "
                    "`karapace destroy {}` removes it",
                    name, escaped_utf8((directory / "upper").native()), id_));
  }

  // Snapshots

  void restore_snapshot(const fs::path& directory) {
    const auto record = directory / "snapshot.json";
    const auto id = LayerId::from_hex(directory.filename().native());
    if (!id || restore_kept_record(record)) return;
    const auto remains = remains_of_record(record);
    const auto environment = environment_in(remains);
    if (!environment) {
      notes_.push_back(
          fmt::format("nothing tells which environment its snapshot {} is a difference to; what was changed lies in "
                      "\"{}\"",
                      id->short_hex(), escaped_utf8((directory / "tree").native())));
      return;
    }
    Snapshot snapshot{*id, time_of(directory / "listing"), *environment, {}, parent_in(remains, *id), directory};
    write_snapshot(snapshot);
    notes_.push_back(fmt::format("the message of its snapshot {} is lost", id->short_hex()));
  }

  std::optional<LayerId> parent_in(const std::string& remains, const LayerId& id) const {
    for (const auto& digest : digests_in(remains))
      if (LayerId(digest) != id && fs::exists(directory_ / "snapshots" / digest.hex())) return LayerId(digest);
    return std::nullopt;
  }

  // The instance's own record

  std::optional<fs::path> manifest_in(const std::string& remains) const {
    for (const auto& root : roots_)
      if (is_own({root.environment, root})) return root.manifest;
    for (const auto& value : values_of(remains, "\"manifest\": \"")) {
      Root root;
      root.manifest = unescaped_utf8(value).value_or(std::string());
      if (is_own({{}, root})) return root.manifest;
    }
    return std::nullopt;
  }

  /// The names that lead to it; a killed `rename` may have left two.
  std::string name_in(const std::string& remains) const {
    std::string found;
    for (const auto& name : given_names(store_)) {
      if (readable([&] { return read_file_if_exists(store_.root() / "names" / name); }) != id_) continue;
      if (found.empty() || holds(remains, fmt::format("\"name\": \"{}\"", name))) found = name;
    }
    return found;
  }

  void write_record(const std::string& remains) {
    Instance instance;
    instance.directory = directory_;
    instance.manifest = manifest_in(remains);
    instance.name = name_in(remains);
    instance.created = time_of(directory_ / "lock");
    instance.frozen = holds(remains, "\"frozen\": true") || !holds(remains, "\"frozen\": false");
    instance.archived = holds(remains, "\"archived\": true");
    write_instance(instance);
    if (instance.frozen)
      notes_.push_back(fmt::format(
          "it is frozen now, as nothing tells whether it was: `karapace unfreeze {}` lets sessions change it", id_));
    if (!instance.manifest && !own_environment())
      notes_.push_back("nothing tells whose project it was: it belongs to none now");
  }

  const Store& store_;
  const std::string& id_;
  fs::path directory_;
  std::vector<Root> roots_;
  std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> restore_instance(const Store& store, const std::string& name) {
  return InstanceSalvage(store, name).run();
}

}  // namespace karapace::store
