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

/// A number beyond these would leave no room for the next, here and on all hosts.
void require_plausible(const UsedIds& used) {
  constexpr std::uint64_t most = 1'000'000'000;
  for (const auto& [version, id] : used.highest)
    if (!store::is_release_word(version) || id > most)
      throw Error(fmt::format("\"{}\" had {} builds", escaped_utf8(version), id));
}
void require_plausible(const auto& /*record*/) {}

void raise(UsedIds& used, const UsedIds& other) {
  for (const auto& [version, id] : other.highest) {
    auto& highest = used.highest[version];
    highest = std::max(highest, id);
  }
}

class Reading {
 public:
  Reading(const std::string& host, const std::map<std::string, std::string>& texts) : host_(host), texts_(texts) {}

  template <class Record>
  Record record(const std::string& file, const auto& fields) {
    const auto* text = find(file);
    const auto* copy = find(file + ".copy");
    if (text == nullptr && copy == nullptr) return {};
    if (text == nullptr || copy == nullptr || *text != *copy) unequal_.insert(file);
    const auto parsed = [&](const std::string& one) {
      auto record = parse_json(fields, one, file);
      require_plausible(record);
      return record;
    };
    const auto parsed_if_whole = [&](const std::string* one) -> std::optional<Record> {
      try {
        if (one != nullptr) return parsed(*one);
      } catch (const std::exception&) {
        // The other one may be whole.
      }
      return std::nullopt;
    };
    auto first = parsed_if_whole(text), second = parsed_if_whole(copy);
    if (!first && !second)
      return read_or_damaged(fmt::format("{}: its .karapace/{}", host_, file),
                             "nothing was changed there; restore it, or remove it and its copy when nothing is lost "
                             "with them, and sync again",
                             [&] { return parsed(text != nullptr ? *text : *copy); });
    if constexpr (std::is_same_v<Record, UsedIds>)
      if (first && second) raise(*first, *second);
    return first ? *first : *second;
  }
  std::set<std::string> take_unequal() { return std::move(unequal_); }

 private:
  const std::string* find(const std::string& file) const {
    const auto found = texts_.find(file);
    return found == texts_.end() ? nullptr : &found->second;
  }
  const std::string& host_;
  const std::map<std::string, std::string>& texts_;
  std::set<std::string> unequal_;
};

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

Wishes of_sender(const std::map<std::string, Wishes>& brought, const std::string& id) {
  const auto found = brought.find(id);
  return found == brought.end() ? Wishes{} : found->second;
}

}  // namespace

SenderRecords sender_records(const Destination& destination, SenderId id) {
  return {.id = sender_id(destination, id),
          .wishes = destination.wishes(),
          .used = {.highest = destination.used_ids()},
          .builds = {}};
}

HostRecords host_records(const std::string& host, const std::map<std::string, std::string>& texts) {
  Reading reading(host, texts);
  HostRecords records{.wishes = reading.record<LinkWishes>(wishes_file, wishes_fields),
                      .used = reading.record<UsedIds>(used_file, used_fields),
                      .brought = reading.record<Brought>(brought_file, brought_fields),
                      .unequal = {}};
  records.unequal = reading.take_unequal();
  return records;
}

HostRecords merged(const HostRecords& there, const SenderRecords& here, const Builds& builds_there) {
  auto all = there;
  all.wishes = {
      .manifest = merged(here.wishes.manifest, of_sender(there.brought.manifest, here.id), there.wishes.manifest),
      .chosen = merged(here.wishes.chosen, of_sender(there.brought.chosen, here.id), there.wishes.chosen)};
  raise(all.used, here.used);
  all.brought.manifest[here.id] = here.wishes.manifest;
  all.brought.chosen[here.id] = here.wishes.chosen;
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
