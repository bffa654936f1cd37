// SPDX-License-Identifier: Apache-2.0
#include "proof/record_document.hpp"

#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/reader.hpp"
#include "base/json/seal.hpp"
#include "base/json/text.hpp"

namespace karapace::proof {

namespace {


constexpr std::string_view format_name = "karapace records 1";

void append_field(std::string& line, std::string_view name, std::string_view value) {
  line += fmt::format(", \"{}\": ", name);
  append_json(line, value);
}

struct AppendOutput {
  std::string& line;
  void operator()(const BlobOutput& output) const {
    append_field(line, "blob", output.blob.hex());
    append_field(line, "sha256", output.sha256.hex());
    line += fmt::format(", \"size\": {}", output.size);
  }
  void operator()(const LayerOutput& output) const { append_field(line, "layer", output.layer.hex()); }
  void operator()(const EnvironmentOutput& output) const {
    append_field(line, "environment", output.environment.hex());
  }
};

std::string line_of(const ExportedStep& step) {
  auto line = fmt::format("  {{\"key\": \"{}\"", step.key.hex());
  append_field(line, "kind", text(step.kind));
  append_field(line, "title", step.title);
  std::visit(AppendOutput{line}, step.output);
  if (step.listing) append_field(line, "listing", *step.listing);
  return line + "}";
}

/// The fields of one step, before they are put together.
struct ReadFields {
  std::optional<BlobId> blob;
  std::optional<Sha256> sha256;
  std::optional<std::uint64_t> size;
  std::optional<LayerId> layer;
  std::optional<EnvironmentId> environment;
};

class DocumentReader {
 public:
  DocumentReader(std::string_view text, std::string_view name) : reader_(text, name) {}

  std::vector<ExportedStep> read() {
    auto begin = reader_.position();
    reader_.object(field("check", [&] { reader_.string(); }), field("format", [&] { read_format(); }),
                   field("steps", [&] { reader_.array([&] { read_step(); }); }));
    reader_.finish();
    if (steps_.empty()) reader_.fail_at(begin, "it has no steps");
    return std::move(steps_);
  }

 private:
  void read_format() {
    auto at = reader_.position();
    auto found = reader_.string();
    if (found == format_name) return;
    reader_.fail_at(at, fmt::format("its format is \"{}\"; this Karapace reads \"{}\"", found, format_name));
  }

  template <class Id>
  Id id() {
    auto at = reader_.position();
    auto digits = reader_.string();
    auto id = Id::from_hex(digits);
    if (!id) reader_.fail_at(at, fmt::format("\"{}\" is not a digest of 64 hex digits", digits.substr(0, 80)));
    return *id;
  }

  StepKind kind() {
    auto at = reader_.position();
    auto word = reader_.string();
    auto kind = step_kind_from(word);
    if (!kind) reader_.fail_at(at, fmt::format("there is no kind of step \"{}\"", word.substr(0, 80)));
    return *kind;
  }

  void read_step() {
    auto at = reader_.position();
    ExportedStep step;
    ReadFields fields;
    reader_.object(field("key", [&] { step.key = id<StepKey>(); }), field("kind", [&] { step.kind = kind(); }),
                   field("title", [&] { step.title = reader_.string(); }),
                   optional_field("blob", [&] { fields.blob = id<BlobId>(); }),
                   optional_field("sha256", [&] { fields.sha256 = id<Sha256>(); }),
                   optional_field("size", [&] { fields.size = reader_.number(); }),
                   optional_field("layer", [&] { fields.layer = id<LayerId>(); }),
                   optional_field("listing", [&] { step.listing = reader_.string(); }),
                   optional_field("environment", [&] { fields.environment = id<EnvironmentId>(); }));
    step.output = output(step.kind, fields, at);
    if (step.listing && !fields.layer) reader_.fail_at(at, "only a step that made a layer has a listing");
    if (!keys_.insert(step.key).second) reader_.fail_at(at, fmt::format("step {} appears twice", step.key.short_hex()));
    steps_.push_back(std::move(step));
  }

  StepOutput output(StepKind kind, const ReadFields& fields, std::size_t at) const {
    bool has_blob = fields.blob && fields.sha256 && fields.size;
    bool has_part = fields.blob || fields.sha256 || fields.size;
    if (kind == StepKind::fetch && has_blob && !fields.layer && !fields.environment)
      return BlobOutput{*fields.blob, *fields.sha256, *fields.size};
    if (kind == StepKind::environment && fields.environment && !fields.layer && !has_part)
      return EnvironmentOutput{*fields.environment};
    bool makes_layer = kind != StepKind::fetch && kind != StepKind::environment;
    if (makes_layer && fields.layer && !fields.environment && !has_part) return LayerOutput{*fields.layer};
    reader_.fail_at(at, fmt::format("a {} step has exactly {}", text(kind),
                                    kind == StepKind::fetch         ? "blob, sha256 and size"
                                    : kind == StepKind::environment ? "an environment"
                                                                    : "a layer"));
  }

  JsonReader reader_;
  std::set<StepKey> keys_;
  std::vector<ExportedStep> steps_;
};

void require_seal(std::string_view text, std::string_view name) {
  try {
    unsealed(text);
  } catch (const std::invalid_argument&) {
    throw Error(fmt::format("{}: its \"check\" does not fit: the file was changed or cut; export it again", name));
  }
}

}  // namespace

std::string document_text(const std::vector<ExportedStep>& steps) {
  auto text = fmt::format("{{\n \"format\": \"{}\",\n \"steps\": [", format_name);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    text += i == 0 ? "\n" : ",\n";
    text += line_of(steps[i]);
  }
  text += "\n ]\n}\n";
  return sealed(text);
}

std::vector<ExportedStep> parse_document(std::string_view text, std::string_view name) {
  try {
    auto steps = DocumentReader(text, name).read();
    require_seal(text, name);
    return steps;
  } catch (const LockError& error) {
    throw Error(fmt::format("{}; this is no file of `karapace records export`", error.what()));
  }
}

}  // namespace karapace::proof
