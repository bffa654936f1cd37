// SPDX-License-Identifier: Apache-2.0
#include "generator/karsk/karsk_project.hpp"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/release_word.hpp"

namespace karapace::karsk {

namespace {

class Reader {
 public:
  Reader(const std::string& name, std::vector<std::string>& notes) : name_(name), notes_(notes) {}

  KarskProject project(const YAML::Node& root) {
    if (!root.IsMap()) fail(root.Mark(), "it is no project of Karsk: at its top must be keys such as \"packages\"");
    tell_others(root, "",
                {"destination", "main-package", "entrypoint", "entrypoints", "build-image", "tests", "packages",
                 "links", "areas"});
    KarskProject project;
    project.destination = text(root["destination"]).value_or("");
    if (project.destination.empty())
      note(root.Mark(), "there is no destination: one is made up, which the release is built for: change it");
    project.main = required(root, "main-package");
    project.build_image = text(root["build-image"]).value_or("");
    project.entrypoints = words(root["entrypoints"]);
    if (const auto entrypoint = text(root["entrypoint"])) take_entrypoint(*entrypoint, root["entrypoint"], project);
    if (root["tests"])
      note(root["tests"].Mark(),
           "tests: tests with pytest are not carried over: [source.check] runs commands after a build");
    for (const auto& link : root["links"]) {
      const auto target = text(link.second);
      if (target) project.links[key(link.first)] = *target;
    }
    for (const auto& area : root["areas"]) take_area(area, project);
    for (const auto& package : root["packages"]) take_package(package, project);
    if (project.packages.empty()) fail(root.Mark(), "it has no packages");
    return project;
  }

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& what) const {
    throw ManifestError(fmt::format("{}{}", place(mark), what));
  }

 private:
  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? name_ + ": " : fmt::format("{}:{}:{}: ", name_, mark.line + 1, mark.column + 1);
  }
  void note(const YAML::Mark& mark, const std::string& what) { notes_.push_back(place(mark) + what); }
  static std::string key(const YAML::Node& node) { return node.IsScalar() ? node.Scalar() : std::string(); }

  /// Nothing for a key that is not there, or null.
  std::optional<std::string> text(const YAML::Node& node) const {
    if (!node.IsDefined() || node.IsNull()) return std::nullopt;
    if (!node.IsScalar()) fail(node.Mark(), "a text is expected here");
    return node.Scalar();
  }
  std::string required(const YAML::Node& map, const char* name) const {
    auto value = text(map[name]);
    if (!value || value->empty()) fail(map.Mark(), fmt::format("\"{}\" is missing", name));
    return std::move(*value);
  }
  std::vector<std::string> words(const YAML::Node& node) const {
    std::vector<std::string> all;
    if (!node.IsDefined() || node.IsNull()) return all;
    if (!node.IsSequence()) fail(node.Mark(), "a list is expected here");
    for (const auto& one : node)
      if (auto word = text(one)) all.push_back(std::move(*word));
    return all;
  }
  void tell_others(const YAML::Node& map, const std::string& what, std::initializer_list<std::string_view> known) {
    for (const auto& one : map)
      if (std::ranges::find(known, key(one.first)) == known.end())
        note(one.first.Mark(), fmt::format("{}{}: not carried over: it is no key of Karsk's that is known here", what,
                                           escaped_utf8(key(one.first))));
  }

  void take_entrypoint(const std::string& path, const YAML::Node& node, KarskProject& project) {
    const auto name = path.starts_with("bin/") ? path.substr(4) : path;
    if (name.find('/') == name.npos && !name.empty())
      project.entrypoints.push_back(name);
    else
      note(node.Mark(),
           fmt::format("entrypoint: \"{}\" is not carried over: programs of a release lie in bin", escaped_utf8(path)));
  }

  void take_area(const YAML::Node& area, KarskProject& project) {
    if (!area.IsMap()) fail(area.Mark(), "an area has a name and a host");
    tell_others(area, "areas: ", {"name", "host"});
    project.areas[required(area, "name")] = required(area, "host");
  }

  void take_package(const YAML::Node& node, KarskProject& project) {
    if (!node.IsMap()) fail(node.Mark(), "a package has a name, a version and a build");
    KarskPackage package{.name = required(node, "name"),
                         .version = required(node, "version"),
                         .source = {},
                         .depends = words(node["depends"]),
                         .build = required(node, "build")};
    // Directories are called by it.
    if (!is_release_word(package.name))
      fail(node["name"].Mark(), fmt::format("\"{}\" can be the name of no package here: names are of letters, digits "
                                            "and . _ + - ~ and begin with a letter, a digit or _: rename it",
                                            escaped_utf8(package.name)));
    const auto what = fmt::format("package {}: ", escaped_utf8(package.name));
    tell_others(node, what, {"name", "version", "src", "depends", "build", "build_image"});
    if (node["build_image"])
      note(node["build_image"].Mark(), what + "build_image: not carried over: a release has one environment");
    if (const auto source = node["src"]; source.IsDefined() && !source.IsNull())
      package.source = source_of(source, what);
    const auto same = std::ranges::find(project.packages, package.name, &KarskPackage::name);
    if (same == project.packages.end()) return project.packages.push_back(std::move(package));
    note(node.Mark(), what + "there are two of this name, and Karsk takes the last");
    *same = std::move(package);
  }

  KarskSource source_of(const YAML::Node& node, const std::string& what) {
    if (!node.IsMap()) fail(node.Mark(), "a source has a type");
    const auto type = required(node, "type");
    if (type == "git") {
      tell_others(node, what + "src: ", {"type", "url", "ref", "ssh_key_path"});
      if (node["ssh_key_path"])
        note(node["ssh_key_path"].Mark(),
             what +
                 "src: ssh_key_path: not carried over: keys are those of your own ssh, for example by IdentityFile in "
                 "~/.ssh/config");
      return {KarskSource::Kind::git, required(node, "url"), required(node, "ref")};
    }
    if (type == "archive") {
      tell_others(node, what + "src: ", {"type", "url"});
      return {KarskSource::Kind::archive, required(node, "url"), {}};
    }
    if (type == "file") {
      tell_others(node, what + "src: ", {"type", "path"});
      return {KarskSource::Kind::file, required(node, "path"), {}};
    }
    fail(node["type"].Mark(),
         fmt::format("there is no type of sources \"{}\": there are git, archive and file", escaped_utf8(type)));
  }

  const std::string& name_;
  std::vector<std::string>& notes_;
};

}  // namespace

KarskProject parse_karsk_project(std::string_view text, const std::string& name, std::vector<std::string>& notes) {
  Reader reader(name, notes);
  try {
    return reader.project(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    reader.fail(error.mark, fmt::format("this is no YAML that can be read: {}", error.msg));
  }
}

}  // namespace karapace::karsk
