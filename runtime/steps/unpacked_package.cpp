// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/unpacked_package.hpp"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/regular_file.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"
#include "store/verified_content.hpp"

namespace karapace::steps {

namespace {

constexpr auto policy_words = words_of<ConfigurationPolicy>(
    "is no policy", {{ConfigurationPolicy::kept, "kept"}, {ConfigurationPolicy::removed, "removed"}});
constexpr auto phase_words = words_of<ScriptPhase>("is no phase", {{ScriptPhase::questions, "questions"},
                                                                   {ScriptPhase::before_install, "before-install"},
                                                                   {ScriptPhase::after_install, "after-install"},
                                                                   {ScriptPhase::before_removal, "before-removal"},
                                                                   {ScriptPhase::after_removal, "after-removal"}});

// Names and paths in packages are bytes.
constexpr auto owner_fields =
    line_of<NamedOwner>(member("name", &NamedOwner::name, escaped_bytes), member("id", &NamedOwner::id));
constexpr auto configuration_fields =
    line_of<ConfigurationFile>(member("path", &ConfigurationFile::path, escaped_bytes),
                               member("policy", &ConfigurationFile::policy, policy_words));
constexpr auto script_fields =
    line_of<Script>(member("phase", &Script::phase, phase_words), member("file", &Script::file));
constexpr auto trigger_fields =
    line_of<Trigger>(member("directive", &Trigger::directive), member("name", &Trigger::name));
constexpr auto meta_fields = fields_of<PackageMeta>(
    member("name", &PackageMeta::name), member("version", &PackageMeta::version),
    member("architecture", &PackageMeta::architecture), member("users", &PackageMeta::users, list_of(owner_fields)),
    member("groups", &PackageMeta::groups, list_of(owner_fields)),
    member("configuration-files", &PackageMeta::configuration_files, list_of(configuration_fields)),
    member("scripts", &PackageMeta::scripts, list_of(script_fields)),
    member("triggers", &PackageMeta::triggers, list_of(trigger_fields)));

constexpr std::string_view meta_prefix = "meta/";

/// A file in `meta/`, which must be what the layer's listing says.
std::optional<std::string> read_meta(const UnpackedPackage& package, const std::string& path) {
  const auto known = package.contents.find(path);
  if (known == package.contents.end()) return std::nullopt;
  auto root = open_at(AT_FDCWD, package.tree, O_PATH | O_DIRECTORY);
  auto file = open_regular(root.get(), path, Links::refused);
  const auto what = fmt::format("\"{}\"", escaped_utf8((package.tree / path).native()));
  if (!file) store::throw_damaged(what);
  return store::verified(read_all(file->get(), path, std::size_t{64} << 20), known->second, what);
}

std::string require_meta(const UnpackedPackage& package, const std::string& path) {
  if (auto text = read_meta(package, path)) return std::move(*text);
  throw StoreError(
      fmt::format("the layer {} lacks {}; run `karapace verify-store --repair`", package.tree.string(), path));
}

void take_listing(UnpackedPackage& package, const store::Listing& listing) {
  package.newest_time = trees::newest_time(listing, trees::earliest_epoch);
  for (const auto& entry : listing.entries()) {
    if (!entry.path.starts_with(meta_prefix)) continue;
    const auto* file = entry.type == store::EntryType::hardlink ? listing.find(entry.target) : &entry;
    if (file->type == store::EntryType::regular) package.contents.emplace(entry.path, file->content);
  }
}

}  // namespace

std::string PackageIdentity::text() const { return fmt::format("{} {} ({})", name, version, architecture); }

std::string PackageMeta::json() const { return json_text(meta_fields, *this); }

PackageMeta PackageMeta::parse(std::string_view text, std::string_view what) {
  try {
    return parse_json(meta_fields, text, what);
  } catch (const LockError& error) {
    throw StoreError(fmt::format("{}; run `karapace verify-store --repair`", error.what()));
  }
}

const Script* UnpackedPackage::script(ScriptPhase phase) const noexcept {
  const auto found =
      std::find_if(scripts.begin(), scripts.end(), [&](const Script& one) { return one.phase == phase; });
  return found == scripts.end() ? nullptr : &*found;
}

std::string UnpackedPackage::read(std::string_view file) const {
  return require_meta(*this, fmt::format("meta/{}/{}", family, file));
}

std::optional<std::string> UnpackedPackage::read_if_there(std::string_view file) const {
  return read_meta(*this, fmt::format("meta/{}/{}", family, file));
}

UnpackedPackage load_package(const store::Store& store, const StepKey& key, std::string_view family) {
  const auto record = store.input_record(key);
  if (record.step.kind != StepKind::unpack || record.step.parameter("format") != family)
    throw StepError(
        fmt::format("install: the input {} is no unpacked package of the family {}", key.short_hex(), family));
  UnpackedPackage package;
  package.layer = record.layer().layer;
  package.tree = store.layer_tree(package.layer);
  take_listing(package, store.listing(package.layer));
  const std::string meta = "meta/package.json";
  static_cast<PackageMeta&>(package) = PackageMeta::parse(require_meta(package, meta), (package.tree / meta).string());
  package.archive = store.input_record(record.step.inputs.at(0)).blob().blob;
  package.family = family;
  return package;
}

}  // namespace karapace::steps
