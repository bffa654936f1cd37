// SPDX-License-Identifier: Apache-2.0
// What the canonical rules leave out of a layer, and what they never touch. The upper directory is made by hand, as an
// overlay would have left it.
#include "runtime/steps/capture.hpp"

#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "runtime/sandbox/first_entry.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"
#include "store/scan.hpp"
#include "store/store.hpp"
#include "tests/skipping.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t epoch = 1'700'000'000;

class Capturing : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "karapace-capture-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
    store_ = store::Store::open(path_ / "store", store::Store::Access::create);
    fs::create_directory(upper());
    fs::create_directory(path_ / "tree");
  }
  void TearDown() override { remove_tree(path_); }

  fs::path upper() const { return path_ / "upper"; }

  /// A layer below the commands, of files with these contents.
  LayerId base(const std::map<std::string, std::string>& files) {
    const trees::LayerStack nothing(*store_, {});
    trees::Composition tree(nothing);
    for (const auto& [path, content] : files) tree.put_file(path, content, 5);
    auto staging = store_->stage();
    fs::create_directory(staging.path() / "tree");
    tree.write(staging.path() / "tree");
    tree.write_directory_times(staging.path() / "tree");
    return store_->add_layer(staging.path() / "tree", std::move(tree).listing(), staging);
  }

  /// Moves what was made into a layer.
  LayerId layer_of_upper() {
    auto staging = store_->stage();
    fs::rename(upper(), staging.path() / "tree");
    fs::create_directory(upper());
    const auto tree = open_at(AT_FDCWD, staging.path() / "tree", O_RDONLY | O_DIRECTORY);
    return store_->add_layer(staging.path() / "tree", store::scan(tree.get(), store::ScanOptions()), staging);
  }

  void make(const std::string& path, const std::string& content, mode_t mode = 0644) const {
    fs::create_directories((upper() / path).parent_path());
    write_file_atomically(upper() / path, content, Durable::no);
    ::chmod((upper() / path).c_str(), mode);
  }
  void remove(const std::string& path) const {
    fs::create_directories((upper() / path).parent_path());
    ASSERT_EQ(::mknod((upper() / path).c_str(), S_IFCHR, 0), 0);
  }

  /// The layer that the commands' changes make above these.
  store::Listing captured(const std::vector<LayerId>& below, const std::map<std::string, std::string>& composed = {}) {
    const trees::LayerStack lower(*store_, below);
    trees::Composition tree(lower);
    for (const auto& [path, content] : composed) tree.put_file(path, content, 5);
    tree.write(path_ / "tree");
    told_ = capture(open_at(AT_FDCWD, upper(), O_RDONLY | O_DIRECTORY), tree, path_ / "tree", lower,
                    {.started = epoch, .epoch = epoch, .secrets = secrets_});
    tree.write_directory_times(path_ / "tree");
    const auto listing = std::move(tree).listing();
    if (::geteuid() == 0) {  // an ordinary user's files are not 0:0 outside of a user namespace
      const auto disk = open_at(AT_FDCWD, path_ / "tree", O_RDONLY | O_DIRECTORY);
      EXPECT_EQ(store::scan(disk.get(), store::ScanOptions()).text(), listing.text());
    }
    return listing;
  }

  static std::string content_of(const store::Listing& listing, const std::string& path) {
    const auto* entry = listing.find(path);
    if (entry == nullptr) return "(none)";
    return entry->type == store::EntryType::regular ? entry->content.hex() : "(no file)";
  }
  static std::string hash(std::string_view text) { return blake3(text).hex(); }
  static bool is_whiteout(const store::Listing& listing, const std::string& path) {
    const auto* entry = listing.find(path);
    return entry != nullptr && entry->type == store::EntryType::whiteout;
  }

  fs::path path_;
  std::optional<store::Store> store_;
  Captured told_;
  Secrets secrets_ = Secrets::left_out;
};

TEST_F(Capturing, LeavesOutWhatCommandsAddAndKeepsWhatABaseHas) {
  const auto below = base({{"etc/passwd-", "of the base"}, {"etc/group", "group"}});
  make("etc/passwd-", "of the commands");
  make("etc/ssh/ssh_host_ed25519_key", "secret");
  make("usr/share/info/dir.old", "the directory of before");
  make("etc/motd", "hello");
  const auto layer = captured({below});
  EXPECT_EQ(layer.find("etc/passwd-"), nullptr);
  EXPECT_EQ(layer.find("usr/share/info/dir.old"), nullptr);
  EXPECT_EQ(layer.find("etc/ssh/ssh_host_ed25519_key"), nullptr);
  EXPECT_EQ(content_of(layer, "etc/motd"), hash("hello"));
}

TEST_F(Capturing, AFileWithTheNameOfAWhiteoutIsRefusedAtAnyDepth) {
  for (const std::string path : {".wh.top", "usr/share/.wh.x\x1b", "usr/.wh.d/file"}) {
    make(path, "1");
    try {
      captured({});
      ADD_FAILURE() << path;
    } catch (const StepError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("the commands made \"/")) << error.what();
      EXPECT_NE(std::string(error.what()).find("stands for the removal of a file"), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\x1b'), std::string::npos);
    }
    fs::remove_all(upper());
    fs::create_directory(upper());
    fs::remove_all(path_ / "tree");
    fs::create_directory(path_ / "tree");
  }
}

TEST_F(Capturing, MarksOfOtherOverlaysHideNothingAndAreRefused) {
  const auto below = base({{"etc/passwd", "of the base"}});
  const auto refused = [&](const std::string& what) {
    try {
      captured({below});
      ADD_FAILURE() << what;
    } catch (const StepError& error) {
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
    fs::remove_all(upper());
    fs::create_directory(upper());
    fs::remove_all(path_ / "tree");
    fs::create_directory(path_ / "tree");
  };
  make("etc/.wh..wh..opq", "");
  refused("the commands made \"/etc/.wh..wh..opq\"");
  for (const char* name : {"user.fuseoverlayfs.opaque", "user.containers.override_stat", "user.overlay.whiteout"}) {
    make("etc/motd", "hello");
    ASSERT_EQ(::setxattr((upper() / "etc").c_str(), name, "y", 1, 0), 0) << name;
    refused(std::string("the commands gave \"/etc\" the attribute ") + name);
  }
  make("etc/motd", "hello");
  ASSERT_EQ(::setxattr((upper() / "etc").c_str(), "user.overlay.overlay.opaque", "y", 1, 0), 0);
  const auto layer = captured({below});
  EXPECT_FALSE(layer.find("etc")->opaque);
  EXPECT_EQ(layer.find("etc")->xattrs, (std::vector<store::Xattr>{{"user.overlay.overlay.opaque", "y"}}));
}

TEST_F(Capturing, SocketsAndAccessControlListsAreLeftOutAndToldOf) {
  make("srv/data", "x");
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto place = (upper() / "srv/socket").native();
  ASSERT_LT(place.size(), sizeof address.sun_path);
  place.copy(address.sun_path, place.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  // Version 2: the owner may do all, user 0 may read, the group and others nothing (linux/posix_acl_xattr.h).
  const std::string acl(
      "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\4\0\0\0\0\0\4\0\0\0\xff\xff\xff\xff"
      "\20\0\7\0\xff\xff\xff\xff\40\0\0\0\xff\xff\xff\xff",
      44);
  if (::setxattr((upper() / "srv/data").c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0) != 0)
    KARAPACE_SKIP_TEST("no access control lists here");
  const auto layer = captured({});
  EXPECT_EQ(layer.find("srv/socket"), nullptr);
  EXPECT_TRUE(layer.find("srv/data")->xattrs.empty());
  EXPECT_EQ(told_.sockets, std::vector<std::string>{"srv/socket"});
  EXPECT_EQ(told_.acls, std::vector<std::string>{"srv/data"});
}

TEST_F(Capturing, SecretsAreLeftOutAndToldOfWithWhatMakesThem) {
  const char* secrets[] = {"etc/bind/rndc.key", "etc/ldap/slapd.d/cn=config.ldif", "etc/munge/munge.key",
                           "etc/nvme/hostid", "var/lib/rabbitmq/.erlang.cookie"};
  for (const char* path : secrets) make(path, "random", 0600);
  const auto layer = captured({});
  ASSERT_EQ(told_.left_out.size(), std::size(secrets));
  for (std::size_t i = 0; i < std::size(secrets); ++i) {
    EXPECT_EQ(layer.find(secrets[i]), nullptr);
    EXPECT_EQ(told_.left_out[i].path, secrets[i]);
    EXPECT_NE(sandbox::find_instance_secret(told_.left_out[i].secret), nullptr) << secrets[i];
  }
  EXPECT_NE(layer.find("etc/ldap/slapd.d"), nullptr) << "the directory is the package's";
  EXPECT_TRUE(told_.confined.empty());
}

TEST_F(Capturing, DatabasesAreLeftOutWithTheirDirectoriesAndToldOf) {
  make("var/lib/postgresql/15/main/base/1/112", "random");
  make("etc/postgresql/15/main/postgresql.conf", "of the cluster");
  make("etc/apt/apt.conf.d/02autoremove-postgresql", "of the cluster");
  make("var/lib/mysql/mysql/db.MAI", "random");
  make("var/log/postgresql/postgresql-15-main.log", "of the cluster");
  const auto layer = captured({});
  std::vector<std::string> told;
  for (const auto& one : told_.left_out) told.push_back(one.path);
  EXPECT_EQ(told, (std::vector<std::string>{"etc/postgresql/15", "var/lib/mysql/mysql", "var/lib/postgresql/15"}));
  for (const auto& path : told) EXPECT_EQ(layer.find(path), nullptr) << path;
  for (const char* path : {"etc/apt/apt.conf.d/02autoremove-postgresql", "var/log/postgresql/postgresql-15-main.log"})
    EXPECT_EQ(layer.find(path), nullptr) << path;
  for (const char* path : {"etc/postgresql", "var/lib/mysql", "var/lib/postgresql"})
    EXPECT_NE(layer.find(path), nullptr) << path;
}

TEST_F(Capturing, FormatsOfTeXAreLeftOutWhereTheirProgramsWriteDownTimeOrChance) {
  make("var/lib/texmf/web2c/tex/tex.fmt", "time");
  make("var/lib/texmf/web2c/luahbtex/lualatex.fmt", "random");
  make("var/lib/texmf/web2c/pdftex/latex.fmt", "same");
  const auto layer = captured({});
  EXPECT_EQ(layer.find("var/lib/texmf/web2c/tex/tex.fmt"), nullptr);
  EXPECT_EQ(layer.find("var/lib/texmf/web2c/luahbtex/lualatex.fmt"), nullptr);
  EXPECT_NE(layer.find("var/lib/texmf/web2c/pdftex/latex.fmt"), nullptr);
  EXPECT_TRUE(told_.left_out.empty());
}

TEST_F(Capturing, ASecretOfTheBaseThatWasMadeAnewIsNotThereAgain) {
  const auto below = base({{"etc/ssh/ssh_host_ed25519_key", "known to all"}, {"etc/aliases.db", "same"}});
  make("etc/ssh/ssh_host_ed25519_key", "new", 0600);
  make("etc/aliases.db", "same");
  const auto layer = captured({below}, {{"etc/munge/munge.key", "shipped"}});
  EXPECT_TRUE(is_whiteout(layer, "etc/ssh/ssh_host_ed25519_key"));
  EXPECT_EQ(content_of(layer, "etc/aliases.db"), hash("same"));
  EXPECT_EQ(content_of(layer, "etc/munge/munge.key"), hash("shipped"));
}

TEST_F(Capturing, SecretsThatAreWantedAreKeptAndNamed) {
  secrets_ = Secrets::kept;
  make("etc/munge/munge.key", "wanted", 0600);
  make("etc/passwd-", "backup");
  const auto layer = captured({base({{"etc/munge/munge.key", "of the base"}})});
  EXPECT_EQ(content_of(layer, "etc/munge/munge.key"), hash("wanted"));
  EXPECT_EQ(layer.find("etc/passwd-"), nullptr);
  EXPECT_TRUE(told_.left_out.empty());
  make("etc/ldap/slapd.d/cn=config.ldif", "wanted", 0600);
  fs::remove_all(path_ / "tree");
  fs::create_directory(path_ / "tree");
  EXPECT_NE(captured({}).find("etc/ldap/slapd.d/cn=config.ldif"), nullptr);
  EXPECT_EQ(told_.confined, std::vector<std::string>{"etc/ldap/slapd.d/cn=config.ldif"});
}

TEST_F(Capturing, LinksAndFifosThatCommandsMakeBelongToRootAsWithASingleId) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give links away";
  fs::create_directories(upper() / "etc");
  fs::create_symlink("x", upper() / "etc/link");
  ASSERT_EQ(::mkfifo((upper() / "etc/fifo").c_str(), 0600), 0);
  for (const char* path : {"etc/link", "etc/fifo"}) ASSERT_EQ(::lchown((upper() / path).c_str(), 33, 33), 0);
  const auto layer = captured({});
  for (const char* path : {"etc/link", "etc/fifo"}) {
    EXPECT_EQ(layer.find(path)->uid, 0u) << path;
    EXPECT_EQ(layer.find(path)->gid, 0u) << path;
  }
}

TEST_F(Capturing, OnlyTheLinkToALeftOutCertificateIsLeftOut) {
  make("etc/ssl/certs/other.pem", "certificate");
  fs::create_symlink("ssl-cert-snakeoil.pem", upper() / "etc/ssl/certs/4f4ce691.0");
  fs::create_symlink("other.pem", upper() / "etc/ssl/certs/00000000.0");
  const auto layer = captured({});
  EXPECT_EQ(layer.find("etc/ssl/certs/4f4ce691.0"), nullptr);
  EXPECT_NE(layer.find("etc/ssl/certs/00000000.0"), nullptr);
}

TEST_F(Capturing, TellsOfNewFilesThatMayBeSecret) {
  make("etc/app/token", "x", 0600);
  make("etc/app/key.pem", "-----BEGIN RSA PRIVATE KEY-----\n", 0644);
  make("etc/app/certificate.pem", "-----BEGIN CERTIFICATE-----\n", 0644);
  make("etc/app/empty", "", 0600);
  make("etc/app/group", "y", 0640);
  make("etc/app/copy", "as shipped", 0600);
  make("etc/app/shipped", "changed", 0600);
  make("var/cache/debconf/passwords.dat", "Name: a\n", 0600);
  make("var/lib/ucf/cache/:etc:app:plain", "z", 0600);
  make("var/lib/ucf/cache/:etc:app:token", "x");
  const auto layer = captured({base({{"etc/app/shipped", "text"}})}, {{"usr/share/app/template", "as shipped"}});
  EXPECT_EQ(told_.confined, (std::vector<std::string>{"etc/app/group", "etc/app/key.pem", "etc/app/token",
                                                      "var/lib/ucf/cache/:etc:app:token"}));
  EXPECT_EQ(content_of(layer, "etc/app/token"), hash("x")) << "kept";
  EXPECT_EQ(content_of(layer, "var/cache/debconf/passwords.dat"), hash("Name: a\n"));
}

TEST_F(Capturing, ARemovalIsARemovalAlsoWhereARuleWouldLeaveOut) {
  const auto below =
      base({{"etc/ssh/ssh_host_rsa_key", "of the base"}, {"etc/passwd-", "old"}, {"var/cache/man/de/index.db", "x"}});
  for (const char* path : {"etc/ssh/ssh_host_rsa_key", "etc/passwd-", "var/cache/man/de/index.db"}) remove(path);
  const auto layer = captured({below});
  EXPECT_TRUE(is_whiteout(layer, "etc/ssh/ssh_host_rsa_key"));
  EXPECT_TRUE(is_whiteout(layer, "etc/passwd-"));
  EXPECT_TRUE(is_whiteout(layer, "var/cache/man/de/index.db"));
}

TEST_F(Capturing, ADirectoryThatIsMadeAnewHidesWhatWasInItAndHasNothingNew) {
  const auto below = base({{"var/cache/man/de/index.db", "x"}});
  make("var/cache/man/de/new.db", "y");
  ASSERT_EQ(::setxattr((upper() / "var/cache/man/de").c_str(), "user.overlay.opaque", "y", 1, 0), 0);
  const auto layer = captured({below});
  EXPECT_TRUE(is_whiteout(layer, "var/cache/man/de"));
  EXPECT_EQ(layer.find("var/cache/man/de/new.db"), nullptr);
}

TEST_F(Capturing, WhatIsShippedKeepsItsContentWhenItsOwnerOrModeChanges) {
  const auto below = base({{"var/log/below", "of the base"}, {"var/cache/man/below", "of the base"}});
  for (const char* path : {"var/log/below", "var/cache/man/below"}) make(path, "of the base", 0600);
  make("var/log/here", "of a package", 0600);
  make("var/log/made", "made", 0640);
  const auto layer = captured({below}, {{"var/log/here", "of a package"}});
  EXPECT_EQ(content_of(layer, "var/log/below"), hash("of the base"));
  EXPECT_EQ(content_of(layer, "var/cache/man/below"), hash("of the base"));
  EXPECT_EQ(content_of(layer, "var/log/here"), hash("of a package"));
  EXPECT_EQ(content_of(layer, "var/log/made"), hash(""));
  EXPECT_EQ(layer.find("var/log/made")->mode, 0640u);
  for (const char* path : {"var/log/below", "var/cache/man/below", "var/log/here"})
    EXPECT_EQ(layer.find(path)->mode, 0600u) << path;
}

TEST_F(Capturing, ATimeThatNotEveryFileSystemHoldsBecomesTheNearest) {
  make("etc/old", "x");
  const timespec times[2] = {{-5'000'000'000, 0}, {-5'000'000'000, 0}};  // 1811
  ASSERT_EQ(::utimensat(AT_FDCWD, (upper() / "etc/old").c_str(), times, 0), 0);
  EXPECT_EQ(captured({}).find("etc/old")->mtime, -2'147'483'648);
}

TEST_F(Capturing, AChangeThatIsLeftOutDoesNotTakeAPackagesFileAlong) {
  make("var/cache/man/index", "changed");
  const auto layer = captured({}, {{"var/cache/man/index", "shipped"}});
  EXPECT_EQ(content_of(layer, "var/cache/man/index"), hash("shipped"));
  EXPECT_EQ(read_file(path_ / "tree/var/cache/man/index"), "shipped");
}

TEST_F(Capturing, FilesThatAreMadeAnewDoNotGetTheGroupOfTheirDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files to groups";
  make("var/log/x/a", "hello");
  make("srv/x/d/file", "hello");
  for (const char* path : {"var/log/x", "srv/x"}) {
    ASSERT_EQ(::chown((upper() / path).c_str(), 0, 4), 0);
    ASSERT_EQ(::chmod((upper() / path).c_str(), 02755), 0);
  }
  const auto layer = captured({}, {{"srv/x/shipped", "text"}});
  EXPECT_EQ(layer.find("var/log/x")->gid, 4u);
  EXPECT_EQ(layer.find("var/log/x/a")->gid, 0u);
  EXPECT_EQ(layer.find("srv/x/d")->gid, 0u);
}

TEST_F(Capturing, WhatIsBelowADirectoryThatIsLeftOutIsLeftOutToo) {
  make("etc/ssh/ssh_host_d/sub/file", "text");
  make("etc/ssh/other", "text");
  const auto layer = captured({});
  EXPECT_EQ(layer.find("etc/ssh/ssh_host_d"), nullptr);
  EXPECT_EQ(layer.find("etc/ssh/ssh_host_d/sub/file"), nullptr);
  EXPECT_NE(layer.find("etc/ssh/other"), nullptr);
}

TEST_F(Capturing, AFurtherNameOfAShippedFileIsThatFileWhateverBecameOfTheFirst) {
  make("usr/first", "shipped");
  fs::create_directories(upper() / "var/log");
  fs::create_hard_link(upper() / "usr/first", upper() / "var/log/further");
  auto bottom = layer_of_upper();
  const auto above = base({{"usr/first", "replaced"}});
  make("var/log/further", "shipped", 0600);
  const auto layer = captured({bottom, above});
  EXPECT_EQ(content_of(layer, "var/log/further"), hash("shipped"));
}

TEST_F(Capturing, ARuleEmptiesAFileAndNotItsOtherNames) {
  make("usr/share/data", "data");
  fs::create_directories(upper() / "var/log");
  fs::create_hard_link(upper() / "usr/share/data", upper() / "var/log/data");
  const auto layer = captured({});
  EXPECT_EQ(content_of(layer, "usr/share/data"), hash("data"));
  EXPECT_EQ(content_of(layer, "var/log/data"), hash(""));
  EXPECT_EQ(read_file(path_ / "tree/usr/share/data"), "data");
  EXPECT_EQ(read_file(path_ / "tree/var/log/data"), "");
}

}  // namespace
}  // namespace karapace::steps
