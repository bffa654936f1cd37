// SPDX-License-Identifier: Apache-2.0
// Unpacking: archives made byte by byte, and what the unpack step says of them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "remote/sha256.hpp"
#include "runtime/steps/deb/deb_package.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"
#include "store/scan.hpp"
#include "store/staging.hpp"
#include "store/store.hpp"
#include "tests/steps/tar_builder.hpp"

namespace karapace::steps {

/// A member of an ar(5) archive.
inline std::string member(const std::string& name, const std::string& bytes) {
  char header[61];
  std::snprintf(header, sizeof header, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name.c_str(), 0, 0, 0, 0644u, bytes.size());
  return header + bytes + (bytes.size() % 2 ? "\n" : "");
}

inline constexpr const char* control = "Package: x\nVersion: 1\nArchitecture: all\n";

class Unpacking : public ::testing::Test {
 protected:
  void SetUp() override {
    ::alarm(30);  // who waits for a FIFO waits for ever
    std::string name = (std::filesystem::temp_directory_path() / "karapace-unpack-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
    store_.emplace(store::Store::open(path_ / "store", store::Store::Access::create));
  }
  void TearDown() override {
    ::alarm(0);
    store_.reset();
    remove_tree(path_);
  }

  /// What unpacking a package with these control files says.
  std::string refusal(const TarBuilder& members) {
    auto deb = "!<arch>\n" + member("debian-binary", "2.0\n") + member("control.tar", members.finish()) +
               member("data.tar", TarBuilder().add({.name = "./", .type = '5', .mode = 0755}).finish());
    return unpacking("deb", deb);
  }
  /// The same of a root file system.
  std::string refusal_of_root(const TarBuilder& root) { return unpacking("tar", root.finish()); }
  /// The same of a package with this data member.
  std::string refusal_of_data(const char* name, const std::string& bytes) {
    return unpacking("deb", package(name, bytes));
  }
  /// A package with this data member.
  static std::string package(const char* name, const std::string& bytes) {
    return "!<arch>\n" + member("debian-binary", "2.0\n") +
           member("control.tar", TarBuilder().add({.name = "./control", .content = control}).finish()) +
           member(name, bytes);
  }
  /// The digest of the layer that is made.
  std::string layer_of(const std::string& format, const std::string& bytes) {
    EXPECT_EQ(unpacking(format, bytes), "accepted");
    return std::get<LayerOutput>(made_).layer.hex();
  }
  /// What the last unpacking made.
  store::Listing listing() const { return store_->listing(std::get<LayerOutput>(made_).layer); }
  /// The same as it is on disk.
  store::Listing scanned() const {
    auto tree = open_at(AT_FDCWD, store_->layer_tree(std::get<LayerOutput>(made_).layer), O_RDONLY | O_DIRECTORY);
    store::ScanOptions options;
    if (::geteuid() != 0) options.owners = store::Owners::ignore;
    return store::scan(tree.get(), options);
  }
  /// The package that the last unpacking made, as an installation is given it.
  deb::DebPackage loaded() {
    store_->add_record({step_, made_});
    return deb::as_deb_package(load_package(*store_, step_.key(), "deb"));
  }
  const std::filesystem::path& directory() const noexcept { return path_; }
  const store::Store& store() const { return *store_; }
  std::string file(const std::string& name) const {
    return read_file(store_->layer_tree(std::get<LayerOutput>(made_).layer) / name);
  }

  /// "accepted", or what is said.
  std::string unpacking(const std::string& format, const std::string& bytes) {
    std::vector<Parameter> parameters = {{"format", format}};
    if (format == "deb") parameters.insert(parameters.end(), locked_.begin(), locked_.end());
    return performing(Step::normalised(StepKind::unpack, std::move(parameters), {fetched(bytes)}), unpack);
  }
  /// The same of a layer of an image, on top of those that were unpacked before. `diff_id`: else its own.
  std::string layering(const std::string& bytes, std::string diff_id = {}) {
    if (diff_id.empty()) diff_id = remote::Sha256Hasher().update(bytes).finish().hex();
    std::vector<StepKey> inputs = {fetched(bytes)};
    inputs.insert(inputs.end(), image_.begin(), image_.end());
    auto said = performing(
        Step::normalised(StepKind::unpack, {{"diff-id", diff_id}, {"format", "oci-layer"}}, std::move(inputs)), unpack);
    if (said != "accepted") return said;
    store_->add_record({step_, made_});
    image_.push_back(step_.key());
    return said;
  }
  /// The same of an archive of changes.
  std::string committing(const std::string& bytes) {
    return performing(Step::normalised(StepKind::commit, {rules_of(StepKind::commit)}, {fetched(bytes)}), commit);
  }

  std::string performing(Step step, StepOutput (*perform)(const StepContext&)) {
    step_ = std::move(step);
    auto staging = store_->stage(step_);
    try {
      made_ =
          perform({.store = *store_, .staging = staging, .step = step_, .key = step_.key(), .hints = {{"title", "x"}}});
    } catch (const StepError& error) {
      return error.what();
    }
    return "accepted";
  }
  /// Keeps what the last step made, so that others can have it as an input.
  StepKey record_last() {
    store_->add_record({step_, made_});
    return step_.key();
  }
  const StepOutput& last_output() const noexcept { return made_; }

  /// The step that fetched these bytes.
  StepKey fetched(const std::string& bytes) {
    BlobId blob(blake3(bytes));
    store_->add_blob(blob, staging_file(bytes));
    auto fetch =
        Step::normalised(StepKind::fetch, {{"blake3", blob.hex()}, {"size", std::to_string(bytes.size())}}, {});
    store_->add_record({fetch, BlobOutput{blob, Sha256(blake3("")), bytes.size()}});
    return fetch.key();
  }

  /// What the lock says that packages are.
  std::vector<Parameter> locked_ = {{"architecture", "all"}, {"package", "x"}, {"version", "1"}};

 private:
  std::filesystem::path staging_file(const std::string& bytes) {
    kept_.push_back(store_->stage());
    write_file_atomically(kept_.back().path() / "blob", bytes, Durable::no);
    return kept_.back().path() / "blob";
  }

  std::filesystem::path path_;
  std::optional<store::Store> store_;
  std::vector<store::Staging> kept_;
  std::vector<StepKey> image_;
  Step step_{};
  StepOutput made_;
};

}  // namespace karapace::steps
