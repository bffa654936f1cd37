// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_reference.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::oci {

namespace {

constexpr std::string_view prefix = "oci:";
constexpr std::string_view docker_hub = "docker.io";
constexpr std::size_t longest_tag = 128;
// "Many clients impose a limit of 255 characters on the length of the concatenation of the registry hostname, /, and
// the <name> value" (Pulling manifests).
constexpr std::size_t longest_name = 255;

bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_word(char c) noexcept { return is_lower(c) || is_digit(c); }
bool is_host_character(char c) noexcept { return is_word(c) || is_upper(c); }

/// Runs of words, each pair of them joined by one separator: "." "_" "__" or hyphens.
bool is_path_part(std::string_view part) noexcept {
  auto is_separator = [](std::string_view joint) {
    return joint == "." || joint == "_" || joint == "__" || joint.find_first_not_of('-') == joint.npos;
  };
  std::size_t at = 0;
  auto pass = [&](auto belongs) {
    auto from = at;
    while (at < part.size() && belongs(part[at])) ++at;
    return part.substr(from, at - from);
  };
  while (true) {
    if (pass(is_word).empty()) return false;
    if (at == part.size()) return true;
    if (!is_separator(pass([](char c) { return !is_word(c); }))) return false;
  }
}

bool is_host_label(std::string_view label) noexcept {
  return !label.empty() && is_host_character(label.front()) && is_host_character(label.back()) &&
         std::all_of(label.begin(), label.end(), [](char c) { return is_host_character(c) || c == '-'; });
}

/// Every part of `text` between separators.
template <class Is>
bool all_parts(std::string_view text, char separator, Is is) noexcept {
  while (true) {
    auto end = text.find(separator);
    if (!is(text.substr(0, end))) return false;
    if (end == text.npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool is_host(std::string_view host) noexcept {
  if (!host.starts_with('[')) return all_parts(host, '.', is_host_label);
  if (!host.ends_with(']') || host.size() < 4) return false;
  auto address = host.substr(1, host.size() - 2);
  return address.find_first_not_of("0123456789abcdefABCDEF:.") == address.npos && address.find(':') != address.npos;
}

bool is_port(std::string_view port) noexcept {
  if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit)) return false;
  unsigned number = 0;
  for (char c : port) number = 10 * number + static_cast<unsigned>(c - '0');
  return number >= 1 && number <= UINT16_MAX;
}

bool is_registry(std::string_view text) noexcept {
  auto colon = text.rfind(':');
  auto bracket = text.rfind(']');
  if (colon == text.npos || (bracket != text.npos && colon < bracket)) return is_host(text);
  return is_host(text.substr(0, colon)) && is_port(text.substr(colon + 1));
}

/// As docker tells a host from a user of its own registry.
bool looks_like_registry(std::string_view first) noexcept {
  return first.find_first_of(".:") != first.npos || first == "localhost" ||
         std::any_of(first.begin(), first.end(), is_upper);
}

/// The parts of a reference, taken from the right end of what is left.
class Parser {
 public:
  explicit Parser(std::string_view whole) : whole_(whole), left_(whole) {}

  ImageReference parse() {
    if (left_.starts_with(prefix)) left_.remove_prefix(prefix.size());
    if (left_.find("://") != left_.npos) refuse("a reference has no scheme; leave out what stands before \"//\", too");
    ImageReference reference;
    reference.digest = take_digest();
    reference.tag = take_tag();
    take_registry(reference);
    take_repository(reference);
    return reference;
  }

 private:
  [[noreturn]] void refuse(std::string_view reason) const {
    throw RemoteError(fmt::format("\"{}\" is no image reference: {}", printable_word(whole_), reason));
  }

  std::optional<ContentDigest> take_digest() {
    auto at = left_.find('@');
    if (at == left_.npos) return std::nullopt;
    auto digest = ContentDigest::parse(left_.substr(at + 1));
    if (!digest) refuse("after \"@\" comes \"sha256:\" with 64, or \"sha512:\" with 128 lower-case hex digits");
    left_ = left_.substr(0, at);
    return digest;
  }

  std::optional<Tag> take_tag() {
    auto colon = left_.rfind(':');
    auto slash = left_.rfind('/');
    if (colon == left_.npos || (slash != left_.npos && colon < slash)) return std::nullopt;
    auto tag = Tag::parse(left_.substr(colon + 1));
    if (!tag) {
      refuse("a tag has at most 128 letters, digits, \"_\", \".\" and \"-\", and begins with a letter, digit or \"_\"");
    }
    left_ = left_.substr(0, colon);
    return tag;
  }

  void take_registry(ImageReference& reference) {
    reference.registry = docker_hub;
    auto slash = left_.find('/');
    auto first = left_.substr(0, slash);
    if (slash == left_.npos || !looks_like_registry(first)) return;
    if (!is_registry(first)) refuse(fmt::format("\"{}\" is no host with or without a port", printable_word(first)));
    reference.registry = first;
    std::transform(first.begin(), first.end(), reference.registry.begin(),
                   [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
    if (reference.registry == "index.docker.io") reference.registry = docker_hub;
    left_.remove_prefix(slash + 1);
  }

  void take_repository(ImageReference& reference) {
    reference.repository = left_;
    if (!is_repository_name(left_)) {
      refuse(
          fmt::format("the name \"{}\" must be words of lower-case letters and digits, joined by \".\", \"_\", "
                      "\"__\", hyphens or \"/\"",
                      printable_word(left_)));
    }
    if (reference.registry == docker_hub && left_.find('/') == left_.npos) {
      // What could be the name of an image by its id is none in a registry; docker refuses it, too.
      if (ContentDigest::parse("sha256:" + reference.repository)) refuse("a name of 64 hex digits is an image's id");
      reference.repository.insert(0, "library/");
    }
    if (reference.registry.size() + 1 + reference.repository.size() > longest_name) {
      refuse(fmt::format("registry and name have more than {} characters", longest_name));
    }
  }

  std::string_view whole_;
  std::string_view left_;
};

}  // namespace

std::optional<Tag> Tag::parse(std::string_view text) {
  auto is_later = [](char c) { return is_host_character(c) || c == '_' || c == '.' || c == '-'; };
  if (text.empty() || text.size() > longest_tag || text[0] == '.' || text[0] == '-') return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), is_later)) return std::nullopt;
  return Tag(text);
}

std::string text(const ManifestName& name) {
  return std::visit([](const auto& value) -> std::string { return value.text(); }, name);
}

bool is_repository_name(std::string_view text) noexcept { return all_parts(text, '/', is_path_part); }

ImageReference ImageReference::parse(std::string_view text) { return Parser(text).parse(); }

ManifestName ImageReference::name() const {
  if (digest) return *digest;
  return tag ? *tag : *Tag::parse("latest");
}

std::string ImageReference::text() const {
  auto text = fmt::format("{}/{}", registry, repository);
  if (tag) text += ':' + tag->text();
  if (digest) text += '@' + digest->text();
  return text;
}

}  // namespace karapace::oci
