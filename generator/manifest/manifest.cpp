// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/manifest.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/nearest_word.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/manifest/release_section.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/manifest/section.hpp"

namespace karapace::manifest {

namespace {

void refuse_later(Section& section, std::string_view key, const toml::node& node) {
  section.problem(node.source().begin, fmt::format("{} is not yet supported: remove it", section.path(key)));
}

void read_version(Section& top) {
  const auto* node = top.find("manifest_version");
  if (!node) return top.problem({1, 1}, "manifest_version is missing: begin with manifest_version = 1");
  if (!node->is_integer()) return top.expect(*node, "manifest_version", "the whole number 1");
  auto version = node->value<std::int64_t>().value_or(0);
  if (version != 1) {
    top.problem(node->source().begin,
                fmt::format("manifest_version {} is not supported: this Karapace reads 1", version));
  }
}

void read_archive(Section& base, const Word& image, const std::optional<Word>& sha256, Manifest& manifest) {
  if (!sha256) {
    return base.problem(
        image.at, fmt::format("base.image \"{}\" is an archive: pin it with sha256 = \"...\" in [base]", image.text));
  }
  auto digest = Sha256::from_hex(sha256->text);
  if (!digest) return base.problem(sha256->at, "base.sha256 must be 64 lower-case hex digits");
  manifest.base = BaseArchive{image.text, *digest};
}

void read_image(Section& base, const Word& image, const std::optional<Word>& sha256, Manifest& manifest) {
  if (sha256)
    base.problem(sha256->at, fmt::format("base.sha256 is for archives: \"{}\" is pinned by karapace.lock", image.text));
  if (auto complaint = judge_line(image.text))
    return base.problem(image.at, fmt::format("base.image \"{}\" {}", image.text, *complaint));
  try {
    manifest.base = BaseImage{image_location(image.text)};
  } catch (const ManifestError& error) {
    base.problem(image.at, fmt::format("base.image: {}", error.what()));
  }
}

void read_suite(Section& base, const Word& image, const std::optional<Word>& sha256, Manifest& manifest) {
  auto suite = suite_from(image.text);
  if (!suite) {
    if (names_moving_suite(image.text))
      return base.problem(image.at, fmt::format("base.image \"{}\" means another release from time to time; name one, "
                                                "such as \"debian/trixie\" or \"ubuntu/noble\"",
                                                image.text));
    auto nearest = nearest_word(image.text, known_images());
    auto hint = nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                        : std::string(
                              "write a suite such as \"debian/bookworm\", the path or URL of an archive "
                              "(.tar, .tar.gz, .tar.xz, .tar.zst), or an image (oci:registry.example/NAME:TAG)");
    return base.problem(image.at, fmt::format("base.image \"{}\" is not a known base; {}", image.text, hint));
  }
  if (sha256) {
    base.problem(sha256->at, fmt::format("base.sha256 is for archives: \"{}\" is pinned by karapace.lock", image.text));
  }
  manifest.base = *suite;
}

void read_base(Section& base, Manifest& manifest) {
  auto image = base.required("image", "\"debian/bookworm\"");
  auto sha256 = base.word("sha256");
  if (!image) return;
  if (image->text.empty()) return base.problem(image->at, "base.image is empty: write image = \"debian/bookworm\"");
  if (names_image(image->text)) return read_image(base, *image, sha256, manifest);
  if (names_archive(image->text)) return read_archive(base, *image, sha256, manifest);
  read_suite(base, *image, sha256, manifest);
}

void read_gui(Section& gui) {
  bool wanted = false;
  for (const auto& app : gui.words("apps")) wanted = wanted || !app.text.empty();
  if (wanted) refuse_later(gui, "apps", *gui.find("apps"));
}

void read_hardware(Section& hardware) {
  for (std::string_view key : {"gpu", "audio"}) {
    if (hardware.boolean(key)) refuse_later(hardware, key, *hardware.find(key));
  }
}

void read_limits(Section& limits) {
  for (std::string_view key : {"cpu_shares", "memory_limit_mb"}) {
    const auto* node = limits.find(key);
    if (!node) continue;
    if (!node->is_integer() || node->value<std::int64_t>().value_or(0) < 0) {
      limits.problem(node->source().begin, fmt::format("{} must be a whole number, not negative", limits.path(key)));
    } else {
      refuse_later(limits, key, *node);
    }
  }
}

void read_runtime(Section& runtime, Manifest& manifest) {
  if (auto backend = runtime.word("backend")) {
    std::string name = backend->text;
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name == "oci") {
      refuse_later(runtime, "backend", *runtime.find("backend"));
    } else if (name != "namespace") {
      runtime.problem(backend->at, fmt::format("runtime.backend \"{}\" is unknown: write \"namespace\" or remove it",
                                               backend->text));
    }
  }
  manifest.runtime.network_isolation = runtime.boolean("network_isolation");
  if (auto project = runtime.word("project")) {
    if (project->text == "read-only") {
      manifest.runtime.project = store::ProjectAccess::read_only;
    } else if (project->text != "read-write") {
      runtime.problem(
          project->at,
          fmt::format("runtime.project \"{}\" is unknown: write \"read-only\" or \"read-write\"", project->text));
    }
  }
  runtime.section("resource_limits", read_limits);
}

struct ReadMount {
  store::Mount mount;
  source_position label_at;
  source_position value_at;
};

/// "HOST:CONTAINER", with ":ro" or ":rw" after it: the host's path ends at the first colon, the container's has none.
std::optional<store::Mount> mount_from(std::string_view text) {
  auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  store::Mount mount{.label = {}, .host = std::string(trimmed(text.substr(0, colon))), .target = {}};
  auto target = trimmed(text.substr(colon + 1));
  if (auto last = target.rfind(':'); last != std::string_view::npos) {
    auto word = trimmed(target.substr(last + 1));
    if (word == "ro") mount.access = store::MountAccess::read_only;
    if (word == "ro" || word == "rw") target = trimmed(target.substr(0, last));
  }
  mount.target = target;
  if (mount.host.empty() || target.empty()) return std::nullopt;
  return mount;
}

void read_mount(Section& mounts, const toml::key& key, const Word& value, std::vector<ReadMount>& all) {
  Word label{std::string(trimmed(key.str())), key.source().begin};
  if (label.text.empty()) return mounts.problem(label.at, "a mount's label is empty: give it a name");
  if (!mounts.pleases(label, "mount", judge_line)) return;
  auto mount = mount_from(value.text);
  if (!mount) {
    return mounts.problem(value.at,
                          fmt::format("mount \"{}\" must be \"HOST:CONTAINER\" or \"HOST:CONTAINER:ro\", not \"{}\"",
                                      label.text, value.text));
  }
  Word target{mount->target, value.at};
  if (!mounts.pleases(target, fmt::format("mount \"{}\": the container's path", label.text), judge_mount_target))
    return;
  auto same = [&](const ReadMount& other) { return other.mount.label == label.text; };
  if (std::any_of(all.begin(), all.end(), same)) {
    return mounts.problem(label.at, fmt::format("mount \"{}\" appears twice", label.text));
  }
  mount->label = std::move(label.text);
  all.push_back({std::move(*mount), label.at, value.at});
}

/// The later one would cover the other. `all` is sorted as in the file.
void refuse_same_targets(Section& mounts, const std::vector<ReadMount>& all) {
  std::map<std::string_view, std::string_view> labels;
  for (const auto& [mount, label_at, value_at] : all) {
    auto [first, fresh] = labels.emplace(mount.target, mount.label);
    if (fresh) continue;
    mounts.problem(value_at, fmt::format("mounts \"{}\" and \"{}\" have the same path \"{}\" in the container",
                                         first->second, mount.label, mount.target));
  }
}

void read_mounts(Section& mounts, Manifest& manifest) {
  std::vector<ReadMount> all;
  for (const auto& [key, node] : mounts.table()) {
    mounts.find(key.str());
    if (auto value = mounts.word_of(node, mounts.path(key.str()))) read_mount(mounts, key, *value, all);
  }
  auto by_place = [](const ReadMount& one) { return std::pair(one.label_at.line, one.label_at.column); };
  std::ranges::sort(all, {}, by_place);
  refuse_same_targets(mounts, all);
  for (auto& one : all) manifest.runtime.mounts.push_back(std::move(one.mount));
  std::ranges::sort(manifest.runtime.mounts, {}, &store::Mount::label);
}

void read_variables(Section& environment, Manifest& manifest) {
  for (const auto& [key, node] : environment.table()) {
    environment.find(key.str());
    Word name{std::string(key.str()), key.source().begin};
    auto value = environment.text_of(node, environment.path(key.str()));
    if (environment.pleases(name, "variable", judge_variable_name) && value) {
      manifest.runtime.variables[name.text] = value->text;
    }
  }
}

void read_file(Section& section, Manifest& manifest) {
  SetupFile file;
  if (auto source = section.project_path("source", "\"motd\"")) {
    file.source = source->text;
    file.source_place = section.problems().place(source->at);
  }
  if (auto target = section.required("target", "\"/etc/motd\"")) {
    if (section.pleases(*target, section.path("target"), judge_inner_path)) file.target = target->text;
  }
  if (auto mode = section.word("mode")) {
    auto bits = mode_from(mode->text);
    if (!bits) {
      section.problem(mode->at,
                      fmt::format("{} \"{}\" must be octal digits such as \"0644\"", section.path("mode"), mode->text));
    }
    file.mode = bits.value_or(file.mode);
  }
  auto same = [&](const SetupFile& other) { return !file.target.empty() && other.target == file.target; };
  if (std::any_of(manifest.files.begin(), manifest.files.end(), same)) {
    section.problem(section.at(), fmt::format("two setup files have the target \"{}\"", file.target));
  }
  manifest.files.push_back(std::move(file));
}

void read_layer(Section& section, Manifest& manifest) {
  LayerRequest layer;
  if (auto archive = section.project_path("archive", "\"layers/NAME-1.tar.zst\"")) {
    layer.archive = archive->text;
    layer.archive_place = section.problems().place(archive->at);
  }
  if (auto title = section.word("title")) {
    if (title->text.empty()) section.problem(title->at, fmt::format("{} is empty: remove it", section.path("title")));
    layer.title = title->text;
  }
  auto same = [&](const LayerRequest& other) { return !layer.archive.empty() && other.archive == layer.archive; };
  if (std::any_of(manifest.layers.begin(), manifest.layers.end(), same))
    section.problem(section.at(), fmt::format("two layers have the archive \"{}\"", layer.archive));
  if (manifest.layers.size() == most_layers)
    section.problem(section.at(), fmt::format("there are more than {} layers: make one of several with `karapace "
                                              "commit --to-manifest`",
                                              most_layers));
  manifest.layers.push_back(std::move(layer));
}

void read_setup(Section& setup, Manifest& manifest) {
  setup.tables("files", [&](Section& file) { read_file(file, manifest); });
  for (auto& command : setup.texts("run")) {
    if (trimmed(command.text).empty()) {
      setup.problem(command.at, "setup.run has an empty command: remove it");
    }
    manifest.run.push_back(std::move(command.text));
  }
}

void read_repository(Section& section, const Word& name, Manifest& manifest) {
  RepositoryRequest repository{.name = name.text, .uri = {}, .key = {}, .suite = {}, .components = {}};
  section.pleases(name, "repository", judge_repository_name);
  if (auto uri = section.required("uri", "\"https://...\"")) {
    repository.uri = uri->text;
    repository.uri_place = section.problems().place(uri->at);
    while (repository.uri.ends_with('/')) repository.uri.pop_back();
    if (!is_url(uri->text) || uri->text.find_first_of(" \"\\\n\t") != std::string::npos) {
      section.problem(uri->at, fmt::format("{} \"{}\" must be an http or https URL", section.path("uri"), uri->text));
    }
  }
  if (auto key = section.project_path("key", "\"keys/NAME.asc\"")) {
    repository.key = key->text;
    repository.key_place = section.problems().place(key->at);
  }
  if (auto suite = section.required("suite", "\"stable\"")) {
    if (section.pleases(*suite, section.path("suite"), judge_suite)) repository.suite = suite->text;
  }
  for (auto& component : section.words("components")) {
    if (section.pleases(component, "component", judge_suite)) repository.components.push_back(component.text);
  }
  const auto* components = section.find("components");
  if (!components) repository.components = {"main"};
  if (components && components->is_array() && components->as_array()->empty()) {
    section.problem(components->source().begin,
                    fmt::format("{} is empty: write components = [\"main\"]", section.path("components")));
  }
  std::ranges::sort(repository.components);
  auto repeated = std::ranges::unique(repository.components);
  repository.components.erase(repeated.begin(), repeated.end());
  manifest.repositories.push_back(std::move(repository));
}

void read_repositories(Section& repositories, Manifest& manifest) {
  for (const auto& [key, node] : repositories.table()) {
    Word name{std::string(key.str()), key.source().begin};
    repositories.section(name.text, [&](Section& section) { read_repository(section, name, manifest); });
  }
}

void read_manifest(Section& top, Manifest& manifest) {
  read_version(top);
  if (!top.find("base")) {
    top.problem({1, 1}, "base.image is missing: write image = \"debian/bookworm\" below [base]");
  }
  top.section("base", [&](Section& section) { read_base(section, manifest); });
  top.section("repositories", [&](Section& section) { read_repositories(section, manifest); });
  top.section("system", [&](Section& section) { read_system(section, manifest); });
  top.section("setup", [&](Section& section) { read_setup(section, manifest); });
  top.tables("layers", [&](Section& layer) { read_layer(layer, manifest); });
  top.section("environment", [&](Section& section) { read_variables(section, manifest); });
  top.section("mounts", [&](Section& section) { read_mounts(section, manifest); });
  top.section("runtime", [&](Section& section) { read_runtime(section, manifest); });
  top.section("image", [&](Section& section) { read_image(section, manifest); });
  read_release(top, manifest);
  top.section("gui", read_gui);
  top.section("hardware", read_hardware);
}

}  // namespace

Manifest parse_manifest(std::string_view text, std::string_view name) {
  const auto parsed = parse_toml(text, name);
  Problems problems(name);
  Manifest manifest;
  {
    Section top(parsed, "", {1, 1}, problems);
    read_manifest(top, manifest);
  }
  problems.throw_if_any();
  return manifest;
}

}  // namespace karapace::manifest
