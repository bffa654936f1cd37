// SPDX-License-Identifier: Apache-2.0
// The commands' factories: each is defined in cli/commands/NAME.cpp.
#pragma once

#include "cli/command.hpp"

namespace karapace::cli {

Command archive_command();
Command build_command();
Command bundle_command();
Command cache_add_command();
Command cache_list_command();
Command cache_prune_command();
Command cache_push_command();
Command cache_remove_command();
Command challenge_command();
Command commit_command();
Command completions_command();
Command debug_command();
Command destroy_command();
Command diff_command();
Command doctor_command();
Command enter_command();
Command exec_command();
Command explain_command();
Command export_command();
Command freeze_command();
Command gc_command();
Command gen_command();
Command graph_diff_command();
Command graph_show_command();
Command graph_trace_command();
Command image_command();
Command import_karsk_command();
Command inspect_command();
Command key_list_command();
Command key_new_command();
Command key_show_command();
Command list_command();
Command lock_command();
Command migrate_command();
Command man_pages_command();
Command new_command();
Command pin_command();
Command pull_command();
Command push_command();
Command quick_command();
Command rebuild_command();
Command records_export_command();
Command release_build_command();
Command release_check_command();
Command release_diff_command();
Command release_enter_command();
Command release_exec_command();
Command release_export_command();
Command release_init_command();
Command release_install_command();
Command release_list_command();
Command release_page_command();
Command release_prune_command();
Command release_sync_command();
Command release_test_command();
Command release_use_command();
Command release_verify_command();
Command release_why_command();
Command rename_command();
Command reproduce_command();
Command restore_command();
Command sbom_command();
Command sign_command();
Command snapshots_command();
Command stop_command();
Command toolchain_command();
Command unarchive_command();
Command unbundle_command();
Command undo_command();
Command unfreeze_command();
Command verify_command();
Command verify_store_command();
Command why_command();

}  // namespace karapace::cli
