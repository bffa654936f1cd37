// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/canonical_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fnmatch.h>
#include <openssl/sha.h>

#include "base/words.hpp"

namespace karapace::steps {

namespace {

using enum CanonicalAction;

constexpr auto rules = std::to_array<CanonicalRule>({
    {"etc/machine-id", empty, "random; made at first entry"},
    {"var/lib/dbus/machine-id", drop, "random; a link to etc/machine-id is made by dbus"},
    {"etc/ssh/ssh_host_*", at_first_entry, "ssh host keys"},
    {"etc/ssl/private/ssl-cert-snakeoil.key", at_first_entry, "ssl-cert's snake-oil certificate"},
    {"etc/ssl/certs/ssl-cert-snakeoil.pem", drop, "belongs to the secret key"},
    {"etc/ssl/certs/*", drop, "would lead nowhere; make-ssl-cert makes it with its certificate",
     "ssl-cert-snakeoil.pem"},
    {"etc/aliases.db", at_first_entry, "postfix's aliases"},
    {"etc/bind/rndc.key", at_first_entry, "rndc.key"},
    {"etc/dropbear/dropbear_*_host_key", at_first_entry, "dropbear host keys"},
    {"etc/ejabberd/ejabberd.pem", at_first_entry, "ejabberd.pem"},
    {"etc/iscsi/initiatorname.iscsi", at_first_entry, "iscsi initiator name"},
    {"etc/ldap/slapd.d/**", at_first_entry, "slapd's database"},
    {"var/lib/ldap/**", at_first_entry, "slapd's database"},
    {"etc/postgresql/**", at_first_entry, "PostgreSQL's cluster"},
    {"var/lib/postgresql/**", at_first_entry, "PostgreSQL's cluster"},
    {"etc/apt/apt.conf.d/02autoremove-postgresql", drop, "names the clusters; pg_createcluster makes it again"},
    {"var/lib/mysql/**", at_first_entry, "MariaDB's database"},
    {"etc/munge/munge.key", at_first_entry, "munge.key"},
    {"etc/nvme/hostid", at_first_entry, "nvme hostid"},
    {"etc/nvme/hostnqn", at_first_entry, "nvme hostnqn"},
    {"etc/popularity-contest.conf", at_first_entry, "popularity-contest's id"},
    {"etc/cron.d/popularity-contest", at_first_entry, "popularity-contest's id"},
    {"etc/xrdp/rsakeys.ini", at_first_entry, "xrdp's rsakeys.ini"},
    {"var/lib/rabbitmq/.erlang.cookie", at_first_entry, "rabbitmq's cookie"},
    {"etc/dropbear/initramfs/dropbear_*_host_key", at_first_entry, "dropbear host keys of the initramfs"},
    {"etc/nsd/nsd_*.key", at_first_entry, "nsd's keys"},
    {"etc/nsd/nsd_*.pem", at_first_entry, "nsd's keys"},
    {"etc/courier/dhparams.pem", at_first_entry, "courier's parameters"},
    {"etc/courier/imapd.pem", at_first_entry, "courier's IMAP certificate"},
    {"etc/courier/pop3d.pem", at_first_entry, "courier's POP3 certificate"},
    {"etc/courier/esmtpd.pem", at_first_entry, "courier's SMTP certificate"},
    {"var/lib/heimdal-kdc/m-key", at_first_entry, "heimdal's database"},
    {"var/lib/heimdal-kdc/heimdal.db*", at_first_entry, "heimdal's database"},
    {"var/lib/heimdal-kdc/log", at_first_entry, "heimdal's database"},
    {"var/lib/quassel/quasselCert.pem", at_first_entry, "quassel's certificate"},
    {"var/lib/openvswitch/pki/**", at_first_entry, "openvswitch's authorities"},
    {"etc/keys/mandos/*key*", at_first_entry, "mandos's client keys"},
    {"etc/freeradius/3.0/certs/dh", at_first_entry, "freeradius's parameters"},
    {"var/cache/debconf/passwords.dat", known, "answers, which debconf empties when they were used"},
    {"var/lib/ucf/cache/*", known, "copies of configuration files"},
    {"etc/shadow", shadow_days, "the day of the last change"},
    {"etc/gshadow", known, "the groups' passwords, of which there are none"},
    {"etc/ssl/certs/java/cacerts", key_store, "the moment at which each certificate was added"},
    {"etc/passwd-", drop, "backup of the state before"},
    {"etc/group-", drop, "backup of the state before"},
    {"etc/shadow-", drop, "backup of the state before"},
    {"etc/gshadow-", drop, "backup of the state before"},
    {"etc/subuid-", drop, "backup of the state before"},
    {"etc/subgid-", drop, "backup of the state before"},
    {"usr/share/info/dir.old", drop, "backup of the state before"},
    {"var/cache/ldconfig/aux-cache", drop, "inode numbers and times"},
    {"var/cache/man/**", drop, "times in the index; mandb makes it again"},
    {"var/cache/fontconfig/**", drop, "times; fc-cache makes it again"},
    {"var/cache/apt/**", drop, "apt's downloads and binary caches"},
    {"var/cache/debconf/*-old", drop, "backup of the state before"},
    {"var/lib/apt/lists/**", drop, "what apt fetched"},
    {"var/lib/dpkg/status-old", drop, "backup of the state before"},
    {"var/lib/dpkg/diversions-old", drop, "backup of the state before"},
    {"var/lib/dpkg/statoverride-old", drop, "backup of the state before"},
    {"var/lib/dpkg/available-old", drop, "backup of the state before"},
    {"var/lib/systemd/catalog/database", drop, "times; journalctl --update-catalog makes it again"},
    {"var/lib/texmf/**/*.log", drop, "times"},
    {"var/lib/texmf/web2c/tex/*.fmt", drop, "the time; tex has mktexfmt make it when it is needed"},
    {"var/lib/texmf/web2c/lua*/*.fmt", drop,
     "hash tables in random order; luatex has mktexfmt make it when it is needed"},
    {"usr/share/emacs/site-lisp/elpa/*/Install.log.gz", drop, "the log of its compilation, with a time"},
    {"usr/share/octave/octave_packages", no_maker, "when and by whom it was made"},
    {"var/log/postgresql/postgresql-*.log", drop, "the cluster's; pg_createcluster makes it again"},
    {"var/log/**", empty, "times"},
    {"root/.bash_history", drop, "history of the build"},
    {"dev/**", drop, "the sandbox makes its own"},
    {"proc/**", drop, "the sandbox makes its own"},
    {"sys/**", drop, "the sandbox makes its own"},
    {"run/**", drop, "of the time being"},
    {"tmp/**", drop, "of the time being"},
});

std::string_view take_part(std::string_view& path) {
  auto end = std::min(path.find('/'), path.size());
  auto part = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return part;
}

constexpr std::uint64_t magic = 0xfeedfeed;
constexpr std::uint64_t trusted_certificate = 2;

/// Reads big-endian numbers and counted strings; past the end everything is nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::size_t position() const noexcept { return position_; }
  std::optional<std::uint64_t> number(std::size_t size) {
    if (bytes_.size() - position_ < size) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes_[position_ + i]);
    position_ += size;
    return value;
  }
  bool skip_counted(std::size_t size_of_count) {
    auto count = number(size_of_count);
    if (!count || bytes_.size() - position_ < *count) return false;
    position_ += *count;
    return true;
  }

 private:
  std::string_view bytes_;
  std::size_t position_ = 0;
};

// The password "changeit" in UTF-16 and the phrase that Java adds.
std::string digest(std::string_view content) {
  std::string bytes;
  for (char c : std::string_view("changeit")) bytes.append(1, '\0').append(1, c);
  bytes.append("Mighty Aphrodite").append(content);
  unsigned char result[SHA_DIGEST_LENGTH];
  ::SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), result);
  return {reinterpret_cast<const char*>(result), sizeof result};
}

std::string big_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

/// Replaces the dates; false when the store is not what is expected.
bool replace_dates(std::string& store, std::uint64_t latest) {
  Reader reader(store);
  if (reader.number(4) != magic || reader.number(4) != 2) return false;
  auto count = reader.number(4);
  for (std::uint64_t i = 0; count && i < *count; ++i) {
    if (reader.number(4) != trusted_certificate || !reader.skip_counted(2)) return false;
    auto place = reader.position();
    auto date = reader.number(8);
    if (!date) return false;
    if (*date > latest) store.replace(place, 8, big_endian(latest));
    if (!reader.skip_counted(2) || !reader.skip_counted(4)) return false;
  }
  return count && reader.position() == store.size() - SHA_DIGEST_LENGTH;
}

}  // namespace

std::span<const CanonicalRule> canonical_rules() { return rules; }

bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    auto wanted = take_part(pattern);
    if (wanted == "**" && pattern.empty()) return !path.empty();
    if (wanted == "**") {
      for (; !path.empty(); take_part(path)) {
        if (matches(pattern, path)) return true;
      }
      return false;
    }
    if (path.empty()) return false;
    auto part = take_part(path);
    if (::fnmatch(std::string(wanted).c_str(), std::string(part).c_str(), 0) != 0) return false;
  }
  return path.empty();
}

const CanonicalRule* rule_for(std::string_view path, std::string_view link_target) {
  auto found = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) {
    return (rule.link_target.empty() || rule.link_target == link_target) && matches(rule.pattern, path);
  });
  return found == rules.end() ? nullptr : &*found;
}

// name:password:last change:...
std::string with_shadow_days(std::string_view text, std::int64_t epoch) {
  const std::int64_t day = epoch / 86400;
  std::string result;
  for (auto line : lines(text, EmptyLines::kept)) {
    auto first = line.find(':');
    auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    auto third = second == std::string_view::npos ? second : line.find(':', second + 1);
    std::int64_t changed = 0;
    if (third != std::string_view::npos) std::from_chars(line.data() + second + 1, line.data() + third, changed);
    if (changed > day) {
      result.append(line.substr(0, second + 1)).append(std::to_string(day)).append(line.substr(third));
    } else {
      result.append(line);
    }
    result += '\n';
  }
  return result;
}

std::string without_maker(std::string_view text) {
  if (text.starts_with("# Created by ")) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return std::string(text);
}

std::string with_epoch_dates(std::string_view store, std::int64_t epoch) {
  if (store.size() < SHA_DIGEST_LENGTH || epoch < 0) return std::string(store);
  auto content = store.substr(0, store.size() - SHA_DIGEST_LENGTH);
  if (digest(content) != store.substr(content.size())) return std::string(store);
  std::string result(store);
  if (!replace_dates(result, static_cast<std::uint64_t>(epoch) * 1000)) return std::string(store);
  result.resize(content.size());
  return result + digest(result);
}

}  // namespace karapace::steps
