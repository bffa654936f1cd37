# SPDX-License-Identifier: Apache-2.0
"""What several of these programs do: run a command that has to succeed, and take its times."""
import resource
import subprocess
import sys
import time


def run(words, directory, variables):
    result = subprocess.run(words, cwd=directory, env=variables, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"bench: {words} in {directory}: {result.stdout}")
    return result.stdout


def measured(words, directory, variables):
    """Its output, the seconds that pass, and those of processors."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    output = run(words, directory, variables)
    passed, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return output, passed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
