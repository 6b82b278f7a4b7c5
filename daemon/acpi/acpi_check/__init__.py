# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Says whether the generation ID device that firmware describes obeys its specification."""

# The Makefile's; tests/t-acpi-check.sh compares them.
VERSION = "0.1.0"
