#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
printf '<!doctype html><title>hello</title><p>Hello from %s\n' "$(. /etc/os-release && echo "$PRETTY_NAME")"
