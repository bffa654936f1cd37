// SPDX-License-Identifier: Apache-2.0
// The control file `conffiles`, deb-conffiles(5): which files of a package are configuration, as dpkg reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace karapace::steps::deb {

struct Conffile {
  enum class Kind {
    shipped,            // though dpkg does not mind when it is not
    remove_on_upgrade,  // of an older version, and not in this one
  };
  std::string path;  // absolute; may have blanks inside
  Kind kind = Kind::shipped;
};

/// In the file's order; a path that stands there twice is there twice, as in dpkg's status. StepError naming `what` for
/// what dpkg refuses: a path that is not absolute, an unknown flag, a last line without a newline.
std::vector<Conffile> parse_conffiles(std::string_view text, std::string_view what);

}  // namespace karapace::steps::deb
