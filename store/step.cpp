// SPDX-License-Identifier: Apache-2.0
#include "store/step.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json/seal.hpp"

namespace karapace {

namespace {

constexpr std::array<std::string_view, 6> kind_names = {"fetch", "unpack", "install", "setup", "commit", "environment"};
constexpr std::string_view key_domain = "karapace step 1";

void encode(Blake3& hasher, std::string_view field) {
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<char>(static_cast<std::uint64_t>(field.size()) >> (8 * i) & 0xff);
  }
  hasher.update({length.data(), length.size()}).update(field);
}

nlohmann::json output_json(const StepOutput& output) {
  struct {
    nlohmann::json operator()(const BlobOutput& value) const {
      return {{"blob", value.blob.hex()}, {"sha256", value.sha256.hex()}, {"size", value.size}};
    }
    nlohmann::json operator()(const LayerOutput& value) const { return {{"layer", value.layer.hex()}}; }
    nlohmann::json operator()(const EnvironmentOutput& value) const {
      return {{"environment", value.environment.hex()}};
    }
  } visitor;
  return std::visit(visitor, output);
}

template <class Id>
Id id_of(const nlohmann::json& json) {
  auto id = Id::from_hex(json.get<std::string>());
  if (!id) throw std::invalid_argument("not a digest");
  return *id;
}

void require_keys(const nlohmann::json& json, std::initializer_list<const char*> keys) {
  if (!json.is_object() || json.size() != keys.size()) throw std::invalid_argument("unexpected fields");
  for (const char* key : keys) json.at(key);
}

StepOutput output_from(const nlohmann::json& json) {
  if (json.contains("blob")) {
    require_keys(json, {"blob", "sha256", "size"});
    return BlobOutput{id_of<BlobId>(json.at("blob")), id_of<Sha256>(json.at("sha256")),
                      json.at("size").get<std::uint64_t>()};
  }
  if (json.contains("layer")) {
    require_keys(json, {"layer"});
    return LayerOutput{id_of<LayerId>(json.at("layer"))};
  }
  require_keys(json, {"environment"});
  return EnvironmentOutput{id_of<EnvironmentId>(json.at("environment"))};
}

Step step_from(const nlohmann::json& json) {
  auto kind = step_kind_from(json.at("kind").get<std::string>());
  if (!kind) throw std::invalid_argument("unknown kind of step");
  Step step{*kind, {}, {}};
  for (const auto& [name, value] : json.at("parameters").items()) {
    step.parameters.push_back({name, value.get<std::string>()});
  }
  for (const auto& input : json.at("inputs")) step.inputs.push_back(id_of<StepKey>(input));
  return step;
}

}  // namespace

std::string_view text(StepKind kind) noexcept { return kind_names[static_cast<std::size_t>(kind)]; }

std::string_view rules(StepKind kind) noexcept {
  switch (kind) {
    case StepKind::unpack: return "1";
    case StepKind::install: return "2";
    case StepKind::setup: return "2";
    default: return "";
  }
}

std::optional<StepKind> step_kind_from(std::string_view word) noexcept {
  auto found = std::find(kind_names.begin(), kind_names.end(), word);
  if (found == kind_names.end()) return std::nullopt;
  return static_cast<StepKind>(found - kind_names.begin());
}

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

std::string StepRecord::text() const {
  nlohmann::json parameters = nlohmann::json::object();
  for (const auto& [name, value] : step.parameters) parameters[name] = value;
  nlohmann::json inputs = nlohmann::json::array();
  for (const auto& input : step.inputs) inputs.push_back(input.hex());
  nlohmann::json record = {{"format", 1},
                           {"inputs", inputs},
                           {"kind", karapace::text(step.kind)},
                           {"output", output_json(output)},
                           {"parameters", parameters}};
  return sealed(record.dump(1) + "\n");
}

StepRecord StepRecord::parse(std::string_view text, const StepKey& expected, std::string_view what) {
  try {
    auto json = nlohmann::json::parse(unsealed(text));
    require_keys(json, {"format", "inputs", "kind", "output", "parameters"});
    if (json.at("format") != 1) throw std::invalid_argument("unknown format");
    StepRecord record{step_from(json), output_from(json.at("output"))};
    if (record.step.key() != expected) throw std::invalid_argument("it describes another step");
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
