#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# memcheck finds nothing in the library as it is shipped: no invalid access, no
# use of what was never set, no leak. That includes what it hands to the kernel,
# which sanitizers do not look at.

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

O=${O:-build}

# It runs one thread at a time; fairly, or those that wait would keep the others waiting.
for test in source generation guard holder device vmgenid handle threads faults errors; do
	ok "memcheck: t-$test" valgrind --quiet --error-exitcode=99 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect,possible --fair-sched=yes \
		"$O/tests/unit/t-$test.t"
done
tap_done
