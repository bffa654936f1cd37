// SPDX-License-Identifier: Apache-2.0
#include "release/aliases.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/semantic_version.hpp"
#include "store/release_document.hpp"

namespace karapace::release {

namespace {

constexpr const char* highest = "^";

/// Whether `b` is to be preferred: a release before a pre-release, and that before words; then by their order.
bool is_better(const BuildName& a, const BuildName& b) {
  const auto forms = std::pair(form_of(a.version), form_of(b.version));
  if (forms.first != forms.second) return forms.first < forms.second;
  return order_of_builds(a, b) < 0;
}

/// The versions by the aliases that they come to without being asked for.
class Automatic {
 public:
  explicit Automatic(const std::vector<std::string>& versions) {
    for (const auto& text : versions) {
      const auto name = parse_build_name(text);
      if (name && store::is_release_word(text)) add(*name, text);
    }
  }

  std::map<std::string, std::string> take() {
    std::map<std::string, std::string> links;
    for (const auto& [alias, best] : best_) links.emplace(alias, best.text);
    return links;
  }

 private:
  struct Best {
    BuildName name;
    std::string text;
  };

  void add(const BuildName& name, const std::string& text) {
    offer(std::string(name.version), name, text);
    offer(highest, name, text);
    const auto version = parse_semantic_version(name.version);
    if (!version) return;
    const auto minor = fmt::format("{}.{}", version->major, version->minor);
    if (!version->metadata.empty() && version->prerelease.empty())
      offer(fmt::format("{}.{}", minor, version->patch), name, text);
    offer(minor, name, text);
    offer(std::string(version->major), name, text);
  }

  void offer(const std::string& alias, const BuildName& name, const std::string& text) {
    // "1.0.0+5" as a version of its own, with metadata, looks like the fifth build of 1.0.0.
    if (parse_build_name(alias)) return;
    auto [place, is_new] = best_.try_emplace(alias, Best{name, text});
    if (!is_new && is_better(place->second.name, name)) place->second = Best{name, text};
  }

  std::map<std::string, Best> best_;
};

class Resolution {
 public:
  Resolution(const std::vector<std::string>& versions, const Wishes& wishes)
      : versions_(versions.begin(), versions.end()), automatic_(Automatic(versions).take()), wishes_(wishes) {}

  std::optional<std::string> resolve(const std::string& name) {
    if (!way_.insert(name).second)
      throw Error(
          fmt::format("the links \"{}\" lead in a circle; let one of them name a version", fmt::join(way_, "\", \"")));
    const auto found = next(name);
    way_.erase(name);
    return found;
  }

  const std::map<std::string, std::string>& automatic() const { return automatic_; }

 private:
  std::optional<std::string> next(const std::string& name) {
    if (versions_.contains(name)) return name;
    if (const auto wish = wishes_.find(name); wish != wishes_.end()) return resolve(wish->second);
    const auto found = automatic_.find(name);
    if (found == automatic_.end()) return std::nullopt;
    return found->second;
  }

  std::set<std::string> versions_;
  std::map<std::string, std::string> automatic_;
  const Wishes& wishes_;
  std::set<std::string> way_;
};

}  // namespace

void require_alias(const std::string& name) {
  if (store::is_release_word(name) && !parse_build_name(name)) return;
  throw UsageError(fmt::format(
      "\"{}\" can not be the name of a link: it is of letters, digits and . _ + - ~, begins with a letter or "
      "digit, and does not end in + and a number, as versions do",
      escaped_utf8(name)));
}

Aliases aliases_of(const std::vector<std::string>& versions, const std::vector<Wishes>& wishes) {
  Wishes all{{"latest", highest}, {"stable", "latest"}};
  for (const auto& some : wishes) {
    for (const auto& [name, target] : some) {
      require_alias(name);
      all[name] = target;
    }
  }
  Resolution resolution(versions, all);
  Aliases aliases;
  aliases.links = resolution.automatic();
  aliases.links.erase(highest);
  for (const auto& [name, target] : all) {
    const auto version = resolution.resolve(name);
    if (version)
      aliases.links[name] = *version;
    else if (std::any_of(wishes.begin(), wishes.end(), [&](const auto& some) { return some.contains(name); }))
      aliases.unfulfilled.push_back(name);
  }
  return aliases;
}

}  // namespace karapace::release
