// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/package_merge.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"
#include "runtime/steps/deb/dpkg_database.hpp"
#include "runtime/steps/deb/owner_names.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/scan.hpp"
#include "tests/steps/tar_builder.hpp"
#include "tests/steps/unpack_fixture.hpp"

namespace karapace::steps {
namespace {

class Merging : public Unpacking {
 protected:
  void SetUp() override {
    Unpacking::SetUp();
    std::filesystem::create_directory(tree());
  }
  std::filesystem::path tree() const { return directory() / "merged"; }

  /// Makes the package "x" of these members, and the tree in which it is unpacked above nothing.
  store::Listing merged(const TarBuilder& control_files, const TarBuilder& data) {
    layer_of("deb", "!<arch>\n" + member("debian-binary", "2.0\n") + member("control.tar", control_files.finish()) +
                        member("data.tar", data.finish()));
    const auto package = loaded();
    const trees::LayerStack nothing(store(), {});
    const deb::DpkgDatabase database(nothing);
    trees::Composition composition(nothing);
    const deb::PathFilters filters(nothing);
    deb::PackageMerge merge(composition, database, filters, deb::Conffiles::as_unpacked, 5);
    merge.add(package, listing());
    merge.finish();
    composition.write(tree());
    composition.write_directory_times(tree());
    return std::move(composition).listing();
  }
  /// The package "x" for an architecture, with these fields and files.
  deb::DebPackage package_for(const std::string& architecture, const std::string& fields, const TarBuilder& data) {
    locked_ = {{"architecture", architecture}, {"package", "x"}, {"version", "1"}};
    const auto text = "Package: x\nVersion: 1\nArchitecture: " + architecture + "\n" + fields;
    TarBuilder control_files;
    control_files.add({.name = "./control", .content = text}).add({.name = "./conffiles", .content = conffiles_});
    layer_of("deb", "!<arch>\n" + member("debian-binary", "2.0\n") + member("control.tar", control_files.finish()) +
                        member("data.tar", data.finish()));
    return loaded();
  }
  std::string conffiles_ = "/etc/x\n";
  std::string merged_file(const std::string& path) const { return read_file(tree() / path); }

  enum class Odd { fifo, link, text };
  /// What an installation says of a base with this in place of a file.
  std::string refusal_of_base(const std::string& path, Odd kind = Odd::fifo, const std::string& text = "") {
    auto staging = store().stage();
    const auto tree = staging.path() / "tree";
    std::filesystem::create_directories((tree / path).parent_path());
    if (kind == Odd::link) std::filesystem::create_symlink("/etc/other", tree / path);
    if (kind == Odd::text) write_file_atomically(tree / path, text, Durable::no);
    const int made = kind == Odd::fifo ? ::mkfifo((tree / path).c_str(), 0600) : 0;
    EXPECT_EQ(made, 0);
    const auto fd = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
    const auto layer = store().add_layer(tree, store::scan(fd.get(), {}), staging);
    const trees::LayerStack base(store(), {layer});
    try {
      deb::DpkgDatabase database(base);
    } catch (const StepError& error) {
      return error.what();
    }
    return "accepted";
  }
};

const TarEntry control_file{.name = "./control", .content = control};

TEST_F(Merging, RefusesABaseWhoseDiversionsLeadOutOfIt) {
  const auto said = [&](const std::string& text) {
    return refusal_of_base("var/lib/dpkg/diversions", Odd::text, text);
  };
  EXPECT_EQ(said("/bin/sh\n/bin/sh.distrib\ndash\n"), "accepted");
  for (const std::string path : {"/usr/../../x", "/usr/..", "usr/x", "/"}) {
    const auto refused =
        "install: /var/lib/dpkg/diversions of the base has \"" + path + "\", which is no path of a file: correct it";
    EXPECT_EQ(said("/bin/sh\n" + path + "\ndash\n"), refused);
    EXPECT_EQ(said(path + "\n/bin/sh\ndash\n"), refused);
  }
}

/// dpkg 1.21 writes the same status for this package.
TEST_F(Merging, WritesTheStateOfConffilesAsDpkgDoes) {
  const auto listing = merged(TarBuilder()
                                  .add(control_file)
                                  .add({.name = "./conffiles",
                                        .content = "/etc/a \t\n/etc/b c\n/etc/hard\n/etc/soft\n/etc/gone\n"
                                                   "remove-on-upgrade /etc/old\n"}),
                              TarBuilder()
                                  .add({.name = "./etc/a", .content = "1"})
                                  .add({.name = "./etc/b c", .content = "1"})
                                  .add({.name = "./etc/hard", .type = '1', .link = "./etc/a"})
                                  .add({.name = "./etc/soft", .type = '2', .link = "a"}));
  EXPECT_EQ(merged_file("var/lib/dpkg/status"),
            "Package: x\nStatus: install ok unpacked\nVersion: 1\nArchitecture: all\nConffiles:\n"
            " /etc/a newconffile\n /etc/b c newconffile\n /etc/hard newconffile\n /etc/soft newconffile\n"
            " /etc/gone newconffile\n /etc/old newconffile remove-on-upgrade\n\n");
  for (const char* name : {"a", "b c", "hard", "soft"}) {
    EXPECT_NE(listing.find(std::string("etc/") + name + ".dpkg-new"), nullptr) << name;
    EXPECT_EQ(listing.find(std::string("etc/") + name), nullptr) << name;
  }
}

/// What merging these packages says, "accepted" when nothing.
std::string merging(const store::Store& store, const std::vector<const deb::DebPackage*>& packages,
                    const std::filesystem::path& tree) {
  const trees::LayerStack nothing(store, {});
  const deb::DpkgDatabase database(nothing);
  trees::Composition composition(nothing);
  const deb::PathFilters filters(nothing);
  deb::PackageMerge merge(composition, database, filters, deb::Conffiles::as_unpacked, 5);
  try {
    for (const auto* package : packages) merge.add(*package, store.listing(package->layer));
  } catch (const StepError& error) {
    return error.what();
  }
  merge.finish();
  database.add_architectures(composition, {"amd64", "i386"}, 5);
  composition.write(tree);
  composition.write_directory_times(tree);
  return "accepted";
}

TEST_F(Merging, OfTwoArchitecturesSharesWhatIsTheSame) {
  const TarBuilder shared = TarBuilder().add({.name = "./etc/x", .content = "1"});
  const auto one = package_for("amd64", "Multi-Arch: same\n", shared);
  const auto other = package_for("i386", "Multi-Arch: same\n", shared);
  EXPECT_EQ(merging(store(), {&one, &other}, tree()), "accepted");
  EXPECT_EQ(merged_file("etc/x.dpkg-new"), "1");
  EXPECT_EQ(merged_file("var/lib/dpkg/arch"), "amd64\ni386\n");
  EXPECT_EQ(merged_file("var/lib/dpkg/info/x:amd64.list"), merged_file("var/lib/dpkg/info/x:i386.list"));
  const auto status = merged_file("var/lib/dpkg/status");
  EXPECT_NE(status.find("Architecture: amd64\n"), status.npos);
  EXPECT_NE(status.find("Architecture: i386\n"), status.npos);
}

TEST_F(Merging, OfTwoArchitecturesRefusesWhatDiffersAndWhatCanNotBeBeside) {
  const auto one = package_for("amd64", "Multi-Arch: same\n", TarBuilder().add({.name = "./x", .content = "1"}));
  const auto other = package_for("i386", "Multi-Arch: same\n", TarBuilder().add({.name = "./x", .content = "2"}));
  EXPECT_EQ(merging(store(), {&one, &other}, tree()),
            "install: x:i386 1 has another \"/x\" than the same package of another architecture; tell who keeps it, or "
            "leave one of them out");
  const auto alone = package_for("i386", "", TarBuilder().add({.name = "./y", .content = "2"}));
  EXPECT_EQ(
      merging(store(), {&one, &alone}, tree()),
      "install: x:amd64 and x:i386 can not be installed together, as not both are \"Multi-Arch: same\"; leave one "
      "of them out");
}

TEST_F(Merging, KnowsWhichOwnersABaseHasUnderTheirNumbers) {
  const trees::LayerStack nothing(store(), {});
  trees::Composition base(nothing);
  base.put_file("etc/passwd", "root:x:0:0::/:/bin/sh\ngames:x:5:60::/:/bin/sh\ngames:x:6:6::/:/bin/sh\nbroken\n", 5);
  base.put_file("etc/group", "root:x:0:\nstaff:x:50:\nbob:x:1000:alice\n", 5);
  base.write(tree());
  base.write_directory_times(tree());
  auto staging = store().stage();
  std::filesystem::rename(tree(), staging.path() / "tree");
  const trees::LayerStack lower(store(),
                                {store().add_layer(staging.path() / "tree", std::move(base).listing(), staging)});
  const deb::KnownOwners owners(lower);
  const auto agree = [](const deb::KnownOwners& known, std::vector<NamedOwner> users, std::vector<NamedOwner> groups) {
    PackageMeta package;
    package.users = std::move(users);
    package.groups = std::move(groups);
    return known.agree(package);
  };
  EXPECT_TRUE(agree(owners, {}, {}));
  EXPECT_TRUE(agree(owners, {{"games", 5}}, {{"staff", 50}}));
  EXPECT_FALSE(agree(owners, {{"games", 6}}, {{"staff", 50}})) << "the first counts";
  EXPECT_FALSE(agree(owners, {{"bob", 1000}}, {})) << "a group is no user";
  EXPECT_FALSE(agree(owners, {{"nobody-here", 77}}, {})) << "its preinst may make it";
  EXPECT_FALSE(agree(owners, {{"root", 1000}}, {}));
  EXPECT_FALSE(agree(deb::KnownOwners(nothing), {}, {{"staff", 50}}));
}

TEST_F(Merging, InstallsControlFilesThatAreHardLinks) {
  const auto listing = merged(TarBuilder()
                                  .add(control_file)
                                  .add({.name = "./prerm", .mode = 0755, .content = "#!/bin/sh\n"})
                                  .add({.name = "./postinst", .type = '1', .link = "./prerm"})
                                  .add({.name = "./list", .content = "/evil\n"}),
                              TarBuilder().add({.name = "./", .type = '5', .mode = 0755}));
  EXPECT_EQ(merged_file("var/lib/dpkg/info/x.prerm"), "#!/bin/sh\n");
  EXPECT_EQ(merged_file("var/lib/dpkg/info/x.postinst"), "#!/bin/sh\n");
  EXPECT_EQ(merged_file("var/lib/dpkg/info/x.list"), "/.\n");
  EXPECT_EQ(merged_file("var/lib/dpkg/info/x.md5sums"), "");
  const auto disk = open_at(AT_FDCWD, tree(), O_RDONLY | O_DIRECTORY);
  store::ScanOptions options;
  if (::geteuid() != 0) options.owners = store::Owners::ignore;
  EXPECT_EQ(store::scan(disk.get(), options).text(), listing.text());
}

TEST_F(Merging, MakesAPreinstExecutableAsDpkgDoes) {
  const auto script = [](const char* name) { return TarEntry{.name = name, .mode = 0644, .content = "#!/bin/sh\n"}; };
  const auto listing = merged(TarBuilder().add(control_file).add(script("./preinst")).add(script("./postrm")),
                              TarBuilder().add({.name = "./", .type = '5', .mode = 0755}));
  EXPECT_EQ(listing.find("var/lib/dpkg/info/x.preinst")->mode, 0755U);
  EXPECT_EQ(listing.find("var/lib/dpkg/info/x.postrm")->mode, 0644U);
  const auto disk = open_at(AT_FDCWD, tree(), O_RDONLY | O_DIRECTORY);
  store::ScanOptions options;
  if (::geteuid() != 0) options.owners = store::Owners::ignore;
  EXPECT_EQ(store::scan(disk.get(), options).text(), listing.text());
}

TEST_F(Merging, RefusesWhatIsNoFileWhereDpkgReadsOne) {
  EXPECT_EQ(refusal_of_base("var/lib/dpkg/status"),
            "install: \"/var/lib/dpkg/status\" of the base is a FIFO, for which dpkg would wait for ever");
  EXPECT_EQ(refusal_of_base("var/lib/dpkg/info/a.list"),
            "install: \"/var/lib/dpkg/info/a.list\" of the base is a FIFO, for which dpkg would wait for ever");
  EXPECT_EQ(refusal_of_base("etc/dpkg/dpkg.cfg.d/x"),
            "install: \"/etc/dpkg/dpkg.cfg.d/x\" of the base is a FIFO, for which dpkg would wait for ever");
  EXPECT_EQ(refusal_of_base("var/lib/other"), "accepted");
  EXPECT_THROW(
      merged(TarBuilder().add(control_file), TarBuilder().add({.name = "./var/lib/dpkg/info/y.list", .type = '6'})),
      StepError);
}

}  // namespace
}  // namespace karapace::steps
