// SPDX-License-Identifier: Apache-2.0
#include "remote/fetch_step.hpp"

#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "remote/download.hpp"
#include "remote/sources.hpp"
#include "store/graph_files.hpp"
#include "store/store.hpp"

namespace karapace::remote {

namespace {

std::uint64_t size_of(const Step& step) {
  auto text = step.required("size");
  std::uint64_t size = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error == std::errc() && end == text.data() + text.size()) return size;
  throw StepError(fmt::format("fetch step: the size \"{}\" is not a number of bytes", text));
}

template <class Id>
std::optional<Id> digest_of(const Step& step, std::string_view name) {
  auto hex = step.parameter(name);
  if (!hex) return std::nullopt;
  auto id = Id::from_hex(*hex);
  if (!id) throw StepError(fmt::format("fetch step: \"{}\" is not a {} digest", *hex, name));
  return id;
}

void refuse_unknown(const Step& step) {
  if (step.kind != StepKind::fetch)
    throw StepError(fmt::format("karapace-fetch does not run {} steps", text(step.kind)));
  if (!step.inputs.empty()) throw StepError("fetch step: it takes no inputs");
  for (const auto& parameter : step.parameters) {
    if (parameter.name == "size" || parameter.name == "sha256" || parameter.name == "blake3") continue;
    throw StepError(fmt::format("fetch step: the parameter \"{}\" is unknown", parameter.name));
  }
}

std::string hint(const Hints& hints, std::string_view name) {
  auto found = hints.find(name);
  return found == hints.end() ? std::string() : found->second;
}

Sources sources_from(const Hints& hints) {
  auto file = hint(hints, "mirrors");
  if (file.empty()) return {};
  auto text = read_file_if_exists(file);
  if (!text) throw RemoteError(fmt::format("the list of mirrors \"{}\" is missing; run karapace gen again", file));
  store::note_use_of_graph_file(file);
  return parse_sources(*text, fmt::format("\"{}\"", file));
}

DownloadRequest request_for(const Step& step, const Hints& hints) {
  refuse_unknown(step);
  DownloadRequest request;
  request.size = size_of(step);
  request.sha256 = digest_of<Sha256>(step, "sha256");
  request.blake3 = digest_of<BlobId>(step, "blake3");
  if (!request.sha256 && !request.blake3) throw StepError("fetch step: neither sha256 nor blake3 is given");
  auto hex = request.sha256 ? request.sha256->hex() : request.blake3->hex();
  auto path = hint(hints, "path");
  auto sources = sources_from(hints);
  request.locations = locations(sources, hex, hint(hints, "archive"), path);
  if (request.sha256)
    for (auto& location : blob_locations(sources, hex)) request.locations.push_back(std::move(location));
  request.options = sources.options;
  auto first = request.locations.empty() ? hex : request.locations.front();
  request.title = title_of(path.empty() ? first : path);
  return request;
}

}  // namespace

std::string title_of(const std::string& path) {
  auto file = path.substr(path.rfind('/') + 1);
  auto name_end = file.find('_');
  auto version_end = file.rfind('_');
  if (!file.ends_with(".deb") || name_end == version_end) return file;
  return file.substr(0, name_end) + " " + file.substr(name_end + 1, version_end - name_end - 1);
}

void run_fetch_step(const std::filesystem::path& root, const Step& step, const Hints& hints) {
  auto request = request_for(step, hints);
  auto store = store::Store::open(root, store::Store::Access::create);
  auto key = step.key();
  auto lock = store.lock_output(key.hex());
  if (store.record(key)) return;  // another process made it while we waited
  auto staging = store.stage(step);
  store.add_record({step, download(store, request, staging)});
}

}  // namespace karapace::remote
