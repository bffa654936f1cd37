// SPDX-License-Identifier: Apache-2.0
#include "release/destination.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/nearest_word.hpp"
#include "base/remove_tree.hpp"
#include "base/semantic_version.hpp"
#include "release/kept_records.hpp"
#include "release/trusted_directory.hpp"
#include "release/unfinished.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

/// ".karapace" is the first: whoever finds anything in a destination finds it, too.
constexpr std::array parts = {".karapace",          "store",           "versions",      "bin", ".karapace/installed",
                              ".karapace/listings", ".karapace/locks", ".karapace/lock"};

/// StoreError when that can not be known: what is thought missing would be made again, or what it needs removed.
bool is_there(const fs::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw StoreError(errno_message("release: cannot look at " + shown(path), errno));
}

/// A directory that has other things is none of ours.
void require_free(const fs::path& root) {
  auto names = names_in(root);
  std::erase(names, "lost+found");  // a file system of its own
  if (names.empty() || is_there(root / parts[0])) return;
  throw StoreError(fmt::format(
      "release: {} is no destination of releases, and not empty: \"{}\" is there; name another directory in "
      "[release], or move away what is there",
      shown(root), escaped_utf8(names.front())));
}

bool is_entry_name(std::string_view name) {
  constexpr std::size_t digits = 32;
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() > digits + 1 && name[digits] == '-' &&
         std::all_of(name.begin(), name.begin() + digits, is_digit) &&
         name.find('-', digits + 1) != std::string_view::npos && store::is_release_word(name.substr(digits + 1));
}

std::optional<store::Listing> listing_at(const fs::path& path) {
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  try {
    return store::Listing::parse(*text, shown(path));
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

}  // namespace

Destination Destination::create(fs::path root) {
  make_passable_directories(root);
  require_trusted(root);
  require_free(root);
  for (const auto* part : parts) make_trusted_directory(root / part);
  return Destination(std::move(root));
}

Destination Destination::open(fs::path root) {
  for (const auto* part : parts) require_no_link(root / part);
  if (!is_directory_itself(root / "versions") || !is_directory_itself(root / ".karapace"))
    throw NotFoundError(
        fmt::format("release: nothing is installed in {}; run `karapace release install`", shown(root)));
  return Destination(std::move(root));
}

DestinationLock Destination::lock(const DestinationLock::Patience& patience, Notice notice) const {
  require_trusted(root_);
  for (const auto* part : parts) require_no_link(root_ / part), require_trusted(root_ / part);
  auto lock = DestinationLock::acquire(own("lock"), patience, std::move(notice));
  mend_records();
  return lock;
}

std::vector<std::string> Destination::versions() const {
  std::vector<std::string> names;
  for (auto& name : names_in(root_ / "versions"))
    if (is_version(name)) names.push_back(std::move(name));
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    return order_of_builds(*parse_build_name(a), *parse_build_name(b)) < 0;
  });
  return names;
}

std::vector<std::string> Destination::linkable_versions() const {
  auto names = versions();
  std::erase_if(names, [&](const auto& name) { return has_installed_document(name) != true; });
  return names;
}

std::vector<std::string> Destination::lost_versions(const fs::path& own_unfinished) const {
  std::vector<std::string> lost;
  for (const auto* directory : {"versions", ".karapace/installed"})
    for (const auto& name : names_in(root_ / directory))
      if (parse_build_name(name) && store::is_release_word(name) && is_lost(name, own_unfinished)) lost.push_back(name);
  std::sort(lost.begin(), lost.end());
  lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
  return lost;
}

bool Destination::is_lost(const std::string& name, const fs::path& own_unfinished) const {
  const auto has_lost_name = [&] {
    return !is_version(name) && (is_there(version(name)) || is_there(own("installed/" + name)));
  };
  if (!has_lost_name()) return false;
  for (const auto& [alias, target] : links())
    if (target == name) return has_lost_name();
  for (const auto& unfinished : names_in(root_ / "versions"))
    if (is_unfinished_name(unfinished) && root_ / "versions" / unfinished != own_unfinished &&
        is_unfinished_of(root_ / "versions" / unfinished, name))
      return false;
  return has_lost_name();  // it may have got its name meanwhile, or its record may have gone
}

bool Destination::is_unfinished_of(const fs::path& unfinished, const std::string& name) const {
  if (!is_directory_itself(unfinished)) return false;
  const auto text = read_file_if_exists(unfinished / store::release_document_file);
  const auto listing = text && !is_there(version(name)) ? version_listing(name) : std::nullopt;
  const auto* document = listing ? listing->find(std::string(store::release_document_file)) : nullptr;
  return document != nullptr && document->content == blake3(*text);
}

std::map<std::string, std::string> Destination::links() const {
  std::map<std::string, std::string> links;
  for (const auto& name : names_in(root_ / "versions")) {
    if (!store::is_release_word(name)) continue;
    if (auto target = link_text(version(name))) links.emplace(name, std::move(*target));
  }
  return links;
}

void Destination::sweep() const {
  for (const std::string_view part : parts)
    if (part != "versions") sweep_unfinished(root_ / part);
}

void Destination::sweep_versions() const {
  for (const auto& unfinished : left_unfinished(root_ / "versions")) {
    forget_record_of(unfinished);
    remove_tree(unfinished);
  }
}

void Destination::forget_record_of(const fs::path& unfinished) const {
  const auto all = links();
  const auto is_linked = [&](const std::string& name) {
    return std::ranges::any_of(all, [&](const auto& link) { return link.second == name; });
  };
  for (const auto& name : names_in(own("installed")))
    if (!is_linked(name) && is_unfinished_of(unfinished, name)) ::unlink(own("installed/" + name).c_str());
}

std::vector<std::string> Destination::entries() const {
  auto names = names_in(root_ / "store");
  std::erase_if(names, [&](const auto& name) { return !is_entry(name); });
  return names;
}

bool Destination::is_version(const std::string& name) const {
  return parse_build_name(name) && store::is_release_word(name) && is_directory_itself(version(name)) &&
         is_there(version(name) / store::release_document_file);
}

bool Destination::is_entry(const std::string& name) const {
  return is_entry_name(name) && is_directory_itself(entry(name));
}

std::vector<std::string> Destination::strangers() const {
  std::vector<std::string> names;
  for (const auto& name : names_in(root_ / "store"))
    if (!name.starts_with('.') && !is_entry(name)) names.push_back("store/" + name);
  for (const auto& name : names_in(root_ / "versions"))
    if (!name.starts_with('.') && !is_version(name) && !link_text(version(name))) names.push_back("versions/" + name);
  return names;
}

store::ReleaseDocument Destination::document(const std::string& name) const {
  const auto path = version(name) / store::release_document_file;
  return store::parse_release_document(read_file(path), shown(path));
}

std::optional<store::ReleaseDocument> Destination::readable_document(const std::string& name) const {
  const auto path = version(name) / store::release_document_file;
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  try {
    return store::parse_release_document(*text, shown(path));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<bool> Destination::has_installed_document(const std::string& name) const {
  const auto listing = version_listing(name);
  if (!listing) return std::nullopt;
  const auto* entry = listing->find(std::string(store::release_document_file));
  return entry != nullptr && entry->content == blake3(read_file(version(name) / store::release_document_file));
}

std::string Destination::resolve(const std::string& name) const {
  const auto there = versions();
  const auto is_there = [&](const auto& text) { return std::find(there.begin(), there.end(), text) != there.end(); };
  if (is_there(name)) return name;
  const auto all = links();
  const auto link = all.find(name);
  if (link != all.end() && is_there(link->second)) return link->second;
  if (link != all.end())
    throw NotFoundError(
        fmt::format("release: the link \"{}\" leads to \"{}\", which is no version in {}; `karapace "
                    "release use {} VERSION` mends it",
                    name, escaped_utf8(link->second), shown(root_), name));
  std::vector<std::string_view> known(there.begin(), there.end());
  for (const auto& [alias, target] : all) known.push_back(alias);
  const auto nearest = nearest_word(name, known);
  throw NotFoundError(fmt::format(
      "release: there is no version \"{}\" in {}; {}", escaped_utf8(name), shown(root_),
      nearest ? fmt::format("did you mean \"{}\"?", *nearest) : "`karapace release list` tells what there is"));
}

std::optional<std::int64_t> Destination::installed_at(const std::string& name) const {
  struct stat status{};
  const auto path = own("installed/" + name);
  if (!is_there(path)) return std::nullopt;
  if (::stat(path.c_str(), &status) != 0)
    throw StoreError(errno_message("release: cannot look at " + shown(path), errno));
  // An archive of `release export` has no times.
  if (status.st_mtime == 0) return std::nullopt;
  return status.st_mtime;
}

std::optional<store::Listing> Destination::entry_listing(const std::string& name) const {
  return listing_at(own("listings/" + name));
}

std::optional<store::Listing> Destination::version_listing(const std::string& name) const {
  return listing_at(own("installed/" + name));
}

LinkWishes Destination::wishes() const {
  const auto path = own(wishes_file);
  return wishes_of(kept_texts(path), path);
}

UsedIds Destination::noted_ids() const {
  const auto path = own(used_file);
  return used_ids_of(kept_texts(path), path);
}

bool Destination::is_kept_whole(const std::string& record) const {
  const auto texts = kept_texts(own(record));
  if (!texts.are_equal()) return false;
  try {
    record == used_file ? static_cast<void>(noted_ids()) : static_cast<void>(wishes());
    return true;
  } catch (const StoreError&) {
    return false;
  }
}

void Destination::mend_records() const {
  const auto mend = [&](const char* record, const auto& text_of) {
    if (is_kept_whole(record)) return;
    try {
      keep_record(own(record), text_of());
    } catch (const StoreError&) {
      // Who needs it says what is to be done; others go on without it.
    }
  };
  mend(used_file, [&] { return json_text(used_fields, noted_ids()); });
  mend(wishes_file, [&] { return json_text(wishes_fields, wishes()); });
}

void Destination::set_wishes(const LinkWishes& wishes) const {
  if (wishes != this->wishes()) keep_record(own(wishes_file), json_text(wishes_fields, wishes));
}

std::map<std::string, std::uint64_t> Destination::used_ids() const {
  auto used = noted_ids().highest;
  for (const auto& name : names_in(own("installed"))) {
    const auto build = parse_build_name(name);
    if (!build || !store::is_release_word(name)) continue;
    auto& highest = used[std::string(build->version)];
    highest = std::max(highest, build->build);
  }
  return used;
}

std::uint64_t Destination::used_id(const std::string& version) const {
  const auto used = used_ids();
  const auto found = used.find(version);
  return found == used.end() ? 0 : found->second;
}

void Destination::set_used_id(const std::string& version, std::uint64_t id) const { set_used_ids({{version, id}}); }

void Destination::set_used_ids(const std::map<std::string, std::uint64_t>& ids) const {
  const auto noted = noted_ids();
  auto used = noted;
  for (const auto& [version, id] : ids) {
    auto& highest = used.highest[version];
    highest = std::max(highest, id);
  }
  if (used != noted) keep_record(own(used_file), json_text(used_fields, used));
}

Aliases Destination::switch_links() const {
  const auto wanted = wishes();
  auto aliases = aliases_of(linkable_versions(), {wanted.manifest, wanted.chosen});
  const auto stays = [&](const std::string& alias, const std::string& now, const std::string& target) {
    return !wanted.chosen.contains(alias) && is_version(now) && has_installed_document(now) != true &&
           is_lower_build(target, now);
  };
  for (auto& [alias, target] : aliases.links) {
    const auto now = link_text(version(alias));
    if (now && stays(alias, *now, target)) target = *now;
    if (now != target) replace_link(version(alias), target);
  }
  sync_directory(root_ / "versions");
  return aliases;
}

}  // namespace karapace::release
