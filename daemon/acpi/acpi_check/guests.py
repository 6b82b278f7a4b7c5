# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What each guest makes of the device."""


def judge(machine):
    """{path: [Judgement]}, for each device and each node."""
    return {described.path: [] for described in machine.devices + machine.nodes}
