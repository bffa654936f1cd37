// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/escape.hpp"
#include "base/json/text.hpp"
#include "generator/karsk/karsk_project.hpp"
#include "store/release_document.hpp"

namespace karapace::karsk {

namespace {

namespace fs = std::filesystem;

/// Strings of TOML are those of JSON, but for some that no file of YAML has.
std::string quoted(const std::string& text) {
  std::string json;
  append_json(json, text);
  return json;
}

std::string list(const std::vector<std::string>& words) {
  std::vector<std::string> all;
  for (const auto& word : words) all.push_back(quoted(word));
  return fmt::format("[{}]", fmt::join(all, ", "));
}

/// As people write scripts, where that can hold them.
std::string script_text(const std::string& script) {
  const auto is_odd = [](char c) { return (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == '\x7f'; };
  if (script.find("'''") != script.npos || script.ends_with('\'') || std::ranges::any_of(script, is_odd))
    return quoted(script);
  return fmt::format("'''\n{}'''", script);
}

class Writer {
 public:
  Writer(const KarskProject& project, const Containerfile& image, std::vector<std::string>& notes)
      : project_(project), image_(image), notes_(notes) {}

  ImportedManifest run() {
    find_needed();
    environment();
    release();
    for (const auto& package : project_.packages) {
      if (needed_.contains(package.name))
        source(package);
      else
        note(package, "left out: the main package does not need it");
    }
    notes_.emplace_back(
        "builds have no network here, and their own clock, user and locale; what a script downloads is to be a "
        "[[source]]");
    return std::move(made_);
  }

 private:
  template <class... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    made_.text += fmt::format(format, std::forward<Values>(values)...) + "\n";
  }
  void note(const KarskPackage& package, const std::string& what) {
    notes_.push_back(fmt::format("package {}: {}", escaped_utf8(package.name), what));
  }

  const KarskPackage* find(const std::string& name) const {
    const auto found = std::ranges::find(project_.packages, name, &KarskPackage::name);
    return found == project_.packages.end() ? nullptr : &*found;
  }
  void find_needed() {
    std::vector<std::string> next{project_.main};
    while (!next.empty()) {
      const auto* package = find(next.back());
      next.pop_back();
      if (package && needed_.insert(package->name).second)
        next.insert(next.end(), package->depends.begin(), package->depends.end());
    }
    if (!find(project_.main))
      notes_.push_back(fmt::format("main-package: there is no package \"{}\": write main in the manifest",
                                   escaped_utf8(project_.main)));
    if (needed_.empty())
      for (const auto& package : project_.packages) needed_.insert(package.name);
  }

  void environment() {
    line("manifest_version = 1\n\n[base]\nimage = {}", quoted(image_.base.empty() ? "debian/bookworm" : image_.base));
    if (image_.base.empty())
      notes_.emplace_back(
          "build-image: no image is named that could be begun with: the base is debian/bookworm; say in "
          "[system] what builds need");
    for (const std::string_view distribution : {"debian", "ubuntu"})
      if (image_.base.starts_with(fmt::format("oci:docker.io/library/{}:", distribution)))
        notes_.push_back(fmt::format(
            "build-image: of this {} Karapace makes no base: its image is the base, as it is; write a newer suite for "
            "packages that are locked",
            distribution));
    if (!image_.packages.empty()) line("\n[system]\npackages = {}", list(image_.packages));
    for (const auto& left : image_.left)
      notes_.push_back(
          fmt::format("build-image: not carried over: {}: see [[setup.files]] and setup.run, which have no "
                      "network",
                      escaped_utf8(left)));
  }

  void release() {
    line("\n[release]\nname = {}", quoted(project_.main));
    line("destination = {}", quoted(project_.destination.empty() ? "/opt/" + project_.main : project_.destination));
    line("main = {}", quoted(project_.main));
    line("entrypoints = {}", list(project_.entrypoints));
    table("links", project_.links,
          [](const std::string& target) { return target == "^" || store::is_release_word(target); });
    table("hosts", project_.areas, [](const std::string& host) {
      return !host.empty() && host.front() != '-' && host.find_first_of(" \t\n") == host.npos;
    });
  }

  template <class Fits>
  void table(const char* name, const std::map<std::string, std::string>& values, const Fits& fits) {
    std::string text;
    for (const auto& [key, value] : values) {
      if (store::is_release_word(key) && fits(value))
        text += fmt::format("{} = {}\n", quoted(key), quoted(value));
      else
        notes_.push_back(fmt::format("{}: \"{}\" = \"{}\": not carried over: it can be no name here", name,
                                     escaped_utf8(key), escaped_utf8(value)));
    }
    if (!text.empty()) made_.text += fmt::format("\n[release.{}]\n{}", name, text);
  }

  void source(const KarskPackage& package) {
    if (!store::is_release_word(package.version))
      note(package, fmt::format("version: \"{}\" can be none here: letters, digits and . _ + - ~",
                                escaped_utf8(package.version)));
    line("\n[[source]]\nname = {}\nversion = {}", quoted(package.name), quoted(package.version));
    const auto prologue = origin(package);
    std::vector<std::string> depends;
    for (const auto& name : package.depends) {
      if (!find(name))
        note(package, fmt::format("depends: there is no package \"{}\"", escaped_utf8(name)));
      else if (std::ranges::find(depends, name) == depends.end())
        depends.push_back(name);
    }
    if (!depends.empty()) line("depends = {}", list(depends));
    // What Karsk gives to all scripts.
    auto script = "export CFLAGS=-O3 CXXFLAGS=-O3 FOPTFLAGS=-O3 MAKEFLAGS=-j$jobs\n" + prologue + package.build;
    if (!script.ends_with('\n')) script += '\n';
    if (package.build.find("$tmp") != package.build.npos || package.build.find("${tmp") != package.build.npos)
      note(package, "its script names $tmp, which is not set here: mktemp -d makes a directory");
    line("build = {}", script_text(script));
  }

  /// What stands before the script, so that $src means what it did.
  std::string origin(const KarskPackage& package) {
    const auto& source = package.source;
    switch (source.kind) {
      case KarskSource::Kind::git: line("git = {}\nref = {}", quoted(source.location), quoted(source.ref)); return {};
      case KarskSource::Kind::archive: line("archive = {}", quoted(source.location)); return {};
      case KarskSource::Kind::file: return file(package);
      case KarskSource::Kind::none: break;
    }
    const auto place = "sources/" + package.name;
    line("path = {}", quoted(place));
    made_.files[place + "/README"] = fmt::format("{} is made without a source.\n", package.name);
    return {};
  }

  std::string file(const KarskPackage& package) {
    const auto path = fs::path(package.source.location).lexically_normal();
    if (path.is_absolute() || (!path.empty() && *path.begin() == ".."))
      note(package, fmt::format("its source \"{}\" lies outside of the project: copy it into it",
                                escaped_utf8(package.source.location)));
    const auto above = path.parent_path().native();
    line("path = {}\nfiles = {}", quoted(above.empty() ? "." : above), list({path.filename().native()}));
    return fmt::format("src=$src/{}\n", shell_word(path.filename().native()));
  }

  static std::string shell_word(const std::string& text) {
    std::string word = "'";
    for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
    return word + "'";
  }

  const KarskProject& project_;
  const Containerfile& image_;
  std::vector<std::string>& notes_;
  std::set<std::string> needed_;
  ImportedManifest made_;
};

}  // namespace

ImportedManifest manifest_of(const KarskProject& project, const Containerfile& image, std::vector<std::string>& notes) {
  return Writer(project, image, notes).run();
}

}  // namespace karapace::karsk
