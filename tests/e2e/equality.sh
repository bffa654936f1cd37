#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is installed is what dpkg installs: the same packages, installed by mmdebstrap (apt and dpkg) and by Karapace, give
# the same paths, types, modes, owners, links and contents, but for what is named below.
source "$(dirname "$0")/package_equality.sh"
store=$work/store

# Packages with what is hard to get right: users, set-id files, alternatives, triggers, diversions, debconf, hard links,
# configuration files that hooks read, services, byte-compiled code.
packages=(git python3 man-db openssh-server dbus sudo ca-certificates cron gcc perl-doc vim-tiny dictionaries-common dicoweb)

mkdir -p "$work/p"
project root "$work/p" "${packages[@]}"
cd "$work/p"
warm root "$store"
as root KARAPACE_STORE="$store" karapace build >"$work/build.log" || { tail -40 "$work/build.log"; fail "build"; }

step "the same packages by mmdebstrap"
same_as_dpkg || fail "the systems differ"
dpkg_is_content || fail "dpkg --audit or --verify"

step "a preinst that makes the link below which its package's files are to be"
project root "$work/q" libc6-i386
as root KARAPACE_STORE="$store" karapace build "$work/q" >"$work/build.log" || { tail -40 "$work/build.log"; fail "build"; }
expect "where /lib32 leads" usr/lib32 "$(as root KARAPACE_STORE="$store" karapace exec "$work/q" -- readlink /lib32)"

step "an environment without dpkg's database can be entered"
project root "$work/r"
printf '[setup]\nrun = ["rm -r /var/lib/dpkg"]\n' >>"$work/r/karapace.toml"
as root KARAPACE_STORE="$store" karapace build "$work/r" >"$work/build.log" || { tail -40 "$work/build.log"; fail "build"; }
as root KARAPACE_STORE="$store" karapace exec "$work/r" -- true || fail "entering it"
