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
                       member("builds", &Brought::builds));

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
  for (const auto& [version, id] : used.highest) {
    const auto found = known.highest.find(version);
    const auto most = std::min(most_builds, (found == known.highest.end() ? 0 : found->second) + more);
    if (!store::is_release_word(version) || id > most)
      throw StoreError(
          fmt::format("{} can not be: \"{}\" had {} builds; nothing was changed", path, escaped_utf8(version), id));
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

/// An alias that is there as it was brought was not touched there, and goes with what is wished for here.
Wishes merged(const Wishes& here, const Wishes& brought, const Wishes& there) {
  Wishes all = here;
  all.insert(there.begin(), there.end());
  Wishes merged;
  for (const auto& [alias, any] : all) {
    const auto now = find(there, alias);
    const auto wish = now == find(brought, alias) ? find(here, alias) : now;
    if (wish) merged.emplace(alias, *wish);
  }
  return merged;
}

/// What was brought by this and earlier synchronisations: not what the host chose itself, though it be the same.
Wishes noted(const Wishes& here, const Wishes& brought, const Wishes& there) {
  Wishes all;
  for (const auto& [alias, wish] : here)
    if (find(there, alias) == find(brought, alias)) all.emplace(alias, wish);
  return all;
}

Wishes of_sender(const std::map<std::string, Wishes>& brought, const std::string& id) {
  const auto found = brought.find(id);
  return found == brought.end() ? Wishes{} : found->second;
}

/// What is there still as one of the others brought it was brought by `id`, and by nobody else, from now on.
void take_over(std::map<std::string, Wishes>& brought, const std::string& id, const Wishes& there) {
  auto own = of_sender(brought, id);
  for (auto& [sender, wishes] : brought) {
    std::erase_if(wishes, [&](const auto& wish) {
      const bool is_as_brought = sender != id && find(there, wish.first) == wish.second;
      if (is_as_brought) own.insert_or_assign(wish.first, wish.second);
      return is_as_brought;
    });
  }
  brought[id] = std::move(own);
}

}  // namespace

SenderRecords sender_records(const Destination& destination, SenderId id) {
  SenderRecords records = {.id = sender_id(destination, id),
                           .wishes = destination.wishes(),
                           .used = {.highest = destination.used_ids()},
                           .builds = {}};
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
    take_over(all.brought.manifest, here.id, there.wishes.manifest);
    take_over(all.brought.chosen, here.id, there.wishes.chosen);
  }
  const auto manifest = of_sender(all.brought.manifest, here.id);
  const auto chosen = of_sender(all.brought.chosen, here.id);
  all.wishes = {.manifest = merged(here.wishes.manifest, manifest, there.wishes.manifest),
                .chosen = merged(here.wishes.chosen, chosen, there.wishes.chosen)};
  raise(all.used, here.used);
  all.brought.manifest[here.id] = noted(here.wishes.manifest, manifest, there.wishes.manifest);
  all.brought.chosen[here.id] = noted(here.wishes.chosen, chosen, there.wishes.chosen);
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

std::map<std::string, std::string> changed_records(const HostRecords& there, const HostRecords& wanted) {
  std::map<std::string, std::string> texts;
  const auto add = [&](const char* file, const auto& fields, const auto& before, const auto& after) {
    if (before != after || there.unequal.contains(file)) texts.emplace(file, json_text(fields, after));
  };
  add(wishes_file, wishes_fields, there.wishes, wanted.wishes);
  add(used_file, used_fields, there.used, wanted.used);
  add(brought_file, brought_fields, there.brought, wanted.brought);
  return texts;
}

}  // namespace karapace::release
