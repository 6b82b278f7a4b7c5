#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Both compilers build everything without a warning.

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

for compiler in gcc clang; do
	ok "$compiler" make -s all CC="$compiler" WERROR=1 O="${O:-build}/$compiler"
done
tap_done
