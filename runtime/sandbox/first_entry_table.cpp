// SPDX-License-Identifier: Apache-2.0
// What an instance has of its own, and the scripts that judge and make it.
#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/openat2.h>

#include "base/file.hpp"
#include "runtime/sandbox/first_entry.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

// The commands are those of the packages' postinst scripts; dpkg-reconfigure where there is more to it than a program.
constexpr auto secrets = std::to_array<InstanceSecret>({
    {"ssh host keys", "openssh-server", "/etc/ssh/ssh_host_*_key", "ssh-keygen -A"},
    {"ssl-cert's snake-oil certificate", "ssl-cert", "/etc/ssl/private/ssl-cert-snakeoil.key",
     "make-ssl-cert generate-default-snakeoil --force-overwrite"},
    {"postfix's aliases", "postfix", "/etc/aliases.db", "newaliases"},
    {"rndc.key", "bind9", "/etc/bind/rndc.key /etc/bind/rndc.conf",
     "rndc-confgen -a && chown bind:bind /etc/bind/rndc.key && chmod 640 /etc/bind/rndc.key"},
    {"dropbear host keys", "dropbear", "/etc/dropbear/dropbear_*_host_key",
     "for type in rsa ecdsa ed25519; do dropbearkey -t $type -f /etc/dropbear/dropbear_${type}_host_key; done"},
    {"ejabberd.pem", "ejabberd", "/etc/ejabberd/ejabberd.pem",
     "umask 077; openssl req -new -x509 -nodes -subj /CN=ejabberd -out /etc/ejabberd/ejabberd.pem -keyout "
     "/etc/ejabberd/ejabberd.pem && chown root:ejabberd /etc/ejabberd/ejabberd.pem && chmod 640 "
     "/etc/ejabberd/ejabberd.pem"},
    {"iscsi initiator name", "open-iscsi", "/etc/iscsi/initiatorname.iscsi",
     "umask 077; name=$(iscsi-iname -p iqn.1993-08.org.debian:01) && echo InitiatorName=$name > "
     "/etc/iscsi/initiatorname.iscsi"},
    {"slapd's database", "slapd", "/etc/ldap/slapd.d/* /var/lib/ldap/*", "dpkg-reconfigure slapd"},
    {"munge.key", "munge", "/etc/munge/munge.key", "su munge -s /bin/sh -c 'mungekey -c'"},
    {"nvme hostnqn", "nvme-cli", "/etc/nvme/hostnqn", "nvme gen-hostnqn > /etc/nvme/hostnqn"},
    {"nvme hostid", "nvme-cli", "/etc/nvme/hostid", "uuidgen > /etc/nvme/hostid"},
    {"popularity-contest's id", "popularity-contest", "/etc/popularity-contest.conf",
     "dpkg-reconfigure popularity-contest"},
    {"xrdp's rsakeys.ini", "xrdp", "/etc/xrdp/rsakeys.ini",
     "umask 077; xrdp-keygen xrdp auto && chown xrdp /etc/xrdp/rsakeys.ini"},
    {"rabbitmq's cookie", "rabbitmq-server", "/var/lib/rabbitmq/.erlang.cookie",
     "umask 077; openssl rand -base64 -out /var/lib/rabbitmq/.erlang.cookie 42 && chown rabbitmq:rabbitmq "
     "/var/lib/rabbitmq/.erlang.cookie && chmod 400 /var/lib/rabbitmq/.erlang.cookie"},
    {"dropbear host keys of the initramfs", "dropbear-initramfs", "/etc/dropbear/initramfs/dropbear_*_host_key",
     "for type in rsa ecdsa ed25519; do dropbearkey -t $type -f /etc/dropbear/initramfs/dropbear_${type}_host_key; "
     "done"},
    {"nsd's keys", "nsd", "/etc/nsd/nsd_*.key /etc/nsd/nsd_*.pem", "nsd-control-setup"},
    {"courier's parameters", "courier-base", "/etc/courier/dhparams.pem",
     "mkdhparams && chmod 640 /etc/courier/dhparams.pem && chown root:courier /etc/courier/dhparams.pem"},
    {"courier's IMAP certificate", "courier-imap", "/etc/courier/imapd.pem",
     "mkimapdcert && chmod 640 /etc/courier/imapd.pem && chown root:courier /etc/courier/imapd.pem"},
    {"courier's POP3 certificate", "courier-pop", "/etc/courier/pop3d.pem",
     "mkpop3dcert && chmod 640 /etc/courier/pop3d.pem && chown root:courier /etc/courier/pop3d.pem"},
    {"courier's SMTP certificate", "courier-mta", "/etc/courier/esmtpd.pem",
     "mkesmtpdcert && chmod 640 /etc/courier/esmtpd.pem && chown root:courier /etc/courier/esmtpd.pem"},
    {"heimdal's database", "heimdal-kdc",
     "/var/lib/heimdal-kdc/m-key /var/lib/heimdal-kdc/heimdal.db* /var/lib/heimdal-kdc/log",
     "realm=$(echo GET heimdal/realm | debconf-communicate heimdal-kdc) && "
     "kstash -k /var/lib/heimdal-kdc/m-key --random-key && "
     "kadmin -l init --realm-max-ticket-life=unlimited --realm-max-renewable-life=unlimited \"${realm#0 }\""},
    {"quassel's certificate", "quassel-core", "/var/lib/quassel/quasselCert.pem",
     "umask 027; runuser -u quasselcore -- openssl req -x509 -nodes -batch -days 680 -newkey rsa -keyout "
     "/var/lib/quassel/quasselCert.pem -out /var/lib/quassel/quasselCert.pem"},
    {"openvswitch's authorities", "openvswitch-pki", "/var/lib/openvswitch/pki/*",
     "rm -rf /var/lib/openvswitch/pki && ovs-pki init"},
    {"mandos's client keys", "mandos-client", "/etc/keys/mandos/*key*", "mandos-keygen"},
    {"PostgreSQL's cluster", "postgresql-13 postgresql-14 postgresql-15 postgresql-16 postgresql-17 postgresql-18",
     "/etc/postgresql/* /var/lib/postgresql/*",
     "for initdb in /usr/lib/postgresql/*/bin/initdb; do version=${initdb#/usr/lib/postgresql/}; "
     "pg_createcluster ${version%%/*} main; done"},
    {"MariaDB's database", "mariadb-server mysql-server-8.0", "/var/lib/mysql/*",
     "if command -v mariadb-install-db; then mariadb-install-db --user=mysql --skip-test-db; "
     "else mysqld --initialize-insecure --user=mysql; fi"},
    {"freeradius's parameters", "freeradius-config", "/etc/freeradius/3.0/certs/dh",
     "RANDFILE=/dev/urandom openssl dhparam -out /etc/freeradius/3.0/certs/dh 1024 && chmod 640 "
     "/etc/freeradius/3.0/certs/dh && chown freerad:freerad /etc/freeradius/3.0/certs/dh"},
});

/// A package that is installed has it, or another script that dpkg keeps; of one that was removed only postrm is left.
std::vector<std::string> scripts_of(const InstanceSecret& secret) {
  std::vector<std::string> scripts;
  std::istringstream packages{std::string(secret.packages)};
  for (std::string package; packages >> package;)
    scripts.push_back(fmt::format("/var/lib/dpkg/info/{}.postinst", package));
  return scripts;
}

}  // namespace

std::span<const InstanceSecret> instance_secrets() { return secrets; }

const InstanceSecret* find_instance_secret(std::string_view name) {
  const auto found =
      std::find_if(secrets.begin(), secrets.end(), [&](const InstanceSecret& secret) { return secret.name == name; });
  return found == secrets.end() ? nullptr : &*found;
}

namespace {

/// Whether a layer may have the file: it may be hidden from whoever looks from outside of the user namespace.
bool may_have(int layer, const std::string& path) {
  if (sys::openat2(layer, path.c_str(), O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)) return true;
  return errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG;
}

}  // namespace

std::vector<const InstanceSecret*> secrets_of_packages(const std::vector<std::filesystem::path>& trees) {
  std::vector<Fd> roots;
  for (const auto& tree : trees)
    if (auto root = open_if_exists(AT_FDCWD, tree, O_PATH | O_DIRECTORY)) roots.push_back(*std::move(root));
  std::vector<const InstanceSecret*> found;
  for (const auto& secret : secrets) {
    const auto scripts = scripts_of(secret);
    const auto has_package = [&](const Fd& root) {
      return std::any_of(scripts.begin(), scripts.end(),
                         [&](const auto& script) { return may_have(root.get(), script); });
    };
    if (std::any_of(roots.begin(), roots.end(), has_package)) found.push_back(&secret);
  }
  return found;
}

std::string judging_script(const InstanceSecret& secret) {
  return fmt::format(
      "installed=\nfor script in {}; do [ ! -e $script ] || installed=yes; done\n[ -n \"$installed\" ] || exit 1\n"
      "for path in {}; do [ ! -e \"$path\" ] && [ ! -L \"$path\" ] || exit 1; done",
      fmt::join(scripts_of(secret), " "), secret.paths);
}

// A command that is interrupted or fails may leave half a key, which must not be taken for a whole one.
std::string making_script(const InstanceSecret& secret) {
  return fmt::format(
      "rm -rf -- {0}\n(set -e; {1})\nstatus=$?\nif [ $status = 0 ]; then\n  for path in {0}; do [ ! -e \"$path\" ] || "
      "exit 0; done\n  echo 'none of {0} was made'\nfi\nrm -rf -- {0}\nexit 1",
      secret.paths, secret.command);
}

}  // namespace karapace::sandbox
