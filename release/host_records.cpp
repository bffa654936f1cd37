// SPDX-License-Identifier: Apache-2.0
#include "release/host_records.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/semantic_version.hpp"
#include "release/unfinished.hpp"
#include "store/release_document.hpp"

namespace karapace::release {

namespace {

using Brought = HostRecords::Brought;
constexpr auto brought_fields =
    fields_of<Brought>(FormatMember{1}, member("manifest", &Brought::manifest), member("chosen", &Brought::chosen),
                       optional_member("manifest_before", &Brought::manifest_before),
                       optional_member("chosen_before", &Brought::chosen_before), member("builds", &Brought::builds));

/// A copied destination has the file, but a directory of its own.
std::string id_from(const std::string& text, const Destination& destination) {
  struct stat status{};
  if (::stat(destination.own("").c_str(), &status) != 0) return "";
  return blake3(fmt::format("{} {}", text, status.st_ino)).hex().substr(0, 32);
}

std::string sender_id(const Destination& destination, SenderId id) {
  const auto path = destination.own("sender");
  auto text = read_file_if_exists(path).value_or("");
  if (text.empty() && id == SenderId::look) return "";
  if (text.empty()) {
    const auto lock = destination.lock({}, {});
    text = read_file_if_exists(path).value_or("");
    if (text.empty()) {
      text = blake3(unfinished_name()).hex();
      replace_file(path, text);
    }
  }
  return id_from(text, destination);
}

void raise(UsedIds& used, const UsedIds& other) {
  for (const auto& [version, id] : other.highest) {
    auto& highest = used.highest[version];
    highest = std::max(highest, id);
  }
}

/// `known` and some more, so that there is room for the next, here and on all hosts.
void require_plausible(const UsedIds& used, const UsedIds& known, std::uint64_t more, const std::string& path) {
  constexpr std::size_t most_versions = 10'000;
  if (used.highest.size() > most_versions)
    throw StoreError(fmt::format("{} can not be: it has {} versions; nothing was changed", path, used.highest.size()));
  for (const auto& [version, id] : used.highest) {
    const auto found = known.highest.find(version);
    const auto most = std::min(most_builds, (found == known.highest.end() ? 0 : found->second) + more);
    if (!store::is_release_word(version) || id > most)
      throw StoreError(fmt::format(
          "{} can not be: \"{}\" had {} builds; nothing was changed. When there were not so many, remove it "
          "and its copy beside it",
          path, escaped_utf8(version), id));
  }
}

/// What was brought by whom is no longer known when neither can be read: then all of it is the host's own.
Brought brought_of(const KeptTexts& texts) {
  for (const auto* text : {&texts.text, &texts.copy}) {
    try {
      if (*text) return parse_json(brought_fields, **text, brought_file);
    } catch (const std::exception&) {
      // The other one may be whole.
    }
  }
  return {};
}

std::optional<std::string> find(const Wishes& wishes, const std::string& alias) {
  const auto found = wishes.find(alias);
  if (found == wishes.end()) return std::nullopt;
  return found->second;
}

using BySenders = std::map<std::string, Wishes>;

/// What one sender wishes for, what it brought, and what is there.
struct OneSender {
  const Wishes& here;
  Wishes brought;
  std::optional<Wishes> before;  // of a run that was interrupted
  const Wishes& there;

  std::set<std::string> aliases() const {
    std::set<std::string> all;
    for (const auto* wishes : {&here, &brought, &there})
      for (const auto& [alias, wish] : *wishes) all.insert(alias);
    return all;
  }
  /// Then it was not touched there, and goes with what is wished for here.
  bool is_as_brought(const std::string& alias) const {
    const auto now = find(there, alias);
    return now == find(brought, alias) || (before && now == find(*before, alias));
  }
  Wishes merged() const {
    Wishes all;
    for (const auto& alias : aliases())
      if (const auto wish = find(is_as_brought(alias) ? here : there, alias)) all.emplace(alias, *wish);
    return all;
  }
  /// What was brought by this and earlier synchronisations: not what the host chose itself, though it be the same.
  Wishes noted() const {
    Wishes all;
    for (const auto& [alias, wish] : here)
      if (is_as_brought(alias)) all.emplace(alias, wish);
    return all;
  }
  /// What is there of what was brought; of the rest something else than is there.
  Wishes noted_before() const {
    Wishes all;
    for (const auto& alias : aliases())
      if (const auto wish = find(is_as_brought(alias) ? there : brought, alias)) all.emplace(alias, *wish);
    return all;
  }
};

Wishes of_sender(const BySenders& brought, const std::string& id) {
  const auto found = brought.find(id);
  return found == brought.end() ? Wishes{} : found->second;
}

OneSender sender_of(const Wishes& here, const BySenders& brought, const BySenders& before, const std::string& id,
                    const Wishes& there) {
  const auto found = before.find(id);
  return {.here = here,
          .brought = of_sender(brought, id),
          .before = found == before.end() ? std::nullopt : std::optional(found->second),
          .there = there};
}

/// What is there still as one of the others brought it was brought by this sender, and by nobody else, from now on.
void take_over(BySenders& brought, const SenderRecords& here, const Wishes& there) {
  auto own = of_sender(brought, here.id);
  for (auto& [sender, wishes] : brought) {
    std::erase_if(wishes, [&](const auto& wish) {
      const bool is_taken =
          sender != here.id && here.links.contains(wish.first) && find(there, wish.first) == wish.second;
      if (is_taken) own.insert_or_assign(wish.first, wish.second);
      return is_taken;
    });
  }
  brought[here.id] = std::move(own);
}

}  // namespace

SenderRecords sender_records(const Destination& destination, SenderId id) {
  SenderRecords records = {.id = sender_id(destination, id),
                           .wishes = destination.wishes(),
                           .used = {.highest = destination.used_ids()},
                           .builds = {},
                           .links = {}};
  for (const auto& [alias, target] : destination.links()) records.links.insert(alias);
  require_plausible(records.used, {}, most_builds, destination.own(used_file));
  return records;
}

HostRecords host_records(const std::string& host, const std::map<std::string, std::string>& texts,
                         const UsedIds& used) {
  constexpr std::uint64_t most_more = 1'000'000;
  HostRecords records;
  const auto find_text = [&](const std::string& file) -> std::optional<std::string> {
    const auto found = texts.find(file);
    if (found == texts.end()) return std::nullopt;
    return found->second;
  };
  const auto kept = [&](const std::string& file) {
    KeptTexts both{.text = find_text(file), .copy = find_text(file + ".copy")};
    if (!both.are_equal()) records.unequal.insert(file);
    return both;
  };
  const auto place = [&](const char* file) { return fmt::format("{}:.karapace/{}", host, file); };
  records.wishes = wishes_of(kept(wishes_file), place(wishes_file));
  records.used = used_ids_of(kept(used_file), place(used_file));
  require_plausible(records.used, used, most_more, place(used_file));
  records.brought = brought_of(kept(brought_file));
  return records;
}

HostRecords merged(const HostRecords& there, const SenderRecords& here, const Builds& builds_there,
                   OthersChoices choices) {
  auto all = there;
  if (choices == OthersChoices::are_taken_over) {
    take_over(all.brought.manifest, here, there.wishes.manifest);
    take_over(all.brought.chosen, here, there.wishes.chosen);
  }
  const auto manifest = sender_of(here.wishes.manifest, all.brought.manifest, all.brought.manifest_before, here.id,
                                  there.wishes.manifest);
  const auto chosen =
      sender_of(here.wishes.chosen, all.brought.chosen, all.brought.chosen_before, here.id, there.wishes.chosen);
  all.wishes = {.manifest = manifest.merged(), .chosen = chosen.merged()};
  raise(all.used, here.used);
  all.brought.manifest[here.id] = manifest.noted();
  all.brought.chosen[here.id] = chosen.noted();
  // Said while links.json is written, and no longer (changed_records).
  all.brought.manifest_before[here.id] = manifest.noted_before();
  all.brought.chosen_before[here.id] = chosen.noted_before();
  for (const auto& [version, build] : builds_there) all.brought.builds[version] = build;
  all.brought.builds.insert(here.builds.begin(), here.builds.end());
  return all;
}

bool had_another_build(const HostRecords& there, const std::string& version, const std::string& build) {
  if (const auto known = there.brought.builds.find(version); known != there.brought.builds.end())
    return known->second != build;
  const auto name = parse_build_name(version);
  const auto used = name ? there.used.highest.find(std::string(name->version)) : there.used.highest.end();
  return used != there.used.highest.end() && name->build <= used->second;
}

void forget_brought(const Destination& destination, const std::string& alias) {
  const auto path = destination.own(brought_file);
  const auto texts = kept_texts(path);
  if (!texts.text && !texts.copy) return;
  auto brought = brought_of(texts);
  const auto before = brought;
  for (auto* senders : {&brought.chosen, &brought.chosen_before})
    for (auto& [sender, wishes] : *senders) wishes.erase(alias);
  if (brought != before) keep_record(path, json_text(brought_fields, brought));
}

bool is_of_another_sender(const HostRecords& there, const std::string& id, const std::string& alias) {
  const auto is_brought = [&](const BySenders& brought, const Wishes& now) {
    return std::ranges::any_of(brought, [&](const auto& sender) {
      const auto wish = find(sender.second, alias);
      return sender.first != id && wish && wish == find(now, alias);
    });
  };
  return is_brought(there.brought.chosen, there.wishes.chosen) ||
         is_brought(there.brought.manifest, there.wishes.manifest);
}

std::vector<WrittenRecord> changed_records(const HostRecords& there, const HostRecords& wanted, const std::string& id) {
  std::vector<WrittenRecord> records;
  const auto add = [&](const char* file, const auto& fields, const auto& before, const auto& after) {
    if (before != after || there.unequal.contains(file)) records.push_back({file, json_text(fields, after)});
  };
  add(used_file, used_fields, there.used, wanted.used);
  auto brought = wanted.brought;
  brought.manifest_before.erase(id);
  brought.chosen_before.erase(id);
  if (there.wishes == wanted.wishes) {
    add(wishes_file, wishes_fields, there.wishes, wanted.wishes);
    add(brought_file, brought_fields, there.brought, brought);
    return records;
  }
  records.push_back({brought_file, json_text(brought_fields, wanted.brought)});
  records.push_back({wishes_file, json_text(wishes_fields, wanted.wishes)});
  records.push_back({brought_file, json_text(brought_fields, brought)});
  return records;
}

}  // namespace karapace::release
