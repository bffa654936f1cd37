// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "base/words.hpp"
#include "generator/lock/environment_lock.hpp"
#include "generator/project/locked_controls.hpp"
#include "generator/project/package_reasons.hpp"
#include "proof/stock.hpp"

namespace karapace::proof {

namespace {

/// purl-spec: letters, digits and ".-_~:" stand for themselves.
std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view(".-_~:").find(c) != std::string_view::npos;
    encoded += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

/// Who gives the package out: the distribution, also by its other archives ("NAME-security"), or an archive of its
/// own.
std::string vendor_of(const lock::Lock& lock, const lock::LockedPackage& package) {
  const auto archive = package.archive();
  return archive == lock.distribution || archive.starts_with(lock.distribution + "-") ? lock.distribution : archive;
}

std::string address_of(const lock::Lock& lock, const lock::LockedPackage& package) {
  return fmt::format("pkg:deb/{}/{}@{}?arch={}&distro={}", percent_encoded(vendor_of(lock, package)),
                     percent_encoded(package.name), percent_encoded(package.version),
                     percent_encoded(package.architecture), percent_encoded(lock.suite));
}

/// "glibc" of "glibc (2.36-9)"
std::string source_of(const deb::Stanza& control) {
  const auto source = control.value("Source");
  if (source.empty()) return std::string(control.value("Package"));
  return std::string(trimmed(source.substr(0, source.find('('))));
}

class Licenses {
 public:
  Licenses(const lock::Lock& lock, const std::vector<lock::LockedPackage>& packages, const store::Store& store)
      : store_(store), layers_(project::unpacked_packages(lock, store)) {
    for (const auto& package : packages) by_name_.try_emplace(package.name, package.sha256);
  }

  bool has(const lock::LockedPackage& package) const { return layers_.contains(package.sha256); }

  std::optional<deb::LicenseExpression> of(const lock::LockedPackage& package) const {
    const auto text = copyright_file(package.sha256, package.name, 0);
    return text ? deb::license_of(*text) : std::nullopt;
  }

 private:
  /// Packages of one source may have their documents in one of them: a link in place of the directory or of the file.
  std::optional<std::string> copyright_file(const Sha256& package, const std::string& name, unsigned depth) const {
    const auto layer = layers_.find(package);
    if (layer == layers_.end() || depth > 3) return std::nullopt;
    const auto listing = store_.listing(layer->second);
    const auto directory = "data/usr/share/doc/" + name;
    for (const auto& path : {directory, directory + "/copyright"}) {
      const auto* entry = listing.find(path);
      if (entry == nullptr || entry->type != store::EntryType::symlink) continue;
      const auto other = named_by(entry->target);
      const auto known = by_name_.find(other);
      if (known == by_name_.end() || other == name) return std::nullopt;
      return copyright_file(known->second, other, depth + 1);
    }
    return project::file_in_layer(store_, layer->second, listing, directory + "/copyright");
  }

  /// The package in a link's text: "libc6" of "libc6", "../libc6/copyright" and "/usr/share/doc/libc6".
  static std::string named_by(std::string_view target) {
    if (target.ends_with("/copyright")) target.remove_suffix(std::string_view("/copyright").size());
    return std::string(target.substr(target.rfind('/') + 1));
  }

  const store::Store& store_;
  std::map<Sha256, LayerId> layers_;
  std::map<std::string, Sha256> by_name_;
};

}  // namespace

Stock take_stock(const lock::Lock& lock, const store::Store& store, std::string program_version) {
  const auto packages = lock::packages_of(lock);
  const auto controls = project::locked_controls(lock, store);
  const auto needs = project::needs_among(lock, controls, packages);
  const Licenses licenses(lock, packages, store);
  Stock stock{lock, {}, std::move(program_version)};
  for (std::size_t i = 0; i < packages.size(); ++i) {
    const auto& package = packages[i];
    auto& one = stock.packages.emplace_back(PackageFacts{package, name_in(lock, package), address_of(lock, package)});
    one.needs = needs[i];
    const auto control = controls.find(package.sha256);
    one.is_unpacked = licenses.has(package) && control != controls.end();
    if (!one.is_unpacked) continue;
    one.maintainer = std::string(control->second.value("Maintainer"));
    one.homepage = std::string(control->second.value("Homepage"));
    one.source = source_of(control->second);
    one.license = licenses.of(package);
  }
  return stock;
}

}  // namespace karapace::proof
