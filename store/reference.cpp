// SPDX-License-Identifier: Apache-2.0
// From a person's word to an environment.
#include "store/reference.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/nearest_word.hpp"
#include "store/instance.hpp"
#include "store/instance_names.hpp"
#include "store/root.hpp"
#include "store/root_index.hpp"

namespace karapace::store {

namespace {

constexpr std::size_t shortest_prefix = 4;

bool is_hexadecimal(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool is_path(std::string_view word) noexcept { return word == "." || word == ".." || word.find('/') != word.npos; }

[[noreturn]] void refuse_unknown(const Store& store, const std::filesystem::path& manifest) {
  throw NotFoundError(
      fmt::format("no environment was generated from \"{}\" into the store \"{}\"; run `karapace gen` there",
                  escaped_utf8(manifest.native()), escaped_utf8(store.root().native())));
}

bool is_there(const std::filesystem::path& path) noexcept {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

/// As for cargo and git, "." anywhere in a project is the project: the nearest directory with a manifest, or of which
/// the store knows one. What others have put above is no project of this store, and so no environment.
Reference nearest_project(const Store& store, const std::filesystem::path& working_directory) {
  for (auto directory = working_directory;; directory = directory.parent_path()) {
    auto manifest = directory / "karapace.toml";
    if (auto root = find_root(store, manifest, RootSteps::left_out)) return {root->environment, std::move(root)};
    if (is_there(manifest)) refuse_unknown(store, manifest);
    if (!directory.has_relative_path()) break;
  }
  throw NotFoundError(
      fmt::format("there is no karapace.toml in \"{}\" or in a directory above it; name an environment by its "
                  "name or by the path of its project (`karapace list` shows them)",
                  escaped_utf8(working_directory.native())));
}

Reference by_path(const Store& store, std::string_view word, const std::filesystem::path& working_directory) {
  if (word == ".") return nearest_project(store, working_directory);
  auto path = (working_directory / word).lexically_normal();
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) path /= "karapace.toml";
  auto root = find_root(store, path, RootSteps::left_out);
  if (!root) refuse_unknown(store, path);
  return {root->environment, std::move(root)};
}

std::string suggestion(std::string_view word, const std::vector<IndexedRoot>& roots) {
  std::optional<std::string> best;
  std::size_t limit = std::max<std::size_t>(2, word.size() / 3);
  for (const auto& root : roots) {
    for (const auto& name : names(root)) {
      const std::size_t edits = edit_distance(word, name, limit);
      if (edits > limit || edits >= std::min(word.size(), name.size())) continue;  // else all of it is another word
      best = name;
      if (edits == 0) break;
      limit = edits - 1;
    }
  }
  return best ? fmt::format("did you mean \"{}\"?", escaped_utf8(*best)) : "`karapace list` shows what there is";
}

/// The project as its record says; nothing when that has gone since the index was read.
std::optional<Reference> reference_to(const Store& store, const IndexedRoot& indexed) {
  auto root = read_root(store, indexed.record, RootSteps::left_out);
  if (!root) return std::nullopt;
  return Reference{root->environment, std::move(root)};
}

/// The same, under the name by which this person calls it; nothing when it has that no more.
std::optional<Reference> reference_by_name(const Store& store, const IndexedRoot& indexed, std::string_view word) {
  auto reference = reference_to(store, indexed);
  if (!reference) return std::nullopt;
  const auto called = names(*reference->root);
  if (std::find(called.begin(), called.end(), word) == called.end()) return std::nullopt;
  reference->root->name = word;
  return reference;
}

[[noreturn]] void refuse_ambiguous(std::string_view word, const std::vector<IndexedRoot>& named) {
  std::string candidates;
  for (const auto& root : named) candidates += fmt::format("\n  {}", escaped_utf8(root.manifest.native()));
  throw NotFoundError(
      fmt::format("\"{}\" is the name of {} environments; name one by its path:{}", word, named.size(), candidates));
}

/// The project, which the word means unless an instance of another one has been given the name: then who says it may
/// mean either, and what they ask for may destroy it.
Reference only_meaning(const Store& store, Reference project, std::string_view word) {
  const auto instance = find_named_instance(store, word);
  if (!instance || instance->manifest == project.root->manifest) return project;
  throw NotFoundError(
      fmt::format("\"{}\" is the name of the project {} and of the instance {}; name the one by its path "
                  "or the other by its id, and give it another name with `karapace rename`",
                  escaped_utf8(word), escaped_utf8(project.root->manifest.native()), instance->id));
}

/// What it was used with last, in its project as that is now.
Reference reference_to(const Store& store, const Instance& instance) {
  Reference reference{instance.current.environment, std::nullopt, instance.id};
  if (instance.manifest) reference.root = find_root(store, *instance.manifest, RootSteps::left_out);
  if (reference.root) reference.environment = reference.root->environment;
  if (reference.root && !instance.name.empty()) reference.root->name = instance.name;
  return reference;
}

bool is_instance_id(std::string_view word) {
  return word.size() == 16 && std::all_of(word.begin(), word.end(), is_hexadecimal);
}

std::set<EnvironmentId> by_prefix(const Store& store, std::string_view word, const std::vector<IndexedRoot>& roots) {
  std::set<EnvironmentId> found;
  const bool hex = std::all_of(word.begin(), word.end(), is_hexadecimal);
  if (!hex || word.size() < shortest_prefix) return found;
  for (const auto& name : names_in(store.root() / "environments")) {
    auto id = EnvironmentId::from_hex(name);
    if (id && name.starts_with(word)) found.insert(*id);
  }
  for (const auto& instance : instances(store).whole) {
    if (instance.current.environment.hex().starts_with(word)) found.insert(instance.current.environment);
  }
  for (const auto& root : roots) {
    if (root.environment.hex().starts_with(word)) found.insert(root.environment);
  }
  return found;
}

/// The only instance that is in this environment, left behind by a project that has another one now. NotFoundError when
/// there are several.
std::optional<std::string> instance_left_in(const Store& store, const EnvironmentId& id) {
  std::vector<std::string> ids;
  for (const auto& instance : instances(store).whole)
    if (instance.manifest && instance.current.environment == id) ids.push_back(instance.id);
  if (ids.empty()) return std::nullopt;
  if (ids.size() == 1) return ids.front();
  std::string candidates;
  for (const auto& each : ids) candidates += "\n  " + each;
  throw NotFoundError(fmt::format("in the environment {} there are {} instances; name one by its id:{}", id.short_hex(),
                                  ids.size(), candidates));
}

// An id stands for the project as well when only one is generated from it: the same instance then, whatever it is
// called. When none is, for what a project left there.
Reference by_id(const Store& store, const EnvironmentId& id, const std::vector<IndexedRoot>& roots) {
  auto is_it = [&](const IndexedRoot& root) { return root.environment == id; };
  auto root = std::find_if(roots.begin(), roots.end(), is_it);
  bool only_one = root != roots.end() && std::none_of(root + 1, roots.end(), is_it);
  auto project = only_one ? reference_to(store, *root) : std::nullopt;
  if (project && project->environment == id) return *std::move(project);
  const Reference own{id, std::nullopt};
  if (root != roots.end() || find_instance(store, own)) return own;
  return {id, std::nullopt, instance_left_in(store, id)};
}

}  // namespace

Reference resolve_reference(const Store& store, std::string_view word, const std::filesystem::path& working_directory) {
  if (is_path(word)) return by_path(store, word, working_directory);
  if (const auto root = RootIndex::find(store, word)) {
    if (auto reference = reference_by_name(store, *root, word)) return only_meaning(store, *std::move(reference), word);
  }
  const auto index = RootIndex::read(store);
  const auto named = index.named(word);
  if (named.size() > 1) refuse_ambiguous(word, named);
  if (named.size() == 1) {
    if (auto reference = reference_by_name(store, named.front(), word))
      return only_meaning(store, *std::move(reference), word);
  }
  if (const auto instance = find_named_instance(store, word)) return reference_to(store, *instance);
  if (is_instance_id(word))
    if (const auto instance = find_instance(store, std::string(word))) return reference_to(store, *instance);
  const auto known = index.all();
  auto ids = by_prefix(store, word, known);
  if (ids.size() == 1) return by_id(store, *ids.begin(), known);
  if (ids.empty()) {
    throw NotFoundError(fmt::format("there is no environment \"{}\"; {}", escaped_utf8(word), suggestion(word, known)));
  }
  std::string candidates;
  for (const auto& id : ids) candidates += fmt::format("\n  {}", id.hex());
  throw NotFoundError(fmt::format("\"{}\" is the beginning of {} environments' ids; give more digits:{}", word,
                                  ids.size(), candidates));
}

}  // namespace karapace::store
