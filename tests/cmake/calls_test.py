#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong calls: each ends the configuration with exactly one error, which says how to do it right."""
import unittest

from project import HEAD, ProjectTest, error_of

USE_ENVIRONMENT = "use it as\nkarapace_environment(NAME MANIFEST FILE [LOCKED | FROZEN] [STORE DIR] [ALL])"
USE_TEST = ("use it as\nkarapace_add_test(NAME NAME ENVIRONMENT ENV COMMAND COMMAND [ARG...] [WORKING_DIRECTORY DIR] "
            "[CONFIGURATIONS CONFIG...] [COMMAND_EXPAND_LISTS] [EXCLUDE_FROM_ALL])")
USE_COMMAND = ("use it as\nkarapace_add_custom_command(OUTPUT FILE... ENVIRONMENT ENV COMMAND COMMAND [ARG...] "
               "[DEPENDS ...] ...)")
USE_IMAGE = ("use it as\nkarapace_image(NAME ENVIRONMENT ENV OUTPUT FILE [FORMAT oci-archive | docker-archive] [TAG TAG] "
             "[COMPRESSION zstd | gzip] [SQUASH] [ALL])")
USE_RELEASE = "use it as\nkarapace_release(NAME MANIFEST FILE [LOCKED | FROZEN] [STORE DIR] [ALL])"
DEV = "karapace_environment(dev MANIFEST karapace.toml)\n"

WRONG_CALLS = {
    "karapace_environment()":
        f"karapace_environment:\nthe environment's name is missing; {USE_ENVIRONMENT}",
    "karapace_environment(MANIFEST karapace.toml)":
        f"karapace_environment:\nthe environment's name is missing; {USE_ENVIRONMENT}",
    "karapace_environment(dev)":
        "karapace_environment(dev):\nno MANIFEST is given: add MANIFEST karapace.toml (write one with `karapace new`)",
    "karapace_environment(dev MANIFEST)":
        f"karapace_environment(dev):\nno value after MANIFEST; {USE_ENVIRONMENT}",
    "karapace_environment(dev karapace.toml)":
        f'karapace_environment(dev):\nunknown argument "karapace.toml"; {USE_ENVIRONMENT}',
    "karapace_environment(dev MANIFEST karapace.toml LOCK)":
        f'karapace_environment(dev):\nunknown argument "LOCK"; {USE_ENVIRONMENT}',
    "karapace_environment(dev MANIFEST karapace.toml LOCKED FROZEN)":
        "karapace_environment(dev):\nLOCKED and FROZEN exclude each other: LOCKED fails when the lock does not fit the "
        "manifest, FROZEN does not look",
    "karapace_environment(my/dev MANIFEST karapace.toml)":
        'karapace_environment(my/dev):\na name consists of letters, digits, ".", "_" and "-" and begins with a letter, '
        'digit or "_"',
    "karapace_environment(dev MANIFEST nowhere.toml)":
        "karapace_environment(dev):\nthere is no manifest nowhere.toml: write one with `karapace new`, or name another",
    DEV + DEV:
        'karapace_environment(dev):\nthere is a target "dev" already: give the environment another name',
    "add_custom_target(dev-shell)\n" + DEV:
        'karapace_environment(dev):\nthere is a target "dev-shell" already: give the environment another name',
    "karapace_add_test(NAME t ENVIRONMENT dev COMMAND true)":
        'karapace_add_test(t):\nthere is no environment "dev"; call karapace_environment(dev MANIFEST karapace.toml) first',
    DEV + "karapace_add_test(NAME t ENVIRONMENT dve COMMAND true)":
        'karapace_add_test(t):\nthere is no environment "dve"; there are: dev. Its karapace_environment() must come first',
    DEV + "karapace_add_test(NAME t COMMAND true)":
        f"karapace_add_test:\nno ENVIRONMENT is given; {USE_TEST}",
    DEV + "karapace_add_test(ENVIRONMENT dev COMMAND true)":
        f"karapace_add_test:\nno NAME is given; {USE_TEST}",
    DEV + "karapace_add_test(NAME t ENVIRONMENT dev)":
        f"karapace_add_test:\nno COMMAND is given; {USE_TEST}",
    DEV + "karapace_add_test(t ENVIRONMENT dev COMMAND true)":
        f'karapace_add_test:\nunknown argument "t"; {USE_TEST}',
    DEV + "karapace_add_custom_command(OUTPUT o ENVIRONMENT ci COMMAND true)":
        'karapace_add_custom_command:\nthere is no environment "ci"; there are: dev. Its karapace_environment() must '
        "come first",
    DEV + "karapace_add_custom_command(OUTPUT o COMMAND true)":
        f"karapace_add_custom_command:\nno ENVIRONMENT is given; {USE_COMMAND}",
    DEV + "karapace_add_custom_command(ENVIRONMENT dev COMMAND true)":
        f"karapace_add_custom_command:\nno OUTPUT is given; {USE_COMMAND}",
    DEV + "karapace_add_custom_command(OUTPUT o ENVIRONMENT dev DEPENDS x)":
        f"karapace_add_custom_command:\nno COMMAND is given; {USE_COMMAND}",
    DEV + "karapace_image(app OUTPUT app.tar)":
        f"karapace_image(app):\nno ENVIRONMENT is given; {USE_IMAGE}",
    DEV + "karapace_image(app ENVIRONMENT dev)":
        f"karapace_image(app):\nno OUTPUT is given; {USE_IMAGE}",
    DEV + "karapace_image(app ENVIRONMENT ci OUTPUT app.tar)":
        'karapace_image(app):\nthere is no environment "ci"; there are: dev. Its karapace_environment() must come first',
    DEV + "karapace_image(app ENVIRONMENT dev OUTPUT app.tar FORMAT oci-layout)":
        'karapace_image(app):\nthere is no FORMAT "oci-layout": write oci-archive or docker-archive',
    DEV + "karapace_image(app ENVIRONMENT dev OUTPUT app.tar COMPRESSION xz)":
        'karapace_image(app):\nthere is no COMPRESSION "xz": write zstd or gzip',
    DEV + "karapace_image(app ENVIRONMENT dev OUTPUT app.tar FORMAT docker-archive COMPRESSION zstd)":
        "karapace_image(app):\ndocker reads layers of a docker-archive with gzip only: leave COMPRESSION out",
    DEV + "karapace_image(dev ENVIRONMENT dev OUTPUT app.tar)":
        'karapace_image(dev):\nthere is a target "dev" already: give the image another name',
    "karapace_release(MANIFEST karapace.toml)":
        'karapace_release:\nthe release\'s name is missing or has other characters than letters, digits, ".", "_" and "-"; '
        f"{USE_RELEASE}",
    "karapace_release(app)":
        f"karapace_release(app):\nno MANIFEST is given; {USE_RELEASE}",
    "karapace_release(app MANIFEST karapace.toml)":
        "karapace_release(app):\nthere is no [release] in karapace.toml: say there what is built from which [[source]] "
        "(`karapace release init` writes one to begin with)",
    "add_custom_target(app-install)\nkarapace_release(app MANIFEST karapace.toml)":
        'karapace_release(app):\nthere is a target "app-install" already: give the release another name',
    DEV + "karapace_add_custom_command()":
        f"karapace_add_custom_command:\nno ENVIRONMENT is given; {USE_COMMAND}",
    DEV + "karapace_add_custom_command(TARGET dev POST_BUILD ENVIRONMENT dev COMMAND true)":
        "karapace_add_custom_command:\nit has no form for TARGET; write a command with an OUTPUT:\n"
        + USE_COMMAND.split("\n", 1)[1],
}


class Calls(ProjectTest):
    def test_each_wrong_call_gives_one_error_with_the_remedy(self):
        self.write_manifest()
        for call, message in WRONG_CALLS.items():
            with self.subTest(call=call):
                self.write("CMakeLists.txt", HEAD + call + "\n")
                result = self.configure()
                self.assertNotEqual(result.status, 0)
                self.assertEqual(error_of(result), message, result.output)
                self.assertNotIn("Warning", result.output)

    def test_a_lock_that_does_not_fit_is_refused_when_locked(self):
        self.write("CMakeLists.txt", HEAD + DEV)
        self.write_manifest()
        self.configured()
        self.write("CMakeLists.txt", HEAD + DEV.replace("toml", "toml LOCKED"))
        self.configured()
        self.write_manifest('[environment]\nA = "1"\n')
        error = error_of(self.configure())
        self.assertIn("karapace.lock does not fit the manifest; run `karapace lock`:", error)
        self.write("CMakeLists.txt", HEAD + DEV.replace("toml", "toml FROZEN"))
        self.configured()

    def test_configuring_with_a_lock_asks_no_network(self):
        self.write("CMakeLists.txt", HEAD + DEV)
        self.write_manifest()
        self.configured()
        offline = self.run_program("unshare", "--user", "--map-root-user", "--net", "cmake", self.build_directory)
        self.assertEqual(offline.status, 0, offline.output)

    def test_a_store_of_the_project(self):
        self.write("CMakeLists.txt", HEAD + DEV.replace("toml", "toml STORE build/own"))
        self.write_manifest()
        self.configured()
        self.built("--target", "dev")
        self.assertTrue(any((self.source / "build/own/environments").iterdir()))
        self.assertFalse(self.store.exists())

    def test_the_shell_opens_with_the_terminal(self):
        self.write("CMakeLists.txt", HEAD + DEV)
        self.write_manifest()
        self.configured()
        graph = self.text("build.ninja")
        shell = graph[graph.index("enter "):]
        self.assertIn("pool = console", shell[:shell.index("\n\n")])
        failed = self.build("--target", "dev-shell")
        self.assertIn("cannot run /bin/sh", failed.output)  # this base has no shell; it was asked for
        self.assertNotIn("FAILED", failed.output)  # with which status one leaves a shell is no failure of the build


if __name__ == "__main__":
    unittest.main(verbosity=2)
