// SPDX-License-Identifier: Apache-2.0
// install: unpacked Debian packages, in the lock's order, on top of base layers or of nothing.
//
// The packages' trees are composed by links and dpkg's database is written as `dpkg --unpack` would have left it
// (package_merge.hpp, dpkg_database.hpp). What must run per environment runs in the sandbox: each package's preinst,
// then `dpkg --configure -a`, which runs the postinst scripts and triggers. Packages that need dpkg for unpacking go
// through it: those that it knows already, be it by their configuration files alone, those that divert files, those
// below a stat override, those whose owners have other numbers in the base (owner_names.hpp), and those that pre-depend
// on others of the installation, which are configured before (waves.hpp).
#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "runtime/steps/deb/deb_package.hpp"
#include "runtime/steps/deb/debconf_answers.hpp"
#include "runtime/steps/deb/dpkg_database.hpp"
#include "runtime/steps/deb/owner_names.hpp"
#include "runtime/steps/deb/package_merge.hpp"
#include "runtime/steps/deb/waves.hpp"
#include "runtime/steps/layer_build.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"

namespace karapace::steps {

namespace {

std::deque<deb::DebPackage> load_packages(const StepContext& context, std::size_t first) {
  std::deque<deb::DebPackage> packages;
  for (std::size_t i = first; i < context.step.inputs.size(); ++i) {
    packages.push_back(deb::load_package(context.store, context.step.inputs[i]));
  }
  return packages;
}

bool needs_dpkg(const deb::DebPackage& package, const deb::DpkgDatabase& database, const deb::KnownOwners& owners) {
  if (database.known(package.name)) return true;
  if (!owners.agree(package.owner_names())) return true;
  if (package.control("preinst").find("dpkg-divert") != std::string::npos) return true;
  const auto& entries = package.listing.entries();
  return std::any_of(entries.begin(), entries.end(), [&](const store::Entry& entry) {
    return entry.path.starts_with("data/") && database.has_override(std::string_view(entry.path).substr(4));
  });
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

sandbox::Command preinst(const deb::DebPackage& package, const std::map<std::string, std::string>& variables,
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

class Installation {
 public:
  explicit Installation(const StepContext& context)
      : context_(context),
        layers_(base_layers(context)),
        packages_(load_packages(context, layers_.size())),
        lower_(context.store, layers_),
        database_(lower_),
        tree_(lower_) {
    plan_.epoch = lower_.newest_time();
    for (const auto& package : packages_) plan_.epoch = trees::newest_time(package.listing, plan_.epoch);
    variables_ = build_variables(plan_.epoch);
  }

  LayerId run() {
    plan_waves();
    compose();
    // invoke-rc.d(8) asks this program; 101 means that no service may be started in a build.
    plan_.scaffold.push_back({"usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0755});
    plan_commands();
    return build_layer(context_, tree_, lower_, plan_);
  }

 private:
  /// In a bootstrap there is no dpkg yet that could unpack, no file of another package to divert, and nothing that
  /// could be configured before the rest is there.
  void plan_waves() {
    std::vector<const deb::DebPackage*> all;
    for (const auto& package : packages_) all.push_back(&package);
    waves_ = layers_.empty() ? std::vector<deb::Wave>{{{}, all}} : deb::waves(all, database_, architecture());
    if (waves_.empty()) return;
    const deb::KnownOwners owners(lower_);
    for (const auto* package : std::exchange(waves_.front().packages, {})) {
      const bool compose = layers_.empty() || !needs_dpkg(*package, database_, owners);
      (compose ? composed_ : waves_.front().packages).push_back(package);
    }
  }

  void compose() {
    if (layers_.empty()) add_merged_usr_links(tree_, architecture(), plan_.epoch);
    if (const auto foreign = context_.step.parameter("foreign-architectures")) add_architectures(*foreign);
    auto conffiles = layers_.empty() ? deb::Conffiles::in_place : deb::Conffiles::as_unpacked;
    const deb::PathFilters filters(lower_);
    deb::PackageMerge merge(tree_, database_, filters, conffiles, plan_.epoch);
    for (const auto* package : composed_) merge.add(*package);
    merge.finish();
  }

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
      if (package->has_control("preinst")) plan_.commands.push_back(preinst(*package, variables_, version, count));
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
    write_file_atomically(file, deb::debconf_selections(*parameter, packages_), Durable::no);
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

  sandbox::Command unpack(const deb::DebPackage& package) {
    auto inside = fmt::format("/run/karapace/{}_{}.deb", package.name, package.architecture);
    plan_.binds.push_back({context_.store.blob_path(package.deb), inside, sandbox::BindAccess::read_only});
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
  std::vector<LayerId> layers_;
  std::deque<deb::DebPackage> packages_;
  trees::LayerStack lower_;
  deb::DpkgDatabase database_;
  trees::Composition tree_;
  LayerBuildPlan plan_;
  std::map<std::string, std::string> variables_;
  std::vector<const deb::DebPackage*> composed_;
  std::vector<deb::Wave> waves_;  // what goes through dpkg
};

}  // namespace

StepOutput install(const StepContext& context) { return LayerOutput{Installation(context).run()}; }

}  // namespace karapace::steps
