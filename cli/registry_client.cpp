// SPDX-License-Identifier: Apache-2.0
#include "cli/registry_client.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/json/error_answer.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "cli/generate_arguments.hpp"
#include "exchange/request.hpp"
#include "generator/resolve/mirrors.hpp"
#include "generator/resolve/user_configuration.hpp"
#include "remote/oci/image_location.hpp"

namespace karapace::cli {

namespace {

constexpr std::string_view program = "karapace-registry";
constexpr std::string_view directory_prefix = "oci-layout:";

}  // namespace

std::string ask_registry(const Context& context, std::string_view verb, std::string_view request) {
  const auto paths = machine_paths(context);
  const auto mirrors = resolve::find_mirrors(
      {.distribution = {}, .architecture = {}, .configuration = paths.configuration, .cache = paths.cache});
  auto input = resolve::mirrors_text(mirrors, {});
  std::erase(input, '\n');  // JSON: between its parts
  input += fmt::format("\n{}", request);
  auto captured = capture_child(
      {.argv = {find_program(program), std::string(verb)}, .working_directory = {}, .interrupts = Interrupts::for_both},
      input, ChildErrors::inherited);
  throw_if_error_answer(captured.output);
  if (captured.status > 128) throw Error(fmt::format("{} was ended by signal {}", program, captured.status - 128));
  if (captured.status != 0) throw Error(fmt::format("{} failed with exit status {}", program, captured.status));
  return std::move(captured.output);
}

std::vector<exchange::Cache> configured_caches() {
  return exchange::read_caches(exchange::cache_list_file(resolve::default_configuration_file()));
}

std::vector<std::string> cache_locations() {
  std::vector<std::string> locations;
  for (auto& cache : configured_caches()) locations.push_back(std::move(cache.location));
  return locations;
}

std::filesystem::path sent_blobs_file(const Context& context) { return machine_paths(context).cache / "sent-blobs"; }

std::string not_sent_text(std::uint64_t present, std::uint64_t mounted) {
  const auto text = fmt::format("{} there already", present);
  return mounted == 0 ? text : fmt::format("{}, {} taken from another repository there", text, mounted);
}

bool take_from_caches(const Context& context, const std::string& name, const EnvironmentId& environment,
                      const StepKey& step) {
  auto caches = configured_caches();
  std::erase_if(caches, [](const exchange::Cache& cache) { return cache.keys.empty(); });
  if (caches.empty()) return false;
  exchange::TakeAnswer answer;
  try {
    const exchange::TakeRequest request{context.store_root(), environment, step, std::move(caches)};
    answer = exchange::parse_take_answer(ask_registry(context, "take", exchange::text(request)));
  } catch (const Error& error) {
    context.warn(fmt::format("no cache could be asked: {}", error.what()));
  }
  if (answer.cache.empty()) return false;
  context.tell(fmt::format("pulled {} from the cache {}: {}, {} (of {} none was run)", escaped_utf8(name), answer.cache,
                           counted(answer.layers, "layer"), size_text(answer.bytes), counted(answer.steps, "step")));
  return true;
}

std::string cache_location(std::string_view word) {
  constexpr std::string_view file_url = "file://";
  const bool is_url = word.starts_with(file_url);
  if (is_url) word.remove_prefix(file_url.size());
  const bool is_directory =
      word.starts_with('/') || word.starts_with("./") || word.starts_with("../") || word == "." || word == "..";
  const auto text = is_directory ? fmt::format("{}{}", directory_prefix, word) : std::string(word);
  if (text.find(':') == text.npos) return text;  // the name of a cache, or nothing
  const auto place = oci::ImageLocation::parse(text);
  if (place.name)
    throw UsageError(
        fmt::format("\"{}\" names an image, \"{}\": a cache has one for each environment; name the repository, the "
                    "directory (without "
                    "\":\" in its last part) or the file alone",
                    escaped_utf8(word), oci::text(*place.name)));
  return place.is_local() ? place.absolute(std::filesystem::current_path()).text() : text;
}

std::string place_of_cache(const std::string& word) {
  for (const auto& cache : configured_caches())
    if (cache.name == word) return cache.location;
  const auto location = cache_location(word);
  const bool is_place = location.find_first_of("/:") != location.npos;
  if (is_place) return location;
  throw NotFoundError(fmt::format(
      "there is no cache \"{0}\": `karapace cache list` shows which there are; a directory is written ./{0}",
      escaped_utf8(word)));
}

}  // namespace karapace::cli
