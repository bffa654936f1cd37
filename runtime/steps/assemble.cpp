// SPDX-License-Identifier: Apache-2.0
// assemble: the tree of a release: links into the store of its destination, and release.json.
//
// The tree will be `<destination>/versions/<version>`, so that `../../store` leads to the packages' directories.
// Directories are directories, whatever packages have in them; everything else of a package is a link to it, also what
// is a link there, and also when it leads nowhere. Nothing is ever written through a link.
#include <algorithm>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"
#include "store/release_clash.hpp"
#include "store/release_document.hpp"

namespace karapace::steps {

namespace {

constexpr std::size_t most_told = 10;
constexpr int most_links = 40;  // as Linux follows

template <class Id>
Id digest_parameter(const Step& step, std::string_view name) {
  const auto text = step.required(name);
  if (const auto id = Id::from_hex(text)) return *id;
  throw StepError(fmt::format("assemble: the parameter {}=\"{}\" is no digest", name, text));
}

store::ReleaseDocument document_of(const StepContext& context) {
  const auto& step = context.step;
  store::ReleaseDocument document;
  document.name = step.required("name");
  document.destination = step.required("destination");
  document.environment = digest_parameter<EnvironmentId>(step, "environment");
  document.lock = digest_parameter<Sha256>(step, "lock");
  try {
    document.entrypoints = nlohmann::json::parse(step.required("entrypoints")).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw StepError(fmt::format("assemble: the parameter \"entrypoints\" is not understood: {}", error.what()));
  }
  for (const auto& key : step.inputs) {
    const auto record = context.store.input_record(key);
    if (record.step.kind != StepKind::compile)
      throw StepError(fmt::format("assemble: a step of the kind \"{}\" makes no package", text(record.step.kind)));
    const std::string name(record.step.required("name"));
    const std::string version(record.step.required("version"));
    document.packages.push_back({name, version, store::release_entry_name(key, name, version), record.layer().layer});
  }
  if (document.packages.empty()) throw StepError("assemble: a release has packages, and none is given");
  document.main = document.packages.front().name;
  document.version = document.packages.front().version;
  return document;
}

bool runs_inside(const Step& step) {
  const auto run = step.parameter("run");
  if (run && *run != "inside") throw StepError(fmt::format("assemble: the parameter run=\"{}\" is not known", *run));
  return run.has_value();
}

/// The tree, package by package; of two files at one path that of the earlier package is taken.
class Assembly {
 public:
  explicit Assembly(const StepContext& context) : context_(context), lower_(context.store, {}), tree_(lower_) {
    put_directory("");
  }

  void add(const store::ReleasePackage& package) {
    const auto listing = context_.store.listing(package.layer);
    if (const auto clash = paths_.add(package.name, listing))
      throw StepError(fmt::format("assemble: {}", store::text(*clash)));
    for (const auto& entry : listing.entries()) {
      if (entry.path.empty()) continue;
      if (entry.type == store::EntryType::directory)
        add_directory(entry.path);
      else
        add_file(entry.path, package);
    }
  }

  void require_entrypoints(const store::ReleaseDocument& document) const {
    for (const auto& name : document.entrypoints) {
      const auto path = "bin/" + name;
      const auto* node = tree_.find(path);
      if (!node || node->entry.type == store::EntryType::directory)
        throw StepError(fmt::format("assemble: the entry point \"{}\" is in no package: none of {} has a bin/{}", name,
                                    shown(document), name));
      const auto owner = *paths_.owner(path);
      if (const auto why = why_it_can_not_start(document, owner, path))
        throw StepError(fmt::format("assemble: the entry point \"{}\" can not be started: bin/{} of the package {} {}",
                                    name, name, owner, *why));
    }
  }

  LayerId finish(const store::ReleaseDocument& document) {
    put_own(store::release_document_file, text(document));
    if (runs_inside(context_.step)) put_own(store::inside_mark_file, document.environment.hex() + "\n");
    tell_hidden();
    const auto path = context_.staging.path() / "tree";
    make_directory(path);
    tree_.write(path);
    tree_.write_directory_times(path);
    return context_.store.add_layer(path, std::move(tree_).listing(), context_.staging);
  }

 private:
  void put_own(const std::string& name, const std::string& text) {
    if (const auto* taken = paths_.owner(name))
      throw StepError(
          fmt::format("assemble: the package {} has a \"{}\" at its top, where the release has its own", *taken, name));
    tree_.put_file(name, text, trees::earliest_epoch);
  }

  static std::string shown(const store::ReleaseDocument& document) {
    std::vector<std::string> names;
    for (const auto& package : document.packages) names.push_back(package.name);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  /// Links are followed through the packages; what is outside, or behind a directory that is a link, nobody knows here.
  std::optional<std::string> why_it_can_not_start(const store::ReleaseDocument& document, const std::string& owner,
                                                  std::string path) const {
    const auto* package = &*std::ranges::find(document.packages, owner, &store::ReleasePackage::name);
    for (int followed = 0; followed < most_links; ++followed) {
      const auto listing = context_.store.listing(package->layer);
      const auto* entry = listing.find(path);
      if (entry && entry->type == store::EntryType::hardlink) entry = listing.find(entry->target);
      if (!entry) {
        const auto* parent = listing.find(std::filesystem::path(path).parent_path().native());
        if (!parent || parent->type != store::EntryType::directory) return std::nullopt;
        return "leads to what is not there: make it in the package's build";
      }
      if (entry->type == store::EntryType::regular)
        return (entry->mode & 0111) != 0 ? std::nullopt
                                         : std::optional<std::string>(
                                               "has no execute permission: have its build set "
                                               "it, as with `install -m 755` or `chmod +x`");
      if (entry->type != store::EntryType::symlink) return "leads to what is no file: name a program";
      const auto directory = std::filesystem::path(document.destination) / "store" / package->entry / path;
      const auto target = (directory.parent_path() / entry->target).lexically_normal();
      package = package_of(document, target, path);
      if (!package) return std::nullopt;
    }
    return "leads in a circle of links: make it a program in the package's build";
  }

  /// The package that has the file, and in `inside` where.
  static const store::ReleasePackage* package_of(const store::ReleaseDocument& document,
                                                 const std::filesystem::path& file, std::string& inside) {
    for (const auto& package : document.packages) {
      const auto place = fmt::format("{}/store/{}/", document.destination, package.entry);
      if (!file.native().starts_with(place)) continue;
      inside = file.native().substr(place.size());
      return &package;
    }
    return nullptr;
  }

  void put_directory(const std::string& path) {
    trees::Node node;
    node.entry.path = path;
    node.entry.type = store::EntryType::directory;
    node.entry.mode = 0755;
    node.entry.mtime = trees::earliest_epoch;
    tree_.put(std::move(node));
  }

  void add_directory(const std::string& path) {
    if (!tree_.find(path)) put_directory(path);
  }

  void add_file(const std::string& path, const store::ReleasePackage& package) {
    if (tree_.find(path)) {
      hidden_.push_back(
          fmt::format("{} of {}, as {} has one", printable_word(path), package.name, *paths_.owner(path)));
      return;
    }
    std::string up = "../../";
    for (const char c : path)
      if (c == '/') up += "../";
    trees::Node node;
    node.entry.path = path;
    node.entry.type = store::EntryType::symlink;
    node.entry.mode = 0777;
    node.entry.mtime = trees::earliest_epoch;
    node.entry.target = fmt::format("{}store/{}/{}", up, package.entry, path);
    tree_.put(std::move(node));
  }

  void tell_hidden() const {
    if (hidden_.empty() || !context_.note) return;
    const auto some = std::span(hidden_).first(std::min(hidden_.size(), most_told));
    context_.note(
        fmt::format("not in the release's tree: {}{}", fmt::join(some, ", "),
                    hidden_.size() > most_told ? fmt::format(" and {} more", hidden_.size() - most_told) : ""));
  }

  const StepContext& context_;
  trees::LayerStack lower_;
  trees::Composition tree_;
  store::ReleasePaths paths_;
  std::vector<std::string> hidden_;
};

}  // namespace

StepOutput assemble(const StepContext& context) {
  const auto document = document_of(context);
  Assembly assembly(context);
  for (const auto& package : document.packages) assembly.add(package);
  assembly.require_entrypoints(document);
  return LayerOutput{assembly.finish(document)};
}

}  // namespace karapace::steps
