// SPDX-License-Identifier: Apache-2.0
// The field `release` of a lock: its text, and what follows from what sources depend on.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>

#include "generator/lock/lock.hpp"
#include "generator/lock/lock_codecs.hpp"
#include "generator/manifest/release_rules.hpp"
#include "store/release_document.hpp"

namespace karapace::lock {

namespace {

/// Names of commits: of SHA-1 or SHA-256 repositories.
Complaint judge_commit(std::string_view word) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if ((word.size() == 40 || word.size() == 64) && std::all_of(word.begin(), word.end(), is_digit)) return std::nullopt;
  return "is not a commit: 40 or 64 hex digits";
}

using manifest::judge_release_word;

constexpr auto source_kinds =
    words_of<manifest::SourceKind>("is no kind of source", {{manifest::SourceKind::path, "path"},
                                                            {manifest::SourceKind::archive, "archive"},
                                                            {manifest::SourceKind::git, "git"}});

constexpr auto patch_fields =
    line_of<LockedPatch>(member("file", &LockedPatch::file, Word{manifest::judge_relative_path}),
                         member("size", &LockedPatch::size), member("sha256", &LockedPatch::sha256));

constexpr auto source_fields = fields_of<LockedSource>(
    member("name", &LockedSource::name, Word{judge_release_word}),
    member("version", &LockedSource::version, Word{manifest::judge_release_version}),
    member("kind", &LockedSource::kind, source_kinds), member("location", &LockedSource::location, Word{judge_label}),
    optional_member("ref", &LockedSource::ref, Word{judge_label}),
    optional_member("commit", &LockedSource::commit, Word{judge_commit}), member("size", &LockedSource::size),
    member("sha256", &LockedSource::sha256), optional_member("patches", &LockedSource::patches, list_of(patch_fields)),
    optional_member("depends", &LockedSource::depends, words({judge_release_word})),
    member("build", &LockedSource::build, Word{judge_command}),
    optional_member("check", &LockedSource::check, list_of(Word{judge_command})));

/// The main package and what sources depend on are among them, and no way leads back.
void require_sound(const JsonReader& json, std::size_t at, const LockedRelease& release) {
  std::set<std::string_view> done;
  std::set<std::string_view> on_the_way;
  const auto find = [&](const std::string& name) -> const LockedSource& {
    for (const auto& source : release.sources)
      if (source.name == name) return source;
    json.fail_at(at, fmt::format("there is no source \"{}\"", name));
  };
  const std::function<void(const LockedSource&)> visit = [&](const LockedSource& source) {
    if (done.contains(source.name)) return;
    if (!on_the_way.insert(source.name).second)
      json.fail_at(at, fmt::format("the source \"{}\" depends on itself", source.name));
    for (const auto& name : source.depends) visit(find(name));
    done.insert(source.name);
  };
  visit(find(release.main));
  for (const auto& source : release.sources) {
    visit(source);
    if ((source.kind == manifest::SourceKind::git) == source.commit.empty())
      json.fail_at(at, fmt::format("the source \"{}\" has a commit if it is of git, and else none", source.name));
  }
}

constexpr auto run_words = words_of<manifest::ProgramsRun>(
    "is no place where programs run",
    {{manifest::ProgramsRun::outside, "outside"}, {manifest::ProgramsRun::inside, "inside"}});

/// What build scripts find each by is a variable of its own.
void require_variables(const JsonReader& json, std::size_t at, const LockedRelease& release) {
  std::set<std::string> variables;
  for (const auto& source : release.sources) {
    const auto variable = store::dependency_variable(source.name);
    if (manifest::is_taken_variable(variable) || !variables.insert(variable).second)
      json.fail_at(at, fmt::format("the source \"{}\" would be ${} in build scripts, which means something else there",
                                   source.name, variable));
  }
}

void require_programs(const JsonReader& json, std::size_t at, const LockedRelease& release) {
  std::set<std::string_view> programs;
  for (const auto& name : release.entrypoints)
    if (!programs.insert(name).second) json.fail_at(at, fmt::format("the entry point \"{}\" appears twice", name));
}

constexpr auto release_fields = fields_of<LockedRelease>(
    member("name", &LockedRelease::name, Word{judge_release_word}),
    member("destination", &LockedRelease::destination, Word{manifest::judge_destination}),
    member("main", &LockedRelease::main, Word{judge_release_word}),
    member("entrypoints", &LockedRelease::entrypoints, words({judge_release_word})),
    optional_member("run", &LockedRelease::run, run_words),
    member("sources", &LockedRelease::sources, sorted(source_fields, &LockedSource::name, "sources")));

}  // namespace

void ReleaseCodec::write(JsonWriter& json, const LockedRelease& release) { release_fields.write(json, release); }

void ReleaseCodec::read(JsonReader& json, LockedRelease& release) {
  const auto at = json.position();
  release_fields.read(json, release);
  require_sound(json, at, release);
  require_variables(json, at, release);
  require_programs(json, at, release);
}

const LockedSource& LockedRelease::source(std::string_view of) const {
  const auto found = std::ranges::find(sources, of, &LockedSource::name);
  if (found == sources.end()) std::abort();
  return *found;
}

std::vector<const LockedSource*> with_dependencies(const LockedRelease& release, const LockedSource& source) {
  std::vector<const LockedSource*> all{&source};
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const auto& name : all[i]->depends) {
      const auto* next = &release.source(name);
      if (std::ranges::find(all, next) == all.end()) all.push_back(next);
    }
  }
  return all;
}

}  // namespace karapace::lock
