// SPDX-License-Identifier: Apache-2.0
#include "generator/lock/intent.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/text.hpp"
#include "base/regular_file.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::lock {

namespace {

struct Content {
  Digest digest;
  std::uint64_t size = 0;
};

/// A file of the project. A manifest may come from anybody: it names nothing outside its directory, not by a link
/// either.
Fd open_file(const std::filesystem::path& directory, const std::string& name, const std::string& what) {
  auto project = open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
  auto file = try_open_regular(project.get(), name, Links::inside);
  if (file.fd) return std::move(*file.fd);
  auto reason = file.refusal.empty() ? "does not exist" : file.refusal;
  throw ManifestError(fmt::format("{} \"{}\" {}; put the file itself into {}", what, escaped_utf8(name), reason,
                                  escaped_utf8(directory.native())));
}

// A file of holes takes no room, and hours to read.
constexpr std::uint64_t largest_file_gib = 16;

void require_size(int file, const std::string& name, const std::string& what) {
  struct stat status{};
  if (::fstat(file, &status) != 0)
    throw ManifestError(errno_message(fmt::format("{} \"{}\"", what, escaped_utf8(name)), errno));
  if (static_cast<std::uint64_t>(status.st_size) <= largest_file_gib << 30) return;
  throw ManifestError(fmt::format("{} \"{}\" has {} bytes; {} GiB are the most: mount it instead, or split it", what,
                                  escaped_utf8(name), status.st_size, largest_file_gib));
}

Content content_of(const std::filesystem::path& directory, const std::string& name, const std::string& what) {
  auto file = open_file(directory, name, what);
  require_size(file.get(), name, what);
  auto digest = blake3_of_file(file.get(), name);
  // As much as was hashed, should somebody write to it meanwhile.
  return {digest, static_cast<std::uint64_t>(::lseek(file.get(), 0, SEEK_CUR))};
}

std::string said(const manifest::Place& place, std::string_view what) {
  return place.text.empty() ? std::string(what) : fmt::format("{}: {}", place.text, what);
}

std::vector<std::string> texts(const std::vector<manifest::PlacedWord>& words) {
  std::vector<std::string> all;
  for (const auto& word : words) all.push_back(word.text);
  return all;
}

using Change = Difference::Change;

class Differences {
 public:
  void changed(const std::string& key, const std::string& before, const std::string& after) {
    if (before != after) all_.push_back({.key = key, .before = before, .after = after});
  }
  void add(Difference difference) { all_.push_back(std::move(difference)); }
  /// Compares two lists of things with a name: what went, what came, and what is another.
  template <class T, class Name>
  void lists(const std::string& key, const std::vector<T>& before, const std::vector<T>& after, Name name) {
    std::map<std::string, const T*> old;
    for (const auto& value : before) old.emplace(name(value), &value);
    std::vector<Difference> later;
    for (const auto& value : after) {
      auto found = old.find(name(value));
      if (found == old.end()) {
        later.push_back({key, Change::added, name(value)});
      } else {
        if (*found->second != value) later.push_back({key, Change::changed, name(value)});
        old.erase(found);
      }
    }
    for (const auto& [gone, value] : old) all_.push_back({key, Change::removed, gone});
    all_.insert(all_.end(), later.begin(), later.end());
  }
  /// The same of words whose order counts.
  void ordered(const std::string& key, const std::vector<std::string>& before, const std::vector<std::string>& after,
               const std::string& otherwise) {
    const auto known = all_.size();
    lists(key, before, after, [](const std::string& word) { return word; });
    if (all_.size() == known && before != after) all_.push_back({key, Change::reordered, otherwise});
  }
  /// The same of things with a name.
  template <class T, class Name>
  void ordered_things(const std::string& key, const std::vector<T>& before, const std::vector<T>& after, Name name) {
    const auto known = all_.size();
    lists(key, before, after, name);
    if (all_.size() == known && before != after) add({key, Change::reordered, "in another order"});
  }
  std::vector<Difference> take() { return std::move(all_); }

 private:
  std::vector<Difference> all_;
};

void compare_maps(Differences& differences, const std::string& key, const std::map<std::string, std::string>& before,
                  const std::map<std::string, std::string>& after) {
  using Pair = std::pair<std::string, std::string>;
  auto pairs = [](const auto& map) { return std::vector<Pair>(map.begin(), map.end()); };
  differences.lists(key, pairs(before), pairs(after), [](const Pair& pair) { return pair.first; });
}

std::string in_brackets(const std::vector<std::string>& words) {
  std::string text;
  append_json(text, words, ",");
  return text;
}

void compare_image(Differences& differences, const store::ImageSettings& before, const store::ImageSettings& after) {
  differences.changed("image.entrypoint", in_brackets(before.entrypoint), in_brackets(after.entrypoint));
  differences.changed("image.command", in_brackets(before.command), in_brackets(after.command));
  differences.changed("image.working_directory", before.working_directory, after.working_directory);
  differences.changed("image.user", before.user, after.user);
  compare_maps(differences, "image.labels", before.labels, after.labels);
}

void compare_runtime(Differences& differences, const store::RuntimeConfiguration& before,
                     const store::RuntimeConfiguration& after) {
  compare_maps(differences, "environment", before.variables, after.variables);
  differences.lists("mounts", before.mounts, after.mounts, [](const store::Mount& mount) { return mount.label; });
  auto isolation = [](const store::RuntimeConfiguration& value) { return value.network_isolation ? "true" : "false"; };
  differences.changed("network_isolation", isolation(before), isolation(after));
  auto project = [](const store::RuntimeConfiguration& value) {
    return value.project == store::ProjectAccess::read_only ? "read-only" : "read-write";
  };
  differences.changed("project", project(before), project(after));
  compare_image(differences, before.image, after.image);
}

std::string in_lines(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

void compare_releases(Differences& differences, const std::optional<LockedRelease>& before,
                      const std::optional<LockedRelease>& after) {
  if (before.has_value() != after.has_value())
    return differences.add({"release", after ? Change::added : Change::removed, (after ? after : before)->name});
  if (!before) return;
  differences.changed("release.name", before->name, after->name);
  differences.changed("release.destination", before->destination, after->destination);
  differences.changed("release.main", before->main, after->main);
  differences.changed("release.entrypoints", in_lines(before->entrypoints), in_lines(after->entrypoints));
  const auto run = [](const LockedRelease& one) {
    return one.run == manifest::ProgramsRun::inside ? "inside" : "outside";
  };
  differences.changed("release.run", run(*before), run(*after));
  differences.lists("sources", before->sources, after->sources, [](const LockedSource& source) { return source.name; });
}

}  // namespace

Intent intent_of(const manifest::Manifest& manifest, const std::filesystem::path& directory) {
  Intent intent;
  intent.request = {.base_image = text(manifest.base),
                    .packages = manifest.packages,
                    .recommends = manifest.recommends,
                    .repositories = {},
                    .hold = texts(manifest.hold),
                    .prefer = texts(manifest.prefer)};
  for (const auto& repository : manifest.repositories) {
    auto key = content_of(directory, repository.key,
                          said(repository.key_place, fmt::format("repositories.{}.key", repository.name)));
    intent.request.repositories.push_back(
        {repository.name, repository.key, key.digest, repository.suite, repository.components});
  }
  for (const auto& file : manifest.files) {
    auto content = content_of(directory, file.source, said(file.source_place, "setup.files: source"));
    intent.files.push_back({file.source, file.target, file.mode, content.digest, content.size});
  }
  for (const auto& layer : manifest.layers) {
    auto content = content_of(directory, layer.archive, said(layer.archive_place, "layers: archive"));
    intent.layers.push_back({layer.archive, layer.title, content.size, content.digest});
  }
  intent.answers = manifest.answers;
  intent.run = manifest.run;
  intent.runtime = manifest.runtime;
  return intent;
}

std::string_view text(Change change) noexcept {
  switch (change) {
    case Change::added: return "added";
    case Change::removed: return "removed";
    case Change::changed: return "changed";
    case Change::reordered: return "reordered";
  }
  return "changed";
}

std::string text(const Difference& difference) {
  if (difference.before && difference.after)
    return fmt::format("{}: {} → {}", difference.key, *difference.before, *difference.after);
  std::string_view sign = difference.change == Change::added     ? "+ "
                          : difference.change == Change::removed ? "- "
                          : difference.change == Change::changed ? "~ "
                                                                 : "";
  return fmt::format("{}: {}{}", difference.key, sign, difference.subject);
}

Intent intent_of(const Lock& lock) {
  return {lock.request, lock.answers, lock.files, lock.run, lock.layers, lock.runtime, lock.release};
}

std::vector<Difference> differences(const Intent& locked, const Intent& wanted) {
  Differences all;
  auto itself = [](const std::string& word) { return word; };
  all.changed("base", locked.request.base_image, wanted.request.base_image);
  all.lists("packages", locked.request.packages, wanted.request.packages, itself);
  all.changed("recommends", locked.request.recommends ? "true" : "false", wanted.request.recommends ? "true" : "false");
  all.lists("repositories", locked.request.repositories, wanted.request.repositories,
            [](const LockedRepositoryRequest& repository) { return repository.name; });
  all.lists("hold", locked.request.hold, wanted.request.hold, itself);
  all.ordered("prefer", locked.request.prefer, wanted.request.prefer, "in another order");
  compare_maps(all, "answers", locked.answers, wanted.answers);
  all.ordered_things("files", locked.files, wanted.files, [](const LockedFile& file) { return file.target; });
  all.ordered("run", locked.run, wanted.run, "other commands or another order");
  all.ordered_things("layers", locked.layers, wanted.layers, [](const LockedLayer& layer) { return layer.archive; });
  compare_runtime(all, locked.runtime, wanted.runtime);
  compare_releases(all, locked.release, wanted.release);
  return all.take();
}

}  // namespace karapace::lock
