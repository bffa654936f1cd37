// SPDX-License-Identifier: Apache-2.0
// Path filters: what a base's dpkg is told not to unpack, as slim images are without documentation.
//
// Sources: dpkg(1), --path-exclude and --path-include; dpkg.cfg(5); which directories stay: dpkg's src/main/filters.c.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"

namespace karapace::steps::deb {

class PathFilters {
 public:
  /// Those in /etc/dpkg/dpkg.cfg.d and /etc/dpkg/dpkg.cfg of the layers, in the order in which dpkg reads them.
  explicit PathFilters(const trees::LayerStack& base);

  /// Whether dpkg would leave out `path`, absolute as the package names it, of this type: the last filter that matches
  /// decides; directories, and links that may lead to one, stay where an included path may lie below.
  bool leave_out(std::string_view path, store::EntryType type) const;

 private:
  struct Filter {
    std::string pattern;  // fnmatch(3), where "*" matches "/" too
    bool is_include = false;
  };
  void read(std::string_view configuration);
  std::vector<Filter> filters_;
};

}  // namespace karapace::steps::deb
