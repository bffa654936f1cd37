#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steps as edges of a CMake project's build, with the generator KARAPACE_TEST_GENERATOR."""
import json
import pathlib
import re
import tarfile
import tempfile
import unittest

from project import BUILD, GENERATOR, HEAD, NINJA, ProjectTest, error_of

ENVIRONMENT = HEAD + "karapace_environment(dev MANIFEST karapace.toml)\n"
TEXTS = """
karapace_add_custom_command(OUTPUT dev.txt ENVIRONMENT dev COMMAND show /etc/motd "${CMAKE_CURRENT_SOURCE_DIR}/in"
  > dev.txt DEPENDS in COMMENT "write dev.txt")
add_custom_command(OUTPUT plain.txt COMMAND show "${CMAKE_CURRENT_SOURCE_DIR}/in" > plain.txt DEPENDS in
  COMMENT "write plain.txt" VERBATIM)
add_custom_target(texts ALL DEPENDS dev.txt plain.txt)
"""
TEST = 'karapace_add_test(NAME motd ENVIRONMENT dev COMMAND show /etc/motd)\n'


class Builds(ProjectTest):
    def make(self, text, motd="one\n"):
        self.write("CMakeLists.txt", text)
        self.write("in", "in\n")
        self.write_motd(motd)

    def records(self):
        return sorted(path.name for path in (self.store / "steps").iterdir())

    def test_second_build_has_nothing_to_do(self):
        self.make(ENVIRONMENT + TEXTS + TEST)
        self.configured()
        first = self.built("-j4").output
        for step in ("fetch base archive", "unpack base archive", "setup 1 file", "environment dev"):
            self.assertIn(step, first)
        self.assertEqual(self.text("dev.txt"), "one\nin\n")
        self.assert_nothing_to_do()
        self.configured()
        self.assert_nothing_to_do()
        tested = self.ctest()
        self.assertEqual(tested.status, 0, tested.output)

    def test_a_changed_environment_reruns_exactly_what_depends_on_it(self):
        self.make(ENVIRONMENT + TEXTS)
        self.configured()
        self.built()
        for motd in ("two\n", "one\n"):
            self.write_motd(motd)
            again = self.built().output
            self.assertEqual(self.text("dev.txt"), motd + "in\n")
            self.assertIn("write dev.txt", again)
            self.assertNotIn("write plain.txt", again)
            self.assertNotIn("unpack", again)
            self.assert_nothing_to_do()

    def test_environments_share_steps_across_directories(self):
        self.make(ENVIRONMENT + "add_subdirectory(ci)\n" + TEXTS)
        self.write("ci/CMakeLists.txt", "karapace_environment(ci MANIFEST ../ci.toml ALL)\n")
        self.write_manifest('[environment]\nCI = "1"\n', "ci.toml")
        self.configured()
        built = self.built("-j4").output
        self.assertIn("environment ci", built)
        if NINJA:
            self.assertEqual(len(re.findall(r"\] unpack base archive", built)), 1, built)
            graph = "CMakeFiles/impl-Debug.ninja" if GENERATOR == "Ninja Multi-Config" else "build.ninja"
            outputs = re.findall(r"^build (.*/links/.*): CUSTOM_COMMAND", self.text(graph), re.M)
            self.assertTrue(outputs)
            self.assertEqual(len(outputs), len(set(outputs)))
        self.assert_nothing_to_do()

    def test_a_release_is_built_by_edges_installed_and_tested(self):
        # Nothing below /tmp is seen by builds.
        place = self.enterContext(tempfile.TemporaryDirectory(prefix="karapace-cmake-", dir="/var/tmp", ignore_cleanup_errors=True))
        self.write_release(f"{place}/app", '[release.test]\nrun = ["test $(app) = one"]\n')
        self.write("CMakeLists.txt", HEAD + "karapace_release(app MANIFEST karapace.toml ALL)\n")
        self.configured()
        first = self.built("-j2").output
        for step in ("source app 1.0.0", "compile app 1.0.0", "assemble app 1.0.0, 1 package"):
            self.assertIn(step, first)
        self.assert_nothing_to_do()
        self.assertIn("installed app 1.0.0+1 ", self.built("--target", "app-install").output)
        self.assertEqual(self.run_program(f"{place}/app/bin/app").output, "one\n")
        self.assertIn("app 1.0.0+1: 1 of 1 test passed", self.built("--target", "app-test").output)
        # What is tested is this build, whatever users call.
        self.assertEqual(self.run_program(BUILD / "bin/karapace", "release", "use", "stable", "1.0.0+1").status, 0)
        self.write("src/text", "two\n")
        changed = self.built().output
        self.assertIn("compile app 1.0.0", changed)
        self.assertNotIn("unpack", changed)
        failed = self.build("--target", "app-test")
        self.assertNotEqual(failed.status, 0)
        self.assertIn("app 1.0.0+2: 0 of 1 test passed", failed.output)
        for directory in pathlib.Path(place).rglob("*"):
            if directory.is_dir() and not directory.is_symlink():
                directory.chmod(0o755)

    def test_a_broken_manifest_ends_the_configuration_with_file_and_line(self):
        self.make(ENVIRONMENT + TEXTS + TEST)
        self.configured()
        self.built()
        good = (self.source / "karapace.toml").read_text()
        self.write("karapace.toml", good.replace("image", "imaeg"))
        error = error_of(self.configure())
        self.assertIn('\nkarapace.toml:3:1: unknown key "imaeg" in [base]; did you mean "image"?', error)
        broken = self.build()
        self.assertNotEqual(broken.status, 0)
        self.assertIn("karapace.toml:3:1: ", broken.output)
        self.assertEqual(self.text("dev.txt"), "one\nin\n")
        self.assertEqual(self.ctest().status, 0)
        self.write("karapace.toml", good)
        self.built()
        self.assert_nothing_to_do()

    def test_a_lock_that_is_gone_is_made_again_unless_it_is_locked(self):
        self.make(ENVIRONMENT + TEXTS)
        self.configured()
        self.built()
        lock = self.source / "karapace.lock"
        before = lock.read_bytes()
        lock.unlink()
        self.built()
        self.assertEqual(lock.read_bytes(), before)
        self.assert_nothing_to_do()
        self.write("CMakeLists.txt", ENVIRONMENT.replace("karapace.toml", "karapace.toml LOCKED"))
        self.configured()
        lock.unlink()
        self.assertEqual(error_of(self.configure()),
                         f"karapace_environment(dev):\nthere is no lock {lock}: make it with `karapace lock`")

    def test_clean_takes_nothing_from_the_store(self):
        self.make(ENVIRONMENT + TEXTS)
        self.configured()
        self.built()
        before = self.records()
        self.built("--target", "clean")
        self.assertFalse((self.build_directory / "dev.txt").exists())
        self.assertEqual(self.records(), before)
        self.built()
        self.assert_nothing_to_do()

    def test_a_record_that_vanishes_is_made_again(self):
        self.make(ENVIRONMENT + TEXTS)
        self.configured()
        self.built()
        before = self.records()
        link = next((self.store / "links").glob("environment-*"))
        link.resolve().unlink()
        self.assertIn("environment dev", self.built().output)
        self.assertEqual(self.records(), before)
        self.assert_nothing_to_do()

    def test_gc_takes_the_links_of_what_it_takes(self):
        self.make(ENVIRONMENT + TEXTS)
        self.configured()
        self.built()
        links = set((self.store / "links").iterdir())
        self.write_motd("two\n")
        self.built()
        collected = self.run_program(self.bin() / "karapace", "gc")
        self.assertEqual(collected.status, 0, collected.output)
        left = set((self.store / "links").iterdir())
        self.assertEqual(len(left & links), 2)  # the base archive: fetched, unpacked
        self.assertTrue(all(link.exists() for link in left))
        self.assert_nothing_to_do()

    def test_commands_get_their_arguments_unharmed(self):
        words = ["a b", "$HOME", "'", '"', "a;b", "]]", "]=]", "x]", "*", "back\\slash", "${X}", "", "#"]
        quoted = " ".join(f"[==[{word}]==]" for word in words)
        self.make(ENVIRONMENT + f"""
karapace_add_custom_command(OUTPUT words.txt ENVIRONMENT dev COMMAND show --words {quoted} > words.txt VERBATIM)
add_custom_target(words ALL DEPENDS words.txt)
karapace_add_test(NAME words ENVIRONMENT dev COMMAND show --words {quoted})
""")
        self.configured()
        self.built()
        expected = "".join(f"[{word}]\n" for word in words)
        self.assertEqual(self.text("words.txt"), expected)
        tested = self.ctest("-V").output
        self.assertIn(expected, re.sub(r"^1: ", "", tested, flags=re.M))

    def test_every_command_of_a_custom_command_runs_inside(self):
        self.make(ENVIRONMENT + """
karapace_add_custom_command(OUTPUT two.txt BYPRODUCTS one.txt ENVIRONMENT dev
  COMMAND show /etc/motd > one.txt COMMAND $<TARGET_FILE:show> /etc/issue one.txt > two.txt)
add_custom_target(two ALL DEPENDS two.txt)
""")
        self.configured()
        self.built()
        self.assertEqual(self.text("two.txt"), "base\none\n")

    def test_an_environment_is_an_executable(self):
        self.make(ENVIRONMENT + """
add_custom_command(OUTPUT e.txt COMMAND Karapace::dev "${SHOW}" /etc/motd > e.txt DEPENDS dev VERBATIM)
add_custom_target(e ALL DEPENDS e.txt)
get_target_property(launcher dev KARAPACE_LAUNCHER)
set_target_properties(show PROPERTIES CROSSCOMPILING_EMULATOR "${launcher}")
add_test(NAME emulated COMMAND show /etc/motd)
add_test(NAME plain COMMAND Karapace::dev "${SHOW}" --fail)
set_tests_properties(plain PROPERTIES WILL_FAIL TRUE)
add_custom_target(version ALL COMMAND Karapace::karapace --version VERBATIM)
""")
        self.configured()
        self.assertIn("karapace 1.", self.built().output)
        self.assertEqual(self.text("e.txt"), "one\n")
        tested = self.ctest()
        self.assertEqual(tested.status, 0, tested.output)

    def test_properties_tell_about_the_environment(self):
        self.make(ENVIRONMENT + """
foreach(property IN ITEMS KARAPACE_ENVIRONMENT_ID KARAPACE_MANIFEST KARAPACE_LOCK KARAPACE_STORE KARAPACE_RECORD
    KARAPACE_LAUNCHER KARAPACE_ROOT)
  get_target_property(value dev ${property})
  message("${property}=${value}")
endforeach()
""")
        output = self.configured().output
        found = dict(re.findall(r"^(KARAPACE_\w+)=(.*)$", output, re.M))
        self.built("--target", "dev")
        self.built("--target", "dev-sysroot")
        motd = pathlib.Path(found["KARAPACE_ROOT"]) / "etc/motd"
        self.assertEqual(motd.read_text(encoding="utf-8"), "one\n")
        listed = json.loads(self.run_program(self.bin() / "karapace", "list", "--json").output)
        self.assertIn(found["KARAPACE_ENVIRONMENT_ID"], [one["environment"] for one in listed["environments"]], found)
        self.assertEqual(found["KARAPACE_MANIFEST"], str(self.source / "karapace.toml"))
        self.assertEqual(found["KARAPACE_LOCK"], str(self.source / "karapace.lock"))
        self.assertEqual(found["KARAPACE_STORE"], str(self.store))
        self.assertEqual(self.run_program(found["KARAPACE_LAUNCHER"], self.show, "/etc/motd").output, "one\n")
        with open(found["KARAPACE_RECORD"], encoding="utf-8") as record:
            self.assertIn("environment", record.read())

    def test_an_image_is_packed_and_written_by_edges(self):
        self.make(ENVIRONMENT + """
karapace_image(app ENVIRONMENT dev OUTPUT app.tar ALL)
karapace_image(app-docker ENVIRONMENT dev OUTPUT "docker image.tar" FORMAT docker-archive SQUASH ALL)
""")
        self.configured()
        first = self.built("-j4").output
        if NINJA:
            self.assertEqual(len(re.findall(r"\] pack layers? of dev", first)), 3, first)
        self.assertIn("image app", first)
        self.assert_nothing_to_do()
        with tarfile.open(self.build_directory / "app.tar") as tar:
            index = json.load(tar.extractfile("index.json"))
            self.assertEqual(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "app")
            digest = index["manifests"][0]["digest"].replace(":", "/")
            manifest = json.load(tar.extractfile(f"blobs/{digest}"))
            self.assertEqual(len(manifest["layers"]), 2)
        with tarfile.open(self.build_directory / "docker image.tar") as tar:
            self.assertEqual(len(json.load(tar.extractfile("manifest.json"))[0]["Layers"]), 1)
        before = (self.build_directory / "app.tar").read_bytes()
        self.write_motd("two\n")
        second = self.built().output
        self.assertIn("image app", second)
        self.assertNotEqual((self.build_directory / "app.tar").read_bytes(), before)
        self.write_motd("one\n")
        self.built()
        self.assertEqual((self.build_directory / "app.tar").read_bytes(), before)

    def test_a_test_of_an_environment_that_is_not_built_says_what_to_do(self):
        self.make(ENVIRONMENT + TEST.replace("COMMAND", "EXCLUDE_FROM_ALL COMMAND"))
        self.write_motd("never built\n")
        self.configured()
        self.assertNotIn("environment dev", self.built().output)
        tested = self.ctest()
        self.assertNotEqual(tested.status, 0)
        self.assertIn("is not built yet: run `ninja` in the directory of its build.ninja (of a CMake project: "
                      f"`cmake --build`), or `karapace build` in {self.source}", tested.output)
        self.built("--target", "dev")
        self.assertEqual(self.ctest().status, 0)

    def test_tests_leave_nothing_behind_but_in_the_build(self):
        self.make(ENVIRONMENT + TEST)
        self.configured()
        self.built()
        self.assertEqual(self.ctest().status, 0)
        self.assertEqual(list((self.store / "instances").iterdir()), [])

    def test_a_step_that_fails_tells_where_its_log_is(self):
        self.make(ENVIRONMENT)
        self.write_manifest('[setup]\nrun = ["true"]\n')  # there is no shell in this base
        self.configured()
        failed = self.build("--target", "dev")
        self.assertNotEqual(failed.status, 0)
        log = re.search(rf"{re.escape(str(self.store))}/logs/[0-9a-f]{{64}}", failed.output)
        self.assertTrue(log, failed.output)

    @unittest.skipUnless(GENERATOR == "Ninja Multi-Config", "several configurations in one tree")
    def test_configurations_share_the_steps(self):
        self.make(ENVIRONMENT + TEXTS)
        self.configured()
        self.built("--config", "Debug")
        self.assertEqual(self.built("--config", "Release").output.splitlines()[-1], "ninja: no work to do.")
        self.assertEqual(self.built("--config", "Debug").output.splitlines()[-1], "ninja: no work to do.")

    @unittest.skipUnless(NINJA, "pools are Ninja's")
    def test_pools_of_the_project_stay(self):
        self.make(HEAD + 'set(CMAKE_JOB_POOLS karapace_fetch=1 mine=3)\n' +
                  "karapace_environment(dev MANIFEST karapace.toml)\n")
        self.configured()
        graph = "".join(path.read_text() for path in self.build_directory.glob("**/*.ninja"))
        self.assertIn("pool karapace_fetch\n  depth = 1\n", graph)
        self.assertIn("pool mine\n  depth = 3\n", graph)
        self.assertRegex(graph, r"pool karapace_install\n  depth = \d+\n")
        self.assertRegex(graph, r"pool = karapace_fetch\n  restat = 1\n")

    @unittest.skipUnless(NINJA, "ninja -t")
    def test_the_graph_shows_what_the_steps_are(self):
        self.make(ENVIRONMENT)
        self.configured()
        self.built()
        names = self.run_program("ninja", "-C", self.build_directory, *self.file_option(), "-t", "graph", "dev").output
        for kind in ("fetch-base-archive", "unpack-base-archive", "setup-1-file", "environment-"):
            self.assertIn(kind, names)

    def file_option(self):
        return ["-f", "build-Debug.ninja"] if GENERATOR == "Ninja Multi-Config" else []

    @staticmethod
    def bin():
        return BUILD / "bin"


if __name__ == "__main__":
    unittest.main(verbosity=2)
