#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Copies of the module with a mistake each: the sanitizers find it, and the tests hear of it."""

import dataclasses
import pathlib
import shutil

from harness import board, kernel as kernels, module, tap
from harness.guest import GuestError
from harness.machine import build_directory, scratch
from harness.scenario import boot, new_guid

SOURCE = pathlib.Path(__file__).parent.parent.parent / "kmod"
FREE = "\tkfree(file->private_data);\n"
RECORD = "\trecord = vg->record;\n"
NOTICE = "\tif (!vmgenc_differs(vg))\n"
REQUEST = "static void request("
IRQ = "\terr = request_threaded_irq("


@dataclasses.dataclass
class Mutant:
    name: str
    file: str
    old: str
    new: str
    report: str     # what the kernel says of it
    more: tuple = ()    # (old, new) elsewhere in the file


X86 = (
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
# Of what only a device tree has: an interrupt of the device's own, shared with the in-tree driver.
ARM = (
    Mutant("an interrupt that sleeps", "generation.c", NOTICE, "\tmight_sleep();\n" + NOTICE,
           "sleeping function called from invalid context"),
    Mutant("the chain that the in-tree driver calls in its interrupt", "devicetree.c", REQUEST,
           "static int nothing(struct notifier_block *nb, unsigned long action, void *data)\n"
           "{\n\treturn NOTIFY_DONE;\n}\n\n"
           "static struct notifier_block vmfork = { .notifier_call = nothing };\n\n" + REQUEST,
           "(vmfork_chain).rwsem", ((IRQ, "\tregister_random_vmfork_notifier(&vmfork);\n" + IRQ),
                                    ("#include <linux/of.h>\n",
                                     "#include <linux/of.h>\n#include <linux/random.h>\n"))),
    Mutant("a lock that sleeps only under PREEMPT_RT", "generation.c", NOTICE,
           "\tstatic DEFINE_RAW_SPINLOCK(outer);\n\tstatic DEFINE_SPINLOCK(inner);\n"
           "\tunsigned long flags;\n\n\traw_spin_lock_irqsave(&outer, flags);\n"
           "\tspin_lock(&inner);\n\tspin_unlock(&inner);\n"
           "\traw_spin_unlock_irqrestore(&outer, flags);\n" + NOTICE, "Invalid wait context"),
)
MUTANTS = {"debug": X86, "debug-arm64": ARM}


def build(kernel, mutant, number):
    source = scratch() / f"mutant-{number}"
    shutil.copytree(SOURCE, source)
    path = source / mutant.file
    text = path.read_text("ascii")
    for old, new in ((mutant.old, mutant.new), *mutant.more):
        if text.count(old) != 1:
            raise ValueError(f"{mutant.file} has no single {old!r} to make a mistake of")
        text = text.replace(old, new)
    path.write_text(text, "ascii")
    return module.build(kernels.load(kernel), source,
                        build_directory() / f"mutants/{kernel}/{number}")


def change(kernel, files):
    """A guest in which the module is used, and changes once."""
    guid = new_guid()
    with boot(kernel, guid=guid, load=False, files=files) as g:
        g.run("insmod /mutant.ko")
        g.run("dd if=/dev/vmgenid of=/dev/null bs=24 count=1")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as g:
        g.wait_for("dmesg | grep -q 'generation 2'")


def change_arm(kernel, files):
    with board.boot(kernel, load=False, files=files) as g:
        g.run("insmod /mutant.ko")
        g.host.change()
        g.interrupt()
        g.wait_for("dmesg | grep -q 'generation 2'")


def reports(kernel, mutant):
    """What the kernel of a guest says of the mutant."""
    files = {"/mutant.ko": mutant.read_bytes()}
    try:
        (change_arm if kernel.endswith("-arm64") else change)(kernel, files)
    except GuestError as e:
        return str(e)
    return ""


def scenario(kernel, t):
    for number, mutant in enumerate(MUTANTS[kernel]):
        said = reports(kernel, build(kernel, mutant, number))
        if not t.ok(mutant.report in said, f"{mutant.name}: {mutant.report}"):
            t.note(said or "nothing was reported")


if __name__ == "__main__":
    tap.main(scenario)
