/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * courier/: the report to the host: what has become of a change (hostreport.h), by a
 * virtio-serial port (serialport.h) and by the socket of vmm.notify_socket
 * (notifysocket.h), each if this machine has it.
 *
 * In: a record that has ended, and that the descriptor of courier_fd() is readable.
 * Out: one line on the port, one message to the socket. A newer report takes the place
 * of one that was not delivered yet.
 * Never: a wait, also if the host does nothing; a report that the record does not hold; the ID
 * itself. Nobody learns from a report that fails: it is told in the log, and forgotten
 * after COURIER_LIMIT_SEC.
 */
#ifndef COURIER_H
#define COURIER_H

#include "hostreport.h"

/*
 * So long a report is fresh: a host that connects to the port meanwhile gets it, also a
 * second time. Drivers may come late at boot, so what is missing is looked for again.
 */
enum { COURIER_LIMIT_SEC = 600 };

struct courier;

/* Directories: where ports are listed, and their nodes; credentials, NULL: there are none. */
struct courier_places {
	const char *ports, *devices;
	const char *credentials;
};

/* Returns 0 or -errno. */
int courier_new(const struct courier_places *places, struct courier **ret_courier);

/* Forgets what was not delivered. NULL is allowed. Returns NULL. */
struct courier *courier_free(struct courier *courier);

/* Readable when courier_advance() has something to do; the same as long as it lives. */
int courier_fd(const struct courier *courier);

/* Delivers a report, or begins to. NULL is allowed: there is nobody to tell. */
void courier_tell(struct courier *courier, const struct hostreport *report);

/* Forgets what was not delivered: another report will follow. NULL is allowed. */
void courier_drop(struct courier *courier);

void courier_advance(struct courier *courier);

#endif /* COURIER_H */
