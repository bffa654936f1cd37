// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/release_section.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/semantic_version.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/manifest/git_url.hpp"
#include "generator/manifest/release_rules.hpp"
#include "generator/manifest/script_name.hpp"
#include "store/release_document.hpp"

namespace karapace::manifest {

namespace {

Complaint judge_link(std::string_view word) {
  if (auto complaint = judge_release_word(word)) return complaint;
  if (parse_build_name(word)) return "ends in + and a number, as versions do, and not links";
  return std::nullopt;
}

Complaint judge_git_ref(std::string_view word) {
  if (word.empty()) return "is empty";
  if (word.starts_with('-')) return "begins with \"-\", which git would take for an option";
  if (word.find(' ') != word.npos) return "has a blank in it";
  return std::nullopt;
}

Complaint judge_host(std::string_view word) {
  if (word.empty()) return "is empty";
  if (word.starts_with('-')) return "begins with \"-\", which ssh would take for an option";
  if (word.find_first_of(" \t") != word.npos) return "has a blank in it";
  return judge_line(word);
}

struct ReadSource {
  SourceRequest source;
  source_position at;  // of the table
  source_position name_at;
  std::vector<Word> depends;
};

void read_archive_source(Section& section, const Word& archive, SourceRequest& source) {
  source.kind = SourceKind::archive;
  source.location = archive.text;
  if (!is_url(source.location)) {
    while (source.location.starts_with("./")) source.location.erase(0, 2);
    section.pleases({source.location, archive.at}, section.path("archive"), judge_relative_path);
  }
  if (auto sha256 = section.word("sha256")) {
    source.sha256 = Sha256::from_hex(sha256->text);
    if (!source.sha256) section.problem(sha256->at, "source.sha256 must be 64 lower-case hex digits");
  }
}

void read_path_source(Section& section, const Word& path, SourceRequest& source) {
  source.kind = SourceKind::path;
  source.location = path.text;
  while (source.location.starts_with("./")) source.location.erase(0, 2);
  while (source.location.size() > 1 && source.location.ends_with('/')) source.location.pop_back();
  if (source.location.empty()) source.location = ".";
  if (source.location != ".") section.pleases({source.location, path.at}, section.path("path"), judge_relative_path);
  for (auto& file : section.words("files"))
    if (section.pleases(file, section.path("files"), judge_relative_path)) source.files.push_back(file.text);
  std::ranges::sort(source.files);
  const auto repeated = std::ranges::unique(source.files);
  source.files.erase(repeated.begin(), repeated.end());
}

void read_git_source(Section& section, const Word& git, SourceRequest& source) {
  source.kind = SourceKind::git;
  source.location = git.text;
  section.pleases(git, section.path("git"), judge_git_url);
  if (auto ref = section.required("ref", "\"v1.0\"")) {
    source.ref = ref->text;
    section.pleases(*ref, section.path("ref"), judge_git_ref);
  }
}

/// A key that says something of another kind of source.
void refuse_misplaced_keys(Section& section, SourceKind kind) {
  constexpr std::tuple<std::string_view, SourceKind, std::string_view> keys[] = {
      {"ref", SourceKind::git, "git"}, {"sha256", SourceKind::archive, "archive"}, {"files", SourceKind::path, "path"}};
  for (const auto& [key, owner, word] : keys) {
    if (kind == owner) continue;
    if (const auto* node = section.find(key))
      section.problem(node->source().begin,
                      fmt::format("{0} belongs to {1} in a [[source]], and this one has no {1}: remove it", key, word));
  }
}

/// Exactly one of git, archive and path.
void read_origin(Section& section, SourceRequest& source) {
  const auto path = section.word("path");
  const auto archive = section.word("archive");
  const auto git = section.word("git");
  if (path.has_value() + archive.has_value() + git.has_value() != 1)
    return section.problem(section.at(), "a source has exactly one of path, archive and git: say where its files are");
  source.place = section.problems().place((path ? path : archive ? archive : git)->at);
  if (path) read_path_source(section, *path, source);
  if (archive) read_archive_source(section, *archive, source);
  if (git) read_git_source(section, *git, source);
  refuse_misplaced_keys(section, source.kind);
}

void read_patches(Section& section, SourceRequest& source) {
  for (auto& patch : section.words("patches")) {
    while (patch.text.starts_with("./")) patch.text.erase(0, 2);
    if (section.pleases(patch, section.path("patches"), judge_relative_path))
      source.patches.push_back({patch.text, section.problems().place(patch.at)});
  }
}

void read_check(Section& check, SourceRequest& source) {
  for (auto& command : check.texts("run")) {
    if (trimmed(command.text).empty()) check.problem(command.at, "source.check.run has an empty command: remove it");
    source.check.push_back(std::move(command.text));
  }
}

void read_build(Section& section, SourceRequest& source) {
  const auto* node = section.find("build");
  if (!node) return section.problem(section.at(), "source.build is missing: write build = \"make && make install\"");
  auto build = section.text_of(*node, section.path("build"));
  if (build && trimmed(build->text).empty()) section.problem(build->at, "source.build is empty");
  if (build && source.kind != SourceKind::path && is_script_name(build->text))
    section.problem(build->at,
                    fmt::format("source.build: files are named of a path only: write \"bash ./{}\"", build->text));
  if (build) source.build = std::move(build->text);
}

ReadSource read_source(Section& section) {
  ReadSource read{.source = {}, .at = section.at(), .name_at = section.at(), .depends = {}};
  auto& source = read.source;
  if (auto name = section.required("name", "\"libgrid\"")) {
    if (section.pleases(*name, "source", judge_release_word)) source.name = name->text;
    read.name_at = name->at;
  }
  if (auto version = section.required("version", "\"1.0.0\"")) {
    if (section.pleases(*version, section.path("version"), judge_release_version)) source.version = version->text;
  }
  read_origin(section, source);
  read_patches(section, source);
  read_build(section, source);
  read.depends = section.words("depends");
  for (const auto& word : read.depends) source.depends.push_back(word.text);
  section.section("check", [&](Section& check) { read_check(check, source); });
  return read;
}

// What is wrong with the sources as a whole.
class Judgement {
 public:
  Judgement(Section& top, const std::vector<ReadSource>& sources) : top_(top), sources_(sources) {
    for (const auto& one : sources_)
      if (!one.source.name.empty()) by_name_.emplace(one.source.name, &one);
  }

  void names() {
    std::map<std::string, std::string> variables;
    for (const auto& one : sources_) {
      const auto& name = one.source.name;
      if (name.empty()) continue;
      if (by_name_.at(name) != &one) {
        top_.problem(one.name_at, fmt::format("two sources are called \"{}\"", name));
        continue;
      }
      const auto variable = store::dependency_variable(name);
      if (is_taken_variable(variable))
        top_.problem(one.name_at, fmt::format("source \"{}\": build scripts would find it by ${}, which means "
                                              "something else there: give it another name",
                                              name, variable));
      const auto [other, fresh] = variables.emplace(variable, name);
      if (!fresh)
        top_.problem(one.name_at, fmt::format("sources \"{}\" and \"{}\" would both be ${} in build scripts: give one "
                                              "of them another name",
                                              other->second, name, variable));
    }
  }

  void dependencies() {
    for (const auto& one : sources_) {
      std::set<std::string_view> named;
      for (const auto& word : one.depends) {
        if (!by_name_.contains(word.text)) refuse_unknown(word, "source.depends");
        if (!named.insert(word.text).second)
          top_.problem(word.at, fmt::format("source \"{}\" depends on \"{}\" twice", one.source.name, word.text));
      }
    }
  }

  void refuse_unknown(const Word& word, std::string_view key) {
    std::vector<std::string_view> known;
    for (const auto& [name, one] : by_name_) known.push_back(name);
    const auto meant = nearest_word(word.text, known);
    top_.problem(word.at, fmt::format("{}: there is no [[source]] called \"{}\"{}", key, word.text,
                                      meant ? fmt::format("; did you mean \"{}\"?", *meant) : ""));
  }

  /// Tells of each cycle once. Whether there is none.
  bool cycles() {
    bool none = true;
    for (const auto& [name, one] : by_name_) none = visit(*one) && none;
    return none;
  }

  /// What nothing leads to would never be built.
  void unused(const std::string& main) {
    if (!by_name_.contains(main)) return;
    std::set<std::string_view> needed{main};
    std::vector<std::string_view> next{main};
    while (!next.empty()) {
      const auto* one = by_name_.find(next.back())->second;
      next.pop_back();
      for (const auto& word : one->depends)
        if (by_name_.contains(word.text) && needed.insert(word.text).second) next.push_back(word.text);
    }
    for (const auto& [name, one] : by_name_)
      if (!needed.contains(name))
        top_.problem(one->name_at,
                     fmt::format("source \"{}\" is not needed by \"{}\", the release's main package: name "
                                 "it in a depends, or remove it",
                                 name, main));
  }

 private:
  bool visit(const ReadSource& one) {
    const auto& name = one.source.name;
    if (done_.contains(name)) return true;
    if (const auto begin = std::ranges::find(way_, name); begin != way_.end()) {
      std::vector<std::string> cycle(begin, way_.end());
      cycle.push_back(name);
      top_.problem(one.name_at, fmt::format("these sources depend on each other: {}", fmt::join(cycle, " → ")));
      return false;
    }
    way_.push_back(name);
    bool none = true;
    for (const auto& word : one.depends) {
      const auto found = by_name_.find(word.text);
      if (found != by_name_.end()) none = visit(*found->second) && none;
    }
    way_.pop_back();
    done_.insert(name);
    return none;
  }

  Section& top_;
  const std::vector<ReadSource>& sources_;
  std::map<std::string, const ReadSource*, std::less<>> by_name_;
  std::set<std::string> done_;
  std::vector<std::string> way_;
};

void read_entrypoints(Section& section, ReleaseRequest& release) {
  for (auto& word : section.words("entrypoints")) {
    if (!section.pleases(word, "entry point", judge_release_word)) continue;
    if (std::ranges::find(release.entrypoints, word.text) != release.entrypoints.end())
      section.problem(word.at, fmt::format("the entry point \"{}\" appears twice", word.text));
    release.entrypoints.push_back(word.text);
  }
  if (!section.find("entrypoints"))
    section.problem(section.at(),
                    "release.entrypoints is missing: write entrypoints = [\"PROGRAM\"], the names of "
                    "programs in the packages' bin");
}

/// By others, or at once.
bool leads_to_itself(const std::map<std::string, std::string>& links, const std::string& name) {
  auto at = links.find(name);
  for (std::size_t followed = 0; at != links.end() && followed <= links.size(); ++followed) {
    if (at->second == name) return true;
    at = links.find(at->second);
  }
  return false;
}

void read_links(Section& links, ReleaseRequest& release) {
  std::map<std::string, std::string> all{{std::string(stable_link), std::string(latest_link)}};
  std::vector<Word> names;
  for (const auto& [key, node] : links.table()) {
    links.find(key.str());
    const Word name{std::string(key.str()), key.source().begin};
    const auto value = links.word_of(node, links.path(key.str()));
    if (!links.pleases(name, "link", judge_link) || !value) continue;
    if (value->text != "^" && !links.pleases(*value, links.path(key.str()), judge_release_word)) continue;
    release.links[name.text] = all[name.text] = value->text;
    names.push_back(name);
  }
  for (const auto& name : names)
    if (leads_to_itself(all, name.text))
      links.problem(
          name.at,
          fmt::format("the link \"{}\" leads to itself: let it, or one that it follows, name a version", name.text));
}

void read_hosts(Section& hosts, ReleaseRequest& release) {
  for (const auto& [key, node] : hosts.table()) {
    hosts.find(key.str());
    const Word name{std::string(key.str()), key.source().begin};
    const auto value = hosts.word_of(node, hosts.path(key.str()));
    if (!hosts.pleases(name, "host", judge_release_word) || !value) continue;
    if (!hosts.pleases(*value, hosts.path(key.str()), judge_host)) continue;
    release.hosts[name.text] = value->text;
  }
}

void read_run(Section& section, ReleaseRequest& release) {
  const auto run = section.word("run");
  if (!run) return;
  if (run->text == "inside")
    release.run = ProgramsRun::inside;
  else if (run->text != "outside")
    section.problem(run->at, fmt::format("release.run \"{}\" must be \"outside\", where users call programs, or "
                                         "\"inside\", the release's environment",
                                         run->text));
}

void read_test(Section& test, ReleaseRequest& release) {
  for (auto& command : test.texts("run")) {
    if (trimmed(command.text).empty()) test.problem(command.at, "release.test.run has an empty command: remove it");
    release.test.push_back(std::move(command.text));
  }
}

void read_release_table(Section& section, Judgement& judgement, ReleaseRequest& release) {
  if (auto name = section.required("name", "\"solver\""))
    if (section.pleases(*name, section.path("name"), judge_release_word)) release.name = name->text;
  if (auto destination = section.required("destination", "\"/opt/apps/solver\""))
    if (section.pleases(*destination, section.path("destination"), judge_destination))
      release.destination = destination->text;
  read_entrypoints(section, release);
  section.section("links", [&](Section& links) { read_links(links, release); });
  section.section("hosts", [&](Section& hosts) { read_hosts(hosts, release); });
  section.section("test", [&](Section& test) { read_test(test, release); });
  read_run(section, release);
  auto main = section.required("main", "\"NAME\", the source whose version the release has");
  if (!main) return;
  release.main = main->text;
  const bool is_known = std::ranges::any_of(release.sources, [&](const auto& one) { return one.name == main->text; });
  if (!is_known) judgement.refuse_unknown(*main, section.path("main"));
}

}  // namespace

void read_release(Section& top, Manifest& manifest) {
  std::vector<ReadSource> sources;
  top.tables("source", [&](Section& section) { sources.push_back(read_source(section)); });
  Judgement judgement(top, sources);
  judgement.names();
  judgement.dependencies();
  const bool has_no_cycles = judgement.cycles();
  if (!top.find("release")) {
    if (!sources.empty())
      top.problem(sources.front().at, "[[source]] is for releases: say with [release] what is made of it");
    return;
  }
  ReleaseRequest release;
  for (auto& one : sources) release.sources.push_back(std::move(one.source));
  std::ranges::sort(release.sources, {}, &SourceRequest::name);
  top.section("release", [&](Section& section) { read_release_table(section, judgement, release); });
  if (has_no_cycles) judgement.unused(release.main);
  manifest.release = std::move(release);
}

}  // namespace karapace::manifest
