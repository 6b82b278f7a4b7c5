/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl says of programs that draw by vmgen's OpenSSL provider: that no clone
 * has their random numbers it says only where the device vouches for that.
 */
#include <sys/mman.h>

#include "asked.h"

#define TAKEN	"random numbers that no clone has"

/* Each of them with the device as it is now. */
static void expect_all(const char *reason)
{
	/* That there is a node says nothing. */
	expect("--device=/dev/null openssl status", reason ? CTL_DEGRADED : CTL_OK, reason ? reason : TAKEN);
	ok(says(TAKEN) == !reason, "which is promised only where it is so");
	(void)end(begin("check"));
	ok(says(reason ? "warning  openssl   processes whose OpenSSL takes the kernel's random numbers, which a clone may have" :
			 "ok       openssl   processes whose OpenSSL takes " TAKEN), "check agrees");
	ok(!reason || says(reason), "for the same reason");
}

/* As the maps of a process that has loaded it: the name is all that is looked at. */
static void have_provider(void)
{
	int fd;

	scratch_mkdir("ossl-modules", 0755);
	scratch_write("ossl-modules/vmgen.so", "x", 0644);
	fd = open(scratch_path("ossl-modules/vmgen.so"), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		scratch_give_up("mmap");
	close(fd);
}

/* One that has all its generators from the provider. */
static void play_openssl(void)
{
	char path[PATH_MAX + 64];

	scratch_mkdir("bin", 0755);
	scratch_write("bin/openssl", "#!/bin/sh\nprintf '  %s @ vmgen\\n' primary public private\n", 0755);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", scratch_path("bin"));
	setenv("PATH", path, 1);
}

int main(void)
{
	asked_create();
	have_provider();
	play_openssl();
	write_status(HANDLED);
	expect_all(NULL);
	event.flags = VMGEN_RNG_OTHER;
	expect_all("they may come from another generator than the one that is reseeded");
	event.flags = VMGEN_RNG_STALE;
	expect_all("the kernel could not reseed after a change");
	event.flags = 0;
	info.flags &= ~VMGEN_INFO_ID_VALID;
	expect_all("the host provides no ID to check them against");
	info.flags |= VMGEN_INFO_COUNTER;
	expect_all("the host counts restores and provides no ID that tells clones apart");
	event.flags = VMGEN_NO_ID;
	expect_all("the host provides no ID to check them against");
	event.flags = 0;
	info.flags = VMGEN_INFO_ID_VALID | VMGEN_INFO_ID_UNTRUSTED;
	expect_all("this machine was hibernated, and cannot detect a change across that");
	info.flags = VMGEN_INFO_ID_VALID;
	expect_all(NULL);
	open_result = -ENOENT;
	expect_all("there is no device to check them against");
	return tap_done();
}
