// SPDX-License-Identifier: Apache-2.0
// `release export` of what a form can not hold.
#include <gmock/gmock.h>

#include "base/durable_file.hpp"
#include "store/release_document.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ReleaseExport : public ProgramTest {
 protected:
  /// A version of one package, whose listing this is.
  void install(const std::string& destination, const std::string& listing) const {
    for (const auto* name : {"versions", "store", "bin", ".karapace/locks", ".karapace/listings"})
      fs::create_directories(place_ / name);
    const auto environment = store::environment_of(store_, "an image");
    store::add_environment(store_, environment);
    const auto entry = store::release_entry_name(StepKey(blake3("k")), "app", "1");
    const store::ReleaseDocument document{.name = "app",
                                          .main = "app",
                                          .version = "1",
                                          .destination = destination,
                                          .entrypoints = {"app"},
                                          .environment = environment.id,
                                          .lock = Sha256(blake3("l")),
                                          .packages = {{"app", "1", entry, LayerId(blake3(listing))}}};
    fs::create_directories(place_ / "versions/1+1");
    fs::create_directories(place_ / "store" / entry);
    write_file_atomically(place_ / "versions/1+1" / store::release_document_file, store::text(document), Durable::no);
    write_file_atomically(place_ / ".karapace/listings" / entry, listing, Durable::no);
  }
  Result exported(const std::string& form) const {
    return karapace("release export 1+1 -d " + place_.native() + " --format " + form + " -o " +
                    (temporary_.path() / "x").native());
  }

  fs::path place_ = fs::canonical(temporary_.path()) / "apps/app";
};

TEST_F(ReleaseExport, AFileSystemHasTheTimesOfTheBuildOrIsNotMade) {
  install("/opt/app", "karapace listing 1\nd / 0755 0 0 1000\nd /old 0755 0 0 -5\n");
  const auto result = exported("squashfs");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output,
              HasSubstr("-app-1/old\" has a time before 1970 or after 2106, which squashfs can not hold"));
}

TEST_F(ReleaseExport, AnImageHasNoDestinationInPlaceOfAFile) {
  install("/bin/file", "karapace listing 1\nd / 0755 0 0 1000\n");
  const auto result = exported("oci");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output,
              HasSubstr("the destination \"/bin/file\" lies at or behind \"/bin/file\", which is no directory"));
}

}  // namespace
}  // namespace karapace::cli
