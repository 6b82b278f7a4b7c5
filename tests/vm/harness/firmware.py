# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What firmware told a guest of its machine, copied out of the running guest."""

import base64
import gzip
import io
import pathlib
import tarfile

ACPI = "/sys/firmware/acpi"
TREE = "/sys/firmware/fdt"


def fetch(guest, command):
    """What a command of the guest writes, byte by byte."""
    return base64.b64decode(guest.run(f"{command} | gzip | base64"))


def save(guest, directory):
    """Into directory: a guest's ACPI tables as tables/, with those in data/ and dynamic/, or its
    device tree as fdt.dtb; and its memory map, as root sees it, as iomem. Returns the directory."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if guest.execute(f"test -d {ACPI}/tables")[0]:
        (directory / "fdt.dtb").write_bytes(gzip.decompress(fetch(guest, f"cat {TREE}")))
    else:
        unpack(fetch(guest, f"tar -C {ACPI} -c tables"), directory)
    (directory / "iomem").write_text(guest.run("cat /proc/iomem"), encoding="utf-8")
    return directory


def unpack(packed, directory):
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for member in archive:
            if member.isfile():
                path = directory / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.extractfile(member).read())
