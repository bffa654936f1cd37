#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of an instance in a real environment: it follows its project, is rebuilt, brought back, stopped, frozen, named;
# nothing that a person made in it is lost on the way. In all id modes.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$@"
