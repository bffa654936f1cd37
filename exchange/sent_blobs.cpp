// SPDX-License-Identifier: Apache-2.0
#include "exchange/sent_blobs.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::exchange {

namespace {

constexpr std::size_t most_lines = 10'000;

struct Line {
  oci::ContentDigest blob;
  std::string repository;  // with its registry
};

std::string registry_of(const std::string& repository) { return repository.substr(0, repository.find('/')); }

/// Nothing of what is no place: a cache that was configured wrongly keeps nobody from pushing elsewhere.
std::optional<oci::ImageLocation> place_of(const std::string& text) {
  try {
    return oci::ImageLocation::parse(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Nothing of a line that is none.
std::optional<Line> parse_line(std::string_view text) {
  const auto space = text.find(' ');
  if (space == text.npos) return std::nullopt;
  const auto blob = oci::ContentDigest::parse(text.substr(0, space));
  const auto repository = text.substr(space + 1);
  const auto slash = repository.find('/');
  const bool is_one = slash != repository.npos && oci::is_repository_name(repository.substr(slash + 1));
  if (!blob || !is_one) return std::nullopt;
  return Line{*blob, std::string(repository)};
}

std::vector<Line> read_lines(const std::filesystem::path& file) {
  std::vector<Line> lines;
  try {
    const auto text = read_file_if_exists(file).value_or("");
    std::string_view left(text);
    while (!left.empty()) {
      const auto end = std::min(left.find('\n'), left.size());
      if (auto line = parse_line(left.substr(0, end))) lines.push_back(std::move(*line));
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  } catch (const Error&) {
    // A hint that can not be read is none.
  }
  return lines;
}

}  // namespace

SentBlobs::SentBlobs(std::filesystem::path file, const oci::ImageLocation& place, const std::vector<std::string>& near)
    : file_(std::move(file)) {
  if (place.kind != oci::ImageLocation::Kind::registry) return;
  repository_ = place.place;
  registry_ = registry_of(repository_);
  for (const auto& text : near) {
    const auto location = place_of(text);
    const bool is_near = location && location->kind == oci::ImageLocation::Kind::registry &&
                         location->place != repository_ && registry_of(location->place) == registry_;
    if (is_near) near_.push_back(location->place);
  }
  for (auto& line : read_lines(file_))
    if (registry_of(line.repository) == registry_ && line.repository != repository_)
      known_.insert_or_assign(line.blob, std::move(line.repository));
}

std::vector<std::string> SentBlobs::repositories_with(const oci::ContentDigest& blob) const {
  std::vector<std::string> found;
  const auto add = [&](const std::string& repository) { found.push_back(repository.substr(registry_.size() + 1)); };
  if (const auto known = known_.find(blob); known != known_.end()) add(known->second);
  for (const auto& one : near_) add(one);
  return found;
}

void SentBlobs::note(const oci::ContentDigest& blob) {
  const std::lock_guard lock(mutex_);
  if (!registry_.empty()) noted_.push_back(blob);
}

void SentBlobs::keep() const {
  if (file_.empty() || noted_.empty()) return;
  auto lines = read_lines(file_);
  const std::set<oci::ContentDigest> noted(noted_.begin(), noted_.end());
  std::erase_if(lines, [&](const Line& line) { return line.repository == repository_ && noted.contains(line.blob); });
  for (const auto& blob : noted) lines.push_back({blob, repository_});
  std::string text;
  for (auto i = lines.size() - std::min(lines.size(), most_lines); i < lines.size(); ++i)
    text += fmt::format("{} {}\n", lines[i].blob.text(), lines[i].repository);
  try {
    std::filesystem::create_directories(file_.parent_path());
    write_file_atomically(file_, text, Durable::no);
  } catch (const std::exception&) {
    // The next push sends what it might have been spared.
  }
}

}  // namespace karapace::exchange
