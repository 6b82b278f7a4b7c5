/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Calls every function of libvmgen.h without a device, as a user's program in C
 * or C++ would be built. t-library.sh compares what it calls with the map.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libvmgen.h>
#include <vmgen/vmgenid.h>

static struct vmgen_guard guard = VMGEN_GUARD_INIT;
static int failed;

static void check(int passed, const char *what)
{
	if (!passed)
		printf("api: %s\n", what);
	failed |= !passed;
}

static int run(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void use_nothing(void)
{
	uint8_t id[VMGEN_ID_SIZE];
	struct vmgen_event event;
	struct vmgen_info info;
	uint64_t generation;
	char bytes[8];

	check(vmgen_changed(NULL), "vmgen_changed");
	check(vmgen_changed_now(NULL), "vmgen_changed_now");
	check(vmgen_generation(NULL) == 0, "vmgen_generation");
	check(vmgen_event(NULL, &event, sizeof(event)) == -EINVAL, "vmgen_event");
	check(vmgen_wait(NULL, 0, 0, &generation) == -EINVAL, "vmgen_wait");
	check(vmgen_fd(NULL) == -EINVAL, "vmgen_fd");
	check(vmgen_read(NULL, &event, sizeof(event)) == -EINVAL, "vmgen_read");
	check(vmgen_id(NULL, id) == -EINVAL, "vmgen_id");
	check(vmgen_info(NULL, &info, sizeof(info)) == -EINVAL, "vmgen_info");
	check(vmgen_getrandom(NULL, bytes, sizeof(bytes)) == -EINVAL, "vmgen_getrandom");
	check(vmgen_settled(NULL, &generation) == -EINVAL, "vmgen_settled");
	check(vmgen_reopen(NULL) == -EINVAL, "vmgen_reopen");
	check(!vmgen_close(NULL), "vmgen_close");
}

int main(void)
{
	struct vmgen *v = NULL;
	int runs = 0;

	check(vmgen_open("/nonexistent", 0, &v) == -ENOENT && !v, "vmgen_open");
	use_nothing();
	check(vmgen_guard_run(NULL, &guard, VMGEN_GUARD_NOWAIT, run, &runs) == 1 && runs == 1,
	      "vmgen_guard_run");
	return failed;
}
