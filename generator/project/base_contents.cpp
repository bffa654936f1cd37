// SPDX-License-Identifier: Apache-2.0
#include "generator/project/base_contents.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/sibling_programs.hpp"
#include "generator/resolve/mirrors.hpp"
#include "generator/resolve/os_release.hpp"
#include "store/listing.hpp"
#include "store/tree_stack.hpp"
#include "store/verified_content.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_os_release = std::size_t{1} << 20;
constexpr std::size_t largest_dpkg_status = std::size_t{256} << 20;
constexpr int most_links = 40;

/// The unpacked base. What is read of it decides what is locked, so it must be what was unpacked.
class BaseLayers {
 public:
  BaseLayers(const store::Store& store, const std::vector<StepKey>& unpacks, std::string_view what)
      : store_(store), what_(what), layers_(layers_of(store, unpacks)), stack_(trees_of(store, layers_)) {}

  std::optional<std::string> read_if_there(std::string_view path, std::size_t limit) const {
    const auto place = find(path);
    if (!place) return std::nullopt;
    const auto file = open_regular(stack_.tree(place->layer), place->path, Links::refused);
    if (!file) return std::nullopt;
    auto text = read_all(file->get(), fmt::format("the {}'s /{}", what_, path), limit);
    store::require_listed(file->get(), text, stack_.path(place->layer), store_.listing(layers_[place->layer]));
    return text;
  }

  std::string read(std::string_view path, std::size_t limit) const {
    if (auto text = read_if_there(path, limit)) return std::move(*text);
    throw ManifestError(
        fmt::format("lock: the {} has no /{}, so no packages can be installed on it; only Debian's and Ubuntu's "
                    "systems are supported: take another one, or leave system.packages empty",
                    what_, path));
  }

 private:
  struct Place {
    std::size_t layer;
    std::string path;  // in its tree
  };

  static std::vector<LayerId> layers_of(const store::Store& store, const std::vector<StepKey>& unpacks) {
    std::vector<LayerId> layers;
    for (const auto& key : unpacks) layers.push_back(store.input_record(key).layer().layer);
    return layers;
  }
  static std::vector<fs::path> trees_of(const store::Store& store, const std::vector<LayerId>& layers) {
    std::vector<fs::path> trees;
    for (const auto& layer : layers) trees.push_back(store.layer_tree(layer));
    return trees;
  }

  static void put_before(std::deque<std::string>& pending, std::string_view path) {
    std::deque<std::string> parts;
    for (std::size_t begin = 0; begin <= path.size();) {
      const auto end = std::min(path.find('/', begin), path.size());
      const auto part = path.substr(begin, end - begin);
      if (!part.empty() && part != ".") parts.emplace_back(part);
      begin = end + 1;
    }
    pending.insert(pending.begin(), parts.begin(), parts.end());
  }

  std::string target_of(std::size_t layer, const std::string& link) const {
    char text[PATH_MAX];
    const auto size = ::readlinkat(stack_.tree(layer), link.c_str(), text, sizeof text);
    if (size < 0)
      throw StoreError(errno_message(fmt::format("cannot read the link \"{}\"", escaped_utf8(link)), errno));
    return {text, static_cast<std::size_t>(size)};
  }

  /// The file that is shown there, links followed as in its own root.
  std::optional<Place> find(std::string_view path) const {
    std::deque<std::string> pending;
    put_before(pending, path);
    std::vector<store::TreeStack::Directory> here;
    here.push_back(stack_.open("", stack_.roots()));
    for (int links = 0; !pending.empty();) {
      const auto name = std::move(pending.front());
      pending.pop_front();
      if (name == "..") {
        if (here.size() > 1) here.pop_back();
        continue;
      }
      const auto found = stack_.find(here.back(), name);
      if (!found) return std::nullopt;
      auto inside = store::child_path(here.back().path, name);
      if (S_ISLNK(found->status.st_mode)) {
        if (++links > most_links)
          throw ManifestError(fmt::format("lock: the {}'s /{} leads through too many links", what_, path));
        const auto target = target_of(found->layer, inside);
        if (target.starts_with('/')) here.erase(here.begin() + 1, here.end());
        put_before(pending, target);
      } else if (S_ISDIR(found->status.st_mode)) {
        here.push_back(stack_.open(inside, stack_.subdirectory(here.back(), name)));
      } else {
        if (!pending.empty() || !S_ISREG(found->status.st_mode)) return std::nullopt;
        return Place{found->layer, std::move(inside)};
      }
    }
    return std::nullopt;
  }

  const store::Store& store_;
  std::string_view what_;
  std::vector<LayerId> layers_;
  store::TreeStack stack_;
};

}  // namespace

void run_base_step(const Step& step, const fs::path& store, const fs::path& mirrors, std::string_view hint) {
  auto steps = store / "steps";
  std::vector<std::string> argv = {find_program("karapace-step"), std::string(text(step.kind)),
                                   steps / step.key().hex()};
  if (step.kind == StepKind::fetch) argv.insert(argv.end(), {"--hint", "mirrors=" + mirrors.native()});
  for (const auto& [name, value] : step.parameters) argv.push_back(name + "=" + value);
  argv.push_back("--");
  for (const auto& input : step.inputs) argv.push_back(steps / input.hex());
  if (run_child({.argv = argv, .working_directory = {}, .output = ChildOutput::to_stderr}) == 0) return;
  throw StepError(fmt::format("lock: the base can not be {}ed (see above); {}", text(step.kind), hint));
}

BaseContents read_base(const store::Store& store, const std::vector<StepKey>& unpacks, std::string_view what) {
  const BaseLayers layers(store, unpacks, what);
  const auto release = layers.read("etc/os-release", largest_os_release);
  BaseContents contents{
      resolve::os_release_value(release, "ID"), resolve::os_release_value(release, "VERSION_CODENAME"), {}, {}};
  contents.dpkg_status = layers.read("var/lib/dpkg/status", largest_dpkg_status);
  if (auto text = layers.read_if_there("var/lib/dpkg/arch", largest_os_release)) contents.architectures = *text;
  if (resolve::archives_of(contents.distribution).empty() || contents.suite.empty()) {
    throw ManifestError(fmt::format("lock: the {} is of \"{} {}\": only Debian's and Ubuntu's systems are supported",
                                    what, contents.distribution, contents.suite));
  }
  return contents;
}

}  // namespace karapace::project
