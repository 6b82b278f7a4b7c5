# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Which of firmware's events lead to a Notify, and what evaluating ADDR does beside it."""


def find(interpreter, devices):
    """The devices, with events and effects."""
    del interpreter
    return tuple(devices)
