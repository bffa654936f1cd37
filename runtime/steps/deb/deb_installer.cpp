// SPDX-License-Identifier: Apache-2.0
// Installing Debian packages on top of a Debian system, or of nothing.
//
// The packages' trees are composed by links and dpkg's database is written as `dpkg --unpack` would have left it
// (package_merge.hpp, dpkg_database.hpp). What must run per environment runs in the sandbox: each package's preinst,
// then `dpkg --configure -a`, which runs the postinst scripts and triggers. Packages that need dpkg for unpacking go
// through it: those that it knows already, be it by their configuration files alone, those that divert files, those
// below a stat override, those with a preinst that ship a directory of the root which is new, those whose owners have
// other numbers in the system (owner_names.hpp), and those that pre-depend on others of the installation, which are
// configured before (waves.hpp).
#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/words.hpp"
#include "runtime/steps/deb/deb_family.hpp"
#include "runtime/steps/deb/deb_package.hpp"
#include "runtime/steps/deb/debconf_answers.hpp"
#include "runtime/steps/deb/dpkg_database.hpp"
#include "runtime/steps/deb/owner_names.hpp"
#include "runtime/steps/deb/package_merge.hpp"
#include "runtime/steps/deb/waves.hpp"
#include "store/listing.hpp"
#include "store/verified_content.hpp"

namespace karapace::steps::deb {

namespace {

bool has_override(const store::Listing& listing, const DpkgDatabase& database) {
  return std::any_of(listing.entries().begin(), listing.entries().end(), [&](const store::Entry& entry) {
    return entry.path.starts_with("data/") && database.has_override(std::string_view(entry.path).substr(4));
  });
}

/// dpkg runs a preinst before the package's files are there, so it may make the link below which they are to be:
/// libc6-i386 makes /lib32 one to /usr/lib32 unless there is a directory.
bool ships_new_directory_of_root(const store::Listing& listing, const trees::LayerStack& lower) {
  return std::any_of(listing.entries().begin(), listing.entries().end(), [&](const store::Entry& entry) {
    constexpr std::string_view data = "data/";
    if (entry.type != store::EntryType::directory || !entry.path.starts_with(data)) return false;
    const auto name = std::string_view(entry.path).substr(data.size());
    return name.find('/') == name.npos && !lower.find(name);
  });
}

bool needs_dpkg(const DebPackage& package, const store::Store& store, const trees::LayerStack& lower,
                const DpkgDatabase& database, const KnownOwners& owners) {
  if (database.known(package.name)) return true;
  if (!owners.agree(package)) return true;
  const auto* preinst = package.script(ScriptPhase::before_install);
  if (preinst && package.read(preinst->file).find("dpkg-divert") != std::string::npos) return true;
  if (!preinst && !database.has_overrides()) return false;
  const auto listing = store.listing(package.layer);
  return (preinst && ships_new_directory_of_root(listing, lower)) || has_override(listing, database);
}

// /bin and its like are links in every suite that is supported; those before trixie leave making them to whoever
// bootstraps the system.
void add_merged_usr_links(trees::Composition& tree, std::string_view architecture, std::int64_t epoch) {
  std::vector<std::string> names = {"bin", "sbin", "lib"};
  if (architecture == "amd64") names.emplace_back("lib64");
  for (const auto& name : names) {
    trees::Node directory;
    directory.entry.path = "usr/" + name;
    directory.entry.type = store::EntryType::directory;
    directory.entry.mode = 0755;
    directory.entry.mtime = epoch;
    tree.put(std::move(directory));
    trees::Node link;
    link.entry.path = name;
    link.entry.type = store::EntryType::symlink;
    link.entry.mode = 0777;
    link.entry.mtime = epoch;
    link.entry.target = "usr/" + name;
    tree.put(std::move(link));
  }
}

sandbox::Command preinst(const DebPackage& package, const std::map<std::string, std::string>& variables,
                         std::string_view dpkg_version, std::size_t instances) {
  sandbox::Command command;
  command.argv = {"/var/lib/dpkg/info/" + package.info_name() + ".preinst", "install"};
  command.title = "the preinst script of " + package.info_name();
  command.variables = variables;
  command.variables.insert({{"DPKG_MAINTSCRIPT_PACKAGE", package.name},
                            {"DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", fmt::to_string(instances)},
                            {"DPKG_MAINTSCRIPT_ARCH", package.architecture},
                            {"DPKG_MAINTSCRIPT_NAME", "preinst"},
                            {"DPKG_RUNNING_VERSION", std::string(dpkg_version)},
                            {"DPKG_ADMINDIR", "/var/lib/dpkg"},
                            {"DPKG_ROOT", ""},
                            // debconf would find the name in dpkg's temporary control directory.
                            {"DEBCONF_PACKAGE", package.name}});
  return command;
}

/// dpkg closes with "Errors were encountered while processing:" and one package a line.
std::vector<std::string> failed_packages(std::string_view output) {
  constexpr std::string_view heading = "Errors were encountered while processing:\n";
  const auto place = output.rfind(heading);
  std::vector<std::string> packages;
  if (place == std::string_view::npos) return packages;
  for (auto line : lines(output.substr(place + heading.size()))) {
    if (line.front() != ' ') break;
    packages.emplace_back(line.substr(1));
  }
  return packages;
}

std::deque<DebPackage> as_debs(std::vector<UnpackedPackage> packages) {
  std::deque<DebPackage> debs;
  for (auto& package : packages) debs.push_back(as_deb_package(std::move(package)));
  return debs;
}

class Installer {
 public:
  explicit Installer(Installation installation)
      : context_(installation.context),
        lower_(installation.lower),
        tree_(installation.tree),
        packages_(as_debs(std::move(installation.packages))),
        database_(lower_) {
    plan_.epoch = installation.epoch;
    plan_.failed_packages = failed_packages;
    variables_ = build_variables(plan_.epoch);
  }

  LayerBuildPlan run() {
    plan_waves();
    compose();
    // invoke-rc.d(8) asks this program; 101 means that no service may be started in a build.
    plan_.scaffold.push_back({"usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0755});
    plan_commands();
    return std::move(plan_);
  }

 private:
  /// In a bootstrap there is no dpkg yet that could unpack, no file of another package to divert, and nothing that
  /// could be configured before the rest is there.
  void plan_waves() {
    std::vector<const DebPackage*> all;
    for (const auto& package : packages_) all.push_back(&package);
    waves_ = is_bootstrap() ? std::vector<Wave>{{{}, all}} : waves(all, database_, architecture());
    if (waves_.empty()) return;
    const KnownOwners owners(lower_);
    for (const auto* package : std::exchange(waves_.front().packages, {})) {
      const bool compose = is_bootstrap() || !needs_dpkg(*package, context_.store, lower_, database_, owners);
      (compose ? composed_ : waves_.front().packages).push_back(package);
    }
  }

  void compose() {
    if (is_bootstrap()) add_merged_usr_links(tree_, architecture(), plan_.epoch);
    if (const auto foreign = context_.step.parameter("foreign-architectures")) add_architectures(*foreign);
    auto conffiles = is_bootstrap() ? Conffiles::in_place : Conffiles::as_unpacked;
    const PathFilters filters(lower_);
    PackageMerge merge(tree_, database_, filters, conffiles, plan_.epoch);
    for (const auto* package : composed_) merge.add(*package, context_.store.listing(package->layer));
    merge.finish();
  }

  bool is_bootstrap() const { return lower_.trees().empty(); }

  std::string_view architecture() const { return context_.step.required("architecture"); }

  void add_architectures(std::string_view foreign) {
    std::vector<std::string> all{std::string(architecture())};
    for (auto rest = foreign; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      all.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    database_.add_architectures(tree_, all, plan_.epoch);
  }

  std::string_view dpkg_version() const {
    for (const auto& package : packages_) {
      if (package.name == "dpkg") return package.version;
    }
    const auto* dpkg = database_.installed("dpkg");
    if (!dpkg) throw StepError("install: the base has no dpkg, so Debian packages can not be installed on it");
    return dpkg->value("Version");
  }

  void plan_commands() {
    answer_questions();
    auto version = dpkg_version();
    std::map<std::string_view, std::size_t> instances;
    for (const auto* package : composed_) {
      const auto count = ++instances[package->name];
      if (package->script(ScriptPhase::before_install))
        plan_.commands.push_back(preinst(*package, variables_, version, count));
    }
    for (const auto& wave : waves_) {
      std::vector<std::string> names;
      for (const auto* package : wave.configured_before) names.push_back(package->full_name());
      if (!names.empty()) plan_.commands.push_back(configure(std::move(names)));
      for (const auto* package : wave.packages) plan_.commands.push_back(unpack(*package));
    }
    plan_.commands.push_back(configure({"-a"}));
  }

  void answer_questions() {
    const auto parameter = context_.step.parameter("answers");
    if (!parameter) return;
    const auto file = context_.staging.path() / "answers";
    write_file_atomically(file, debconf_selections(*parameter, packages_), Durable::no);
    const std::string inside = "/run/karapace/answers";
    plan_.binds.push_back({file, inside, sandbox::BindAccess::read_only});
    sandbox::Command command;
    command.argv = {"/usr/bin/debconf-set-selections", inside};
    command.title = "debconf-set-selections";
    command.variables = variables_;
    plan_.commands.push_back(std::move(command));
  }

  sandbox::Command configure(std::vector<std::string> names) const {
    sandbox::Command command;
    command.argv = {"/usr/bin/dpkg", "--force-confdef", "--force-confold", "--configure"};
    command.argv.insert(command.argv.end(), names.begin(), names.end());
    command.title = "dpkg --configure";
    command.variables = variables_;
    return command;
  }

  sandbox::Command unpack(const DebPackage& package) {
    auto inside = fmt::format("/run/karapace/{}_{}.deb", package.name, package.architecture);
    // A copy: dpkg believes every byte of it, so it is hashed on the way.
    const auto file = context_.staging.path() / fmt::format("{}.deb", package.archive.hex());
    if (!std::filesystem::exists(file)) store::copy_blob(context_.store, package.archive, file);
    plan_.binds.push_back({file, inside, sandbox::BindAccess::read_only});
    sandbox::Command command;
    // Its dependencies are unpacked but not configured yet, so dpkg is told not to insist.
    command.argv = {
        "/usr/bin/dpkg", "--auto-deconfigure", "--force-depends", "--force-confdef", "--force-confold", "--unpack",
        inside};
    command.title = "dpkg --unpack of " + package.info_name();
    command.variables = variables_;
    return command;
  }

  const StepContext& context_;
  const trees::LayerStack& lower_;
  trees::Composition& tree_;
  std::deque<DebPackage> packages_;
  DpkgDatabase database_;
  LayerBuildPlan plan_;
  std::map<std::string, std::string> variables_;
  std::vector<const DebPackage*> composed_;
  std::vector<Wave> waves_;  // what goes through dpkg
};

}  // namespace

LayerBuildPlan install_debs(Installation installation) { return Installer(std::move(installation)).run(); }

}  // namespace karapace::steps::deb
