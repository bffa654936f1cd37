// SPDX-License-Identifier: Apache-2.0
#include "exchange/verifying.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "exchange/asking.hpp"
#include "exchange/blob_reading.hpp"
#include "exchange/transfer_progress.hpp"
#include "generator/graph/graph.hpp"
#include "generator/lock/lock.hpp"
#include "image/environment_image.hpp"
#include "proof/chain.hpp"
#include "proof/signing/key_files.hpp"
#include "proof/statement.hpp"
#include "remote/oci/image_config.hpp"

namespace karapace::exchange {

namespace {

using proof::Finding;
using proof::LinkKind;
using proof::LinkState;

constexpr unsigned blobs_at_once = 4;

class ImageChain {
 public:
  ImageChain(oci::ImageRepository& repository, const oci::FoundImage& found, const VerifyRequest& request)
      : repository_(repository),
        found_(found),
        agree_(request.agree),
        environment_(environment_in(found.image.annotations)) {
    for (const auto& line : request.keys) keys_.push_back(signing::parse_public_key(line, "a key"));
    if (agree_ > 0) signing::require_sound({keys_, agree_});
  }

  VerifyAnswer run() {
    examine_image();
    find_artifacts();
    find_bundle();
    examine_lock();
    examine_records();
    examine_layers();
    examine_signatures();
    examine_packages();
    return {found_.manifest.digest.text(), environment_, lock_text_, answer_links()};
  }

 private:
  proof::Link& link(LinkKind kind) { return links_.at(static_cast<std::size_t>(kind)); }
  void find(LinkKind kind, LinkState state, std::string subject, std::string reason) {
    link(kind).findings.push_back({state, std::move(subject), std::move(reason)});
  }
  void expect(LinkKind kind, bool is_right, std::string subject, std::string reason) {
    if (is_right)
      ++link(kind).verified;
    else
      find(kind, LinkState::broken, std::move(subject), std::move(reason));
  }
  std::string environment_name() const { return "environment " + environment_->short_hex(); }

  std::vector<VerifiedLink> answer_links() {
    std::vector<VerifiedLink> answer;
    for (auto i = static_cast<std::size_t>(LinkKind::lock); i < links_.size(); ++i) {
      VerifiedLink one{std::string(text(static_cast<LinkKind>(i))), links_[i].verified, links_[i].note};
      for (auto& finding : links_[i].findings)
        one.findings.push_back({std::string(text(finding.state)), finding.subject, finding.reason});
      answer.push_back(std::move(one));
    }
    return answer;
  }

  bool is_artifact() const { return found_.image.artifact_type == environment_artifact_type; }

  // The manifest itself was found by its digest, or by a tag; either way it is what its digest says.
  void examine_image() {
    const auto subject = "image " + found_.manifest.digest.text();
    link(LinkKind::image).note = "facts of manifest and configuration";
    if (is_artifact()) {
      find(LinkKind::image, LinkState::absent, subject, "this is what a cache has of an environment, and no image");
      return;
    }
    ++link(LinkKind::image).verified;
    if (environment_)
      ++link(LinkKind::image).verified;
    else
      find(LinkKind::image, LinkState::absent, subject,
           "it is no image of an environment of Karapace: what it was made of, nobody says");
    try {
      const auto what = fmt::format("the configuration of {}", repository_.name());
      config_ = oci::parse_config(oci::read_small_blob(repository_, found_.image.config, oci::longest_config), what);
    } catch (const RemoteError& error) {
      find(LinkKind::image, LinkState::broken, "configuration " + found_.image.config.digest.text(), error.what());
      return;
    }
    expect(LinkKind::image, config_->diff_ids.size() == found_.image.layers.size(),
           "configuration " + found_.image.config.digest.text(),
           fmt::format("it is of {} layers, and the manifest has {}", config_->diff_ids.size(),
                       found_.image.layers.size()));
  }

  void find_artifacts() {
    if (!environment_) return;
    const auto note = [&](const std::string& problem) {
      find(LinkKind::record, LinkState::absent, environment_name(), "what lies beside it is not used: " + problem);
    };
    try {
      if (is_artifact())
        artifacts_.push_back(read_artifact(repository_, found_.manifest, repository_.name()));
      else
        artifacts_ = artifacts_beside(repository_, found_.manifest.digest, *environment_, nullptr, note).found;
    } catch (const Error& error) {
      find(LinkKind::record, LinkState::broken, environment_name(), error.what());
    }
  }

  /// What an envelope says of our environment and image; nothing when it is about something else.
  std::optional<proof::Subject> subject_in(std::string_view payload) const {
    try {
      auto subject = proof::parse_statement(payload, "statement");
      if (subject.environment == environment_ && is_about_image(subject)) return subject;
    } catch (const Error&) {
      // Not ours: somebody signs other things, too.
    }
    return std::nullopt;
  }
  bool is_about_image(const proof::Subject& subject) const {
    return is_artifact() || (subject.image && subject.image->hex() == found_.manifest.digest.hex());
  }

  signing::Judgement judge() const {
    if (keys_.empty()) return {};
    std::vector<signing::Envelope> envelopes;
    for (const auto& one : artifacts_) envelopes.insert(envelopes.end(), one.envelopes.begin(), one.envelopes.end());
    return signing::judge({keys_, std::max(agree_, 1U)}, envelopes,
                          [&](std::string_view payload) -> std::optional<std::string> {
                            const auto subject = subject_in(payload);
                            return subject ? std::optional(subject->records.hex()) : std::nullopt;
                          });
  }

  /// The records that keys agree on, else the first that can be read.
  void find_bundle() {
    if (artifacts_.empty()) return;
    const auto judgement = judge();
    const auto* agreed = judgement.agreed();
    std::string problems;
    for (const auto& one : artifacts_) {
      try {
        auto text =
            decompressed(oci::read_small_blob(repository_, one.artifact.records, longest_bundle), "the records");
        const auto digest = digest_of_text(text, "the records").hex();
        if (agreed != nullptr && digest != agreed->text)
          throw RemoteError("its records are not those that were signed");
        bundle_ = parse_bundle(text, "the records");
        if (bundle_->environment() != one.artifact.environment)
          throw RemoteError("its records are of another environment");
        records_digest_ = digest;
        artifact_ = &one.artifact;
        return;
      } catch (const RemoteError& error) {
        bundle_.reset();
        problems = error.what();
      }
    }
    find(LinkKind::record, LinkState::broken, environment_name(), problems);
    artifact_ = &artifacts_.front().artifact;
  }

  void examine_lock() {
    auto& one = link(LinkKind::lock);
    one.note = "facts of the environment as its lock says";
    if (artifact_ == nullptr) return absent_artifact(LinkKind::lock);
    try {
      auto text = oci::read_small_blob(repository_, artifact_->lock, longest_lock);
      const bool is_its_own = blake3(text) == environment_->digest();
      expect(LinkKind::lock, is_its_own, environment_name(),
             "the lock beside it is another one's: its id is not the lock's digest");
      if (!is_its_own) return;
      lock_ = lock::parse_lock(text, "the lock");
      lock_text_ = std::move(text);
    } catch (const Error& error) {
      find(LinkKind::lock, LinkState::broken, environment_name(), error.what());
      return;
    }
    if (config_)
      expect(LinkKind::lock, config_->platform == image::platform_of(*lock_), environment_name(),
             fmt::format("the image is for {}, and the lock for {}", text(config_->platform), lock_->architecture));
    if (!bundle_) return;
    const auto runtime = bundle_->records.back().step.parameter("runtime");
    expect(LinkKind::lock, runtime && *runtime == lock::runtime_of(*lock_).text(), environment_name(),
           "its runtime configuration is not that of its lock");
  }

  void absent_artifact(LinkKind kind) {
    const auto name = environment_ ? environment_name() : "image " + found_.manifest.digest.text();
    find(kind, LinkState::absent, name,
         environment_ ? "lock, records and signatures are not beside it: it was copied without them, or they were not "
                        "pushed; `karapace push` sends them"
                      : "it is no image of an environment of Karapace");
  }

  void examine_records() {
    auto& one = link(LinkKind::record);
    one.note = "step records with key and inputs";
    if (artifact_ == nullptr) return absent_artifact(LinkKind::record);
    if (!bundle_) return;
    one.verified = bundle_->records.size();
    if (!lock_) return;
    const auto step = bundle_->records.back().step.key();
    const auto graph = graph::plan(std::span(&*lock_, 1));
    if (std::ranges::any_of(graph.edges, [&](const auto& edge) { return edge.key == step; })) return;
    find(LinkKind::record, LinkState::absent, "step " + step.short_hex(),
         "a release of other rules made it: whether its steps are those of the lock, this one can not say");
  }

  // Layers: each blob once, and what it unpacks to where the configuration says that.

  struct WantedBlob {
    oci::Descriptor blob;
    std::optional<oci::ContentDigest> diff_id;
  };

  std::vector<WantedBlob> wanted_blobs() const {
    using DiffId = std::optional<oci::ContentDigest>;
    std::map<std::pair<oci::ContentDigest, DiffId>, WantedBlob> wanted;
    if (!is_artifact())
      for (std::size_t i = 0; i < found_.image.layers.size(); ++i) {
        const auto& blob = found_.image.layers[i];
        const auto diff_id = config_ && i < config_->diff_ids.size() ? DiffId(config_->diff_ids[i]) : std::nullopt;
        wanted.try_emplace({blob.digest, diff_id}, WantedBlob{blob, diff_id});
      }
    if (artifact_ != nullptr)
      for (const auto& layer : artifact_->layers) {
        const auto& blob = layer.blob;
        const auto same = wanted.lower_bound({blob.digest, std::nullopt});
        if (same == wanted.end() || same->first.first != blob.digest)
          wanted.try_emplace({blob.digest, std::nullopt}, WantedBlob{blob, {}});
      }
    std::vector<WantedBlob> list;
    for (auto& [digest, blob] : wanted) list.push_back(std::move(blob));
    return list;
  }

  void examine_layers() {
    link(LinkKind::layer).note = "blobs as manifest, configuration and records name them";
    const auto wanted = wanted_blobs();
    std::mutex mutex;
    TransferProgress progress("reading", "blob");
    for (const auto& one : wanted) progress.add(one.blob.size);
    for_each_index(wanted.size(), blobs_at_once, [&](std::size_t i) {
      const auto problem = problem_of(wanted[i], progress.watcher(i));
      progress.end(i);
      const std::lock_guard guard(mutex);
      expect(LinkKind::layer, problem.empty(), "blob " + wanted[i].blob.digest.text(), problem);
    });
    auto& findings = link(LinkKind::layer).findings;
    std::sort(findings.begin(), findings.end());
    if (bundle_) examine_stack();
  }

  std::string problem_of(const WantedBlob& wanted, const Seen& seen) const {
    try {
      if (!wanted.diff_id) {
        read_to_the_end(repository_, wanted.blob, seen);
        return {};
      }
      const auto diff_id = diff_id_of(repository_, wanted.blob, wanted.diff_id->algorithm(), seen);
      if (diff_id == *wanted.diff_id) return {};
      return fmt::format("it unpacks to {}, and the configuration says {}", diff_id.text(), wanted.diff_id->text());
    } catch (const Error& error) {
      return error.what();
    }
  }

  /// The layers of the records are those of the image, in their order, unless several are joined in one.
  void examine_stack() {
    const auto layers = bundle_->layers();
    for (const auto& id : std::set<LayerId>(layers.begin(), layers.end())) {
      const auto& there = artifact_->layers;
      expect(LinkKind::layer, std::ranges::any_of(there, [&](const auto& one) { return one.layer == id; }),
             "layer " + id.short_hex(), "the records name it, and it is not beside them");
    }
    if (is_artifact()) {
      find(LinkKind::layer, LinkState::absent, environment_name(),
           "which blob is which layer is said by nobody who signed: `karapace pull` and `karapace build` see it");
      return;
    }
    std::vector<std::string> said;
    for (const auto& blob : found_.image.layers) {
      const auto name = blob.annotations.find(std::string(layer_annotation));
      if (name == blob.annotations.end()) {
        find(LinkKind::layer, LinkState::absent, environment_name(),
             "the image does not say which of the records' layers its own are, as when several were joined");
        return;
      }
      said.push_back(name->second);
    }
    const bool is_same = std::ranges::equal(said, layers, {}, {}, [](const LayerId& id) { return id.hex(); });
    expect(LinkKind::layer, is_same, environment_name(),
           "the image has other layers than the records, or another order");
  }

  // Signatures.

  void examine_signatures() {
    auto& one = link(LinkKind::signature);
    one.note = "signatures of keys that are known here, of these records" +
               std::string(is_artifact() ? "" : " and this image");
    std::set<std::string> unknown;
    std::size_t count = 0;
    for (const auto& artifact : artifacts_) {
      for (const auto& envelope : artifact.envelopes) {
        ++count;
        for (const auto& signature : envelope.signatures)
          if (!is_known(signature.key_id)) unknown.insert(signature.key_id);
        const auto signers = signing::signers(envelope, keys_);
        for (const auto& key : signers) examine_word(key, envelope.payload);
        require_signed(envelope, signers);
      }
    }
    for (const auto& key : unknown)
      find(LinkKind::signature, LinkState::absent, "key " + key,
           "it is not known here: with --trust and its public key its signature can be judged");
    if (agree_ > 0) {
      const auto judgement = judge();
      if (judgement.agreed() == nullptr)
        find(LinkKind::signature, LinkState::broken, subject_name(), verdict(judgement));
    } else if (count == 0) {
      find(LinkKind::signature, LinkState::absent, subject_name(),
           "no signature lies beside it; `karapace push --key` makes one");
    }
  }

  std::string subject_name() const {
    return environment_ ? environment_name() : "image " + found_.manifest.digest.text();
  }
  bool is_known(const std::string& id) const {
    return std::ranges::any_of(keys_, [&](const auto& key) { return key.key.id().hex() == id; });
  }

  /// A signature that is said to be of a key that is known has to be.
  void require_signed(const signing::Envelope& envelope, const std::vector<signing::NamedKey>& signers) {
    std::set<std::string> said;
    for (const auto& signature : envelope.signatures) said.insert(signature.key_id);
    for (const auto& id : said)
      for (const auto& key : keys_)
        if (key.key.id().hex() == id && std::ranges::find(signers, key) == signers.end())
          find(LinkKind::signature, LinkState::broken, "key " + id,
               fmt::format("what is there as the signature of {} is not signed by it", key.name));
  }

  void examine_word(const signing::NamedKey& key, std::string_view payload) {
    const auto name = "key " + key.key.id().hex();
    const auto refuse = [&](LinkState state, std::string_view what) {
      find(LinkKind::signature, state, name, fmt::format("{} {}", key.name, what));
    };
    try {
      const auto subject = proof::parse_statement(payload, "statement");
      if (subject.environment != environment_) return refuse(LinkState::broken, "signed another environment");
      if (!is_about_image(subject))
        return refuse(LinkState::broken, subject.image ? "signed another image of this environment"
                                                       : "signed the environment, and not this image of it");
      if (!bundle_) return refuse(LinkState::absent, "signed records that can not be read here");
      if (subject.records.hex() == records_digest_) {
        ++link(LinkKind::signature).verified;
        return;
      }
      if (subject.step != bundle_->records.back().step.key())
        return refuse(LinkState::absent, "signed what a release of other rules made");
      refuse(LinkState::broken, "says that the steps made something else");
    } catch (const Error& error) {
      find(LinkKind::signature, LinkState::broken, name, error.what());
    }
  }

  // Packages.

  void examine_packages() {
    link(LinkKind::package).note = "packages, and archives of the base, with the size and SHA-256 of the lock";
    if (!lock_ || !bundle_) return absent_artifact_or_lock();
    std::map<Sha256, std::uint64_t> fetched;
    for (const auto& record : bundle_->records)
      if (record.step.kind == StepKind::fetch) fetched.emplace(record.blob().sha256, record.blob().size);
    std::vector<oci::Descriptor> kept;
    std::size_t elsewhere = 0;
    for (const auto& file : proof::pinned_files(*lock_)) {
      const auto found = fetched.find(file.sha256);
      if (found == fetched.end() || found->second != file.size) {
        find(LinkKind::package, LinkState::broken, file.name, "none of the steps fetched it as the lock says");
        continue;
      }
      const oci::Descriptor blob{
          .media_type = "application/octet-stream", .digest = oci::ContentDigest(file.sha256), .size = file.size};
      if (is_kept(blob))
        kept.push_back(blob);
      else
        ++elsewhere;
    }
    read_kept(kept);
    if (elsewhere > 0)
      find(LinkKind::package, LinkState::absent, counted(elsewhere, "file"),
           "the steps fetched what the lock says, and the files are not beside the image; `karapace push --sources` "
           "sends them");
  }

  void absent_artifact_or_lock() {
    if (artifact_ == nullptr) return absent_artifact(LinkKind::package);
    find(LinkKind::package, LinkState::absent, environment_name(),
         "without lock and records it is not known which they are");
  }

  /// Those that were sent with `--sources`, and layers of an image that is the base.
  bool is_kept(const oci::Descriptor& blob) {
    if (!sources_) {
      sources_.emplace();
      for (const auto& layer : found_.image.layers) sources_->insert(layer.digest);
      try {
        if (const auto manifest = repository_.manifest(sources_tag(*environment_)))
          for (const auto& one : oci::parse_image(*manifest, repository_.name()).layers) sources_->insert(one.digest);
      } catch (const RemoteError& error) {
        find(LinkKind::package, LinkState::broken, environment_name(), error.what());
      }
    }
    return sources_->contains(blob.digest);
  }

  void read_kept(const std::vector<oci::Descriptor>& kept) {
    std::vector<std::string> problems(kept.size());
    TransferProgress progress("reading packages", "file");
    for (const auto& one : kept) progress.add(one.size);
    for_each_index(kept.size(), blobs_at_once, [&](std::size_t i) {
      problems[i] = problem_of({kept[i], {}}, progress.watcher(i));
      progress.end(i);
    });
    for (std::size_t i = 0; i < kept.size(); ++i)
      expect(LinkKind::package, problems[i].empty(), "blob " + kept[i].digest.text(), problems[i]);
  }

  oci::ImageRepository& repository_;
  const oci::FoundImage& found_;
  std::vector<signing::NamedKey> keys_;
  unsigned agree_;
  std::optional<EnvironmentId> environment_;
  std::optional<oci::ImageConfig> config_;
  std::vector<SignedArtifact> artifacts_;
  const EnvironmentArtifact* artifact_ = nullptr;  // whose records are looked at
  std::optional<RecordBundle> bundle_;
  std::string records_digest_;
  std::string lock_text_;
  std::optional<lock::Lock> lock_;
  std::optional<std::set<oci::ContentDigest>> sources_;
  std::array<proof::Link, proof::link_kinds> links_;
};

}  // namespace

VerifyAnswer verify_image(oci::ImageRepository& repository, const oci::FoundImage& found,
                          const VerifyRequest& request) {
  return ImageChain(repository, found, request).run();
}

}  // namespace karapace::exchange
