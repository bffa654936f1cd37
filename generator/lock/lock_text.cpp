// SPDX-License-Identifier: Apache-2.0
// The canonical text of a lock: one thing per line, in a fixed order of fields, so that two locks diff well. The lists
// of fields below are the format: they write it, and they read it strictly, each value by its rule.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "generator/lock/lock.hpp"
#include "generator/lock/lock_codecs.hpp"
#include "generator/lock/lock_rules.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/manifest/package_request.hpp"
#include "generator/manifest/preference.hpp"
#include "generator/manifest/rules.hpp"
#include "store/identifiers.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::lock {

namespace {

constexpr std::string_view made_by_newer = "was made by a newer karapace: install that one";

struct ModeCodec {
  static void write(JsonWriter& json, unsigned mode) { json.string(manifest::mode_text(mode)); }
  static void read(JsonReader& json, unsigned& mode) {
    auto at = json.position();
    auto digits = json.string();
    auto bits = manifest::mode_from(digits);
    if (!bits || digits != manifest::mode_text(*bits)) json.fail_at(at, "a mode must be four octal digits");
    mode = *bits;
  }
};

constexpr auto repository_request_fields = line_of<LockedRepositoryRequest>(
    member("name", &LockedRepositoryRequest::name, Word{manifest::judge_repository_name}),
    member("key", &LockedRepositoryRequest::key, Word{manifest::judge_relative_path}),
    member("key_content", &LockedRepositoryRequest::key_content),
    member("suite", &LockedRepositoryRequest::suite, Word{manifest::judge_suite}),
    member("components", &LockedRepositoryRequest::components,
           sorted_words({manifest::judge_suite}, Layout::one_line)));

constexpr auto request_fields = fields_of<LockedRequest>(
    member("base_image", &LockedRequest::base_image, Word{judge_image}),
    member("packages", &LockedRequest::packages, sorted_words({manifest::judge_package_request}, Layout::lines)),
    member("recommends", &LockedRequest::recommends),
    member("repositories", &LockedRequest::repositories,
           sorted(repository_request_fields, &LockedRepositoryRequest::name, "repositories")),
    optional_member("hold", &LockedRequest::hold, sorted_words({manifest::judge_qualified_name}, Layout::lines)),
    optional_member("prefer", &LockedRequest::prefer, list_of(Word{manifest::judge_preference})));

constexpr auto index_fields = line_of<LockedIndex>(
    member("path", &LockedIndex::path, Word{manifest::judge_relative_path}), member("sha256", &LockedIndex::sha256));

/// The field "type", the first one: which family's fields the others are.
struct TypeMember {
  std::string_view word;

  template <class Record>
  void write(JsonWriter& json, const Record& /*record*/) const {
    json.plain_name("type");
    json.string(word);
  }
  template <class Record>
  auto reading(JsonReader& json, Record& /*record*/) const {
    return field("type", [this, &json] {
      auto at = json.position();
      if (auto found = json.string(); found != word)
        json.fail_at(at, fmt::format("a repository of the type \"{}\" {}", found, made_by_newer));
    });
  }
};

template <class... First>
constexpr auto deb_fields(First... first) {
  return line_of<DebRepository>(
      first..., member("archive", &DebRepository::archive, Word{judge_word}),
      member("suite", &DebRepository::suite, Word{manifest::judge_suite}),
      member("components", &DebRepository::components, words({manifest::judge_suite})),
      member("date", &DebRepository::date, Word{judge_date}),
      member("signers", &DebRepository::signers, sorted_words({judge_fingerprint}, Layout::one_line)),
      member("indexes", &DebRepository::indexes, sorted(index_fields, &LockedIndex::path, "indexes")));
}

/// A repository as its family's list of fields has it. Format 1 knows one family, and does not name it.
template <LockFormat format>
struct RepositoryCodec {
  static constexpr auto fields() {
    if constexpr (format == LockFormat::one)
      return deb_fields();
    else
      return deb_fields(TypeMember{DebRepository::family});
  }
  static void write(JsonWriter& json, const LockedRepository& repository) {
    std::visit([&](const DebRepository& deb) { fields().write(json, deb); }, repository);
  }
  static void read(JsonReader& json, LockedRepository& repository) {
    auto at = json.position();
    if (format != LockFormat::one && json.first_name() != "type")
      json.fail_at(at, "the first field of a repository must be its type");
    static constexpr auto list = fields();
    list.read(json, repository.emplace<DebRepository>());
  }
};

template <LockFormat format>
constexpr auto package_fields = line_of<LockedPackage>(
    member("name", &LockedPackage::name, Word{manifest::judge_package_name}),
    member("version", &LockedPackage::version, Word{judge_version}),
    member("architecture", &LockedPackage::architecture, Word{judge_word}), member("size", &LockedPackage::size),
    member("sha256", &LockedPackage::sha256),
    format == LockFormat::one ? member("archive", &LockedPackage::repository, Word{judge_word})
                              : member("repository", &LockedPackage::repository, Word{judge_repository}),
    member("path", &LockedPackage::path, Word{manifest::judge_relative_path}));

/// Of a name and an architecture there is one.
template <LockFormat format>
struct PackagesCodec {
  static void write(JsonWriter& json, const std::vector<LockedPackage>& packages) {
    list_of(package_fields<format>).write(json, packages);
  }
  static void read(JsonReader& json, std::vector<LockedPackage>& packages) {
    std::unordered_set<std::string> names;
    json.array([&] {
      auto at = json.position();
      package_fields<format>.read(json, packages.emplace_back());
      const auto& [name, version, architecture, size, sha256, repository, path] = packages.back();
      if (!names.insert(name + ":" + architecture).second)
        json.fail_at(at, fmt::format("package \"{}\" for {} appears twice", name, architecture));
    });
  }
};

/// The system's own architecture, then the foreign ones.
std::vector<std::string> architectures_of(const Lock& lock) {
  auto all = lock.foreign_architectures;
  all.insert(all.begin(), lock.architecture);
  return all;
}

struct ArchitecturesMember {
  static void write(JsonWriter& json, const Lock& lock) {
    json.plain_name("architectures");
    words({judge_word}).write(json, architectures_of(lock));
  }
  static auto reading(JsonReader& json, Lock& lock) {
    return field("architectures", [&] {
      auto at = json.position();
      std::vector<std::string> all;
      words({judge_word}).read(json, all);
      if (all.empty()) json.fail_at(at, "there is no architecture");
      lock.architecture = all.front();
      lock.foreign_architectures.assign(all.begin() + 1, all.end());
      require_foreign(json, at, lock);
    });
  }
  static void require_foreign(const JsonReader& json, std::size_t at, const Lock& lock) {
    const auto& foreign = lock.foreign_architectures;
    const bool is_own = std::find(foreign.begin(), foreign.end(), lock.architecture) != foreign.end();
    if (is_own || std::adjacent_find(foreign.begin(), foreign.end(), std::greater_equal<>()) != foreign.end())
      json.fail_at(at, "architectures after the first must be sorted, none twice");
  }
};

constexpr auto archive_fields =
    line_of<LockedArchive>(member("size", &LockedArchive::size), member("sha256", &LockedArchive::sha256));

constexpr auto image_layer_fields =
    line_of<LockedImageLayer>(member("size", &LockedImageLayer::size), member("sha256", &LockedImageLayer::sha256),
                              member("media_type", &LockedImageLayer::media_type, Word{judge_media_type}),
                              member("diff_id", &LockedImageLayer::diff_id));

constexpr auto file_fields =
    line_of<LockedFile>(member("source", &LockedFile::source, Word{manifest::judge_relative_path}),
                        member("target", &LockedFile::target, Word{manifest::judge_inner_path}),
                        member("mode", &LockedFile::mode, ModeCodec{}), member("size", &LockedFile::size),
                        member("content", &LockedFile::content));

constexpr auto layer_fields =
    line_of<LockedLayer>(member("archive", &LockedLayer::archive, Word{manifest::judge_relative_path}),
                         optional_member("title", &LockedLayer::title, Word{judge_label}),
                         member("size", &LockedLayer::size), member("content", &LockedLayer::content));

/// Of an archive there is one layer.
struct DistinctLayers {
  void operator()(const JsonReader& json, std::size_t at, const std::vector<LockedLayer>& before,
                  const LockedLayer& layer) const {
    auto same = [&](const LockedLayer& other) { return other.archive == layer.archive; };
    if (std::any_of(before.begin(), before.end(), same))
      json.fail_at(at, fmt::format("two layers have the archive \"{}\"", layer.archive));
    if (before.size() == manifest::most_layers)
      json.fail_at(at, fmt::format("there are more than {} layers", manifest::most_layers));
  }
};

/// Names and what they stand for; of a name there is one.
struct NamedTexts {
  std::string_view what;
  manifest::Complaint (*judge_name)(std::string_view);
  manifest::Complaint (*judge_text)(std::string_view);

  static void write(JsonWriter& json, const std::map<std::string, std::string>& texts) {
    PlainCodec::write(json, texts);
  }
  void read(JsonReader& json, std::map<std::string, std::string>& texts) const {
    json.map([&](const std::string& name, std::size_t at) {
      if (auto complaint = judge_name(name)) json.fail_at(at, fmt::format("{} \"{}\" {}", what, name, *complaint));
      auto [text, fresh] = texts.try_emplace(name);
      Word{judge_text}.read(json, text->second);
      if (!fresh) json.fail_at(at, fmt::format("{} \"{}\" appears twice", what, name));
    });
  }
};
constexpr NamedTexts variables_codec{"variable", manifest::judge_variable_name, manifest::judge_text};
constexpr NamedTexts answers_codec{"question", manifest::judge_question, manifest::judge_answer};

constexpr auto image_fields = fields_of<LockedImage>(
    member("manifest", &LockedImage::manifest), member("platform", &LockedImage::platform, Word{judge_platform}),
    member("variables", &LockedImage::variables, variables_codec),
    member("layers", &LockedImage::layers, list_of(image_layer_fields)));

// What is not read-only says nothing about it: so each lock has one canonical text, and old ones keep theirs.
constexpr std::string_view access_complaint = "must be \"read-only\" or absent";
constexpr auto mount_access =
    words_of<store::MountAccess>(access_complaint, {{store::MountAccess::read_only, "read-only"}});
constexpr auto project_access =
    words_of<store::ProjectAccess>(access_complaint, {{store::ProjectAccess::read_only, "read-only"}});

constexpr auto mount_fields = line_of<store::Mount>(
    member("label", &store::Mount::label, Word{judge_label}), member("host", &store::Mount::host, Word{judge_label}),
    member("target", &store::Mount::target, Word{manifest::judge_mount_target}),
    optional_member("access", &store::Mount::access, mount_access));

struct SortedMounts {
  void operator()(const JsonReader& json, std::size_t at, const std::vector<store::Mount>& before,
                  const store::Mount& mount) const {
    auto same_target = [&](const store::Mount& other) { return other.target == mount.target; };
    auto other = std::find_if(before.begin(), before.end(), same_target);
    if (other != before.end())
      json.fail_at(at, fmt::format("mounts \"{}\" and \"{}\" have the same target \"{}\"", other->label, mount.label,
                                   mount.target));
    Sorted{&store::Mount::label, "mounts"}(json, at, before, mount);
  }
};

constexpr NamedTexts labels_codec{"label", manifest::judge_label_name, manifest::judge_text};

constexpr auto image_settings_fields = fields_of<store::ImageSettings>(
    optional_member("entrypoint", &store::ImageSettings::entrypoint, list_of(Word{manifest::judge_text})),
    optional_member("command", &store::ImageSettings::command, list_of(Word{manifest::judge_text})),
    optional_member("working_directory", &store::ImageSettings::working_directory, Word{manifest::judge_inner_path}),
    optional_member("user", &store::ImageSettings::user, Word{manifest::judge_user}),
    optional_member("labels", &store::ImageSettings::labels, labels_codec));

constexpr auto runtime_fields = fields_of<store::RuntimeConfiguration>(
    member("variables", &store::RuntimeConfiguration::variables, variables_codec),
    member("mounts", &store::RuntimeConfiguration::mounts, checked(mount_fields, SortedMounts{})),
    member("network_isolation", &store::RuntimeConfiguration::network_isolation),
    optional_member("project", &store::RuntimeConfiguration::project, project_access),
    optional_member("image", &store::RuntimeConfiguration::image, image_settings_fields));

/// Of older locks: steps know their epochs by what they build on now.
struct EpochMember {
  static void write(JsonWriter&, const Lock&) {}
  static auto reading(JsonReader& json, Lock&) {
    return optional_field("source_date_epoch",
                          [&] { json.number(std::uint64_t{std::numeric_limits<std::int64_t>::max()}); });
  }
};

constexpr auto suite_key = [](const LockedRepository& repository) {
  return std::visit([](const auto& one) { return std::tie(one.archive, one.suite); }, repository);
};

template <LockFormat format, class... AboutTheSystem>
constexpr auto fields_of_format(AboutTheSystem... about_the_system) {
  return fields_of<Lock>(
      FormatMember{static_cast<std::uint64_t>(format), "lock format"},
      member("request", &Lock::request, request_fields),
      member("distribution", &Lock::distribution, Word{judge_optional_word}),
      member("suite", &Lock::suite, Word{judge_optional_word}), about_the_system...,
      optional_member("base_archive", &Lock::archive, archive_fields),
      optional_member("base_image", &Lock::image, image_fields),
      member("repositories", &Lock::repositories, sorted(RepositoryCodec<format>{}, suite_key, "repositories")),
      member("base", &Lock::base, PackagesCodec<format>{}),
      member("packages", &Lock::packages, PackagesCodec<format>{}),
      optional_member("answers", &Lock::answers, answers_codec), member("files", &Lock::files, list_of(file_fields)),
      member("run", &Lock::run, list_of(Word{judge_command})),
      optional_member("layers", &Lock::layers, checked(layer_fields, DistinctLayers{})),
      member("runtime", &Lock::runtime, runtime_fields), optional_member("release", &Lock::release, ReleaseCodec{}));
}
constexpr auto fields_one =
    fields_of_format<LockFormat::one>(member("architecture", &Lock::architecture, Word{judge_word}), EpochMember{});
constexpr auto fields_two = fields_of_format<LockFormat::two>(ArchitecturesMember{});

/// By the field that must come first, as all others depend on it.
LockFormat format_of(JsonReader& json, std::string_view text) {
  auto at = json.position();
  if (json.first_name() != "format") json.fail_at(at, "the first field of a lock must be its format");
  const auto digits = trimmed(text.substr(text.find(':') + 1));
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (number > static_cast<std::uint64_t>(LockFormat::two))
    json.fail_at(at, fmt::format("lock format {} {}", number, made_by_newer));
  return number == 1 ? LockFormat::one : LockFormat::two;
}

// What git leaves in a file that two branches changed is not JSON: say what it is.
void refuse_conflicts(const JsonReader& json, std::string_view text) {
  for (std::string_view marker : {"<<<<<<< ", "=======\n", ">>>>>>> "}) {
    for (std::size_t at = 0; (at = text.find(marker, at)) != std::string_view::npos; ++at) {
      if (at > 0 && text[at - 1] != '\n') continue;
      json.fail_at(at, "an unresolved merge conflict: take one side and run karapace lock");
    }
  }
}

/// What packages may say that they come from: of each, somebody has signed the index.
std::set<std::string> sources(const JsonReader& json, const Lock& lock, std::size_t at) {
  std::set<std::string> all;
  for (const auto& repository : lock.repositories) {
    std::visit(
        [&](const auto& one) {
          if (lock.format != LockFormat::one && one.signers.empty())
            json.fail_at(at, fmt::format("nobody has signed the repository \"{}\"", one.name()));
          all.insert(lock.format == LockFormat::one ? one.archive : one.name());
        },
        repository);
  }
  return all;
}

void check_packages(const JsonReader& json, const Lock& lock, std::size_t at) {
  const auto known = sources(json, lock, at);
  const auto architectures = architectures_of(lock);
  auto is_of_the_lock = [&](const std::string& architecture) {
    return architecture == "all" ||
           std::find(architectures.begin(), architectures.end(), architecture) != architectures.end();
  };
  for (const auto* list : {&lock.base, &lock.packages}) {
    std::set<std::string> names;
    for (const auto& package : *list) {
      if (!known.contains(package.repository))
        json.fail_at(at, fmt::format("package \"{}\" comes from \"{}\", which no repository is", package.name,
                                     package.repository));
      if (!is_of_the_lock(package.architecture))
        json.fail_at(at, fmt::format("package \"{}\" is for {}, the lock for {}", package.name, package.architecture,
                                     fmt::join(architectures_of(lock), ", ")));
      if (!names.insert(name_in(lock, package)).second)
        json.fail_at(at, fmt::format("package \"{}\" appears twice", name_in(lock, package)));
    }
  }
}

void check_whole(const JsonReader& json, const Lock& lock, std::size_t at) {
  std::string base = lock.archive ? "sha256:" + lock.archive->sha256.hex() : lock.distribution + "/" + lock.suite;
  if (lock.image) base = manifest::names_image(lock.request.base_image) ? lock.request.base_image : "an image";
  if (base != lock.request.base_image) {
    json.fail_at(at, fmt::format("the base is {}, but {} was requested", base, lock.request.base_image));
  }
  if (lock.archive && lock.image) json.fail_at(at, "a base archive and a base image exclude each other");
  if (lock.image && lock.image->layers.empty()) json.fail_at(at, "the base image has no layers");
  if (lock.image && !lock.base.empty()) json.fail_at(at, "a base image and base packages exclude each other");
  if (lock.archive && !lock.base.empty()) json.fail_at(at, "a base archive and base packages exclude each other");
  if (!lock.archive && !lock.image && lock.base.empty())
    json.fail_at(at, "there is neither a base archive nor a base package");
  if (lock.packages.empty() && !lock.answers.empty()) json.fail_at(at, "there are answers, but no package to ask");
  check_packages(json, lock, at);
}

}  // namespace

std::string name_in(const Lock& lock, const LockedPackage& package) {
  const bool is_own = package.architecture == lock.architecture || package.architecture == "all";
  return is_own ? package.name : package.name + ":" + package.architecture;
}

std::string serialise(const Lock& lock) {
  if (lock.release) {
    auto environment = lock;
    environment.release.reset();
    return file_text(environment);
  }
  return file_text(lock);
}

std::string file_text(const Lock& lock) {
  return lock.format == LockFormat::one ? json_text(fields_one, lock) : json_text(fields_two, lock);
}

Lock parse_lock(std::string_view text, std::string_view name) {
  JsonReader json(text, name);
  refuse_conflicts(json, text);
  Lock lock;
  auto begin = json.position();
  lock.format = format_of(json, text);
  lock.format == LockFormat::one ? fields_one.read(json, lock) : fields_two.read(json, lock);
  json.finish();
  check_whole(json, lock, begin);
  return lock;
}

store::RuntimeConfiguration runtime_of(const Lock& lock) {
  auto runtime = lock.runtime;
  if (lock.image) runtime.variables.insert(lock.image->variables.begin(), lock.image->variables.end());
  return runtime;
}

EnvironmentId environment_id(const Lock& lock) { return EnvironmentId(blake3(serialise(lock))); }

}  // namespace karapace::lock
