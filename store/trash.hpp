// SPDX-License-Identifier: Apache-2.0
// Trash: where what is to be removed loses its name, and what lets it do so on a full disk.
//
// Who collects or destroys moves things to `trash/` by one rename(2) each, and deletes them there. All that this needs
// exists beforehand: the directory and the lock files, and `reserve`, a small file that is given up when not even a
// directory entry can be written. What a killed process left in `trash/` is garbage.
#pragma once

#include <filesystem>
#include <string>

#include "store/store.hpp"

namespace karapace::store {

/// Makes what is missing of it, as far as the disk lets it; where the store can not be written, nothing.
void prepare_trash(const std::filesystem::path& root) noexcept;

/// Gives the reserve up when the file system of the store has next to no space or inodes left.
void give_up_reserve_if_full(const Store& store) noexcept;

std::filesystem::path trash_path(const Store& store);

/// Moves a file or tree of the store into the trash and returns its path there; empty when it is gone. StoreError when
/// it can not be moved.
std::filesystem::path move_to_trash(const Store& store, const std::filesystem::path& path, const std::string& label);

}  // namespace karapace::store
