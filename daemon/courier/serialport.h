/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The virtio-serial port that the host has made for vmgend, by its name. udev need not
 * have made a link to it.
 */
#ifndef SERIALPORT_H
#define SERIALPORT_H

#define SERIALPORT_NAME	"org.vmgen.0"

/* The size of a path of a device, and the terminating zero. */
enum { SERIALPORT_PATH_SIZE = 64 };

/*
 * Opens it for writing; nothing that is done with it waits. sysfs: where ports are
 * listed; devices: where their nodes are. ret_path: what was opened, or could not be.
 *
 * Returns 0; -ENOENT: this machine has none; -ENXIO: the node is another device's;
 * -EBUSY: another program has it open; -errno.
 */
int serialport_open(const char *sysfs, const char *devices,
		    char ret_path[static SERIALPORT_PATH_SIZE], int *ret_fd);

#endif /* SERIALPORT_H */
