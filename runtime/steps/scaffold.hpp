// SPDX-License-Identifier: Apache-2.0
// Scaffold: files that the commands of a build find in place and that no layer keeps.
//
// What the commands changed stays changed: only a file that is as it was put comes off again, and what the layers below
// have there shows once more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"

namespace karapace::steps {

struct ScaffoldFile {
  std::string path;
  std::string text;
  std::uint32_t mode = 0644;
};

class Scaffold {
 public:
  /// Both must outlive it.
  Scaffold(trees::Composition& tree, const trees::LayerStack& lower, std::int64_t epoch);

  /// Left alone where something stands already, or where its directory is missing.
  void put(const ScaffoldFile& file);
  /// The names of hosts that every build has, with no network either: /etc/hostname, and lines in /etc/hosts that give
  /// `host` a full name, after those that a layer below has there (hosts(5), hostname(5)). A link is covered.
  void put_host_names(std::string_view host);
  /// Takes off what still is as it was put, from the tree as data and as written to `tree_path`.
  void take_off(const std::filesystem::path& tree_path);

 private:
  struct Access {
    std::uint32_t mode = 0644;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
  };
  void put_text(const std::string& path, const std::string& text, const Access& access);
  trees::Composition& tree_;
  const trees::LayerStack& lower_;
  std::int64_t epoch_;
  std::vector<store::Entry> put_;
};

}  // namespace karapace::steps
