#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Copies of the module with a mistake each: the sanitizers find it, and the tests hear of it."""

import dataclasses
import pathlib
import shutil

from harness import kernel as kernels, module, tap
from harness.guest import GuestError
from harness.machine import build_directory, scratch
from harness.scenario import boot, new_guid

SOURCE = pathlib.Path(__file__).parent.parent.parent / "kmod"
FREE = "\tkfree(file->private_data);\n"
RECORD = "\trecord = vg->record;\n"
NOTICE = "\tif (!vmgenc_differs(vg))\n"


@dataclasses.dataclass
class Mutant:
    name: str
    file: str
    old: str
    new: str
    report: str     # what the kernel says of it


MUTANTS = (
    Mutant("memory that is never freed", "chardev.c", FREE, "", "unreferenced object"),
    Mutant("use of freed memory", "chardev.c", FREE,
           FREE + "\t((struct vmgenc_file *)file->private_data)->seen++;\n", "use-after-free"),
    Mutant("sleep under a spinlock", "generation.c", RECORD, "\tmight_sleep();\n" + RECORD,
           "sleeping function called from invalid context"),
    Mutant("a shift too far", "generation.c", RECORD,
           RECORD + "\trecord.flags |= 1U << (record.generation + 31);\n", "shift-out-of-bounds"),
    Mutant("an interrupt that takes a lock of processes", "generation.c", NOTICE,
           "\tspin_lock(&vg->lock);\n\tspin_unlock(&vg->lock);\n" + NOTICE, "lock state"),
)


def build(kernel, mutant, number):
    source = scratch() / f"mutant-{number}"
    shutil.copytree(SOURCE, source)
    path = source / mutant.file
    text = path.read_text("ascii")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.file} has no single {mutant.old!r} to make a mistake of")
    path.write_text(text.replace(mutant.old, mutant.new), "ascii")
    return module.build(kernels.load(kernel), source, build_directory() / f"mutants/{number}")


def reports(kernel, mutant):
    """What a guest says in which the module is used, and changes once."""
    files = {"/mutant.ko": mutant.read_bytes()}
    guid = new_guid()
    try:
        with boot(kernel, guid=guid, load=False, files=files) as g:
            g.run("insmod /mutant.ko")
            g.run("dd if=/dev/vmgenid of=/dev/null bs=24 count=1")
            snapshot = g.snapshot()
        with snapshot.clone(guid=new_guid()) as g:
            g.wait_for("dmesg | grep -q 'generation 2'")
    except GuestError as e:
        return str(e)
    return ""


def scenario(kernel, t):
    for number, mutant in enumerate(MUTANTS):
        said = reports(kernel, build(kernel, mutant, number))
        if not t.ok(mutant.report in said, f"{mutant.name}: {mutant.report}"):
            t.note(said or "nothing was reported")


if __name__ == "__main__":
    tap.main(scenario)
