// SPDX-License-Identifier: Apache-2.0
#include "exchange/record_bundle.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <variant>

#include <fmt/format.h>
#include <zstd.h>

#include "base/error.hpp"
#include "proof/statement.hpp"
#include "remote/sha256.hpp"
#include "store/absent.hpp"
#include "store/environment.hpp"

namespace karapace::exchange {

namespace {

constexpr std::string_view first_line = "karapace records 1\n";
constexpr int compression_level = 3;

using Records = std::map<StepKey, StepRecord>;

/// All that led to a step, inputs before what reads them; of the steps that could be next the least.
std::vector<StepRecord> in_order(Records records) {
  std::map<StepKey, std::size_t> waits_for;
  std::multimap<StepKey, StepKey> readers;
  std::set<StepKey> ready;
  for (const auto& [key, record] : records) {
    const std::set<StepKey> inputs(record.step.inputs.begin(), record.step.inputs.end());
    waits_for[key] = inputs.size();
    for (const auto& input : inputs) readers.emplace(input, key);
    if (inputs.empty()) ready.insert(key);
  }
  std::vector<StepRecord> ordered;
  while (!ready.empty()) {
    const auto key = *ready.begin();
    ready.erase(ready.begin());
    ordered.push_back(std::move(records.at(key)));
    const auto [begin, end] = readers.equal_range(key);
    for (auto reader = begin; reader != end; ++reader)
      if (--waits_for[reader->second] == 0) ready.insert(reader->second);
  }
  return ordered;
}

Records closure(const store::Store& store, const StepKey& last) {
  Records records;
  std::vector<StepKey> pending{last};
  while (!pending.empty()) {
    const auto key = pending.back();
    pending.pop_back();
    if (records.contains(key)) continue;
    auto found = store::record_or_forgotten(store, key);
    auto record = found ? *std::move(found) : store.input_record(key);
    pending.insert(pending.end(), record.step.inputs.begin(), record.step.inputs.end());
    records.emplace(key, std::move(record));
  }
  return records;
}

// Reads the text; every complaint ends in one place.
class Parser {
 public:
  Parser(std::string_view text, std::string_view what) : rest_(text), what_(what) {}

  Sha256 digest() {
    begin();
    std::map<StepKey, std::string_view> texts;
    while (!rest_.empty()) {
      const auto [key, text] = framed();
      if (!texts.emplace(key, text).second) refuse("a record stands twice");
    }
    remote::Sha256Hasher hasher;
    for (const auto& [key, text] : texts) hasher.update(text);
    return hasher.finish();
  }

  RecordBundle run() {
    begin();
    RecordBundle bundle;
    while (!rest_.empty()) bundle.records.push_back(record());
    judge(bundle);
    return bundle;
  }

 private:
  void begin() {
    if (!rest_.starts_with(first_line)) refuse("it does not begin as one");
    rest_.remove_prefix(first_line.size());
  }

  std::pair<StepKey, std::string_view> framed() {
    const auto key = StepKey::from_hex(word(' '));
    if (!key) refuse("a line names no step");
    const auto length = number(word('\n'));
    if (length > rest_.size()) refuse("it is cut off");
    const auto text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return {*key, text};
  }

  StepRecord record() {
    const auto [key, text] = framed();
    try {
      auto record = StepRecord::parse(text, key, "the record");
      // Two texts of one record would be two bundles of one environment.
      if (record.text() != text) refuse(fmt::format("the record of the step {} is not in its usual form", key.hex()));
      return record;
    } catch (const StoreError& error) {
      refuse(error.what());
    }
  }

  std::string_view word(char end) {
    const auto length = rest_.find(end);
    if (length == rest_.npos) refuse("it is cut off");
    const auto found = rest_.substr(0, length);
    rest_.remove_prefix(length + 1);
    return found;
  }

  std::size_t number(std::string_view digits) const {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool is_number =
        error == std::errc{} && end == digits.data() + digits.size() && fmt::to_string(value) == digits;
    if (!is_number) refuse("a record's length is no number");
    return value;
  }

  /// One environment at its end, nothing that did not lead there, and in the one order that there is.
  void judge(const RecordBundle& bundle) const {
    if (bundle.records.empty() || !std::holds_alternative<EnvironmentOutput>(bundle.records.back().output))
      refuse("it does not end with an environment");
    Records records;
    for (const auto& record : bundle.records) {
      for (const auto& input : record.step.inputs)
        if (!records.contains(input)) refuse(fmt::format("the record of the input {} is missing", input.short_hex()));
      records.emplace(record.step.key(), record);
    }
    if (records.size() != bundle.records.size()) refuse("a record stands twice");
    require_one_end(records, bundle.records.back().step.key());
    const auto ordered = in_order(std::move(records));
    const auto is_same = [](const StepRecord& a, const StepRecord& b) { return a.step == b.step; };
    if (!std::equal(ordered.begin(), ordered.end(), bundle.records.begin(), bundle.records.end(), is_same))
      refuse("its records are out of order");
    const auto& step = bundle.records.back().step;
    const bool is_its_own = step.kind == StepKind::environment && step.inputs.size() >= 2 &&
                            step.required("lock") == bundle.environment().hex();
    if (!is_its_own) refuse("its last step made another environment than its lock's");
    bundle.layers();
  }

  void require_one_end(const Records& records, const StepKey& last) const {
    std::set<StepKey> read;
    for (const auto& [key, record] : records) read.insert(record.step.inputs.begin(), record.step.inputs.end());
    for (const auto& [key, record] : records)
      if (key != last && !read.contains(key)) refuse(fmt::format("the step {} led to nothing", key.short_hex()));
  }

  [[noreturn]] void refuse(std::string_view reason) const {
    throw RemoteError(fmt::format("{}: these are no records of an environment: {}", what_, reason));
  }

  std::string_view rest_;
  std::string_view what_;
};

}  // namespace

std::vector<LayerId> RecordBundle::layers() const {
  const auto& inputs = records.back().step.inputs;
  std::map<StepKey, const StepRecord*> by_key;
  for (const auto& record : records) by_key.emplace(record.step.key(), &record);
  std::vector<LayerId> layers;
  for (std::size_t i = 0; i + 1 < inputs.size(); ++i) layers.push_back(by_key.at(inputs[i])->layer().layer);
  return layers;
}

EnvironmentId RecordBundle::environment() const {
  return std::get<EnvironmentOutput>(records.back().output).environment;
}

RecordBundle bundle_of(const store::Store& store, const EnvironmentId& id) {
  const auto environment = store::find_environment(store, id);
  if (!environment)
    throw NotFoundError(fmt::format("the environment {} is not built: run `karapace build`", id.short_hex()));
  return {in_order(closure(store, environment->step))};
}

std::string text(const RecordBundle& bundle) {
  std::string text(first_line);
  for (const auto& record : bundle.records) {
    const auto one = record.text();
    text += fmt::format("{} {}\n{}", record.step.key().hex(), one.size(), one);
  }
  return text;
}

std::map<StepKey, StepRecord> records_of(const RecordBundle& bundle) {
  Records records;
  for (const auto& record : bundle.records) records.emplace(record.step.key(), record);
  return records;
}

Sha256 digest_of(const RecordBundle& bundle) {
  remote::Sha256Hasher hasher;
  return hasher.update(proof::records_text(records_of(bundle))).finish();
}

Sha256 digest_of_text(std::string_view text, std::string_view what) { return Parser(text, what).digest(); }

RecordBundle parse_bundle(std::string_view text, std::string_view what) { return Parser(text, what).run(); }

std::string compressed(std::string_view text) {
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  const auto size = ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), compression_level);
  if (ZSTD_isError(size) != 0) throw Error(fmt::format("cannot compress records: {}", ZSTD_getErrorName(size)));
  bytes.resize(size);
  return bytes;
}

std::string decompressed(std::string_view bytes, std::string_view what) {
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  const bool is_usable = size != ZSTD_CONTENTSIZE_ERROR && size != ZSTD_CONTENTSIZE_UNKNOWN && size <= longest_bundle;
  if (!is_usable) throw RemoteError(fmt::format("{}: these are no compressed records", what));
  std::string text(size, '\0');
  const auto read = ZSTD_decompress(text.data(), text.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(read) != 0 || read != size) throw RemoteError(fmt::format("{}: the records are damaged", what));
  return text;
}

}  // namespace karapace::exchange
