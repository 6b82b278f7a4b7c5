#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# make bench, as far as it needs no guest: every way to check is measured, and the
# figures are written and drawn. What they are is not judged here.
#
# functions are called through ok:
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

report() {
	PYTHONPATH=tests/vm "${PYTHON:-python3}" tests/bench/report.py --out "$out" "$@"
}

# The ways that files can be asked in; each costs an instruction at least.
figures() {
	python3 - "$out/bench.json" <<-'END'
		import json, sys
		found = json.load(open(sys.argv[1]))
		tls = {row["work"]: row for row in found["openssl"]}
		assert set(tls) == {"16", "8192", "65536", "handshake"}, tls
		assert all(row[side] > 0 for row in tls.values()
		           for side in ("without", "with", "to_openssl")), tls
		rows = found["host"]
		ways = [row["way"] for row in rows]
		assert ways == ["empty", "load", "u32", "awslc", "changed", "changed_raw", "guard",
		                "changed_now", "getrandom"], ways
		for row in rows:
		    assert row["way"] == "empty" or row["instructions"] >= 1, row
		    for mode in ("loop", "alone"):
		        ns = row[mode]
		        assert 0 < ns["least"] <= ns["median"], row
		        assert ns["to_load"] > 0 and ns["to_u32"] > 0, row
		cost = {row["way"]: row["instructions"] for row in rows}
		assert cost["load"] < cost["u32"] < cost["changed"] <= cost["changed_raw"], cost
	END
}

picture() {
	python3 - "$out/bench.svg" "$out/bench-dark.svg" <<-'END'
		import sys, xml.etree.ElementTree as tree
		for name, dark in zip(sys.argv[1:], (False, True), strict=True):
		    texts = [e for e in tree.parse(name).iter() if e.tag.endswith("}text")]
		    assert {"load", "u32", "changed", "changed_raw"} <= {e.text for e in texts}, name
		    assert all(("fill: #ffffff" in e.get("style")) == dark for e in texts if e.get("style")), name
	END
}

refuses() {
	! report "$@" 2>"$out/error" && grep -q -- "$1" "$out/error"
}

ok 'a check is measured on this machine, and the OpenSSL provider' report --samples 3 host openssl
ok 'the JSON file has a row for each way, with its figures' figures
ok 'so have the pictures, for light and dark pages' picture
ok 'an unknown part is refused' refuses nonsense
ok 'so are no samples' refuses --samples 1
tap_done
