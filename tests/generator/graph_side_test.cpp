// SPDX-License-Identifier: Apache-2.0
// What is told of a manifest whose lock is one side of a comparison.
#include "generator/project/graph_side.hpp"

#include <gmock/gmock.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/locked_release.hpp"
#include "sample_lock.hpp"

namespace karapace::project {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReleaseProject : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(directory_ / "src");
    write("src/app.c", "int main(void) { return 0; }\n");
    write("karapace.toml",
          "manifest_version = 1\n[base]\nimage = \"debian/bookworm\"\n"
          "[release]\nname = \"app\"\ndestination = \"/opt/app\"\nmain = \"app\"\nentrypoints = [\"app\"]\n"
          "[[source]]\nname = \"app\"\nversion = \"1.0\"\npath = \"src\"\nbuild = \"make install\"\n");
    lock();
  }
  void write(const fs::path& file, const std::string& text) const {
    write_file_atomically(directory_ / file, text, Durable::no);
  }
  /// As `karapace lock` does, without asking an archive.
  void lock() const {
    const auto project = open_project(".", directory_);
    auto lock = karapace::testing::sample_lock({});
    auto wanted = wanted_intent(project, std::nullopt, {});
    lock.request = std::move(wanted.request);
    lock.answers = std::move(wanted.answers);
    lock.files = std::move(wanted.files);
    lock.run = std::move(wanted.run);
    lock.layers = std::move(wanted.layers);
    lock.runtime = std::move(wanted.runtime);
    lock.release = std::move(wanted.release);
    lock::write_lock(project.lock_path, lock);
  }
  std::vector<std::string> notes() const { return open_side(".", directory_, {}).notes; }

  TemporaryDirectory temporary_;
  fs::path directory_ = fs::canonical(temporary_.path());
};

TEST_F(ReleaseProject, WithALockThatFitsIsNotSaidToBeOutOfDate) { EXPECT_THAT(notes(), IsEmpty()); }

TEST_F(ReleaseProject, WhoseSourceIsAnotherThanItsLockSaysIsTold) {
  write("src/app.c", "int main(void) { return 1; }\n");
  EXPECT_THAT(notes(), ElementsAre(HasSubstr("karapace.toml asks for other things than its lock has")));
  lock();
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(ReleaseProject, WhoseSourceIsGoneIsNotCompared) {
  fs::remove_all(directory_ / "src");
  EXPECT_THAT(notes(), ElementsAre(HasSubstr("karapace.toml can not be compared with its lock")));
}

}  // namespace
}  // namespace karapace::project
