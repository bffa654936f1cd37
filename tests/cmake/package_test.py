#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a project comes by Karapace: installed, moved, from its build directory, and as a part of the project."""
import unittest

from project import BUILD, HEAD, ProjectTest

SOURCE = next(line.split("=", 1)[1] for line in (BUILD / "CMakeCache.txt").read_text().splitlines()
              if line.startswith("CMAKE_HOME_DIRECTORY:"))
USE = """
karapace_environment(dev MANIFEST karapace.toml ALL)
get_target_property(program Karapace::karapace LOCATION)
message("program=${program}")
"""
ENOUGH = "cmake_minimum_required(VERSION 3.25)\nproject(sample LANGUAGES NONE)\n"


class Package(ProjectTest):
    def setUp(self):
        super().setUp()
        self.write_manifest()
        self.write("CMakeLists.txt", HEAD + USE)

    def install(self, *components):
        prefix = self.source.parent / "prefix"
        for component in components or (None,):
            option = ["--component", component] if component else []
            installed = self.run_program("cmake", "--install", BUILD, "--prefix", prefix, *option)
            self.assertEqual(installed.status, 0, installed.output)
        return prefix

    def find(self, arguments, *options):
        self.write("CMakeLists.txt", f"{ENOUGH}find_package(Karapace {arguments})\nmessage(\"found=${{Karapace_FOUND}}\")\n")
        return self.run_program("cmake", "-S", self.source, "-B", self.build_directory, *options)

    def test_the_build_directory_is_a_package(self):
        output = self.configured(f"-DCMAKE_PREFIX_PATH={BUILD}", package="").output
        self.assertIn(f"program={BUILD}/bin/karapace\n", output)
        self.built()
        self.assert_nothing_to_do()

    def test_an_installation_can_be_moved(self):
        prefix = self.install()
        moved = prefix.rename(prefix.parent / "somewhere else")
        output = self.configured(f"-DCMAKE_PREFIX_PATH={moved}", package="").output
        self.assertIn(f"program={moved}/bin/karapace\n", output)
        self.built()
        self.assert_nothing_to_do()
        self.assertIn(str(moved), self.text("build.ninja"))
        self.assertNotIn(str(BUILD), self.text("build.ninja"))
        for file in moved.glob("lib*/**/cmake/Karapace/*"):
            self.assertNotIn(str(BUILD), file.read_text(), file)
            self.assertNotIn(SOURCE, file.read_text(), file)

    def test_versions_that_do_not_fit_are_not_found(self):
        where = f"-DCMAKE_PREFIX_PATH={BUILD}"
        self.assertIn("found=1", self.find("1.0 REQUIRED", where).output)
        self.assertIn("found=0", self.find("2.0 QUIET", where).output)

    def test_components_are_installed_and_found_apart(self):
        prefix = self.install("Runtime", "Development")
        self.assertTrue((prefix / "bin/karapace").exists())
        self.assertTrue((prefix / "share/karapace/schemas/list.json").exists())
        self.assertFalse(list(prefix.glob("**/karapace-resolve-deb")))
        where = f"-DCMAKE_PREFIX_PATH={prefix}"
        self.assertIn("found=1", self.find("1.0 REQUIRED COMPONENTS Runtime OPTIONAL_COMPONENTS Resolver", where).output)
        missing = self.find("1.0 REQUIRED COMPONENTS Resolver", where)
        self.assertIn('the component "Resolver" is not installed', " ".join(missing.output.split()))
        self.install("Resolver")
        self.assertIn("found=1", self.find("1.0 REQUIRED COMPONENTS Resolver", where).output)

    def test_the_source_is_no_package(self):
        refused = self.find("REQUIRED", f"-DKarapace_DIR={SOURCE}/cmake")
        self.assertNotEqual(refused.status, 0)
        self.assertIn("is Karapace's source: install Karapace", " ".join(refused.output.split()))

    def as_a_part(self, text):
        """The programs are those of the build under test: compiling them once more would tell nothing new."""
        self.write("CMakeLists.txt", text)
        options = (f"-DKARAPACE_TOOLS_DIRECTORY={BUILD}", f"-DSHOW={self.show}", "-G", "Ninja", "-Wdev", "--warn-uninitialized")
        made = self.run_program("cmake", "-S", self.source, "-B", self.build_directory, *options)
        self.assertEqual(made.status, 0, made.output)
        self.assertNotIn("Warning", made.output)
        self.built()
        self.assert_nothing_to_do()
        tested = self.ctest()
        self.assertEqual(tested.status, 0, tested.output)
        again = self.run_program("cmake", self.build_directory)
        self.assertNotIn("building its programs", again.output)

    def test_a_project_can_have_karapace_as_a_subdirectory(self):
        self.as_a_part(f"""{ENOUGH}add_subdirectory("{SOURCE}" karapace-tools)
enable_testing()
karapace_environment(dev MANIFEST karapace.toml)
karapace_add_test(NAME issue ENVIRONMENT dev COMMAND "${{SHOW}}" /etc/issue)
""")

    def test_a_project_can_fetch_karapace(self):
        self.write("part/CMakeLists.txt", """find_package(Karapace 1.0 REQUIRED)
karapace_environment(dev MANIFEST ../karapace.toml)
karapace_add_test(NAME issue ENVIRONMENT dev COMMAND "${SHOW}" /etc/issue)
""")
        self.as_a_part(f"""{ENOUGH}include(FetchContent)
FetchContent_Declare(Karapace SOURCE_DIR "{SOURCE}" OVERRIDE_FIND_PACKAGE)
enable_testing()
add_subdirectory(part)
""")


if __name__ == "__main__":
    unittest.main(verbosity=2)
