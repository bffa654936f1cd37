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

constexpr std::string_view document_name = "karapace.records";  // docs/json.md
constexpr unsigned document_version = 1;

void append_field(std::string& line, std::string_view name, std::string_view value) {
  line += fmt::format(", \"{}\": ", name);
  append_json(line, value);
}

struct OutputFields {
  std::string operator()(const BlobOutput& output) const {
    const auto packed = output.diff_id && output.diff_size ? fmt::format(R"(, "diff_id": "{}", "diff_size_bytes": {})",
                                                                         output.diff_id->hex(), *output.diff_size)
                                                           : std::string();
    return fmt::format(R"("kind": "blob", "blob": "{}", "sha256": "{}", "size_bytes": {}{})", output.blob.hex(),
                       output.sha256.hex(), output.size, packed);
  }
  std::string operator()(const LayerOutput& output) const {
    return fmt::format(R"("kind": "layer", "layer": "{}")", output.layer.hex());
  }
  std::string operator()(const EnvironmentOutput& output) const {
    return fmt::format(R"("kind": "environment", "environment": "{}")", output.environment.hex());
  }
};

std::string line_of(const ExportedStep& step) {
  auto line = fmt::format("  {{\"step\": \"{}\"", step.key.hex());
  append_field(line, "kind", text(step.kind));
  append_field(line, "title", step.title);
  line += fmt::format(", \"output\": {{{}}}", std::visit(OutputFields{}, step.output));
  if (step.listing) append_field(line, "listing", *step.listing);
  return line + "}";
}

/// The fields of one step's output, before they are put together.
struct ReadFields {
  std::string kind;
  std::optional<BlobId> blob;
  std::optional<Sha256> sha256;
  std::optional<std::uint64_t> size;
  std::optional<Sha256> diff_id;
  std::optional<std::uint64_t> diff_size;
  std::optional<LayerId> layer;
  std::optional<EnvironmentId> environment;
};

class DocumentReader {
 public:
  DocumentReader(std::string_view text, std::string_view name) : reader_(text, name) {}

  std::vector<ExportedStep> read() {
    auto begin = reader_.position();
    reader_.object(field("check", [&] { reader_.string(); }), field("document", [&] { read_name(); }),
                   field("version", [&] { read_version(); }),
                   field("steps", [&] { reader_.array([&] { read_step(); }); }));
    reader_.finish();
    if (steps_.empty()) reader_.fail_at(begin, "it has no steps");
    return std::move(steps_);
  }

 private:
  void read_name() {
    auto at = reader_.position();
    auto found = reader_.string();
    if (found == document_name) return;
    reader_.fail_at(at, fmt::format("the document is \"{}\", not \"{}\"", found.substr(0, 80), document_name));
  }

  void read_version() {
    auto at = reader_.position();
    auto found = reader_.number();
    if (found == document_version) return;
    reader_.fail_at(at, fmt::format("its version is {}; this Karapace reads {}", found, document_version));
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
    reader_.object(field("step", [&] { step.key = id<StepKey>(); }), field("kind", [&] { step.kind = kind(); }),
                   field("title", [&] { step.title = reader_.string(); }),
                   field("output", [&] { read_output(fields); }),
                   optional_field("listing", [&] { step.listing = reader_.string(); }));
    step.output = output(step.kind, fields, at);
    if (step.listing && !fields.layer) reader_.fail_at(at, "only a step that made a layer has a listing");
    if (!keys_.insert(step.key).second) reader_.fail_at(at, fmt::format("step {} appears twice", step.key.short_hex()));
    steps_.push_back(std::move(step));
  }

  void read_output(ReadFields& fields) {
    reader_.object(field("kind", [&] { fields.kind = reader_.string(); }),
                   optional_field("blob", [&] { fields.blob = id<BlobId>(); }),
                   optional_field("sha256", [&] { fields.sha256 = id<Sha256>(); }),
                   optional_field("size_bytes", [&] { fields.size = reader_.number(); }),
                   optional_field("diff_id", [&] { fields.diff_id = id<Sha256>(); }),
                   optional_field("diff_size_bytes", [&] { fields.diff_size = reader_.number(); }),
                   optional_field("layer", [&] { fields.layer = id<LayerId>(); }),
                   optional_field("environment", [&] { fields.environment = id<EnvironmentId>(); }));
  }

  StepOutput output(StepKind kind, const ReadFields& fields, std::size_t at) const {
    bool has_blob = fields.blob && fields.sha256 && fields.size;
    bool has_part = fields.blob || fields.sha256 || fields.size || fields.diff_id || fields.diff_size;
    bool is_pack = kind == StepKind::pack;
    bool has_diff = fields.diff_id.has_value() == is_pack && fields.diff_size.has_value() == is_pack;
    bool makes_blob = kind == StepKind::fetch || is_pack;
    auto is = [&](std::string_view word) { return fields.kind == word; };
    if (makes_blob && is("blob") && has_blob && has_diff && !fields.layer && !fields.environment)
      return BlobOutput{*fields.blob, *fields.sha256, *fields.size, fields.diff_id, fields.diff_size};
    if (kind == StepKind::environment && is("environment") && fields.environment && !fields.layer && !has_part)
      return EnvironmentOutput{*fields.environment};
    bool makes_layer = !makes_blob && kind != StepKind::environment;
    if (makes_layer && is("layer") && fields.layer && !fields.environment && !has_part)
      return LayerOutput{*fields.layer};
    reader_.fail_at(at, fmt::format("a {} step's output has kind and exactly {}", text(kind),
                                    kind == StepKind::fetch ? "blob, sha256 and size_bytes"
                                    : is_pack               ? "blob, sha256, size_bytes, diff_id and diff_size_bytes"
                                    : kind == StepKind::environment ? "environment"
                                                                    : "layer"));
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
  auto text =
      fmt::format("{{\n \"document\": \"{}\",\n \"version\": {},\n \"steps\": [", document_name, document_version);
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
