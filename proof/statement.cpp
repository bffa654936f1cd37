// SPDX-License-Identifier: Apache-2.0
#include "proof/statement.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/reader.hpp"
#include "base/json/writer.hpp"
#include "remote/sha256.hpp"
#include "store/environment.hpp"

namespace karapace::proof {

namespace {

constexpr std::string_view statement_name = "https://in-toto.io/Statement/v1";
constexpr std::string_view predicate_name = "https://slsa.dev/provenance/v1";
constexpr std::string_view build_name = "urn:karapace:environment:v1";
constexpr std::string_view builder_name = "urn:karapace:builder:v1";
constexpr std::string_view records_prefix = "records/";

using Records = std::map<StepKey, StepRecord>;

Sha256 sha256_of(std::string_view bytes) { return remote::Sha256Hasher().update(bytes).finish(); }

const StepKey& environment_step(const EnvironmentId& environment, const Records& records) {
  for (const auto& [key, record] : records) {
    const auto* made = std::get_if<EnvironmentOutput>(&record.output);
    if (made != nullptr && made->environment == environment) return key;
  }
  throw Error(fmt::format("statement: among the records is none of a step that made the environment {}",
                          environment.short_hex()));
}

/// Objects and arrays of JSON as calls within each other.
class Writer {
 public:
  using Body = std::function<void()>;
  void object(const Body& body) { nest('{', '}', body); }
  void array(const Body& body) { nest('[', ']', body); }
  void element(const Body& body) {
    json_.next();
    object(body);
  }
  void field(std::string_view name, std::string_view value) {
    json_.plain_name(name);
    json_.string(value);
  }
  void number(std::string_view name, std::size_t value) {
    json_.plain_name(name);
    json_.number(value);
  }
  void object(std::string_view name, const Body& body) {
    json_.plain_name(name);
    object(body);
  }
  void array(std::string_view name, const Body& body) {
    json_.plain_name(name);
    array(body);
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    array(name, [&] {
      for (const auto& value : values) {
        json_.next();
        json_.string(value);
      }
    });
  }
  std::string take() { return json_.take(); }

 private:
  void nest(char open, char close, const Body& body) {
    json_.open(open, Layout::one_line);
    body();
    json_.close(close);
  }
  JsonWriter json_{JsonWriter::Space::none};
};

using Digests = std::vector<std::pair<std::string_view, std::string>>;

void write_digests(Writer& json, const Digests& digests) {
  json.object("digest", [&] {
    for (const auto& [algorithm, hex] : digests) json.field(algorithm, hex);
  });
}

void write_artifact(Writer& json, std::string_view name, const Digests& digests) {
  json.element([&] {
    json.field("name", name);
    write_digests(json, digests);
  });
}

Digests digests_of_lock(const Subject& subject) {
  return {{"blake3", subject.environment.hex()}, {"sha256", subject.lock.hex()}};
}

void write_subjects(Writer& json, const Subject& subject) {
  json.array("subject", [&] {
    write_artifact(json, "environment", digests_of_lock(subject));
    write_artifact(json, fmt::format("{}{}", records_prefix, subject.step.hex()), {{"sha256", subject.records.hex()}});
    if (subject.image) write_artifact(json, "image", {{"sha256", subject.image->hex()}});
  });
}

/// What the manifest asked for.
void write_request(Writer& json, const lock::Lock& lock) {
  json.object("externalParameters", [&] {
    json.field("architecture", lock.architecture);
    json.field("base", lock.request.base_image);
    json.texts("packages", lock.request.packages);
  });
}

void write_indexes(Writer& json, const lock::LockedRepository& repository) {
  std::visit(
      [&](const auto& one) {
        for (const auto& index : one.indexes) {
          json.element([&] {
            json.field("name", one.name() + " " + index.path);
            write_digests(json, {{"sha256", index.sha256.hex()}});
            json.object("annotations", [&] {
              json.field("date", one.date);
              json.texts("signers", one.signers);
            });
          });
        }
      },
      repository);
}

/// The lock names every package; the rest tells who vouches for them.
void write_dependencies(Writer& json, const lock::Lock& lock, const Subject& subject) {
  json.array("resolvedDependencies", [&] {
    write_artifact(json, "lock", digests_of_lock(subject));
    if (lock.archive) write_artifact(json, "base", {{"sha256", lock.archive->sha256.hex()}});
    for (const auto& repository : lock.repositories) write_indexes(json, repository);
    for (const auto& layer : lock.layers) write_artifact(json, layer.name(), {{"blake3", layer.content.hex()}});
  });
}

void write_predicate(Writer& json, const lock::Lock& lock, const Subject& subject, const Records& records) {
  json.object("predicate", [&] {
    json.object("buildDefinition", [&] {
      json.field("buildType", build_name);
      write_request(json, lock);
      json.object("internalParameters", [&] { json.number("steps", records.size()); });
      write_dependencies(json, lock, subject);
    });
    json.object("runDetails", [&] { json.object("builder", [&] { json.field("id", builder_name); }); });
  });
}

/// One of the statement's subjects.
struct ReadSubject {
  std::string name;
  std::map<std::string, std::string> digests;
};

class StatementReader {
 public:
  StatementReader(std::string_view text, std::string_view name) : reader_(text, name) {}

  Subject read() {
    const auto begin = reader_.position();
    reader_.object(field("_type", [&] { constant(statement_name); }), field("subject", [&] { subjects(); }),
                   field("predicateType", [&] { constant(predicate_name); }),
                   field("predicate", [&] { reader_.skip(); }));
    reader_.finish();
    if (!has_environment_ || !has_records_) reader_.fail_at(begin, "it is not about an environment and its records");
    return subject_;
  }

 private:
  void constant(std::string_view wanted) {
    const auto at = reader_.position();
    if (const auto found = reader_.string(); found != wanted)
      reader_.fail_at(at, fmt::format("this is \"{}\", not \"{}\"", found.substr(0, 80), wanted));
  }

  void subjects() {
    reader_.array([&] {
      const auto at = reader_.position();
      ReadSubject one;
      reader_.object(field("name", [&] { one.name = reader_.string(); }), field("digest", [&] { digests(one); }));
      take(one, at);
    });
  }

  void digests(ReadSubject& subject) {
    reader_.map([&](const std::string& algorithm, std::size_t at) {
      if (!subject.digests.emplace(algorithm, reader_.string()).second)
        reader_.fail_at(at, fmt::format("\"{}\" appears twice", algorithm));
    });
  }

  void take(const ReadSubject& one, std::size_t at) {
    if (one.name == "environment") {
      once(has_environment_, one, at);
      subject_.environment = digest<EnvironmentId>(one, "blake3", at);
      subject_.lock = digest<Sha256>(one, "sha256", at);
    } else if (one.name.starts_with(records_prefix)) {
      once(has_records_, one, at);
      const auto key = StepKey::from_hex(std::string_view(one.name).substr(records_prefix.size()));
      if (!key) reader_.fail_at(at, "the records are of no step");
      subject_.step = *key;
      subject_.records = digest<Sha256>(one, "sha256", at);
    } else if (one.name == "image") {
      if (subject_.image) reader_.fail_at(at, "there are two images");
      subject_.image = digest<Sha256>(one, "sha256", at);
    } else {
      reader_.fail_at(at, fmt::format("it is about \"{}\", which only a newer Karapace knows", one.name.substr(0, 80)));
    }
  }

  void once(bool& seen, const ReadSubject& one, std::size_t at) const {
    if (std::exchange(seen, true)) reader_.fail_at(at, fmt::format("\"{}\" appears twice", one.name));
  }

  template <class Id>
  Id digest(const ReadSubject& subject, const std::string& algorithm, std::size_t at) const {
    const auto found = subject.digests.find(algorithm);
    const auto id = found == subject.digests.end() ? std::nullopt : Id::from_hex(found->second);
    if (!id) reader_.fail_at(at, fmt::format("\"{}\" has no digest {}", subject.name, algorithm));
    return *id;
  }

  JsonReader reader_;
  Subject subject_;
  bool has_environment_ = false;
  bool has_records_ = false;
};

}  // namespace

std::string records_text(const Records& records) {
  std::string text;
  for (const auto& [key, record] : records) text += record.text();
  return text;
}

Subject subject_of(const lock::Lock& lock, const Records& records, const std::optional<Sha256>& image) {
  const auto text = lock::serialise(lock);
  const EnvironmentId environment{blake3(text)};
  return {.environment = environment,
          .lock = sha256_of(text),
          .step = environment_step(environment, records),
          .records = sha256_of(records_text(records)),
          .image = image};
}

std::string statement_text(const lock::Lock& lock, const Records& records, const std::optional<Sha256>& image) {
  const auto subject = subject_of(lock, records, image);
  Writer json;
  json.object([&] {
    json.field("_type", statement_name);
    write_subjects(json, subject);
    json.field("predicateType", predicate_name);
    write_predicate(json, lock, subject, records);
  });
  return json.take();
}

Subject parse_statement(std::string_view text, std::string_view name) {
  try {
    return StatementReader(text, name).read();
  } catch (const LockError& error) {
    throw Error(fmt::format("{}; this is no statement about an environment of Karapace", error.what()));
  }
}

signing::ClaimOf claims_about(const StepKey& environment_step) {
  return [environment_step](std::string_view payload) -> std::optional<std::string> {
    try {
      const auto subject = parse_statement(payload, "statement");
      if (subject.step != environment_step) return std::nullopt;
      return subject.records.hex();
    } catch (const Error&) {
      return std::nullopt;
    }
  };
}

}  // namespace karapace::proof
