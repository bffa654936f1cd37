// SPDX-License-Identifier: Apache-2.0
// What a build script leaves becomes a layer by itself, and leads nowhere: real compilations, in an environment that is
// a shell and few programs of the host.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/listing.hpp"
#include "store/release_document.hpp"
#include "store/scan.hpp"
#include "store/store.hpp"
#include "tests/skipping.hpp"

namespace karapace::steps {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Compiling : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) KARAPACE_SKIP_TEST("layers of 0:0 are made here by root");
    const auto staging = store_.stage();
    const auto tree = staging.path() / "tree";
    for (const char* directory : {"bin", "etc", "tmp", "dev", "proc", "sys", "run", "root", "var"})
      fs::create_directories(tree / directory);
    for (const char* program : {"sh", "mkdir", "mv", "ln", "mkfifo"}) put_program(tree, program);
    base_ = recorded(StepKind::unpack, add(tree, staging));
    const auto files = store_.stage();
    fs::create_directory(files.path() / "tree");
    std::ofstream(files.path() / "tree/README") << "a source";
    source_ = recorded(StepKind::source, add(files.path() / "tree", files));
  }

  static void put_program(const fs::path& tree, const std::string& name) {
    const auto program = fs::exists("/bin/" + name) ? "/bin/" + name : "/usr/bin/" + name;
    fs::copy_file(program, tree / "bin" / name);
    std::istringstream words(capture_child({.argv = {"ldd", program}}).output);
    for (std::string word; words >> word;) {
      if (!word.starts_with('/') || fs::exists(tree.native() + word)) continue;
      fs::create_directories((tree.native() + word).substr(0, (tree.native() + word).rfind('/')));
      fs::copy_file(word, tree.native() + word);
    }
  }
  LayerId add(const fs::path& tree, const store::Staging& staging) const {
    const auto directory = open_at(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
    return store_.add_layer(tree, store::scan(directory.get(), {.label = "test", .include = {}}), staging);
  }
  StepKey recorded(StepKind kind, const LayerId& layer) const {
    const auto step = Step::normalised(kind, {{"rules", "1"}, {"test", layer.hex()}}, {});
    store_.add_record({step, LayerOutput{layer}});
    return step.key();
  }

  /// `script`, to be installed below `destination`.
  Step step(const std::string& script) const {
    return Step::normalised(StepKind::compile,
                            {{"base-layers", "1"},
                             {"destination", destination_},
                             {"name", "solver"},
                             rules_of(StepKind::compile),
                             {"script", "\"" + script + "\""},
                             {"version", "1.0.0"}},
                            {base_, source_});
  }
  store::Listing compiled(const Step& step) const {
    const auto staging = store_.stage(step);
    const auto output = compile({.store = store_, .staging = staging, .step = step, .key = step.key(), .hints = {}});
    return store_.listing(std::get<LayerOutput>(output).layer);
  }
  std::string refusal(const Step& step) const {
    try {
      compiled(step);
      return "it was compiled";
    } catch (const Error& error) {
      return error.what();
    }
  }

  TemporaryDirectory temporary_;
  store::Store store_ = store::Store::open(temporary_.path() / "store", store::Store::Access::create);
  std::string destination_ = "/srv/ratt/solver";
  StepKey base_;
  StepKey source_;
};

TEST_F(Compiling, TakesWhatIsInTheOutput) {
  const auto listing = compiled(step("mkdir -p $out/bin; echo x >$out/bin/solver; ln -s solver $out/bin/other"));
  EXPECT_NE(listing.find("bin/solver"), nullptr);
  EXPECT_NE(listing.find("bin/other"), nullptr);
}

TEST_F(Compiling, FollowsNoLinkThatAScriptPutsAboveTheOutput) {
  const auto host = temporary_.path() / "host";
  const auto step = this->step("mkdir -p $out/bin; echo x >$out/bin/solver; mv " + destination_ + "/store " +
                               destination_ + "/old; ln -s " + host.string() + " " + destination_ + "/store");
  const auto precious = host / store::release_entry_name(step.key(), "solver", "1.0.0") / "precious";
  fs::create_directories(precious.parent_path());
  std::ofstream(precious) << "of the host";
  EXPECT_THAT(refusal(step), HasSubstr("the commands left nothing in /srv/ratt/solver/store/"));
  EXPECT_EQ(read_file(precious), "of the host");
}

TEST_F(Compiling, RefusesWhatCouldNotBeInstalled) {
  EXPECT_THAT(refusal(step("mkdir -p $out/bin; mkfifo $out/bin/pipe")),
              HasSubstr("/bin/pipe\", which is no file, link or directory"));
}

}  // namespace
}  // namespace karapace::steps
