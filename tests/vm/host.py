# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The hypervisor's hand in the memory of a guest with shared=True: changes the ID, notifies nobody."""

import uuid

# QEMU has the ID at this offset of a page; elsewhere lie copies that nobody reads.
ID_OFFSET = 40


class Host:
    def __init__(self, guest, guid):
        self.memory = guest.memory()
        needle = uuid.UUID(guid).bytes_le
        self.id = self.memory.rfind(needle)
        while self.id % 4096 != ID_OFFSET:
            self.id = self.memory.rfind(needle, 0, self.id)

    def write(self, content):
        self.memory[self.id:self.id + len(content)] = content

    def change(self, guid=None):
        """A new ID; returns it as text."""
        guid = uuid.UUID(guid) if guid else uuid.uuid4()
        self.write(guid.bytes_le)
        return str(guid)
