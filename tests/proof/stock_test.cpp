// SPDX-License-Identifier: Apache-2.0
#include "proof/stock.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/durable_file.hpp"
#include "base/file.hpp"
#include "generator/graph/graph.hpp"
#include "store/scan.hpp"
#include "tests/generator/sample_lock.hpp"
#include "tests/store/store_fixture.hpp"

namespace karapace::proof {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

/// A store in which some packages of a lock are unpacked.
class StockTest : public store::StoreTest {
 protected:
  StockTest() : lock_(karapace::testing::sample_lock({"git", "curl", "libpcre2-8-0"})) {}

  using Files = std::vector<std::pair<std::string, std::string>>;

  void unpack(const std::string& name, const std::string& control, const Files& documents) {
    const auto graph = graph::plan(std::vector{lock_});
    for (const auto& edge : graph.edges) {
      if (edge.subject != name + " 1.0-1" || edge.step.kind != StepKind::unpack) continue;
      const auto staging = store_.stage();
      const auto tree = staging.path() / "tree";
      const auto put = [&](const std::filesystem::path& path, std::string_view text) {
        std::filesystem::create_directories((tree / path).parent_path());
        write_file_atomically(tree / path, text, Durable::no);
      };
      put("meta/deb/control/control", "Package: " + name + "\nVersion: 1.0-1\nArchitecture: amd64\n" + control);
      for (const auto& [path, text] : documents) {
        if (text.starts_with("-> ")) {
          std::filesystem::create_directories((tree / path).parent_path());
          std::filesystem::create_symlink(text.substr(3), tree / path);
        } else {
          put(path, text);
        }
      }
      const auto layer = store_.add_layer(tree, store::scan_path(tree), staging);
      // The record of a package's unpacking needs no record of its fetch to be read.
      write_file_atomically(store_.step_path(edge.key), StepRecord{edge.step, LayerOutput{layer}}.text(), Durable::no);
      layers_.push_back(layer);
      return;
    }
    FAIL() << name;
  }

  Stock stock() const { return take_stock(lock_, store_, "1.2.3"); }
  json spdx() const { return json::parse(spdx_text(stock())); }
  json cyclonedx() const { return json::parse(cyclonedx_text(stock())); }
  static json named(const json& list, const std::string& name) {
    for (const auto& one : list)
      if (one["name"] == name) return one;
    return {};
  }

  void unpack_all() {
    unpack("git",
           "Maintainer: Ada <ada@example.com>\nHomepage: https://git.example/\nDepends: libc6 (>= 0.5), libpcre2-8-0 | "
           "nothing, absent\n",
           {{"data/usr/share/doc/git/copyright",
             "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2 "
             "and mine\n"}});
    unpack("libpcre2-8-0", "Source: pcre2 (10.42-1)\nMaintainer: B\nDepends: libc6\n",
           {{"data/usr/share/doc/libpcre2-8-0", "-> git"}});
    unpack("curl", "Maintainer: \xff\n", {{"data/usr/share/doc/curl/copyright", "It is free.\n"}});
  }

  lock::Lock lock_;
  std::vector<LayerId> layers_;
};

TEST_F(StockTest, SpdxTellsWhatThePackagesSay) {
  unpack_all();
  const auto document = spdx();
  EXPECT_EQ(document["spdxVersion"], "SPDX-2.3");
  EXPECT_EQ(document["creationInfo"],
            (json{{"created", "2026-07-11T10:16:37Z"}, {"creators", json::array({"Tool: karapace-1.2.3"})}}));
  const auto git = named(document["packages"], "git");
  EXPECT_EQ(git["versionInfo"], "1.0-1");
  EXPECT_EQ(git["licenseDeclared"], "GPL-2.0-only AND LicenseRef-mine");
  EXPECT_EQ(git["homepage"], "https://git.example/");
  EXPECT_EQ(git["comment"], "Maintainer: Ada <ada@example.com>");
  EXPECT_EQ(git["externalRefs"][0]["referenceLocator"], "pkg:deb/debian/git@1.0-1?arch=amd64&distro=bookworm");
  EXPECT_EQ(git["checksums"][0]["checksumValue"], karapace::testing::sample_package("git").sha256.hex());
  EXPECT_EQ(document["hasExtractedLicensingInfos"],
            json::array({{{"licenseId", "LicenseRef-mine"},
                          {"name", "mine"},
                          {"extractedText",
                           "\"mine\" in usr/share/doc/PACKAGE/copyright of the packages git, libpcre2-8-0"}}}));
}

TEST_F(StockTest, DocumentsInAnotherPackageAreFoundThere) {
  unpack_all();
  const auto pcre = named(spdx()["packages"], "libpcre2-8-0");
  EXPECT_EQ(pcre["licenseDeclared"], "GPL-2.0-only AND LicenseRef-mine");
  EXPECT_EQ(pcre["sourceInfo"], "built from the source package pcre2");
}

TEST_F(StockTest, FilesForPeopleAndOddBytesAreNoTrouble) {
  unpack_all();
  const auto curl = named(spdx()["packages"], "curl");
  EXPECT_EQ(curl["licenseDeclared"], "NOASSERTION");
  EXPECT_EQ(curl["comment"], "Maintainer: \\xff");
  EXPECT_FALSE(named(cyclonedx()["components"], "curl").contains("licenses"));
}

TEST_F(StockTest, RelationsAreThoseOfTheLockAndLeadSomewhere) {
  unpack_all();
  const auto document = spdx();
  std::set<std::string> ids{"SPDXRef-DOCUMENT"};
  for (const auto& one : document["packages"]) EXPECT_TRUE(ids.insert(one["SPDXID"]).second) << one["SPDXID"];
  std::set<std::pair<std::string, std::string>> needs;
  for (const auto& one : document["relationships"]) {
    EXPECT_TRUE(ids.contains(one["spdxElementId"]) && ids.contains(one["relatedSpdxElement"])) << one;
    if (one["relationshipType"] == "DEPENDS_ON") needs.emplace(one["spdxElementId"], one["relatedSpdxElement"]);
  }
  const auto id = [&](const std::string& name) {
    return named(document["packages"], name)["SPDXID"].get<std::string>();
  };
  EXPECT_EQ(needs, (std::set<std::pair<std::string, std::string>>{
                       {id("git"), id("libc6")}, {id("git"), id("libpcre2-8-0")}, {id("libpcre2-8-0"), id("libc6")}}));
}

TEST_F(StockTest, CycloneDxTellsTheSame) {
  unpack_all();
  const auto document = cyclonedx();
  EXPECT_EQ(document["bomFormat"], "CycloneDX");
  EXPECT_EQ(document["specVersion"], "1.5");
  EXPECT_EQ(document["metadata"]["timestamp"], "2026-07-11T10:16:37Z");
  EXPECT_EQ(document["metadata"]["component"]["version"], lock::environment_id(lock_).hex());
  const auto git = named(document["components"], "git");
  EXPECT_EQ(git["licenses"], json::array({{{"expression", "GPL-2.0-only AND LicenseRef-mine"}}}));
  EXPECT_EQ(git["hashes"][0],
            (json{{"alg", "SHA-256"}, {"content", karapace::testing::sample_package("git").sha256.hex()}}));
  std::set<std::string> references{document["metadata"]["component"]["bom-ref"]};
  for (const auto& one : document["components"]) EXPECT_TRUE(references.insert(one["bom-ref"]).second);
  for (const auto& one : document["dependencies"])
    for (const auto& needed : one["dependsOn"]) EXPECT_TRUE(references.contains(needed)) << needed;
}

TEST_F(StockTest, TheSameGivesTheSameBytesAndOtherContentAnotherName) {
  unpack_all();
  EXPECT_EQ(spdx_text(stock()), spdx_text(stock()));
  EXPECT_EQ(cyclonedx_text(stock()), cyclonedx_text(stock()));
  const auto before = std::pair(spdx()["documentNamespace"], cyclonedx()["serialNumber"]);
  lock_.packages.pop_back();
  EXPECT_NE(spdx()["documentNamespace"], before.first);
  EXPECT_NE(cyclonedx()["serialNumber"], before.second);
  EXPECT_THAT(
      before.second.get<std::string>(),
      ::testing::ContainsRegex("^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"));
}

TEST_F(StockTest, OfPackagesThatAreNotThereTheLockIsTold) {
  const auto facts = stock().packages;
  EXPECT_EQ(facts.size(), lock_.base.size() + lock_.packages.size());
  for (const auto& one : facts) EXPECT_FALSE(one.is_unpacked);
  EXPECT_EQ(named(spdx()["packages"], "git")["licenseDeclared"], "NOASSERTION");
}

TEST_F(StockTest, ADamagedCopyrightFileIsNotBelieved) {
  unpack_all();
  const auto file = store_.layer_tree(layers_.front()) / "data/usr/share/doc/git/copyright";
  store::flip_byte(file);
  EXPECT_THAT(store::error_of([&] { stock(); }), HasSubstr("usr/share/doc/git/copyright\" in layer"));
}

TEST_F(StockTest, EverythingALockCanHoldIsInIt) {
  const auto lock = karapace::testing::sample_lock_with_everything();
  const auto all = take_stock(lock, store_, "1");
  const auto document = json::parse(spdx_text(all));
  for (const auto& layer : lock.layers) EXPECT_FALSE(named(document["packages"], layer.name()).is_null());
  for (const auto& file : lock.files) EXPECT_FALSE(named(document["packages"], file.target).is_null());
  const auto archive = karapace::testing::sample_archive_lock({"git"});
  const auto based = json::parse(cyclonedx_text(take_stock(archive, store_, "1")));
  EXPECT_EQ(named(based["components"], "base archive")["hashes"][0]["content"], archive.archive->sha256.hex());
}

TEST(PackageAddress, WritesOutWhatAnAddressCanNotHold) {
  auto lock = karapace::testing::sample_lock({"g++"});
  lock.packages[0].version = "1:2.0+x~rc1-3";
  lock.packages[0].repository = "extra/bookworm";
  TemporaryDirectory directory;
  const auto store = store::Store::open(directory.path() / "store", store::Store::Access::create);
  const auto facts = take_stock(lock, store, "1").packages;
  EXPECT_THAT(facts, ::testing::Contains(::testing::Field(
                         &PackageFacts::address, "pkg:deb/extra/g%2B%2B@1:2.0%2Bx~rc1-3?arch=amd64&distro=bookworm")));
}

}  // namespace
}  // namespace karapace::proof
