// SPDX-License-Identifier: Apache-2.0
#include "exchange/pruning.hpp"

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "exchange/environment_artifact.hpp"

namespace karapace::exchange {

namespace {

constexpr std::chrono::hours idle_time{1};
constexpr std::int64_t longest_clock_skew = 86400;

/// Seconds since 1970; 0 of what says no time, or one that is still to come.
std::int64_t time_from(const oci::Annotations& annotations, std::int64_t now) {
  const auto found = annotations.find(std::string(pushed_annotation));
  std::tm time{};
  if (found == annotations.end() || ::strptime(found->second.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time) == nullptr) return 0;
  const std::int64_t seconds = ::timegm(&time);
  return seconds > now + longest_clock_skew ? 0 : seconds;
}

struct Entry {
  oci::Tag tag;
  EnvironmentId environment;
  oci::ContentDigest manifest;
  std::map<oci::ContentDigest, std::uint64_t> blobs;
  std::int64_t pushed = 0;
  std::string reason = {};  // why it goes
};

class Pruning {
 public:
  Pruning(oci::ImageRepository& repository, const PruneRequest& request, std::int64_t now, const Warn& warn)
      : repository_(repository), request_(request), now_(now), warn_(warn) {}

  PruneAnswer run() {
    read();
    judge_each();
    judge_size();
    auto answer = answer_of();
    if (!request_.dry_run) remove(answer);
    return answer;
  }

 private:
  void read() {
    for (const auto& tag : repository_.tags()) {
      const auto parts = parse_cache_tag(tag);
      if (!parts) continue;
      try {
        const auto manifest = repository_.manifest(tag);
        if (manifest) entries_.push_back(entry_of(tag, *parts, *manifest));
      } catch (const Error& error) {
        warn_(fmt::format("{} stays, as it can not be read: {}", tag.text(), error.what()));
      }
    }
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return std::tie(a.pushed, a.tag) < std::tie(b.pushed, b.tag); });
  }

  Entry entry_of(const oci::Tag& tag, const CacheTag& parts, const oci::Manifest& manifest) {
    const auto image = oci::parse_image(manifest, fmt::format("{}:{}", repository_.name(), tag.text()));
    Entry entry{tag, parts.environment, manifest.digest, {}, time_from(image.annotations, now_)};
    auto blobs = image.layers;
    blobs.push_back(image.config);
    // Whoever writes to a directory can say any size; nobody else looked at it.
    if (repository_.is_unattended())
      std::erase_if(blobs, [&](const auto& blob) { return !repository_.has_blob(blob); });
    for (const auto& blob : blobs) entry.blobs[blob.digest] = blob.size;
    return entry;
  }

  void judge_each() {
    const std::set<EnvironmentId> kept(request_.keep.begin(), request_.keep.end());
    for (auto& entry : entries_) {
      if (request_.only_kept && !kept.contains(entry.environment)) entry.reason = "no lock that was given needs it";
      const auto age = now_ - entry.pushed;
      const bool is_old = request_.older_than && age > static_cast<std::int64_t>(*request_.older_than);
      if (is_old && !kept.contains(entry.environment)) entry.reason = fmt::format("pushed {} days ago", age / 86400);
    }
  }

  /// The oldest go until what is left is small enough.
  void judge_size() {
    if (!request_.most_bytes) return;
    for (auto& entry : entries_) {
      if (bytes_of(entries_) <= *request_.most_bytes) return;
      const auto& keep = request_.keep;
      if (entry.reason.empty() && std::find(keep.begin(), keep.end(), entry.environment) == keep.end())
        entry.reason = "the oldest, and there is too much";
    }
  }

  /// Of those that stay, each blob once.
  static std::uint64_t bytes_of(const std::vector<Entry>& entries) {
    std::uint64_t bytes = 0;
    for (const auto& [digest, size] : blobs_of(entries, true)) bytes += size;
    return bytes;
  }
  static std::map<oci::ContentDigest, std::uint64_t> blobs_of(const std::vector<Entry>& entries, bool that_stay) {
    std::map<oci::ContentDigest, std::uint64_t> blobs;
    for (const auto& entry : entries)
      if (entry.reason.empty() == that_stay) blobs.insert(entry.blobs.begin(), entry.blobs.end());
    return blobs;
  }

  PruneAnswer answer_of() const {
    PruneAnswer answer{.kept_bytes = bytes_of(entries_)};
    for (const auto& entry : entries_) {
      if (entry.reason.empty())
        ++answer.kept;
      else
        answer.removed.push_back({entry.environment, entry.tag.text(), entry.reason});
    }
    const auto stay = blobs_of(entries_, true);
    for (const auto& [digest, size] : blobs_of(entries_, false))
      if (!stay.contains(digest)) answer.freed_bytes += size;
    return answer;
  }

  /// In a directory what the blobs took is freed now: what was pushed meanwhile counts, too, and so does what has
  /// nothing to do with caches. Who looks after a registry has it free them.
  void remove(PruneAnswer& answer) {
    if (!repository_.is_unattended()) return remove_from_registry(answer);
    for (const auto& entry : entries_)
      if (!entry.reason.empty()) repository_.remove_manifest(entry.tag);
    answer.freed_bytes = 0;
    try {
      answer.freed_bytes = repository_.sweep(idle_time);
    } catch (const Error& error) {
      warn_(fmt::format("{}: no blob was removed, as it is not known what is needed: {}", repository_.name(),
                        error.what()));
    }
  }

  /// There a manifest goes with all of its tags: one that has another tag, too, stays.
  void remove_from_registry(PruneAnswer& answer) {
    std::set<oci::ContentDigest> others;
    const bool is_any = !answer.removed.empty();
    if (is_any)
      for (const auto& tag : repository_.tags())
        if (const auto manifest = parse_cache_tag(tag) ? std::nullopt : repository_.find_manifest(tag))
          others.insert(manifest->digest);
    for (const auto& entry : entries_) {
      if (entry.reason.empty()) continue;
      if (!others.contains(entry.manifest)) {
        repository_.remove_manifest(entry.manifest);
        continue;
      }
      warn_(fmt::format("{} stays, as its manifest has another tag, too", entry.tag.text()));
      std::erase_if(answer.removed, [&](const auto& one) { return one.tag == entry.tag.text(); });
      ++answer.kept;
    }
  }

  oci::ImageRepository& repository_;
  const PruneRequest& request_;
  std::int64_t now_;
  const Warn& warn_;
  std::vector<Entry> entries_;  // the oldest first
};

}  // namespace

PruneAnswer prune(oci::ImageRepository& repository, const PruneRequest& request, std::int64_t now, const Warn& warn) {
  return Pruning(repository, request, now, warn).run();
}

}  // namespace karapace::exchange
