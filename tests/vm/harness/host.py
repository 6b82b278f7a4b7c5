# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The hypervisor's hand in the memory of a guest with shared=True: changes the ID, notifies nobody."""

import uuid

# QEMU has the ID at this offset of a page; elsewhere lie copies that nobody reads.
ID_OFFSET = 40


class Host:
    def __init__(self, guest, guid=None, at=None):
        """The ID is looked for, or lies at an address that a table of the test names."""
        self.memory = guest.memory()
        self.id = self.find(guid) if guid else at

    def find(self, guid):
        needle = uuid.UUID(guid).bytes_le
        found = self.memory.rfind(needle)
        while found % 4096 != ID_OFFSET:
            found = self.memory.rfind(needle, 0, found)
        return found

    def write(self, content, offset=0):
        start = self.id + offset
        self.memory[start:start + len(content)] = content

    def guid(self):
        return str(uuid.UUID(bytes_le=bytes(self.memory[self.id:self.id + 16])))

    def change(self, guid=None):
        """A new ID; returns it as text."""
        guid = uuid.UUID(guid) if guid else uuid.uuid4()
        self.write(guid.bytes_le)
        return str(guid)
