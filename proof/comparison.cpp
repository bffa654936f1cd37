// SPDX-License-Identifier: Apache-2.0
#include "proof/comparison.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/words.hpp"
#include "store/listing_comparison.hpp"

namespace karapace::proof {

namespace {

using store::Entry;

std::optional<StepOutput> output_of(const Outputs& outputs, const StepKey& step) {
  auto found = outputs.find(step);
  return found == outputs.end() ? std::nullopt : std::optional(found->second);
}

constexpr std::uint64_t largest_shown = std::uint64_t{1} << 20;
constexpr std::size_t most_lines = 5;      // of each side
constexpr std::size_t longest_line = 160;  // bytes

/// No NUL and few control characters: what a terminal can show.
bool is_text(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || byte == '\n' || byte == '\t' || byte == '\r';
  });
}

void append_lines(std::vector<std::string>& shown, std::string_view sign, const std::vector<std::string_view>& lines,
                  std::size_t begin, std::size_t end) {
  for (auto i = begin; i < std::min(end, begin + most_lines); ++i) {
    auto line = lines[i].substr(0, longest_line);
    shown.push_back(fmt::format("{} {}{}", sign, escaped_utf8(line), line.size() < lines[i].size() ? "..." : ""));
  }
  if (end > begin + most_lines) shown.push_back(fmt::format("{} ... {} more lines", sign, end - begin - most_lines));
}

/// The file's bytes, when it is a small regular file that is there.
std::optional<std::string> small_file(const LayerSide& side, const Entry& entry) {
  if (!side.tree || entry.type != store::EntryType::regular || entry.size > largest_shown) return std::nullopt;
  auto tree = open_at(AT_FDCWD, *side.tree, O_PATH | O_DIRECTORY);
  auto file = open_regular(tree.get(), entry.path, Links::refused);
  if (!file) return std::nullopt;
  return read_all(file->get(), entry.path, largest_shown);
}

std::string binary_difference(const std::string& first, const std::string& second) {
  auto [one, other] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  return fmt::format("{} and {} bytes, which differ from byte {} on", first.size(), second.size(), one - first.begin());
}

void show_content(const LayerSide& first, const LayerSide& second, const Entry& one, const Entry& other,
                  FileDifference& file) {
  auto here = small_file(first, one);
  auto there = small_file(second, other);
  if (!here || !there) {
    if (one.size != other.size) file.shown.push_back(fmt::format("{} and {} bytes", one.size, other.size));
    file.needs_tool = true;
  } else if (!is_text(*here) || !is_text(*there)) {
    file.shown.push_back(binary_difference(*here, *there));
    file.needs_tool = true;
  } else {
    auto lines = differing_lines(*here, *there);
    file.shown.insert(file.shown.end(), lines.begin(), lines.end());
  }
}

std::string_view type_text(store::EntryType type) {
  switch (type) {
    case store::EntryType::directory: return "directory";
    case store::EntryType::regular: return "file";
    case store::EntryType::symlink: return "link";
    case store::EntryType::hardlink: return "hard link";
    case store::EntryType::fifo: return "fifo";
    case store::EntryType::whiteout: return "whiteout";
  }
  return "unknown";
}

/// What needs no look into the files.
std::string aspect_text(std::string_view aspect, const Entry& one, const Entry& other) {
  if (aspect == "type") return fmt::format("{} became {}", type_text(one.type), type_text(other.type));
  if (aspect == "mode") return fmt::format("mode {:04o} became {:04o}", one.mode, other.mode);
  if (aspect == "owner") return fmt::format("owner {}:{} became {}:{}", one.uid, one.gid, other.uid, other.gid);
  if (aspect == "time") return fmt::format("time {} became {}", one.mtime, other.mtime);
  if (aspect == "target")
    return fmt::format("link to \"{}\" became \"{}\"", escaped_utf8(one.target), escaped_utf8(other.target));
  return {};
}

enum class Content { shown, not_shown };

FileDifference described(const LayerSide& first, const LayerSide& second, const store::EntryDifference& difference,
                         Content content) {
  FileDifference file{
      .path = "/" + escaped_utf8(difference.path()), .what = {}, .shown = {}, .raw_path = "/" + difference.path()};
  if (!difference.second || !difference.first) {
    file.what.emplace_back(difference.first ? "only in the first" : "only in the second");
    return file;
  }
  const auto& one = *difference.first;
  const auto& other = *difference.second;
  for (auto aspect : difference.aspects) {
    file.what.emplace_back(aspect);
    if (auto text = aspect_text(aspect, one, other); !text.empty()) file.shown.push_back(std::move(text));
    if (aspect == "content" && content == Content::shown) show_content(first, second, one, other, file);
  }
  return file;
}

}  // namespace

RecordComparison compare(const graph::Graph& graph, const Outputs& first, const Outputs& second) {
  RecordComparison result;
  result.steps = graph.edges.size();
  std::set<StepKey> different;
  for (const auto& edge : graph.edges) {
    const auto& inputs = edge.step.inputs;
    bool reads_another =
        std::any_of(inputs.begin(), inputs.end(), [&](const StepKey& key) { return different.contains(key); });
    auto here = output_of(first, edge.key);
    auto there = output_of(second, edge.key);
    bool is_same = here == there && !(reads_another && edge.step.kind == StepKind::environment);
    if (is_same) {
      ++result.same;
      continue;
    }
    different.insert(edge.key);
    if (reads_another) {
      result.consequences.push_back(edge.key);
    } else {
      result.causes.push_back({edge.key, here, there});
    }
  }
  return result;
}

const LayerId* layer_of(const std::optional<StepOutput>& output) noexcept {
  const auto* layer = output ? std::get_if<LayerOutput>(&*output) : nullptr;
  return layer ? &layer->layer : nullptr;
}

std::vector<std::string> differing_lines(const std::string& first, const std::string& second) {
  auto one = lines(first, EmptyLines::kept);
  auto other = lines(second, EmptyLines::kept);
  auto begin =
      static_cast<std::size_t>(std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first - one.begin());
  auto one_end = one.size();
  auto other_end = other.size();
  while (one_end > begin && other_end > begin && one[one_end - 1] == other[other_end - 1]) {
    --one_end;
    --other_end;
  }
  std::vector<std::string> shown;
  append_lines(shown, "-", one, begin, one_end);
  append_lines(shown, "+", other, begin, other_end);
  if (shown.empty()) shown.emplace_back("only the end of the last line differs");
  return shown;
}

std::vector<FileDifference> compare_files(const LayerSide& first, const LayerSide& second, std::size_t shown_files) {
  std::vector<FileDifference> files;
  for (const auto& difference : store::compare(first.listing, second.listing)) {
    auto content = files.size() < shown_files ? Content::shown : Content::not_shown;
    files.push_back(described(first, second, difference, content));
  }
  return files;
}

}  // namespace karapace::proof
