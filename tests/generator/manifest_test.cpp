// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/manifest.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "generator/manifest/layer_entry.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::tests {

using namespace manifest;
namespace {

Manifest parse(std::string_view rest) {
  return parse_manifest("manifest_version = 1\n[base]\nimage = \"debian/bookworm\"\n" + std::string(rest), "m.toml");
}

std::string message_of(std::string_view text) {
  try {
    parse_manifest(text, "m.toml");
  } catch (const ManifestError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Manifest, SmallestManifestHasDefaults) {
  Manifest manifest = parse("");
  EXPECT_EQ(manifest.base, (Base(BaseSuite{"debian", "bookworm"})));
  EXPECT_TRUE(manifest.packages.empty());
  EXPECT_FALSE(manifest.recommends);
  EXPECT_FALSE(manifest.runtime.network_isolation);
}

TEST(Manifest, LayersStayInOrder) {
  Manifest manifest = parse(
      "[[layers]]\narchive = \"./layers/b.tar.zst\"\ntitle = \" tools of ours \"\n"
      "[[layers]]\narchive = \"a.tar\"\n");
  EXPECT_EQ(manifest.layers, (std::vector<LayerRequest>{{"layers/b.tar.zst", "tools of ours"}, {"a.tar", ""}}));
}

TEST(LayerEntry, LeavesTheRestOfTheManifestAsItWas) {
  const std::string text =
      "# ours\nmanifest_version = 1\n[base]\nimage   =  \"debian/bookworm\" # stays\n[[layers]]\narchive = \"a.tar\"\n"
      "[environment]\nEDITOR = 'vi'";
  const auto added = with_layer(text, "m.toml", {"layers/b \"c\".tar.zst", "it's \\ ours"});
  EXPECT_EQ(added, text + "\n\n[[layers]]\narchive = \"layers/b \\\"c\\\".tar.zst\"\ntitle = \"it's \\\\ ours\"\n");
  const auto manifest = parse_manifest(added, "m.toml");
  EXPECT_EQ(manifest.layers, (std::vector<LayerRequest>{{"a.tar", ""}, {"layers/b \"c\".tar.zst", "it's \\ ours"}}));
  const std::string windows = "manifest_version = 1\r\n[base]\r\nimage = \"debian/bookworm\"\r\n";
  EXPECT_EQ(with_layer(windows, "m.toml", {"a.tar", ""}), windows + "\r\n[[layers]]\r\narchive = \"a.tar\"\r\n");
}

TEST(LayerEntry, IsRefusedWhereItCanNotBeAdded) {
  const auto message = [](const std::string& rest, const LayerRequest& layer) -> std::string {
    const auto text = rest + "manifest_version = 1\n[base]\nimage = \"debian/bookworm\"\n";
    try {
      with_layer(text, "m.toml", layer);
    } catch (const ManifestError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(message("layers = [{archive = \"a.tar\"}]\n", {"b.tar", ""}).find("can not be added at its end"),
            std::string::npos);
  EXPECT_NE(message("", {"../b.tar", ""}).find("must not have"), std::string::npos);
  EXPECT_NE(message("nonsense = 1\n", {"b.tar", ""}).find("unknown key"), std::string::npos);
}

TEST(Manifest, PackagesAreTrimmedSortedAndUnique) {
  Manifest manifest = parse("[system]\npackages = [\" git\", \"curl\", \"\", \"git \", \"g++\"]\nrecommends = true\n");
  EXPECT_EQ(manifest.packages, (std::vector<std::string>{"curl", "g++", "git"}));
  EXPECT_TRUE(manifest.recommends);
}

TEST(Manifest, PackagesMayNameAVersionOrASuite) {
  Manifest manifest = parse(
      "[system]\npackages = [\"git=1:2.39.5-0+deb12u2\", \"cmake/bookworm-backports\", \"gcc=4:12*\", "
      "\"tool/stable\", \"gcc:i386=4:12*\", \"gcc:armhf\"]\n"
      "[repositories.tools]\nuri = \"http://mirror.invalid\"\nkey = \"a.gpg\"\nsuite = \"stable\"\n");
  EXPECT_EQ(manifest.packages, (std::vector<std::string>{"cmake/bookworm-backports", "gcc:armhf", "gcc:i386=4:12*",
                                                         "gcc=4:12*", "git=1:2.39.5-0+deb12u2", "tool/stable"}));
}

TEST(Manifest, HeldPackagesAreSortedNames) {
  const auto hold = parse("[system]\nhold = [\"git\", \"curl\", \" git\"]\n").hold;
  EXPECT_EQ(hold, (std::vector<PlacedWord>{{"curl"}, {"git"}}));
  EXPECT_EQ(hold.front().place.text, "m.toml:5:16");
  EXPECT_EQ(message_of("manifest_version = 1\nbase.image = \"debian/sid\"\nsystem.hold = [\"git=1\", \"git:i386\"]\n"),
            "m.toml:3:16: held package \"git=1\" is not a package name: two or more of a-z, 0-9, \"+\", \".\", \"-\", "
            "beginning with a letter or digit");
}

constexpr const char* tools =
    "[repositories.tools]\nuri = \"http://mirror.invalid\"\nkey = \"a.gpg\"\nsuite = \"stable\"\n";

TEST(Manifest, PreferencesKeepTheirOrderAndCountOnce) {
  const auto prefer =
      parse(
          "[system]\nprefer = [\"linux-*/bookworm-backports\", \"\", \"git=1:2.39*\", \"*/bookworm\", \"bookworm\", "
          "\"git=1:2.39*\", \"node[a-j]s:i386/tools\", \"tools\", \"lib?/stable\"]\n" +
          std::string(tools))
          .prefer;
  EXPECT_EQ(prefer, (std::vector<PlacedWord>{{"linux-*/bookworm-backports"},
                                             {"git=1:2.39*"},
                                             {"bookworm"},
                                             {"node[a-j]s:i386/tools"},
                                             {"tools"},
                                             {"lib?/stable"}}));
  EXPECT_EQ(prefer[1].place.text, "m.toml:5:45");
}

TEST(Manifest, PreferencesThatMeanNothingAreRefused) {
  const auto said = [](const std::string& word) {
    const auto message =
        message_of("manifest_version = 1\nbase.image = \"debian/bookworm\"\nsystem.prefer = [\"" + word + "\"]\n");
    return message.substr(message.find("m.toml:3:18: preference \"" + word + "\"") == 0 ? word.size() + 26 : 0);
  };
  EXPECT_EQ(
      said("git"),
      ": the suite \"git\" does not belong to debian/bookworm; there are bookworm, bookworm-updates, "
      "bookworm-security, bookworm-backports, bookworm-backports-sloppy, bookworm-proposed-updates; others need a "
      "repository in [repositories]; a package is preferred as \"git/SUITE\" or \"git=VERSION\"");
  EXPECT_EQ(said("git/bokworm-backports"),
            ": the suite \"bokworm-backports\" does not belong to debian/bookworm; did you "
            "mean \"bookworm-backports\"?");
  EXPECT_EQ(said("src:linux/bookworm"),
            " names a source package: write a pattern of the packages that are made from it");
  EXPECT_EQ(said("/bookworm"), " has no package before its mark; a suite for all packages is written alone");
  EXPECT_EQ(
      said("Git/bookworm"),
      " is no pattern of package names: a-z, 0-9, \"+\", \".\", \"-\", and \"*\", \"?\" and \"[...]\" as in a shell");
  EXPECT_EQ(said("li[b/bookworm"), " has a \"[\" without its \"]\"");
  EXPECT_EQ(said("git=*"), " prefers any version, which says nothing: remove it");
  EXPECT_EQ(said("git="), " prefers any version, which says nothing: remove it");
  EXPECT_EQ(said("git/"), " has no suite behind \"/\"");
  EXPECT_EQ(said("git=1 2"), " asks for the version \"1 2\", which has characters that no version has");
  EXPECT_EQ(said("git:any/bookworm"), " has \":any\", which is no architecture of its own: leave it out");
  EXPECT_EQ(said("git:I386/bookworm"), " asks for an architecture that is none: write one such as \"libc6:i386\"");
}

TEST(Manifest, SuitesOfPackagesAreThoseOfTheBase) {
  auto said = [](const std::string& base, const std::string& suite) {
    return message_of("manifest_version = 1\nbase.image = \"" + base + "\"\nsystem.packages = [\"x1/" + suite +
                      "\"]\n");
  };
  EXPECT_EQ(said("debian/sid", "experimental"), "accepted");
  EXPECT_EQ(said("debian/trixie", "trixie-backports-sloppy"), "accepted");
  EXPECT_EQ(said("debian/trixie", "trixie-security"), "accepted");
  EXPECT_EQ(said("ubuntu/24.04", "noble-proposed"), "accepted");
  EXPECT_EQ(said("debian/trixie", "bookworm"),
            "m.toml:3:20: package \"x1/bookworm\": the suite \"bookworm\" does not belong to debian/trixie; there are "
            "trixie, trixie-updates, trixie-security, trixie-backports, trixie-backports-sloppy, "
            "trixie-proposed-updates; others need a repository in [repositories]");
}

TEST(Manifest, AnswersAreTextOrBooleans) {
  Manifest manifest =
      parse("[system]\npackages = [\"postfix\"]\n[system.answers]\n\"postfix/mailname\" = \" a b \"\n\"x/y\" = true\n");
  EXPECT_EQ(manifest.answers, (std::map<std::string, std::string>{{"postfix/mailname", " a b "}, {"x/y", "true"}}));
}

TEST(Manifest, AnswersThatDebconfCouldNotReadAreRefused) {
  const std::string packages =
      "manifest_version = 1\nbase.image = \"debian/bookworm\"\n[system]\npackages = [\"postfix\"]\n";
  auto said = [&](std::string_view line) { return message_of(packages + "[system.answers]\n" + std::string(line)); };
  EXPECT_EQ(said("\"a b\" = \"x\""), "m.toml:6:1: question \"a b\" has a blank: questions of debconf have none");
  EXPECT_EQ(said("a = 5"), "m.toml:6:5: the answer to \"a\" must be a string, not an integer");
  EXPECT_NE(said("a = \"x\\ny\"").find("m.toml:6:5: the answer to \"a\" "), std::string::npos);
  EXPECT_NE(said("a = 'x\\'").find("ends with a backslash"), std::string::npos);
  EXPECT_EQ(message_of("manifest_version = 1\nbase.image = \"debian/bookworm\"\n[system.answers]\na = \"x\"\n"),
            "m.toml:3:1: system.answers is for the questions of system.packages, and there are none");
}

TEST(Manifest, VersionsOfDistributionsAreTheirSuites) {
  auto base = [](std::string_view image) {
    return text(parse_manifest("manifest_version = 1\nbase.image = \"" + std::string(image) + "\"", "m").base);
  };
  EXPECT_EQ(base("debian/trixie"), "debian/trixie");
  EXPECT_EQ(base(" debian/sid "), "debian/sid");
  EXPECT_EQ(base("ubuntu/24.04"), "ubuntu/noble");
  EXPECT_EQ(base("ubuntu/22.04"), base("ubuntu/jammy"));
}

TEST(Manifest, ArchiveIsKnownByItsDigestWhereverItLies) {
  std::string digest(64, 'a');
  for (std::string_view location :
       {"rootfs.tar", "images/r.tar.gz", "/srv/r.tgz", "https://mirror.invalid/r.tar.xz", "r.txz", "r.tar.zst"}) {
    auto manifest = parse_manifest(
        "manifest_version = 1\n[base]\nimage = \"" + std::string(location) + "\"\nsha256 = \"" + digest + "\"", "m");
    EXPECT_EQ(std::get<BaseArchive>(manifest.base).location, location);
    EXPECT_EQ(text(manifest.base), "sha256:" + digest);
  }
}

TEST(Manifest, MountsAreSplitAtTheFirstColonAndSortedByLabel) {
  Manifest manifest = parse("[mounts]\nwork = \" ./src : /worker \"\n\" cache \" = \"~/.cache:/cache\"\n");
  ASSERT_EQ(manifest.runtime.mounts.size(), 2u);
  EXPECT_EQ(manifest.runtime.mounts[0], (store::Mount{"cache", "~/.cache", "/cache"}));
  EXPECT_EQ(manifest.runtime.mounts[1], (store::Mount{"work", "./src", "/worker"}));
}

TEST(Manifest, MountsAreReadOnlyWhenTheySaySo) {
  Manifest manifest =
      parse("[mounts]\na = \"d:/data:ro\"\nb = \"d : /b : rw\"\nc = \"d: /data/c :ro \"\nd = \"d:/ro\"\n");
  EXPECT_EQ(manifest.runtime.mounts, (std::vector<store::Mount>{{"a", "d", "/data", store::MountAccess::read_only},
                                                                {"b", "d", "/b"},
                                                                {"c", "d", "/data/c", store::MountAccess::read_only},
                                                                {"d", "d", "/ro"}}));
}

TEST(Manifest, MountsMayLieBelowTheSandboxesScratchDirectoriesAndInOneAnother) {
  Manifest manifest = parse(
      "[mounts]\na = \".:/run/a\"\nb = \".:/tmp/b\"\nc = \".:/usr\"\nd = \".:/usr/share\"\n"
      "e = \".:/etc/app\"\nf = \".:/procedures\"\ng = \".:/device\"\nh = \".:/run/lock/h\"\n");
  EXPECT_EQ(manifest.runtime.mounts.size(), 8u);
}

TEST(Manifest, SessionsMayOnlyReadTheProjectWhenItSaysSo) {
  EXPECT_EQ(parse("").runtime.project, store::ProjectAccess::read_write);
  EXPECT_EQ(parse("[runtime]\nproject = \"read-write\"\n"), parse(""));
  EXPECT_EQ(parse("[runtime]\nproject = \" read-only \"\n").runtime.project, store::ProjectAccess::read_only);
}

TEST(Manifest, SetupKeepsItsOrder) {
  Manifest manifest = parse(
      "[setup]\nrun = [\"b\", \"a\", \"b\"]\n"
      "[[setup.files]]\nsource = \"./z\"\ntarget = \"/etc/z\"\nmode = \"755\"\n"
      "[[setup.files]]\nsource = \"a\"\ntarget = \"/etc/a\"\n");
  EXPECT_EQ(manifest.run, (std::vector<std::string>{"b", "a", "b"}));
  ASSERT_EQ(manifest.files.size(), 2u);
  EXPECT_EQ(manifest.files[0], (SetupFile{"z", "/etc/z", 0755}));
  EXPECT_EQ(manifest.files[1], (SetupFile{"a", "/etc/a", 0644}));
}

TEST(Manifest, ReleasesHaveLinksAndHosts) {
  const auto manifest = parse_manifest(R"(manifest_version = 1
base.image = "debian/bookworm"
[release]
name = "solver"
destination = "/opt/apps/solver"
main = "solver"
entrypoints = ["solver"]
run = "inside"
[release.test]
run = ["solver --version", "solver --check\nsolver"]
[release.links]
tested = "1.4"
newest = "^"
[release.hosts]
lab = "deploy@lab.example"
home = "lab"
[[source]]
name = "solver"
version = "1.4.2"
path = "./src/"
build = """
make
make install
"""
)",
                                       "karapace.toml");
  ASSERT_TRUE(manifest.release);
  EXPECT_EQ(manifest.release->links, (std::map<std::string, std::string>{{"newest", "^"}, {"tested", "1.4"}}));
  EXPECT_EQ(manifest.release->hosts,
            (std::map<std::string, std::string>{{"home", "lab"}, {"lab", "deploy@lab.example"}}));
  EXPECT_EQ(manifest.release->run, ProgramsRun::inside);
  EXPECT_EQ(manifest.release->test, (std::vector<std::string>{"solver --version", "solver --check\nsolver"}));
  EXPECT_EQ(manifest.release->sources.at(0).location, "src");
  EXPECT_EQ(manifest.release->sources.at(0).build, "make\nmake install\n");
}

TEST(Manifest, VariablesKeepTheirText) {
  Manifest manifest = parse("[environment]\nPATH = \" /x:$PATH \"\nLD_PRELOAD = \"\"\n_a1 = \"§\\n\"\n");
  EXPECT_EQ(manifest.runtime.variables,
            (std::map<std::string, std::string>{{"LD_PRELOAD", ""}, {"PATH", " /x:$PATH "}, {"_a1", "§\n"}}));
}

TEST(Manifest, RepositoriesAreSortedAndTheirComponentsToo) {
  Manifest manifest = parse(
      "[repositories.zeta]\nuri = \"https://mirror.invalid/z/\"\nkey = \"z.asc\"\nsuite = \"stable\"\n"
      "[repositories.alpha]\nuri = \"http://mirror.invalid\"\nkey = \"./k/a.gpg\"\nsuite = \"a/updates\"\n"
      "components = [\"main\", \"contrib\", \"main\"]\n");
  ASSERT_EQ(manifest.repositories.size(), 2u);
  EXPECT_EQ(manifest.repositories[0],
            (RepositoryRequest{"alpha", "http://mirror.invalid", "k/a.gpg", "a/updates", {"contrib", "main"}}));
  EXPECT_EQ(manifest.repositories[1],
            (RepositoryRequest{"zeta", "https://mirror.invalid/z", "z.asc", "stable", {"main"}}));
}

TEST(Manifest, DefaultsOfLaterKeysAreAccepted) {
  Manifest manifest = parse(
      "[gui]\napps = [\"\"]\n[hardware]\ngpu = false\naudio = false\n"
      "[runtime]\nbackend = \" Namespace \"\nnetwork_isolation = true\n[runtime.resource_limits]\n");
  EXPECT_TRUE(manifest.runtime.network_isolation);
}

TEST(Manifest, ManifestsThatMeanTheSameAreEqual) {
  auto one =
      parse_manifest("manifest_version = 1\nsystem.packages = [\"git\", \"curl\"]\nbase.image = \"ubuntu/noble\"", "m");
  auto two = parse_manifest(
      "manifest_version = 1\n[system]\npackages = [\"curl\", \" git\", \"git\"]\nrecommends = false\n[base]\n"
      "image = \"ubuntu/24.04\"\n",
      "m");
  EXPECT_EQ(one, two);
}

TEST(Manifest, SeveralProblemsAreToldAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(message_of("manifest_version = 1\nnmae = \"x\"\n[base]\nimage = \"debian/bookwrom\"\n[sytem]\n"
                       "packages = [\"git\"]\n"),
            "m.toml:2:1: unknown key \"nmae\"\n"
            "m.toml:4:9: base.image \"debian/bookwrom\" is not a known base; did you mean \"debian/bookworm\"?\n"
            "m.toml:5:2: unknown key \"sytem\"; did you mean \"system\"?");
}

TEST(Manifest, KeysOfTenThousandsOfPartsAreRefused) {
  std::string deep;
  for (int i = 0; i < 300'000; ++i) deep += "a.";
  EXPECT_EQ(message_of("x = \"\"\"\n.\n\"\"\"\n" + deep + "a = 1\n"), "m.toml:4:1: a key has too many parts");
  EXPECT_EQ(message_of("['it''s']\n[" + deep + "a]\n"), "m.toml:2:1: a key has too many parts");
  EXPECT_EQ(message_of("x = {" + deep + "a = 1}"), "m.toml:1:1: a key has too many parts");
  auto manifest = parse("# " + deep + "\n[setup]\nrun = [\"" + deep + "\\\"\", '" + deep + "', '''" + deep +
                        "\n''', \"\"\"" + deep + "\n\\\"\"\"\"]\n");
  EXPECT_EQ(manifest.run.size(), 4u);
}

TEST(Manifest, SyntaxErrorTellsItsPlace) {
  EXPECT_TRUE(message_of("manifest_version = 1\n[base\n").starts_with("m.toml:2:"));
  EXPECT_TRUE(message_of("a = \"\xff\"").starts_with("m.toml:1:"));
  EXPECT_TRUE(message_of(std::string_view("a = \0", 5)).starts_with("m.toml:1:"));
  EXPECT_TRUE(message_of("a = 1\na = 2").starts_with("m.toml:2:"));
}

}  // namespace
}  // namespace karapace::tests
