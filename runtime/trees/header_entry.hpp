// SPDX-License-Identifier: Apache-2.0
// What the header of an archive's entry says of the file, as a layer holds it; what no file can have is refused.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/trees/archive_reader.hpp"
#include "store/listing.hpp"

namespace karapace::trees {

/// A path of an archive in a message: it can be a megabyte of anything.
std::string beginning(std::string_view path);

/// Path, mode, owner and time; the nearest time that every file system holds, in whole seconds. StepError when an owner
/// is no id.
store::Entry entry_of(const ArchiveReader& archive, archive_entry* header, std::string path);

/// The attributes that a header names.
std::vector<store::Xattr> all_xattrs(archive_entry* header);
/// Whether an attribute is the file's own. The others belong to the machine that the archive was made on (SELinux
/// labels, overlay bookkeeping).
bool is_a_files_own(std::string_view name);
/// Whether a layer can hold it; also ACLs and the marks that an overlay inside has, as the kernel puts them away: they
/// mean nothing to the one that has the layer.
bool is_of_layers(std::string_view name);

/// The attributes in a layer's form, sorted: capabilities without the id of the namespace in which the archive was
/// made. StepError for what no file system takes, ACLs that do not fit the mode, and two values of one name.
std::vector<store::Xattr> layer_xattrs(const ArchiveReader& archive, const store::Entry& entry,
                                       std::vector<store::Xattr> xattrs);
[[noreturn]] void refuse_attribute(const ArchiveReader& archive, std::string_view path, std::string_view name,
                                   std::string_view reason);

/// StepError when a symbolic link has no target, or one that is too long. symlink(2) would refuse these, too, but name
/// neither the archive nor the way out.
void require_target(const ArchiveReader& archive, const store::Entry& link);

}  // namespace karapace::trees
