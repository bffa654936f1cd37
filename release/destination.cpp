// SPDX-License-Identifier: Apache-2.0
#include "release/destination.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/nearest_word.hpp"
#include "base/semantic_version.hpp"
#include "release/kept_records.hpp"
#include "release/unfinished.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

template <class Record>
Record record_at(const fs::path& path, const auto& fields) {
  const auto text = read_file_if_exists(path);
  if (!text) return {};
  return read_or_damaged(shown(path), "remove it and try again",
                         [&] { return parse_json(fields, *text, path.filename().native()); });
}

/// StoreError when that can not be known: what is thought missing would be made again, or what it needs removed.
bool has_directory(const fs::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return S_ISDIR(status.st_mode);
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw StoreError(errno_message("release: cannot look at " + shown(path), errno));
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
  std::error_code error;
  fs::create_directories(root, error);
  if (error) throw StoreError(errno_message("release: cannot make the destination " + shown(root), error.value()));
  Destination destination(std::move(root));
  for (const auto* name :
       {"store", "versions", "bin", ".karapace", ".karapace/installed", ".karapace/listings", ".karapace/locks"})
    make_directory_if_missing(destination.root_ / name);
  return destination;
}

Destination Destination::open(fs::path root) {
  if (!has_directory(root / "versions") || !has_directory(root / ".karapace"))
    throw NotFoundError(
        fmt::format("release: nothing is installed in {}; run `karapace release install`", shown(root)));
  return Destination(std::move(root));
}

DestinationLock Destination::lock(const DestinationLock::Patience& patience, Notice notice) const {
  return DestinationLock::acquire(own("lock"), patience, std::move(notice));
}

std::vector<std::string> Destination::versions() const {
  std::vector<std::string> names;
  for (auto& name : names_in(root_ / "versions"))
    if (parse_build_name(name) && store::is_release_word(name) && has_directory(version(name)))
      names.push_back(std::move(name));
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    return order_of_builds(*parse_build_name(a), *parse_build_name(b)) < 0;
  });
  return names;
}

std::map<std::string, std::string> Destination::links() const {
  std::map<std::string, std::string> links;
  for (const auto& name : names_in(root_ / "versions")) {
    if (!store::is_release_word(name)) continue;
    if (auto target = link_text(version(name))) links.emplace(name, std::move(*target));
  }
  return links;
}

std::vector<std::string> Destination::entries() const {
  auto names = names_in(root_ / "store");
  std::erase_if(names, [](const auto& name) { return name.starts_with('.'); });
  return names;
}

store::ReleaseDocument Destination::document(const std::string& name) const {
  const auto path = version(name) / store::release_document_file;
  return store::parse_release_document(read_file(path), shown(path));
}

std::string Destination::resolve(const std::string& name) const {
  const auto there = versions();
  const auto is_there = [&](const auto& text) { return std::find(there.begin(), there.end(), text) != there.end(); };
  if (is_there(name)) return name;
  const auto all = links();
  const auto link = all.find(name);
  if (link != all.end() && is_there(link->second)) return link->second;
  std::vector<std::string_view> known(there.begin(), there.end());
  for (const auto& [alias, target] : all) known.push_back(alias);
  const auto nearest = nearest_word(name, known);
  throw NotFoundError(fmt::format(
      "release: there is no version \"{}\" in {}; {}", escaped_utf8(name), shown(root_),
      nearest ? fmt::format("did you mean \"{}\"?", *nearest) : "`karapace release list` tells what there is"));
}

std::optional<std::int64_t> Destination::installed_at(const std::string& name) const {
  const auto ns = modified_ns(own("installed/" + name));
  if (!ns) return std::nullopt;
  return *ns / 1'000'000'000;
}

std::optional<store::Listing> Destination::entry_listing(const std::string& name) const {
  return listing_at(own("listings/" + name));
}

std::optional<store::Listing> Destination::version_listing(const std::string& name) const {
  return listing_at(own("installed/" + name));
}

LinkWishes Destination::wishes() const { return record_at<LinkWishes>(own("links.json"), wishes_fields); }

void Destination::set_wishes(const LinkWishes& wishes) const {
  if (wishes != this->wishes()) replace_file(own("links.json"), json_text(wishes_fields, wishes));
}

std::uint64_t Destination::used_id(const std::string& version) const {
  std::uint64_t highest = 0;
  for (const auto& name : versions()) {
    const auto build = parse_build_name(name);
    if (build->version == version) highest = std::max(highest, build->build);
  }
  const auto used = record_at<UsedIds>(own("used.json"), used_fields).highest;
  const auto found = used.find(version);
  return found == used.end() ? highest : std::max(highest, found->second);
}

void Destination::set_used_id(const std::string& version, std::uint64_t id) const {
  auto used = record_at<UsedIds>(own("used.json"), used_fields);
  auto& highest = used.highest[version];
  if (highest >= id) return;
  highest = id;
  replace_file(own("used.json"), json_text(used_fields, used));
}

Aliases Destination::switch_links() const {
  const auto wanted = wishes();
  auto aliases = aliases_of(versions(), {wanted.manifest, wanted.chosen});
  for (const auto& [alias, target] : aliases.links)
    if (link_text(version(alias)) != target) replace_link(version(alias), target);
  return aliases;
}

}  // namespace karapace::release
