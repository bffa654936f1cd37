// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/deb_package.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"

namespace karapace::steps::deb {

namespace {

std::string read_below(const std::filesystem::path& tree, const std::string& path) {
  auto root = open_at(AT_FDCWD, tree, O_PATH | O_DIRECTORY);
  auto file = open_regular(root.get(), path, Links::refused);
  if (!file)
    throw StoreError(fmt::format("the layer {} lacks {}; run `karapace verify-store --repair`", tree.string(), path));
  return read_all(file->get(), path, std::size_t{64} << 20);
}

}  // namespace

std::string DebPackage::control(std::string_view file) const {
  return has_control(file) ? read_below(tree, "control/" + std::string(file)) : std::string();
}

std::string DebPackage::owner_names() const {
  return listing.find("dpkg/owners") ? read_below(tree, "dpkg/owners") : std::string();
}

DebPackage load_package(const store::Store& store, const StepKey& key) {
  auto record = store.input_record(key);
  if (record.step.kind != StepKind::unpack || record.step.parameter("format") != "deb") {
    throw StepError(fmt::format("install: the input {} is no unpacked Debian package", key.short_hex()));
  }
  DebPackage package;
  package.tree = store.layer_tree(record.layer().layer);
  package.listing = store.listing(record.layer().layer);
  package.deb = store.input_record(record.step.inputs.at(0)).blob().blob;
  package.stanza = karapace::deb::Stanza::parse(read_below(package.tree, "dpkg/stanza"), "dpkg/stanza");
  package.name = package.stanza.value("Package");
  package.version = package.stanza.value("Version");
  package.architecture = package.stanza.value("Architecture");
  package.multi_arch_same = package.stanza.value("Multi-Arch") == "same";
  return package;
}

}  // namespace karapace::steps::deb
