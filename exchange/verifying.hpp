// SPDX-License-Identifier: Apache-2.0
// Verifying: what an image of an environment rests on, link by link, where it lies: its manifest names the
// configuration and the layers, which are read to their ends and nowhere kept; signatures are about the manifest and
// the records beside it, the records about the lock, and the lock names packages and the archives that they are from.
#pragma once

#include "exchange/request.hpp"
#include "remote/oci/image_repository.hpp"

namespace karapace::exchange {

/// The links from the lock to the image, in the order of proof::LinkKind: what was signed by archives is not looked at
/// here. Whatever is wrong with what is there breaks a link and is no error.
VerifyAnswer verify_image(oci::ImageRepository& repository, const oci::FoundImage& found, const VerifyRequest& request);

}  // namespace karapace::exchange
