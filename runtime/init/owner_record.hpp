// SPDX-License-Identifier: Apache-2.0
// The owner of a file where only one id is mapped: kept in an extended attribute (store/listing.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace karapace::init {

/// The owner that a file should have, where it can not have it: `user.karapace.owner`, "uid:gid" (store/listing.hpp).
struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// The owner that "uid:gid" names; 0:0 when the text is none, as files without a record belong to.
Owner parse_owner(const char* text, std::size_t size) noexcept;

/// The owner recorded for the file behind the O_PATH descriptor; 0:0 when there is no record.
Owner recorded_owner(int file) noexcept;

/// The same; false when what the file lies on keeps no records.
bool read_record(int file, Owner& owner) noexcept;

/// Records the owner of a file that was just made. Returns 0 or an errno value.
int write_record(int file, const Owner& owner) noexcept;

/// Does to the file behind the O_PATH descriptor what chown(2) would: copies it up, clears set-id bits and file
/// capabilities of regular files, records the owner; OwnerCall::unchanged keeps a part. Returns 0 or an errno value.
/// Links and special files carry no record, which is no error. Neither allocates nor throws.
int record_owner(int file, std::uint32_t uid, std::uint32_t gid) noexcept;

}  // namespace karapace::init
