// SPDX-License-Identifier: Apache-2.0
#include "store/step.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"

namespace karapace {

namespace {

constexpr auto kinds = words_of<StepKind>("is no kind of step", {{StepKind::fetch, "fetch"},
                                                                 {StepKind::unpack, "unpack"},
                                                                 {StepKind::install, "install"},
                                                                 {StepKind::setup, "setup"},
                                                                 {StepKind::commit, "commit"},
                                                                 {StepKind::environment, "environment"},
                                                                 {StepKind::pack, "pack"},
                                                                 {StepKind::source, "source"},
                                                                 {StepKind::compile, "compile"},
                                                                 {StepKind::assemble, "assemble"}});
constexpr std::string_view key_domain = "karapace step 1";

void encode(Blake3& hasher, std::string_view field) {
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<char>(static_cast<std::uint64_t>(field.size()) >> (8 * i) & 0xff);
  }
  hasher.update({length.data(), length.size()}).update(field);
}

constexpr auto blob_fields =
    fields_of<BlobOutput>(member("blob", &BlobOutput::blob), optional_member("diff_id", &BlobOutput::diff_id),
                          optional_member("diff_size", &BlobOutput::diff_size), member("sha256", &BlobOutput::sha256),
                          member("size", &BlobOutput::size));
constexpr auto layer_fields = fields_of<LayerOutput>(member("layer", &LayerOutput::layer));
constexpr auto environment_fields =
    fields_of<EnvironmentOutput>(member("environment", &EnvironmentOutput::environment));

/// Which it is, its first field says.
struct OutputCodec {
  static void write(JsonWriter& json, const StepOutput& output) {
    if (auto* made = std::get_if<BlobOutput>(&output)) blob_fields.write(json, *made);
    if (auto* made = std::get_if<LayerOutput>(&output)) layer_fields.write(json, *made);
    if (auto* made = std::get_if<EnvironmentOutput>(&output)) environment_fields.write(json, *made);
  }
  static void read(JsonReader& json, StepOutput& output) {
    auto first = json.first_name();
    if (first == "blob") return blob_fields.read(json, output.emplace<BlobOutput>());
    if (first == "layer") return layer_fields.read(json, output.emplace<LayerOutput>());
    environment_fields.read(json, output.emplace<EnvironmentOutput>());
  }
};

struct ParametersCodec {
  static void write(JsonWriter& json, const std::vector<Parameter>& parameters) {
    json.open('{', Layout::lines);
    for (const auto& [name, value] : parameters) {
      json.name(name);
      json.string(value);
    }
    json.close('}');
  }
  static void read(JsonReader& json, std::vector<Parameter>& parameters) {
    json.map([&](std::string name, std::size_t at) {
      const auto is_same = [&](const Parameter& other) { return other.name == name; };
      if (std::any_of(parameters.begin(), parameters.end(), is_same))
        json.fail_at(at, fmt::format("\"{}\" appears twice", name));
      parameters.push_back({std::move(name), json.string()});
    });
  }
};

constexpr auto record_fields = fields_of<StepRecord>(
    FormatMember{1}, member("inputs", [](auto& record) -> auto& { return record.step.inputs; }),
    member(
        "kind", [](auto& record) -> auto& { return record.step.kind; }, kinds),
    member("output", &StepRecord::output, OutputCodec{}),
    member("parameters", [](auto& record) -> auto& { return record.step.parameters; }, ParametersCodec{}));

/// Records are exact: only a packed layer has what it is before it is compressed.
void require_fit(const StepRecord& record) {
  const auto* blob = std::get_if<BlobOutput>(&record.output);
  const bool is_pack = record.step.kind == StepKind::pack;
  if (is_pack && blob == nullptr) throw std::invalid_argument("a pack step makes a blob");
  if (blob == nullptr || (blob->diff_id.has_value() == is_pack && blob->diff_size.has_value() == is_pack)) return;
  throw std::invalid_argument(is_pack ? "a pack step's output has \"diff_id\" and \"diff_size\""
                                      : "only a pack step's output has \"diff_id\" and \"diff_size\"");
}

}  // namespace

std::string_view text(StepKind kind) noexcept { return kinds.text(kind); }

std::string_view rules(StepKind kind) noexcept {
  switch (kind) {
    case StepKind::unpack: return "4";
    case StepKind::install: return "5";
    case StepKind::setup: return "5";
    case StepKind::commit: return "1";
    case StepKind::pack: return "1";
    case StepKind::source: return "1";
    case StepKind::compile: return "1";
    case StepKind::assemble: return "1";
    default: return "";
  }
}

std::optional<StepKind> step_kind_from(std::string_view word) noexcept { return kinds.find(word); }

Step Step::normalised(StepKind kind, std::vector<Parameter> parameters, std::vector<StepKey> inputs) {
  std::sort(parameters.begin(), parameters.end());
  auto same_name = [](const Parameter& a, const Parameter& b) { return a.name == b.name; };
  if (std::adjacent_find(parameters.begin(), parameters.end(), same_name) != parameters.end()) std::abort();
  return {kind, std::move(parameters), std::move(inputs)};
}

void Step::for_each_field(const std::function<void(std::string_view, std::string_view)>& visit) const {
  visit("kind", karapace::text(kind));
  visit("parameters", std::to_string(parameters.size()));
  for (const auto& [name, value] : parameters) {
    visit("parameter", name);
    visit(name, value);
  }
  visit("inputs", std::to_string(inputs.size()));
  for (const auto& input : inputs) visit("input", input.hex());
}

StepKey Step::key() const {
  Blake3 hasher;
  encode(hasher, key_domain);
  for_each_field([&](std::string_view, std::string_view value) { encode(hasher, value); });
  return StepKey(hasher.finish());
}

std::optional<std::string_view> Step::parameter(std::string_view name) const noexcept {
  for (const auto& parameter : parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nullopt;
}

std::string_view Step::required(std::string_view name) const {
  auto value = parameter(name);
  if (!value) throw StepError(fmt::format("{} step: the parameter \"{}\" is missing", karapace::text(kind), name));
  return *value;
}

std::string StepRecord::text() const { return sealed(json_text(record_fields, *this)); }

StepRecord StepRecord::parse(std::string_view text, const StepKey& expected, std::string_view what) {
  try {
    auto record = parse_json(record_fields, unsealed_in_place(text), "record");
    if (record.step.key() != expected) throw std::invalid_argument("it describes another step");
    require_fit(record);
    return record;
  } catch (const std::exception& error) {
    throw StoreError(fmt::format("{} is not a step record ({}); remove it and run ninja again", what, error.what()));
  }
}

const BlobOutput& StepRecord::blob() const {
  if (auto* value = std::get_if<BlobOutput>(&output)) return *value;
  throw StepError(fmt::format("{} step {} has no blob", karapace::text(step.kind), step.key().short_hex()));
}

const LayerOutput& StepRecord::layer() const {
  if (auto* value = std::get_if<LayerOutput>(&output)) return *value;
  throw StepError(fmt::format("{} step {} has no layer", karapace::text(step.kind), step.key().short_hex()));
}

}  // namespace karapace
