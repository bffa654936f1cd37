// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/dpkg_database.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "store/listing.hpp"

namespace karapace::steps::deb {

namespace {

constexpr std::string_view admin = "var/lib/dpkg/";

std::string admin_path(std::string_view name) { return std::string(admin).append(name); }

std::string info_name(const karapace::deb::Stanza& stanza) {
  std::string name(stanza.value("Package"));
  if (stanza.value("Multi-Arch") == "same") name.append(":").append(stanza.value("Architecture"));
  return name;
}

/// What dpkg-divert writes; files of packages are put there.
void require_path(std::string_view path) {
  const bool climbs = path.find("/../") != path.npos || path.ends_with("/..");
  if (path.starts_with('/') && path.size() > 1 && !climbs) return;
  throw StepError(fmt::format("install: /{}diversions of the base has \"{}\", which is no path of a file: correct it",
                              admin, escaped_utf8(path.substr(0, 80))));
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> result;
  for (std::size_t begin = 0; begin < line.size();) {
    auto end = std::min(line.find_first_of(" \t", begin), line.size());
    if (end > begin) result.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

// A name in dpkg's trigger files: "libc-bin", "ca-certificates/noawait".
struct Interest {
  std::string trigger;
  std::string package;
};

std::vector<Interest> interests_of(const DebPackage& package) {
  std::vector<Interest> interests;
  for (const auto& trigger : package.triggers) {
    if (!trigger.directive.starts_with("interest")) continue;
    std::string name = package.info_name();
    if (trigger.directive == "interest-noawait") name += "/noawait";
    interests.push_back({trigger.name, std::move(name)});
  }
  return interests;
}

// dpkg's mark for a configuration file that was unpacked and never configured stands in the digest's place.
karapace::deb::Stanza with_new_conffiles(karapace::deb::Stanza stanza) {
  std::string marked;
  std::string conffiles(stanza.value("Conffiles"));
  for (auto line : lines(conffiles)) {
    // The path may have blanks, what stands after it has none but before a flag.
    if (!line.ends_with(" remove-on-upgrade")) {
      line = line.substr(0, line.rfind(' '));
      marked.append("\n").append(line).append(" newconffile");
      continue;
    }
    marked.append("\n").append(line);
  }
  if (!marked.empty()) stanza.set("Conffiles", std::move(marked));
  return stanza;
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

// Whether the package has something at or below `directory` ("/usr/share/man").
bool ships_below(const store::Listing& listing, std::string_view directory) {
  const std::string prefix = "data" + std::string(directory);
  const auto& entries = listing.entries();
  auto by_path = [](const store::Entry& entry, const std::string& path) { return entry.path < path; };
  auto found = std::lower_bound(entries.begin(), entries.end(), prefix, by_path);
  for (; found != entries.end() && found->path.starts_with(prefix); ++found) {
    if (is_below(found->path, prefix) && found->type != store::EntryType::directory) return true;
  }
  return false;
}

/// What a file of an unpacked package is called in the database after the package's name and a dot; "" when it is not
/// there. dpkg leaves a "list" among the control files out, too.
std::string_view info_file(std::string_view path) {
  constexpr std::string_view meta = "meta/deb/", control = "control/";
  if (!path.starts_with(meta)) return {};
  path.remove_prefix(meta.size());
  if (path == "list" || path == "md5sums") return path;
  const bool is_kept = path.starts_with(control) && path != "control/control" && path != "control/list";
  return is_kept ? path.substr(control.size()) : std::string_view();
}

}  // namespace

bool is_read_by_dpkg(std::string_view path) noexcept {
  return path.starts_with(admin) || path.starts_with("etc/dpkg/");
}

DpkgDatabase::DpkgDatabase(const trees::LayerStack& lower) : lower_(lower) {
  require_no_pipes();
  status_ = read("status");
  stanzas_ = karapace::deb::parse_stanzas(status_, "/var/lib/dpkg/status of the base");
  file_triggers_ = read("triggers/File");
  read_diversions();
  read_overrides();
}

// dpkg opens every file of its database, and waits for what nobody will ever write.
void DpkgDatabase::require_no_pipes() const {
  lower_.for_each([](const store::Entry& entry, const std::filesystem::path&) {
    if (entry.type != store::EntryType::fifo || !is_read_by_dpkg(entry.path)) return;
    throw StepError(
        fmt::format("install: \"/{}\" of the base is a FIFO, for which dpkg would wait for ever", entry.path));
  });
}

// What is a link was nothing to us and something to dpkg, which follows it.
std::string DpkgDatabase::read(std::string_view name) const {
  const auto path = admin_path(name);
  const auto* entry = lower_.find(path);
  if (!entry) return {};
  auto text = lower_.read(path);
  if (!text) throw StepError(fmt::format("install: \"/{}\" of the base is no regular file: make it one", path));
  return std::move(*text);
}

const karapace::deb::Stanza* DpkgDatabase::known(std::string_view name) const {
  for (const auto& stanza : stanzas_) {
    if (stanza.value("Package") != name && info_name(stanza) != name) continue;
    if (!stanza.value("Status").ends_with(" not-installed")) return &stanza;
  }
  return nullptr;
}

std::vector<const karapace::deb::Stanza*> DpkgDatabase::all_installed(std::string_view name) const {
  std::vector<const karapace::deb::Stanza*> all;
  for (const auto& stanza : stanzas_)
    if (stanza.value("Package") == name && stanza.value("Status").ends_with(" installed")) all.push_back(&stanza);
  return all;
}

const karapace::deb::Stanza* DpkgDatabase::unpacked(std::string_view name) const {
  const auto* stanza = known(name);
  return stanza && !stanza->value("Status").ends_with(" config-files") ? stanza : nullptr;
}

const karapace::deb::Stanza* DpkgDatabase::installed(std::string_view name) const {
  const auto* stanza = known(name);
  return stanza && stanza->value("Status").ends_with(" installed") ? stanza : nullptr;
}

// Three lines each: what, where to, who.
void DpkgDatabase::read_diversions() {
  auto text = read("diversions");
  auto all = lines(text);
  for (std::size_t i = 0; i + 2 < all.size(); i += 3) {
    for (const auto path : {all[i], all[i + 1]}) require_path(path);
    diversions_[std::string(all[i])] = {std::string(all[i + 1]), std::string(all[i + 2])};
  }
}

void DpkgDatabase::read_overrides() {
  auto text = read("statoverride");
  for (auto line : lines(text)) {
    auto parts = words(line);
    if (parts.size() == 4) overrides_.emplace(parts[3]);
  }
}

std::vector<std::string> DpkgDatabase::owners(std::string_view path, const trees::Composition& tree) const {
  std::vector<std::string> result;
  for (const auto& stanza : stanzas_) {
    auto list = read("info/" + info_name(stanza) + ".list");
    for (auto line : lines(list)) {
      // Packages may still list /bin/x for what stands in /usr/bin.
      if (!line.ends_with(path.substr(path.rfind('/') + 1))) continue;
      if (tree.resolve_parents(line) != path) continue;
      result.push_back(info_name(stanza));
      break;
    }
  }
  return result;
}

void DpkgDatabase::add_architectures(trees::Composition& tree, const std::vector<std::string>& architectures,
                                     std::int64_t mtime) const {
  const auto known = read("arch");
  const auto names = lines(known);
  std::string text = known.empty() || known.ends_with("\n") ? known : known + "\n";
  const auto kept = text.size();
  for (const auto& name : architectures)
    if (std::find(names.begin(), names.end(), name) == names.end()) text += name + "\n";
  if (text.size() != kept) tree.put_file(admin_path("arch"), std::move(text), mtime);
}

void DpkgDatabase::disown(trees::Composition& tree, std::string_view package, std::string_view path,
                          std::int64_t mtime) const {
  const auto* stanza = known(package);
  if (!stanza) return;
  auto list_path = admin_path("info/" + info_name(*stanza) + ".list");
  const auto* changed = tree.find(list_path);
  auto list = changed ? changed->content : read("info/" + info_name(*stanza) + ".list");
  std::string kept;
  for (auto line : lines(list)) {
    if (tree.resolve_parents(line) != path) kept.append(line).append("\n");
  }
  tree.put_file(list_path, std::move(kept), mtime);
}

// Control files may be hard links of each other: preinst and postinst that are one program.
void DpkgDatabase::add_info_files(trees::Composition& tree, const DebPackage& package,
                                  const store::Listing& listing) const {
  std::map<std::string, std::uint64_t> groups;  // path of the first name -> group
  for (const auto& entry : listing.entries())
    if (entry.type == store::EntryType::hardlink) groups.try_emplace(entry.target, tree.new_group());
  const auto* package_tree = tree.shared(package.tree);
  for (const auto& entry : listing.entries()) {
    const auto name = info_file(entry.path);
    if (name.empty()) continue;
    const auto& first = entry.type == store::EntryType::hardlink ? entry.target : entry.path;
    trees::Node node;
    node.entry = *listing.find(first);
    node.entry.path = admin_path(fmt::format("info/{}.{}", package.info_name(), name));
    if (auto group = groups.find(first); group != groups.end()) node.group = group->second;
    node.source = {package_tree, entry.path};
    if (name == "preinst" && (node.entry.mode & 0555) != 0555) {  // as dpkg makes it before it runs it
      node.entry.mode = 0755;
      node.copy = true;
      node.group = 0;
    }
    tree.put(std::move(node));
  }
}

void DpkgDatabase::activate_triggers(const store::Listing& listing, std::set<std::string>& activated) const {
  for (auto line : lines(file_triggers_)) {
    const auto parts = words(line);
    if (parts.size() == 2 && !activated.contains(std::string(parts[0])) && ships_below(listing, parts[0]))
      activated.emplace(parts[0]);
  }
}

void DpkgDatabase::write(trees::Composition& tree, const std::vector<const DebPackage*>& unpacked,
                         const std::set<std::string>& activated, Conffiles conffiles, std::int64_t mtime) const {
  if (!tree.visible(admin_path("info/format"))) tree.put_file(admin_path("info/format"), "1\n", mtime);
  write_status(tree, unpacked, conffiles, mtime);
  write_triggers(tree, unpacked, activated, mtime);
}

void DpkgDatabase::write_status(trees::Composition& tree, const std::vector<const DebPackage*>& unpacked,
                                Conffiles conffiles, std::int64_t mtime) const {
  std::string status = status_;
  if (!status.empty() && !status.ends_with("\n\n")) status += status.ends_with("\n") ? "\n" : "\n\n";
  for (const auto* package : unpacked) {
    status +=
        (conffiles == Conffiles::as_unpacked ? with_new_conffiles(package->stanza) : package->stanza).text() + "\n";
  }
  tree.put_file(admin_path("status"), std::move(status), mtime);
}

// triggers/File holds "PATH PACKAGE" lines, triggers/NAME the packages interested in an explicit trigger, and
// triggers/Unincorp what was activated and is not yet noted in the status: "TRIGGER -".
void DpkgDatabase::write_triggers(trees::Composition& tree, const std::vector<const DebPackage*>& unpacked,
                                  const std::set<std::string>& activated, std::int64_t mtime) const {
  std::string file = file_triggers_;
  std::map<std::string, std::string> named;
  for (const auto* package : unpacked) {
    for (const auto& interest : interests_of(*package)) {
      bool is_path = interest.trigger.starts_with('/');
      if (is_path) {
        file += interest.trigger + " " + interest.package + "\n";
        continue;
      }
      auto [place, is_new] = named.try_emplace(interest.trigger);
      if (is_new) place->second = read("triggers/" + interest.trigger);
      place->second += interest.package + "\n";
    }
  }
  for (auto& [trigger, packages] : named) {
    tree.put_file(admin_path("triggers/" + trigger), std::move(packages), mtime);
  }
  if (!file.empty()) tree.put_file(admin_path("triggers/File"), std::move(file), mtime);
  std::string pending;
  for (const auto& trigger : activated) pending += trigger + " -\n";
  if (!pending.empty()) tree.put_file(admin_path("triggers/Unincorp"), std::move(pending), mtime);
}

}  // namespace karapace::steps::deb
