/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The socket of the host that the system credential vmm.notify_socket names, in the forms
 * of sd_notify(3) that reach out of a VM: vsock:CID:PORT, and vsock-stream:,
 * vsock-seqpacket: or vsock-dgram: where the type is given.
 */
#ifndef NOTIFYSOCKET_H
#define NOTIFYSOCKET_H

#include <stddef.h>
#include <sys/types.h>

#define NOTIFYSOCKET_CREDENTIAL	"vmm.notify_socket"

struct notifysocket {
	unsigned int cid, port;
	/* Of socket(2); 0: whichever the hypervisor and the host have. */
	int type;
};

/* Returns 0, or -EINVAL: it is no such address, or names nobody. */
int notifysocket_parse(const char *text, struct notifysocket *ret_socket);

/*
 * Begins to connect; nothing waits. attempt: 0 at first; after one that failed, here or
 * later, the same variable again, so that another type is tried. Returns 0 or -errno.
 */
int notifysocket_open(const struct notifysocket *address, unsigned int *attempt, int *ret_fd);

/*
 * Goes on as far as it can without waiting. sent: how much of the text has been, 0 at
 * first. Returns 0: the host has it, as far as anybody can know; -EAGAIN: not yet; -errno.
 */
int notifysocket_send(int fd, const char *text, size_t *sent);

#endif /* NOTIFYSOCKET_H */
