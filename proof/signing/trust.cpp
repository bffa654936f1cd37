// SPDX-License-Identifier: Apache-2.0
#include "proof/signing/trust.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/words.hpp"

namespace karapace::signing {

namespace {

bool contains(const std::vector<NamedKey>& keys, const NamedKey& wanted) {
  return std::any_of(keys.begin(), keys.end(), [&](const auto& one) { return one.key == wanted.key; });
}

std::string names(const std::vector<NamedKey>& keys) {
  std::vector<std::string> words;
  for (const auto& key : keys) words.push_back(key.name);
  return fmt::format("{}", fmt::join(words, ", "));
}

Claim& claim_with(std::vector<Claim>& claims, std::string text) {
  const auto found = std::find_if(claims.begin(), claims.end(), [&](const auto& claim) { return claim.text == text; });
  if (found != claims.end()) return *found;
  return claims.emplace_back(Claim{std::move(text), {}, {}});
}

std::vector<NamedKey> in_order_of(const std::vector<NamedKey>& trusted, const std::vector<NamedKey>& keys) {
  std::vector<NamedKey> ordered;
  std::copy_if(trusted.begin(), trusted.end(), std::back_inserter(ordered),
               [&](const auto& key) { return contains(keys, key); });
  return ordered;
}

}  // namespace

void require_sound(const Trust& trust) {
  if (trust.agree == 0) throw Error("trust: at least one key has to agree; write agree = 1 or more");
  for (auto key = trust.keys.begin(); key != trust.keys.end(); ++key) {
    const auto same = std::find_if(trust.keys.begin(), key, [&](const auto& one) { return one.key == key->key; });
    if (same != key)
      throw Error(fmt::format("trust: \"{}\" and \"{}\" are one key ({}), which counts once; remove one of them",
                              same->name, key->name, key->key.id().hex()));
  }
  if (trust.agree > trust.keys.size())
    throw Error(fmt::format("trust: {} can never agree, for {} trusted; trust more keys, or write a smaller agree",
                            counted(trust.agree, "key"),
                            trust.keys.size() == 1 ? "1 is" : fmt::format("{} are", trust.keys.size())));
}

std::vector<NamedKey> signers(const Envelope& envelope, const std::vector<NamedKey>& trusted) {
  std::vector<NamedKey> found;
  for (const auto& key : trusted)
    if (!contains(found, key) && is_signed_by(envelope, key.key)) found.push_back(key);
  return found;
}

std::vector<NamedKey> Judgement::dissenters() const {
  std::vector<NamedKey> keys;
  for (std::size_t i = 1; i < claims.size(); ++i)
    for (const auto& key : claims[i].keys)
      if (!contains(keys, key)) keys.push_back(key);
  return keys;
}

Judgement judge(const Trust& trust, const std::vector<Envelope>& envelopes, const ClaimOf& claim_of) {
  require_sound(trust);
  Judgement judgement{{}, trust.agree};
  for (std::size_t i = 0; i < envelopes.size(); ++i) {
    if (envelopes[i].payload_type != statement_type) continue;
    const auto keys = signers(envelopes[i], trust.keys);
    if (keys.empty()) continue;
    auto text = claim_of(envelopes[i].payload);
    if (!text) continue;
    auto& claim = claim_with(judgement.claims, std::move(*text));
    claim.envelopes.push_back(i);
    for (const auto& key : keys)
      if (!contains(claim.keys, key)) claim.keys.push_back(key);
  }
  for (auto& claim : judgement.claims) claim.keys = in_order_of(trust.keys, claim.keys);
  std::stable_sort(judgement.claims.begin(), judgement.claims.end(),
                   [](const auto& a, const auto& b) { return a.keys.size() > b.keys.size(); });
  return judgement;
}

std::string verdict(const Judgement& judgement) {
  if (judgement.claims.empty()) return "no trusted key has signed it";
  auto text = judgement.agreed() == nullptr ? fmt::format("{} signed it ({}), and {} have to agree",
                                                          counted(judgement.claims[0].keys.size(), "key"),
                                                          names(judgement.claims[0].keys), judgement.agree)
                                            : fmt::format("signed by {}", names(judgement.claims[0].keys));
  const auto others = judgement.dissenters();
  if (!others.empty()) text += fmt::format("; something else is said by {}", names(others));
  return text;
}

}  // namespace karapace::signing
