// SPDX-License-Identifier: Apache-2.0
#include "proof/chain.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "generator/graph/graph.hpp"
#include "generator/lock/environment_lock.hpp"
#include "proof/kept_signatures.hpp"
#include "proof/statement.hpp"
#include "remote/sha256.hpp"
#include "store/distinct_layers.hpp"
#include "store/verify.hpp"

namespace karapace::proof {

namespace {

constexpr std::string_view repair = "run `karapace verify-store --repair`, then ninja again";
constexpr std::string_view rebuild = "`karapace build --complete ENV` (in its project: without ENV) brings it back";

Finding broken(std::string subject, std::string reason) {
  return {LinkState::broken, std::move(subject), std::move(reason)};
}
Finding absent(std::string subject, std::string reason) {
  return {LinkState::absent, std::move(subject), std::move(reason)};
}

std::string step_text(const StepKey& key) { return "step " + key.short_hex(); }

Sha256 sha256_of_file(int fd, const std::string& what) {
  remote::Sha256Hasher hasher;
  std::vector<char> buffer(256 * 1024);
  for (;;) {
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count == 0) return hasher.finish();
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw CallError(fmt::format("cannot read {}", what), errno);
    hasher.update({buffer.data(), static_cast<std::size_t>(count)});
  }
}

class Chain {
 public:
  Chain(const store::Store& store, const store::Environment& environment, const ChainOptions& options)
      : store_(store),
        environment_(environment),
        options_(options),
        lock_(lock::lock_of(store, environment)),
        in_use_(store::use_environment(store, environment.id)) {}

  std::vector<Link> run() {
    examine_repositories();
    collect_records();
    examine_lock();
    examine_packages();
    examine_records();
    examine_layers();
    examine_signatures();
    return {links_.begin(), links_.end()};
  }

 private:
  Link& link(LinkKind kind) {
    auto& one = links_.at(static_cast<std::size_t>(kind));
    one.kind = kind;
    return one;
  }
  void find(LinkKind kind, Finding finding) { link(kind).findings.push_back(std::move(finding)); }

  void examine_repositories() {
    const std::string nothing_known =
        lock_.repositories.empty()
            ? "nothing in it is of a signed archive: whose it is, only the digests in its lock say"
            : "nobody looked at what its archives signed";
    auto links = repository_links(options_.evidence, "environment " + environment_.id.short_hex(), nothing_known);
    for (auto& one : links) link(one.kind) = std::move(one);
  }

  /// Those of the environment's step and of all steps before it.
  void collect_records() {
    std::deque<StepKey> wanted{environment_.step};
    std::set<StepKey> seen{environment_.step};
    while (!wanted.empty()) {
      const auto key = wanted.front();
      wanted.pop_front();
      try {
        auto record = store_.record(key);
        if (!record) {
          find(LinkKind::record,
               absent(step_text(key),
                      fmt::format("its record is not in the store, and what led to it is not known; {}", rebuild)));
          continue;
        }
        for (const auto& input : record->step.inputs)
          if (seen.insert(input).second) wanted.push_back(input);
        records_.emplace(key, std::move(*record));
      } catch (const StoreError& error) {
        find(LinkKind::record, broken(step_text(key), fmt::format("{}", error.what())));
      }
    }
  }

  bool has_all_records() const { return links_.at(static_cast<std::size_t>(LinkKind::record)).findings.empty(); }

  void examine_lock() {
    auto& one = link(LinkKind::lock);
    one.note = "facts of the environment as its lock says";
    const auto part = [&](bool is_right, const std::string& reason) {
      if (is_right)
        ++one.verified;
      else
        one.findings.push_back(
            broken("environment " + environment_.id.short_hex(), fmt::format("{}; {}", reason, repair)));
    };
    part(lock::environment_id(lock_) == environment_.id, "its id is not the digest of its lock");
    part(environment_.runtime == lock::runtime_of(lock_), "its runtime configuration is not that of its lock");
    const auto record = records_.find(environment_.step);
    if (record == records_.end()) return;
    const auto* made = std::get_if<EnvironmentOutput>(&record->second.output);
    part(made != nullptr && made->environment == environment_.id, "the record of its step is of another environment");
    examine_stack(record->second, part);
  }

  /// The layers of the environment are what its step's inputs made; the last input is the lock.
  template <class Part>
  void examine_stack(const StepRecord& record, const Part& part) {
    std::vector<LayerId> layers;
    for (const auto& input : record.step.inputs) {
      const auto found = records_.find(input);
      if (found == records_.end()) return;
      if (const auto* layer = std::get_if<LayerOutput>(&found->second.output)) layers.push_back(layer->layer);
    }
    part(store::distinct_layers(layers) == environment_.layers, "its layers are not those that its steps made");
  }

  void examine_packages() {
    std::map<Sha256, const BlobOutput*> fetched;
    for (const auto& [key, record] : records_) {
      const auto sha256 = record.step.parameter("sha256");
      const auto digest = sha256 ? Sha256::from_hex(*sha256) : std::nullopt;
      if (const auto* blob = std::get_if<BlobOutput>(&record.output); digest && blob != nullptr)
        fetched.emplace(*digest, blob);
    }
    const auto files = pinned_files(lock_);
    std::vector<std::optional<Finding>> findings(files.size());
    for_each_index(files.size(), options_.threads, [&](std::size_t i) {
      const auto found = fetched.find(files[i].sha256);
      findings[i] = examine_file(files[i], found == fetched.end() ? nullptr : found->second);
    });
    auto& one = link(LinkKind::package);
    one.note = "packages, and archives of the base, with the size and SHA-256 of the lock";
    add(one, std::move(findings));
  }

  static void add(Link& link, std::vector<std::optional<Finding>> findings) {
    for (auto& finding : findings) {
      if (finding)
        link.findings.push_back(std::move(*finding));
      else
        ++link.verified;
    }
  }

  std::optional<Finding> examine_file(const PinnedFile& pinned, const BlobOutput* blob) const {
    const auto& name = pinned.name;
    if (blob == nullptr)
      return has_all_records() ? broken(name, "none of the environment's steps fetched it")
                               : absent(name, "the record of its download is not in the store");
    if (blob->sha256 != pinned.sha256 || blob->size != pinned.size)
      return broken(name, fmt::format("the record of its download is of other bytes; {}", repair));
    if (!store_.has_blob(blob->blob)) return absent(name, fmt::format("its file is not in the store; {}", rebuild));
    const auto file = store_.open_blob(blob->blob);
    if (sha256_of_file(file.get(), name) == pinned.sha256) return std::nullopt;
    return broken(name,
                  fmt::format("the blob {} is not the file that the lock names; {}", blob->blob.short_hex(), repair));
  }

  void examine_records() {
    auto& one = link(LinkKind::record);
    one.note = "step records with seal, key and inputs";
    one.verified = records_.size();
    const auto graph = graph::plan(std::span(&lock_, 1));
    const bool is_ours =
        std::ranges::any_of(graph.edges, [&](const auto& edge) { return edge.key == environment_.step; });
    if (!is_ours)
      one.findings.push_back(absent(step_text(environment_.step),
                                    "a release of other rules made it: whether its steps are those of the lock, this "
                                    "one can not say; `karapace build` makes it by these rules"));
  }

  void examine_layers() {
    std::set<LayerId> layers(environment_.layers.begin(), environment_.layers.end());
    std::set<BlobId> blobs;
    for (const auto& [key, record] : records_) {
      if (const auto* layer = std::get_if<LayerOutput>(&record.output)) layers.insert(layer->layer);
      if (const auto* blob = std::get_if<BlobOutput>(&record.output)) blobs.insert(blob->blob);
    }
    auto& one = link(LinkKind::layer);
    one.note = "layers and files as their digests say";
    store::VerifyOptions options{.owners = options_.owners, .threads = options_.threads};
    options.only.emplace();
    const auto want = [&](store::ObjectKind kind, const std::string& name, bool is_there) {
      if (is_there)
        options.only->insert({kind, name});
      else
        one.findings.push_back(absent(fmt::format("{} {}", text(kind), name.substr(0, 12)),
                                      fmt::format("it is not in the store; {}", rebuild)));
    };
    for (const auto& id : layers) want(store::ObjectKind::layer, id.hex(), store_.has_layer(id));
    for (const auto& id : blobs) want(store::ObjectKind::blob, id.hex(), store_.has_blob(id));
    const auto report = store::verify_store(store_, options);
    for (const auto& problem : report.problems) one.findings.push_back(finding_of(problem));
    one.verified = report.checked - report.problems.size();
  }

  static Finding finding_of(const store::Problem& problem) {
    auto reason = problem.reason;
    if (!problem.paths.empty())
      reason += fmt::format(", as {} ({})", problem.paths.front().path, problem.paths.front().reason);
    const auto subject = fmt::format("{} {}", text(problem.kind), problem.name.substr(0, 12));
    if (problem.trouble == store::Trouble::unchecked) return absent(subject, reason);
    return broken(subject, fmt::format("{}; {}", reason, repair));
  }

  void examine_signatures() {
    auto& one = link(LinkKind::signature);
    one.note = "signatures of keys that are known here";
    const auto kept = kept_signatures(store_, environment_.id);
    std::optional<Subject> subject;
    if (has_all_records() && records_.contains(environment_.step)) subject = subject_of(lock_, records_);
    std::vector<signing::Envelope> envelopes;
    for (const auto& signature : kept) {
      if (auto finding = examine_signature(signature, subject))
        one.findings.push_back(std::move(*finding));
      else
        ++one.verified;
      if (signature.envelope) envelopes.push_back(*signature.envelope);
    }
    if (options_.agree > 0) return require_agreement(one, envelopes, subject);
    if (kept.empty())
      one.findings.push_back(absent("environment " + environment_.id.short_hex(),
                                    "no signature of it is here; `karapace sign` makes one"));
  }

  std::optional<Finding> examine_signature(const KeptSignature& kept, const std::optional<Subject>& subject) const {
    const auto name = "key " + kept.name;
    if (!kept.envelope) return broken(name, kept.problem);
    const auto known =
        std::ranges::find_if(options_.keys, [&](const auto& key) { return key.key.id().hex() == kept.name; });
    if (known == options_.keys.end())
      return absent(name, "it is not known here: with --trust and its public key its signature can be judged");
    if (!is_signed_by(*kept.envelope, known->key))
      return broken(name, fmt::format("what is kept as the signature of {} is not signed by it", known->name));
    if (!subject) return absent(name, "what it signed can not be compared, for records are missing");
    try {
      const auto signed_subject = parse_statement(kept.envelope->payload, "statement");
      if (signed_subject.step != subject->step)
        return absent(name, fmt::format("{} signed what a release of other rules made", known->name));
      if (signed_subject.environment == subject->environment && signed_subject.records == subject->records)
        return std::nullopt;
    } catch (const Error& error) {
      return broken(name, error.what());
    }
    return broken(name, fmt::format("{} says that the steps made something else; `karapace reproduce` tells whether "
                                    "they make the same each time",
                                    known->name));
  }

  void require_agreement(Link& link, const std::vector<signing::Envelope>& envelopes,
                         const std::optional<Subject>& subject) const {
    const auto judgement = signing::judge({options_.keys, options_.agree}, envelopes, claims_about(environment_.step));
    const auto* agreed = judgement.agreed();
    const auto name = "environment " + environment_.id.short_hex();
    if (agreed == nullptr)
      link.findings.push_back(broken(name, verdict(judgement)));
    else if (subject && agreed->text != subject->records.hex())
      link.findings.push_back(broken(name, "what was agreed is not what is here: " + verdict(judgement)));
  }

  const store::Store& store_;
  const store::Environment& environment_;
  const ChainOptions& options_;
  lock::Lock lock_;
  FileLock in_use_;
  std::map<StepKey, StepRecord> records_;
  std::array<Link, link_kinds - 1> links_;  // all but the image
};

}  // namespace

std::vector<PinnedFile> pinned_files(const lock::Lock& lock) {
  std::vector<PinnedFile> files;
  if (lock.archive) files.push_back({"base archive", lock.archive->sha256, lock.archive->size});
  if (lock.image)
    for (const auto& layer : lock.image->layers)
      files.push_back({"image layer " + layer.sha256.short_hex(), layer.sha256, layer.size});
  for (const auto* list : {&lock.base, &lock.packages})
    for (const auto& package : *list)
      files.push_back({fmt::format("package {} {}", package.name, package.version), package.sha256, package.size});
  return files;
}

std::string_view text(LinkKind kind) noexcept {
  static constexpr std::array<std::string_view, link_kinds> words{"archive", "index", "lock",      "package",
                                                                  "record",  "layer", "signature", "image"};
  return words.at(static_cast<std::size_t>(kind));
}

std::string_view text(LinkState state) noexcept {
  static constexpr std::array<std::string_view, link_states> words{"verified", "absent", "broken"};
  return words.at(static_cast<std::size_t>(state));
}

LinkState Link::state() const noexcept {
  auto worst = LinkState::verified;
  for (const auto& finding : findings) worst = std::max(worst, finding.state);
  return worst;
}

std::vector<Link> repository_links(const std::vector<resolve::EvidencePart>& evidence, const std::string& subject,
                                   const std::string& nothing_known) {
  std::vector<Link> links{
      {.kind = LinkKind::archive, .note = "Releases signed by the keys that the lock names"},
      {.kind = LinkKind::index, .note = "indexes, and entries in them, that signed Releases vouch for"}};
  for (const auto& part : evidence) {
    auto& one = links.at(part.link == resolve::EvidencePart::Link::archive ? 0 : 1);
    switch (part.state) {
      case resolve::EvidencePart::State::verified: ++one.verified; break;
      case resolve::EvidencePart::State::absent: one.findings.push_back(absent(part.subject, part.reason)); break;
      case resolve::EvidencePart::State::broken: one.findings.push_back(broken(part.subject, part.reason)); break;
    }
  }
  for (auto& one : links)
    if (one.verified == 0 && one.findings.empty()) one.findings.push_back(absent(subject, nothing_known));
  return links;
}

std::vector<Link> examine_chain(const store::Store& store, const store::Environment& environment,
                                const ChainOptions& options) {
  return Chain(store, environment, options).run();
}

}  // namespace karapace::proof
