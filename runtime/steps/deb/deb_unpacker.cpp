// SPDX-License-Identifier: Apache-2.0
// A .deb into a tree: deb_package.hpp has its form. What dpkg refuses is refused, and what would make dpkg wait for
// ever; docs/packages-compared.md has the table.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <archive_entry.h>
#include <fmt/format.h>
#include <openssl/md5.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "base/words.hpp"
#include "deb/control_file.hpp"
#include "runtime/steps/deb/control_lists.hpp"
#include "runtime/steps/deb/deb_family.hpp"
#include "runtime/steps/deb/owner_names.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "store/listing.hpp"

namespace karapace::steps::deb {

namespace {

using trees::Compression;

constexpr std::int64_t large_member = std::int64_t{4} << 20;  // compressed; smaller ones rarely have two blocks

/// By the end of a member's name, as dpkg; nothing when dpkg does not know it.
std::optional<Compression> compression_of(std::string_view extension) {
  constexpr std::pair<std::string_view, Compression> known[] = {
      {"", Compression::none},     {".gz", Compression::gzip},   {".xz", Compression::xz},
      {".zst", Compression::zstd}, {".bz2", Compression::bzip2}, {".lzma", Compression::lzma},
  };
  for (const auto& [name, compression] : known)
    if (name == extension) return compression;
  return std::nullopt;
}

/// "2.0\n", deb(5): the first number is the format, the second may grow.
bool is_format_two(std::string_view text) {
  unsigned major = 0, minor = 0;
  const char* end = text.data() + std::min(text.find('\n'), text.size() - 1);
  const auto first = std::from_chars(text.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return false;
  const auto second = std::from_chars(first.ptr + 1, end, minor);
  return second.ec == std::errc{} && second.ptr == end && *end == '\n' && major == 2;
}

std::string md5_of(int fd, const std::string& path) {
  std::array<unsigned char, MD5_DIGEST_LENGTH> digest{};
  std::vector<char> buffer(64 * 1024);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  // dpkg's database speaks MD5. These functions keep OpenSSL's providers out of this lean program.
  MD5_CTX context;
  ::MD5_Init(&context);
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw StoreError(errno_message(fmt::format("cannot read \"{}\"", path), errno));
    if (count == 0) break;
    ::MD5_Update(&context, buffer.data(), static_cast<std::size_t>(count));
  }
  ::MD5_Final(digest.data(), &context);
#pragma GCC diagnostic pop
  std::string hex;
  for (unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

/// Files of dpkg's database are called by name and architecture: neither may lead elsewhere (deb-control(5)).
bool is_word(std::string_view text, std::string_view also) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto fits = [&](char c) { return is_letter(c) || also.find(c) != std::string_view::npos; };
  return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), fits);
}

bool is_file(const store::Entry* entry) {
  return entry && (entry->type == store::EntryType::regular || entry->type == store::EntryType::hardlink);
}

constexpr std::string_view control_files = "meta/deb/control/";
std::string control_path(std::string_view name) { return std::string(control_files).append(name); }

/// One .deb on its way into a layer.
class DebUnpacker {
 public:
  DebUnpacker(trees::TreeWriter& writer, int tree, const std::string& label)
      : writer_(writer), tree_(tree), label_(label) {}

  // As dpkg-deb: what stands after the data does not matter.
  void read(trees::ByteSource source) {
    trees::ArchiveReader outer(trees::ArchiveFormat::ar, std::move(source), label_);
    require_format(outer);
    extract_member(outer, "control");
    extract_member(outer, "data");
  }

  PackageMeta write_database_files() {
    auto stanza = karapace::deb::Stanza::parse_package(control_text("control"), label_ + ": control");
    PackageMeta meta;
    static_cast<PackageIdentity&>(meta) = identity(stanza);
    meta.users = owners_.users();
    meta.groups = owners_.groups();
    meta.configuration_files = parse_conffiles(control_text("conffiles"), label_);
    meta.scripts = scripts();
    meta.triggers = parse_triggers(control_text("triggers"), label_);
    stanza.set("Status", "install ok unpacked");
    std::string text = stanza.text() + conffiles_field(meta.configuration_files);
    writer_.add_file("meta/deb/list", list_, mtime_);
    if (!has_control("md5sums")) writer_.add_file("meta/deb/md5sums", md5sums(), mtime_);
    writer_.add_file("meta/deb/stanza", text, mtime_);
    return meta;
  }

 private:
  PackageIdentity identity(const karapace::deb::Stanza& stanza) const {
    PackageIdentity found{std::string(stanza.value("Package")), std::string(stanza.value("Version")),
                          std::string(stanza.value("Architecture"))};
    if (found.name.empty() || found.version.empty() || found.architecture.empty())
      throw StepError(fmt::format("{}: its control file lacks Package, Version or Architecture", label_));
    if (!is_word(found.name, "+-._") || !is_word(found.architecture, "-"))
      throw StepError(
          fmt::format("{}: refused: it calls itself {}, which is no name of a package", label_, found.text()));
    return found;
  }

  void require_format(trees::ArchiveReader& outer) {
    archive_entry* header = outer.next();
    if (!header || std::string_view(archive_entry_pathname(header)) != "debian-binary")
      throw StepError(fmt::format("{}: not a Debian package: its first member is not debian-binary", label_));
    std::array<char, 64> text{};
    const auto count = outer.read(text);
    if (count == 0 || !is_format_two({text.data(), count}))
      throw StepError(fmt::format("{}: not a Debian package of format 2", label_));
  }

  /// The next member, which must be this one; those that begin with "_" are for programs that know them.
  void extract_member(trees::ArchiveReader& outer, std::string_view prefix) {
    const auto wanted = fmt::format("{}.tar", prefix);
    for (;;) {
      archive_entry* header = outer.next();
      if (!header) throw StepError(fmt::format("{}: not a Debian package: it has no {}", label_, wanted));
      const std::string name = archive_entry_pathname(header);
      if (name.starts_with('_')) continue;
      if (!name.starts_with(wanted))
        throw StepError(fmt::format("{}: not a Debian package: \"{}\" stands where {} must stand", label_,
                                    escaped_utf8(name), wanted));
      mtime_ = trees::nearest_time(archive_entry_mtime(header));
      return extract(outer, prefix, compression(name, wanted), archive_entry_size(header));
    }
  }

  Compression compression(std::string_view name, std::string_view wanted) const {
    const auto found = compression_of(name.substr(wanted.size()));
    const bool old = found == Compression::bzip2 || found == Compression::lzma;
    if (found && !(old && wanted == "control.tar")) return *found;
    throw StepError(
        fmt::format("{}: refused: dpkg does not know how \"{}\" is compressed", label_, escaped_utf8(name)));
  }

  void extract(trees::ArchiveReader& outer, std::string_view prefix, Compression compression, std::int64_t size) {
    auto label = fmt::format("{}: {}.tar", label_, prefix);
    trees::ByteSource bytes = [&](std::span<char> buffer) { return outer.read(buffer); };
    std::optional<trees::XzReader> xz;
    if (compression == Compression::xz) {
      xz.emplace(std::move(bytes), label, size >= large_member ? trees::Threads::several : trees::Threads::one);
      bytes = [&](std::span<char> buffer) { return xz->read(buffer); };
      compression = Compression::none;
    }
    const bool is_data = prefix == "data";
    // dpkg has tar(1) read the control files, and reads the data itself, without pax.
    const auto format = is_data ? trees::ArchiveFormat::old_tar : trees::ArchiveFormat::tar;
    trees::ArchiveReader inner(format, std::move(bytes), label, compression);
    const std::string directory = is_data ? "data" : "meta/deb/control";
    if (!is_data) {
      writer_.add_directory("meta", 0755, mtime_);
      writer_.add_directory("meta/deb", 0755, mtime_);
    }
    writer_.add_directory(directory, 0755, mtime_);
    writer_.extract(inner, directory, [&](const store::Entry& entry, const trees::OwnersByName& names) {
      require_one_line(label, entry.path);
      if (!is_data) return;
      remember_in_list(entry.path);
      owners_.add_user(names.user, entry.uid);
      owners_.add_group(names.group, entry.gid);
    });
    if (!is_data) require_control_files();
  }

  static void require_one_line(const std::string& label, std::string_view path) {
    if (path.find('\n') == std::string_view::npos) return;
    throw StepError(fmt::format("{}: refused: the path \"{}\" has a newline, and dpkg's lists have a path a line",
                                label, escaped_utf8(path.substr(0, 80))));
  }

  // As dpkg writes info/NAME.list: the root first as "/.", every path in the archive's order, once.
  void remember_in_list(std::string_view path) {
    const bool is_root = path == "data";  // which stands there before it is in the archive
    if (is_root ? !list_.empty() : writer_.find(path) != nullptr) return;
    path.remove_prefix(std::string_view("data").size());
    list_.append(path.empty() ? std::string_view("/.") : path).append("\n");
  }

  /// dpkg refuses directories among them, would wait for a FIFO, and would read what a link leads to, of the host.
  void require_control_files() const {
    for (const auto& entry : writer_.entries()) {
      if (!entry.path.starts_with(control_files) || is_file(&entry)) continue;
      throw StepError(fmt::format("{}: refused: \"control/{}\" is not a regular file", label_,
                                  escaped_utf8(entry.path.substr(control_files.size(), 80))));
    }
  }

  Fd open_file(const std::string& path) const {
    auto file = open_regular(tree_, path, Links::refused);
    if (!file) throw StoreError(fmt::format("{}: \"{}\" is gone", label_, path));
    return std::move(*file);
  }

  bool has_control(std::string_view name) const { return writer_.find(control_path(name)) != nullptr; }

  std::string control_text(std::string_view name) const {
    if (!has_control(name)) return {};
    const auto path = control_path(name);
    auto file = open_file(path);
    return read_all(file.get(), path, std::size_t{16} << 20);
  }

  /// The same bytes have many names in a hostile package: they are read once.
  const std::string& md5_of_data(std::string_view absolute_path) {
    auto path = "data" + std::string(absolute_path);
    const auto* entry = writer_.find(path);
    if (entry->type == store::EntryType::hardlink) entry = writer_.find(entry->target);
    auto [known, fresh] = md5_.try_emplace(entry->content);
    if (fresh) known->second = md5_of(open_file(path).get(), path);
    return known->second;
  }

  std::string md5sums() {
    std::string text;
    for (auto path : lines(list_)) {
      if (!is_file(writer_.find("data" + std::string(path)))) continue;
      text.append(md5_of_data(path)).append("  ").append(path.substr(1)).append("\n");
    }
    return text;
  }

  /// Those that dpkg runs, in the order of ScriptPhase.
  std::vector<Script> scripts() const {
    constexpr std::pair<ScriptPhase, std::string_view> all[] = {
        {ScriptPhase::questions, "config"},       {ScriptPhase::before_install, "preinst"},
        {ScriptPhase::after_install, "postinst"}, {ScriptPhase::before_removal, "prerm"},
        {ScriptPhase::after_removal, "postrm"},
    };
    std::vector<Script> scripts;
    for (const auto& [phase, name] : all)
      if (has_control(name)) scripts.push_back({phase, fmt::format("control/{}", name)});
    return scripts;
  }

  std::string conffiles_field(const std::vector<ConfigurationFile>& conffiles) {
    std::string field;
    for (const auto& conffile : conffiles)
      field.append(" ").append(conffile.path).append(" ").append(conffile_state(conffile)).append("\n");
    return field.empty() ? field : "Conffiles:\n" + field;
  }

  /// What stands after its path in the status: a digest, or dpkg's words for none.
  std::string conffile_state(const ConfigurationFile& conffile) {
    const auto* entry = writer_.find("data" + conffile.path);
    const bool gone = conffile.policy == ConfigurationPolicy::removed;
    if (gone && entry)
      throw StepError(fmt::format("{}: refused: conffiles: \"{}\" is to be removed on upgrade, and is in the package",
                                  label_, conffile.path));
    if (gone) return "newconffile remove-on-upgrade";
    if (!entry || entry->type == store::EntryType::symlink) return "newconffile";
    if (is_file(entry)) return md5_of_data(conffile.path);
    throw StepError(fmt::format("{}: refused: conffiles: \"{}\" is neither a file nor a link, and dpkg would not end",
                                label_, conffile.path));
  }

  trees::TreeWriter& writer_;
  int tree_;
  const std::string& label_;
  std::int64_t mtime_ = 0;
  std::string list_;
  OwnerNames owners_;
  std::map<Digest, std::string> md5_;  // by content
};

}  // namespace

PackageMeta unpack_deb(PackageArchive archive) {
  DebUnpacker unpacker(archive.writer, archive.tree, archive.label);
  unpacker.read(std::move(archive.source));
  return unpacker.write_database_files();
}

}  // namespace karapace::steps::deb
