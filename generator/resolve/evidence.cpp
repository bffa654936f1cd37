// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/evidence.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/record.hpp"
#include "generator/resolve/helper.hpp"
#include "generator/resolve/protocol.hpp"

namespace karapace::resolve {

namespace {

using Link = EvidencePart::Link;
using State = EvidencePart::State;

constexpr auto links = words_of<Link>("is no link", {{Link::archive, "archive"}, {Link::index, "index"}});
constexpr auto states = words_of<State>(
    "is no state", {{State::verified, "verified"}, {State::absent, "absent"}, {State::broken, "broken"}});

struct Answer {
  std::vector<EvidencePart> parts;
};
constexpr auto part_fields = fields_of<EvidencePart>(
    member("link", &EvidencePart::link, links), member("state", &EvidencePart::state, states),
    member("subject", &EvidencePart::subject, escaped_bytes), member("reason", &EvidencePart::reason, escaped_bytes));
constexpr auto answer_fields = fields_of<Answer>(member("parts", &Answer::parts, list_of(part_fields)));

std::vector<EvidencePart> all_absent(const lock::Lock& lock, const std::string& reason) {
  std::vector<EvidencePart> parts;
  for (const auto& repository : lock.repositories)
    for (const auto link : {Link::archive, Link::index})
      parts.push_back({link, State::absent, lock::name_of(repository), reason});
  return parts;
}

}  // namespace

std::string evidence_text(const std::vector<EvidencePart>& parts) {
  return json_text(answer_fields, Answer{parts}, JsonWriter::Space::none);
}

std::vector<EvidencePart> parse_evidence(std::string_view text) {
  return parse_json(answer_fields, text, "answer").parts;
}

std::vector<EvidencePart> examine_evidence(const lock::Lock& lock, const std::filesystem::path& cache) {
  if (lock.repositories.empty()) return {};
  if (!find_resolver())
    return all_absent(lock, "the program karapace-resolve-deb, which can look at it, is not installed");
  // What is known of the archives, and the packages that were chosen there.
  ResolveRequest request{.distribution = lock.distribution, .suite = lock.suite, .architecture = lock.architecture};
  request.known = lock.repositories;
  request.keep = lock.base;
  request.keep.insert(request.keep.end(), lock.packages.begin(), lock.packages.end());
  request.cache = cache;
  try {
    return parse_evidence(ask_helper("prove", request_text(request)));
  } catch (const Error& error) {
    return all_absent(lock, fmt::format("it could not be looked at: {}", error.what()));
  }
}

}  // namespace karapace::resolve
