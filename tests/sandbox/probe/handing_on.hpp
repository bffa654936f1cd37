// SPDX-License-Identifier: Apache-2.0
// A directory of one session, handed on to another one by a socket in a directory that both see (SCM_RIGHTS, unix(7)).
#pragma once

#include <string>
#include <vector>

namespace karapace::probe {

/// Sends `directory`, open, to who listens at `socket`, and ends.
int send_directory(const std::string& socket, const std::string& directory);

/// Listens at `socket`, waits until `end` exists, and tells whether any of `names` below the directory that came can be
/// opened for writing: a line as of `probe view`.
int receive_directory(const std::string& socket, const std::string& end, const std::vector<std::string>& names);

}  // namespace karapace::probe
