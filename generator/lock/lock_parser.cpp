// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/reader.hpp"
#include "generator/lock/lock.hpp"
#include "generator/manifest/rules.hpp"
#include "store/identifiers.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::lock {

namespace {

bool consists_of(std::string_view word, std::string_view others, bool upper) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
  });
}

// Lock rules: words that appear in locks only. As in generator/manifest/rules.hpp, a complaint ends a sentence.

/// Debian policy 5.6.12: [A-Za-z0-9.+:~-], at least one.
manifest::Complaint judge_version(std::string_view word) {
  if (consists_of(word, ".+:~-", true)) return std::nullopt;
  return "is not a version";
}

/// [a-z0-9][a-z0-9-]*: architectures, distributions and archives.
manifest::Complaint judge_word(std::string_view word) {
  if (consists_of(word, "-", false) && word[0] != '-') return std::nullopt;
  return "must consist of a-z, 0-9 and \"-\"";
}

/// "2026-07-11T10:16:37Z"
manifest::Complaint judge_date(std::string_view word) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ";
  bool fits = word.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] == 'd' ? word[i] >= '0' && word[i] <= '9' : word[i] == shape[i];
  }
  if (fits) return std::nullopt;
  return "is not a date such as \"2026-07-11T10:16:37Z\"";
}

/// An OpenPGP fingerprint: 40 or 64 upper-case hex digits.
manifest::Complaint judge_fingerprint(std::string_view word) {
  bool length = word.size() == 40 || word.size() == 64;
  auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  if (length && std::all_of(word.begin(), word.end(), hex)) return std::nullopt;
  return "is not a fingerprint: 40 upper-case hex digits";
}

using Judge = manifest::Complaint (*)(std::string_view);

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : text_(text), reader_(text, name) {}
  Lock parse();

 private:
  // Leaves: a value with its rule.
  std::string word(Judge judge);
  std::string text() { return word(manifest::judge_text); }
  template <class Id>
  Id digest();
  Digest plain_digest() { return digest<BlobId>().digest(); }
  std::vector<std::string> words(Judge judge);
  std::vector<std::string> sorted_words(Judge judge);
  /// Elements read by `read` must be in ascending order of `key`, without equals.
  template <class T, class Read, class Key>
  std::vector<T> sorted(Read read, Key key, std::string_view what);

  LockedRequest request();
  LockedRepositoryRequest repository_request();
  LockedRepository repository();
  LockedIndex index();
  LockedPackage package();
  std::vector<LockedPackage> packages();
  LockedArchive base_archive();
  LockedFile file();
  store::RuntimeConfiguration runtime();
  store::Mount mount();
  std::vector<store::Mount> mounts();

  void read_format();
  void refuse_conflicts();
  void check_whole(const Lock& lock, std::size_t at);

  std::string_view text_;
  JsonReader reader_;
};

manifest::Complaint judge_image(std::string_view word) {
  if (word.starts_with("sha256:") && Sha256::from_hex(word.substr(7))) return std::nullopt;
  auto slash = word.find('/');
  bool fits =
      slash != std::string_view::npos && !judge_word(word.substr(0, slash)) && !judge_word(word.substr(slash + 1));
  if (fits) return std::nullopt;
  return "is not a base: \"debian/bookworm\" or \"sha256:...\"";
}

manifest::Complaint judge_command(std::string_view word) {
  if (manifest::trimmed(word).empty()) return "is an empty command";
  return manifest::judge_text(word);
}

manifest::Complaint judge_label(std::string_view word) {
  if (word.empty() || manifest::trimmed(word) != word) return "is empty or has space around it";
  return manifest::judge_line(word);
}

/// What is not read-only says nothing about it: so each lock has one canonical text, and old ones keep theirs.
manifest::Complaint judge_read_only(std::string_view word) {
  if (word == "read-only") return std::nullopt;
  return "must be \"read-only\" or absent";
}

manifest::Complaint judge_optional_word(std::string_view word) {
  return word.empty() ? std::nullopt : judge_word(word);
}

std::string Parser::word(Judge judge) {
  std::size_t at = reader_.position();
  std::string value = reader_.string();
  if (auto complaint = judge(value)) reader_.fail_at(at, fmt::format("\"{}\" {}", value, *complaint));
  return value;
}

template <class Id>
Id Parser::digest() {
  std::size_t at = reader_.position();
  auto id = Id::from_hex(reader_.string());
  if (!id) reader_.fail_at(at, "a digest must be 64 lower-case hex digits");
  return *id;
}

std::vector<std::string> Parser::words(Judge judge) {
  std::vector<std::string> all;
  reader_.array([&] { all.push_back(word(judge)); });
  return all;
}

template <class T, class Read, class Key>
std::vector<T> Parser::sorted(Read read, Key key, std::string_view what) {
  std::vector<T> all;
  reader_.array([&] {
    std::size_t at = reader_.position();
    T value = read();
    if (!all.empty() && !(key(all.back()) < key(value))) {
      reader_.fail_at(at, fmt::format("{} must be sorted, none twice", what));
    }
    all.push_back(std::move(value));
  });
  return all;
}

std::vector<std::string> Parser::sorted_words(Judge judge) {
  return sorted<std::string>([&] { return word(judge); }, [](const std::string& value) { return value; }, "these");
}

LockedRepositoryRequest Parser::repository_request() {
  LockedRepositoryRequest value;
  reader_.object(field("name", [&] { value.name = word(manifest::judge_repository_name); }),
                 field("key", [&] { value.key = word(manifest::judge_relative_path); }),
                 field("key_content", [&] { value.key_content = plain_digest(); }),
                 field("suite", [&] { value.suite = word(manifest::judge_suite); }),
                 field("components", [&] { value.components = sorted_words(manifest::judge_suite); }));
  return value;
}

LockedRequest Parser::request() {
  LockedRequest value;
  auto by_name = [](const LockedRepositoryRequest& repository) { return repository.name; };
  reader_.object(field("base_image", [&] { value.base_image = word(judge_image); }),
                 field("packages", [&] { value.packages = sorted_words(manifest::judge_package_name); }),
                 field("recommends", [&] { value.recommends = reader_.boolean(); }), field("repositories", [&] {
                   value.repositories =
                       sorted<LockedRepositoryRequest>([&] { return repository_request(); }, by_name, "repositories");
                 }));
  return value;
}

LockedIndex Parser::index() {
  LockedIndex value;
  reader_.object(field("path", [&] { value.path = word(manifest::judge_relative_path); }),
                 field("sha256", [&] { value.sha256 = digest<Sha256>(); }));
  return value;
}

LockedRepository Parser::repository() {
  LockedRepository value;
  auto by_path = [](const LockedIndex& index) { return index.path; };
  reader_.object(field("archive", [&] { value.archive = word(judge_word); }),
                 field("suite", [&] { value.suite = word(manifest::judge_suite); }),
                 field("components", [&] { value.components = words(manifest::judge_suite); }),
                 field("date", [&] { value.date = word(judge_date); }),
                 field("signers", [&] { value.signers = sorted_words(judge_fingerprint); }), field("indexes", [&] {
                   value.indexes = sorted<LockedIndex>([&] { return index(); }, by_path, "indexes");
                 }));
  return value;
}

LockedPackage Parser::package() {
  LockedPackage value;
  reader_.object(field("name", [&] { value.name = word(manifest::judge_package_name); }),
                 field("version", [&] { value.version = word(judge_version); }),
                 field("architecture", [&] { value.architecture = word(judge_word); }),
                 field("size", [&] { value.size = reader_.number(); }),
                 field("sha256", [&] { value.sha256 = digest<Sha256>(); }),
                 field("archive", [&] { value.archive = word(judge_word); }),
                 field("path", [&] { value.path = word(manifest::judge_relative_path); }));
  return value;
}

std::vector<LockedPackage> Parser::packages() {
  std::vector<LockedPackage> all;
  std::unordered_set<std::string> names;
  reader_.array([&] {
    std::size_t at = reader_.position();
    all.push_back(package());
    if (!names.insert(all.back().name).second) {
      reader_.fail_at(at, fmt::format("package \"{}\" appears twice", all.back().name));
    }
  });
  return all;
}

LockedArchive Parser::base_archive() {
  LockedArchive value;
  reader_.object(field("size", [&] { value.size = reader_.number(); }),
                 field("sha256", [&] { value.sha256 = digest<Sha256>(); }));
  return value;
}

LockedFile Parser::file() {
  LockedFile value;
  auto mode = [&] {
    std::size_t at = reader_.position();
    std::string digits = reader_.string();
    auto bits = manifest::mode_from(digits);
    if (!bits || digits != manifest::mode_text(*bits)) reader_.fail_at(at, "a mode must be four octal digits");
    value.mode = *bits;
  };
  reader_.object(field("source", [&] { value.source = word(manifest::judge_relative_path); }),
                 field("target", [&] { value.target = word(manifest::judge_inner_path); }), field("mode", mode),
                 field("size", [&] { value.size = reader_.number(); }),
                 field("content", [&] { value.content = plain_digest(); }));
  return value;
}

store::Mount Parser::mount() {
  store::Mount value;
  reader_.object(
      field("label", [&] { value.label = word(judge_label); }), field("host", [&] { value.host = word(judge_label); }),
      field("target", [&] { value.target = word(manifest::judge_mount_target); }), optional_field("access", [&] {
        word(judge_read_only);
        value.access = store::MountAccess::read_only;
      }));
  return value;
}

std::vector<store::Mount> Parser::mounts() {
  std::map<std::string, std::string> labels;  // of what is mounted on each target
  auto one = [&] {
    std::size_t at = reader_.position();
    auto value = mount();
    auto [first, fresh] = labels.emplace(value.target, value.label);
    if (!fresh) {
      reader_.fail_at(at, fmt::format("mounts \"{}\" and \"{}\" have the same target \"{}\"", first->second,
                                      value.label, value.target));
    }
    return value;
  };
  return sorted<store::Mount>(one, [](const store::Mount& mount) { return mount.label; }, "mounts");
}

store::RuntimeConfiguration Parser::runtime() {
  store::RuntimeConfiguration value;
  auto variables = [&] {
    reader_.map([&](std::string name, std::size_t at) {
      if (auto complaint = manifest::judge_variable_name(name)) {
        reader_.fail_at(at, fmt::format("variable \"{}\" {}", name, *complaint));
      }
      auto [position, fresh] = value.variables.emplace(std::move(name), text());
      if (!fresh) reader_.fail_at(at, fmt::format("variable \"{}\" appears twice", position->first));
    });
  };
  reader_.object(field("variables", variables), field("mounts", [&] { value.mounts = mounts(); }),
                 field("network_isolation", [&] { value.network_isolation = reader_.boolean(); }),
                 optional_field("project", [&] {
                   word(judge_read_only);
                   value.project = store::ProjectAccess::read_only;
                 }));
  return value;
}

void Parser::read_format() {
  std::size_t at = reader_.position();
  auto format = reader_.number();
  if (format != 1) reader_.fail_at(at, fmt::format("lock format {} is not supported: this Karapace reads 1", format));
}

// What git leaves in a file that two branches changed is not JSON: say what it is.
void Parser::refuse_conflicts() {
  for (std::string_view marker : {"<<<<<<< ", "=======\n", ">>>>>>> "}) {
    for (std::size_t at = 0; (at = text_.find(marker, at)) != std::string_view::npos; ++at) {
      if (at > 0 && text_[at - 1] != '\n') continue;
      reader_.fail_at(at, "an unresolved merge conflict: take one side and run karapace lock");
    }
  }
}

void check_packages(const JsonReader& reader, const Lock& lock, std::size_t at) {
  std::set<std::string_view> archives;
  for (const auto& repository : lock.repositories) archives.insert(repository.archive);
  for (const auto* list : {&lock.base, &lock.packages}) {
    for (const auto& package : *list) {
      if (!archives.contains(package.archive)) {
        reader.fail_at(at, fmt::format("package \"{}\" comes from the archive \"{}\", which no repository has",
                                       package.name, package.archive));
      }
      if (package.architecture != lock.architecture && package.architecture != "all") {
        reader.fail_at(at, fmt::format("package \"{}\" is for {}, the lock for {}", package.name, package.architecture,
                                       lock.architecture));
      }
    }
  }
}

void Parser::check_whole(const Lock& lock, std::size_t at) {
  std::string base = lock.archive ? "sha256:" + lock.archive->sha256.hex() : lock.distribution + "/" + lock.suite;
  if (base != lock.request.base_image) {
    reader_.fail_at(at, fmt::format("the base is {}, but {} was requested", base, lock.request.base_image));
  }
  if (lock.archive && !lock.base.empty()) reader_.fail_at(at, "a base archive and base packages exclude each other");
  if (!lock.archive && lock.base.empty()) reader_.fail_at(at, "there is neither a base archive nor a base package");
  check_packages(reader_, lock, at);
}

Lock Parser::parse() {
  refuse_conflicts();
  Lock lock;
  auto by_suite = [](const LockedRepository& value) { return std::pair(value.archive, value.suite); };
  auto files = [&] { reader_.array([&] { lock.files.push_back(file()); }); };
  std::size_t begin = reader_.position();
  reader_.object(field("format", [&] { read_format(); }), field("request", [&] { lock.request = request(); }),
                 field("distribution", [&] { lock.distribution = word(judge_optional_word); }),
                 field("suite", [&] { lock.suite = word(judge_optional_word); }),
                 field("architecture", [&] { lock.architecture = word(judge_word); }),
                 // Of older locks: steps know their epochs by what they build on now.
                 optional_field("source_date_epoch",
                                [&] { reader_.number(std::uint64_t{std::numeric_limits<std::int64_t>::max()}); }),
                 optional_field("base_archive", [&] { lock.archive = base_archive(); }),
                 field("repositories",
                       [&] {
                         lock.repositories =
                             sorted<LockedRepository>([&] { return repository(); }, by_suite, "repositories");
                       }),
                 field("base", [&] { lock.base = packages(); }), field("packages", [&] { lock.packages = packages(); }),
                 field("files", files), field("run", [&] { lock.run = words(judge_command); }),
                 field("runtime", [&] { lock.runtime = runtime(); }));
  reader_.finish();
  check_whole(lock, begin);
  return lock;
}

}  // namespace

Lock parse_lock(std::string_view text, std::string_view name) { return Parser(text, name).parse(); }

}  // namespace karapace::lock
