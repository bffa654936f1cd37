// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/mirrors.hpp"

#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/resolve/image_resolution.hpp"
#include "generator/resolve/os_release.hpp"
#include "generator/resolve/user_configuration.hpp"
#include "tests/resolve/process.hpp"
#include "tests/resolve/signed_archive.hpp"

namespace karapace::testing {
namespace {

using namespace resolve;
using Urls = std::vector<std::string>;

class FindingMirrors : public ::testing::Test {
 protected:
  MirrorsRequest request() const {
    return {.distribution = "debian",
            .architecture = "amd64",
            .additional = {},
            .configuration = directory.path() / "config.toml",
            .cache = directory.path() / "cache"};
  }
  std::string refusal(const std::string& configuration) const {
    write_text(directory.path() / "config.toml", configuration);
    try {
      find_mirrors(request());
    } catch (const ManifestError& error) {
      return std::string(error.what()).substr(directory.path().string().size() + 1);
    }
    return "no error";
  }
  TemporaryDirectory directory;
};

TEST_F(FindingMirrors, PrefersTheUsersConfiguration) {
  write_text(directory.path() / "config.toml",
             "[mirrors]\ndebian = [\"http://one.invalid/debian/\", \"https://two.invalid/d\"]\n"
             "debian-security = \"file:/srv/security\"\n"
             "[acquisition]\nhttp_proxy = \"http://proxy.invalid:3128\"\nretries = 7\ncheck_valid_until = false\n"
             "[keyrings]\ndebian = \"/etc/site.asc\"\n");
  const Mirrors mirrors = find_mirrors(request());
  EXPECT_EQ(mirrors.archives.at("debian"), (Urls{"http://one.invalid/debian", "https://two.invalid/d"}));
  EXPECT_EQ(mirrors.archives.at("debian-security"), Urls{"file:///srv/security"});
  EXPECT_EQ(mirrors.acquisition.http_proxy, "http://proxy.invalid:3128");
  EXPECT_EQ(mirrors.acquisition.retries, 7U);
  EXPECT_FALSE(mirrors.acquisition.check_valid_until);
  EXPECT_TRUE(mirrors.acquisition.check_date);
  EXPECT_EQ(mirrors.keyrings.at("debian"), "/etc/site.asc");
}

TEST_F(FindingMirrors, KnowsEveryArchiveOfADistributionWithoutConfiguration) {
  const Mirrors mirrors = find_mirrors(request());
  EXPECT_FALSE(mirrors.archives.at("debian").empty());
  EXPECT_FALSE(mirrors.archives.at("debian-security").empty());
}

TEST_F(FindingMirrors, RemembersTheHostsAnswer) {
  const Mirrors first = find_mirrors(request());
  const auto file = directory.path() / "cache" / "host-mirrors.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the host does not run Debian";
  const auto written = std::filesystem::last_write_time(file);
  EXPECT_EQ(find_mirrors(request()), first);
  EXPECT_EQ(std::filesystem::last_write_time(file), written);
}

TEST_F(FindingMirrors, ReplacesADamagedCache) {
  const Mirrors first = find_mirrors(request());
  const auto file = directory.path() / "cache" / "host-mirrors.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the host does not run Debian";
  auto of_another_release = nlohmann::json::parse(read_file(file));
  of_another_release.at("answer")["more"] = 1;
  for (const std::string& text : {std::string("garbage"), std::string("{\"stamp\": 5}"), of_another_release.dump()}) {
    write_text(file, text);
    EXPECT_EQ(find_mirrors(request()), first);
    EXPECT_NE(read_file(file), text) << "it is asked for every time";
  }
}

TEST_F(FindingMirrors, KnowsHowTheHostReachesServersForWhatIsOfNoDistribution) {
  find_mirrors(request());
  const auto file = directory.path() / "cache" / "host-mirrors.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the host does not run Debian";
  auto kept = nlohmann::json::parse(read_file(file));
  kept.at("answer").at("mirrors").at("acquisition")["http_proxy"] = "http://proxy.invalid:3128";
  write_text(file, kept.dump());
  auto wanted = request();
  wanted.distribution = "";
  EXPECT_EQ(find_mirrors(wanted).acquisition.http_proxy, "http://proxy.invalid:3128");
  EXPECT_TRUE(find_mirrors(wanted).archives.empty());
  write_text(directory.path() / "config.toml", "[acquisition]\nhttp_proxy = \"\"\n");
  EXPECT_EQ(find_mirrors(wanted).acquisition.http_proxy, "");
}

TEST_F(FindingMirrors, HasPortsForOtherUbuntuArchitectures) {
  auto wanted = request();
  wanted.distribution = "ubuntu";
  wanted.architecture = "arm64";
  EXPECT_EQ(find_mirrors(wanted).archives.at("ubuntu"), Urls{"http://ports.ubuntu.com/ubuntu-ports"});
}

TEST_F(FindingMirrors, TakesAdditionalRepositoriesFromTheManifest) {
  auto wanted = request();
  wanted.distribution = "";
  wanted.additional = {{"extra", "https://example.invalid/apt/"}};
  EXPECT_EQ(find_mirrors(wanted).archives, (std::map<std::string, Urls>{{"extra", {"https://example.invalid/apt"}}}));
  write_text(directory.path() / "config.toml", "[mirrors]\nextra = \"http://near.invalid/apt\"\n");
  EXPECT_EQ(find_mirrors(wanted).archives.at("extra"), Urls{"http://near.invalid/apt"});
  wanted.additional = {{"extra", "ftp://example.invalid"}};
  std::filesystem::remove(directory.path() / "config.toml");
  EXPECT_THROW(find_mirrors(wanted), ManifestError);
}

TEST_F(FindingMirrors, RegistriesOfImagesHaveMirrorsAndMayBeSpokenToInTheClear) {
  write_text(directory.path() / "config.toml",
             "[registries.\"registry.example:5000\"]\nhttp = true\n"
             "[registries.\"docker.io\"]\nmirrors = [\"mirror.example/cache\", \"near.example:5000\"]\n");
  const Mirrors mirrors = find_mirrors(request());
  EXPECT_EQ(mirrors.acquisition.http_registries, Urls{"registry.example:5000"});
  EXPECT_EQ(image_locations("oci:docker.io/library/debian:12", mirrors),
            (Urls{"oci:mirror.example/cache/library/debian:12", "oci:near.example:5000/library/debian:12",
                  "oci:docker.io/library/debian:12"}));
  EXPECT_EQ(blob_locations("oci:registry.example:5000/team/dev@sha256:" + std::string(64, 'a'), mirrors),
            Urls{"oci:registry.example:5000/team/dev"});
  EXPECT_EQ(image_locations("oci-archive:/images/a.tar:1", mirrors), Urls{"oci-archive:/images/a.tar:1"});
}

TEST_F(FindingMirrors, RefusesAWrongConfigurationWithItsPlace) {
  EXPECT_EQ(refusal("[mirors]\n"),
            "config.toml:1:2: unknown key \"mirors\"; known are [acquisition], [keyrings], [mirrors], [mounts] and "
            "[registries]");
  EXPECT_EQ(refusal("[mirrors]\ndebian = 1\n"), "config.toml:2:10: \"debian\" must be a string or a list of strings");
  EXPECT_EQ(refusal("[mirrors]\ndebian = \"example.invalid\"\n"),
            "config.toml:2:10: \"example.invalid\" is not a mirror's URL; it must begin with http://, https:// or "
            "file:/// and have no spaces");
  EXPECT_EQ(refusal("[mirrors]\ndebian = []\n"), "config.toml:2:10: \"debian\" needs at least one mirror");
  EXPECT_EQ(refusal("[acquisition]\nretries = -1\n"), "config.toml:2:11: \"retries\" must be a number from 0 to 86400");
  EXPECT_EQ(refusal("[acquisition]\nspeed = 1\n").substr(0, 56),
            "config.toml:2:1: unknown key \"speed\" in [acquisition]; k");
  EXPECT_EQ(refusal("[keyrings]\ndebian = \"site.gpg\"\n"), "config.toml:2:10: \"debian\" must be an absolute path");
  EXPECT_EQ(
      refusal("[registries.\"https://registry.example\"]\nhttp = true\n"),
      "config.toml:1:2: [registries.\"https://registry.example\"] is not a registry: write its host as images are "
      "called by it, \"registry.example:5000\", without https://");
  EXPECT_EQ(refusal("[registries.\"registry.example\"]\ninsecure = true\n"),
            "config.toml:2:1: unknown key \"insecure\" in [registries]; known are http and mirrors");
  EXPECT_EQ(refusal("[registries.\"registry.example\"]\nhttp = 1\n"),
            "config.toml:2:8: \"http\" must be true or false");
  EXPECT_EQ(refusal("[registries.\"registry.example\"]\nmirrors = [\"http://mirror.example\"]\n"),
            "config.toml:2:11: \"http://mirror.example\" is not a mirror of a registry: write REGISTRY or "
            "REGISTRY/PREFIX, without https://");
  EXPECT_NE(refusal("[mirrors\n"), "no error");
}

TEST_F(FindingMirrors, RefusesAConfigurationThatNestsWithoutEnd) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) key += ".a";
  EXPECT_EQ(refusal(key + " = 1\n"), "config.toml:1:1: a key has too many parts");
}

TEST_F(FindingMirrors, IgnoresWhatIsSaidOfMounts) { EXPECT_EQ(refusal("[mounts]\nallowed = 1\n"), "no error"); }

class AllowedMounts : public ::testing::Test {
 protected:
  std::vector<std::filesystem::path> allowed(const std::string& configuration) const {
    write_text(directory.path() / "config.toml", configuration);
    return read_allowed_mounts(directory.path() / "config.toml");
  }
  std::string refusal(const std::string& configuration) const {
    try {
      allowed(configuration);
    } catch (const ManifestError& error) {
      return std::string(error.what()).substr(directory.path().string().size() + 1);
    }
    return "no error";
  }
  TemporaryDirectory directory;
};

TEST_F(AllowedMounts, AreThePathsOfTheConfiguration) {
  EXPECT_TRUE(read_allowed_mounts(directory.path() / "config.toml").empty());
  EXPECT_TRUE(allowed("[mirrors]\ndebian = 1\n").empty());
  const char* home = std::getenv("HOME");
  ASSERT_NE(home, nullptr);
  EXPECT_EQ(allowed("[mounts]\nallowed = [\"/data\", \"~/sets\"]\n"),
            (std::vector<std::filesystem::path>{"/data", std::filesystem::path(home) / "sets"}));
}

TEST_F(AllowedMounts, AreRefusedWithTheirPlace) {
  EXPECT_EQ(refusal("mounts = 1\n"), "config.toml:1:10: [mounts] must be a table");
  EXPECT_EQ(refusal("[mounts]\nallow = []\n"), "config.toml:2:9: unknown key mounts.allow");
  EXPECT_EQ(refusal("[mounts]\nallowed = \"/a\"\n"), "config.toml:2:11: mounts.allowed must be an array of paths");
  EXPECT_EQ(refusal("[mounts]\nallowed = [\"a\"]\n"),
            "config.toml:2:12: paths in mounts.allowed must begin with / or ~/");
  EXPECT_EQ(refusal("[mounts\n").substr(0, 24), "config.toml:1:8: not TOM");
}

TEST(OsRelease, ValuesMayBeQuoted) {
  const std::string text = "NAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\nID=debian\nID_LIKE=none\n";
  EXPECT_EQ(os_release_value(text, "NAME"), "Debian GNU/Linux");
  EXPECT_EQ(os_release_value(text, "VERSION_ID"), "12");
  EXPECT_EQ(os_release_value(text, "ID"), "debian");
  EXPECT_EQ(os_release_value(text, "VERSION"), "");
}

TEST(MirrorsText, IsWhatFetchStepsRead) {
  const Mirrors mirrors{.archives = {{"debian", {"http://mirror.invalid/debian"}}},
                        .acquisition = {.http_proxy = "http://proxy.invalid:1"},
                        .keyrings = {}};
  const auto value = nlohmann::json::parse(mirrors_text(mirrors, {{"abc", {"/file"}}}));
  EXPECT_EQ(value, nlohmann::json::parse(R"({"acquisition": {"http_proxy": "http://proxy.invalid:1", "retries": 3,
    "timeout": 30, "verify_host": true, "verify_peer": true},
    "archives": {"debian": ["http://mirror.invalid/debian"]}, "files": {"abc": ["/file"]}})"));
}

TEST(NormalisedUrl, AcceptsWhatAptAndLibcurlBothSpeak) {
  EXPECT_EQ(normalised_url("http://a.invalid/debian///"), "http://a.invalid/debian");
  EXPECT_EQ(normalised_url("file:/srv/x"), "file:///srv/x");
  for (const char* bad : {"", "http://", "file:///", "cdrom:/x", "http://a b", "mirror+file:/x", "http://a\n"}) {
    EXPECT_FALSE(normalised_url(bad)) << bad;
  }
}

}  // namespace
}  // namespace karapace::testing
