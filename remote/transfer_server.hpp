// SPDX-License-Identifier: Apache-2.0
// TransferServer: speaks to servers for the downloads of one build, so that these share look-ups and connections.
//
// One thread and libcurl's multi interface. It has no files and keeps nothing: bytes go to the download that asked as
// they arrive, no faster than it reads them, and it verifies them. Whoever leaves has its transfer cut off.
#pragma once

#include "base/fd.hpp"

namespace karapace::remote {

/// Serves who connects to `listening` (as the same user), until half a second has passed without a transfer, and then
/// removes the socket and its directory. `directory` is that directory, open and locked; when somebody else removes it,
/// only what has begun is brought to its end. RemoteError when libcurl fails.
void serve_downloads(Fd listening, Fd directory);

/// Serves one download, until that closes the connection.
void serve_download(Fd connection);

}  // namespace karapace::remote
