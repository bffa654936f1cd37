// SPDX-License-Identifier: Apache-2.0
#include "generator/project/graphviz.hpp"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "base/child.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

constexpr int no_such_program = 127;

class Scratch {
 public:
  Scratch() {
    path_ = (fs::temp_directory_path() / "karapace-graph-XXXXXX").native();
    if (::mkdtemp(path_.data()) == nullptr)
      throw Error(errno_message("graph: cannot make a temporary directory", errno));
  }
  ~Scratch() {
    std::error_code left_behind;
    fs::remove_all(path_, left_behind);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  fs::path operator/(std::string_view name) const { return fs::path(path_) / name; }

 private:
  std::string path_;
};

}  // namespace

std::string svg_of(std::string_view dot) {
  Scratch scratch;
  auto picture = scratch / "graph.svg";
  write_file_atomically(scratch / "graph.dot", dot, Durable::no);
  ChildCommand command{.argv = {"dot", "-Tsvg", "-o", picture.native(), (scratch / "graph.dot").native()},
                       .working_directory = {},
                       .output = ChildOutput::to_stderr};
  int status = run_child(command);
  if (status == no_such_program) {
    throw Error(
        "graph: a picture needs the program dot: install the package graphviz, or ask for --format dot or --format "
        "json");
  }
  auto svg = read_file_if_exists(picture);
  if (status == 0 && svg) return *svg;
  throw Error(fmt::format(
      "graph: dot could not draw this (status {}, see above); --format dot gives what it was to draw", status));
}

}  // namespace karapace::project
