/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The hook's side of "standby = yes" (vmgend-hooks(7)): a guard that is executed while
 * nothing has happened yet, and is told of the change when there is one.
 */
#ifndef STANDBY_H
#define STANDBY_H

/* What vmgend sends at most, in bytes. */
enum { STANDBY_PACKET_SIZE = 4096 };

/*
 * Waits for the change, if this process was executed to stand by. Open what the work needs
 * before the call: it locks in memory what the process has, so that nothing is read from the
 * disk afterwards. At the change the environment is that of any hook, and standard input is
 * /dev/null; the arguments stay those of before, which has none.
 *
 * Returns 0: it is time to work, also at once, where there was nothing to wait for;
 * -ENODATA: this process is not needed any more, and has to end; -EBADMSG, -EMSGSIZE: it is
 * no environment of vmgend that came; -errno. The environment is as before if it fails.
 */
int standby_wait(void);

#endif /* STANDBY_H */
