/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Why the kernel module is not loaded.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "module.h"

enum {
	/* modules.dep of a kernel with everything has less than 1 MiB. */
	DEPENDENCIES_SIZE = 1 << 24,
	WORD_SIZE = 256,
	/* An EFI variable has four bytes of attributes in front. */
	EFI_VALUE = 4,
};

#define SIGNED_ONLY	"the module vmgenc is not loaded, and this kernel takes signed modules only (Secure Boot, lockdown or module.sig_enforce)"
#define SECURE_BOOT	"firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static bool contains(const char *directory, const char *name, size_t limit, const char *text)
{
	char path[PATH_MAX], *content;
	bool found;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path) ||
	    file_read(AT_FDCWD, path, limit, &content, NULL))
		return false;
	found = strstr(content, text);
	free(content);
	return found;
}

static bool has_headers(const char *modules)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/build/Makefile", modules) < (int)sizeof(path) &&
	       !access(path, F_OK);
}

static bool is_secure_boot(const char *sysfs)
{
	char path[PATH_MAX], *content;
	struct stat st;
	bool on;

	snprintf(path, sizeof(path), "%s/" SECURE_BOOT, sysfs);
	if (file_read(AT_FDCWD, path, WORD_SIZE, &content, &st))
		return false;
	on = st.st_size > EFI_VALUE && content[EFI_VALUE] == 1;
	free(content);
	return on;
}

/* Debian's kernels lock down with Secure Boot; others are told to by a parameter. */
static bool wants_signature(const char *sysfs)
{
	return contains(sysfs, "module/module/parameters/sig_enforce", WORD_SIZE, "Y") ||
	       contains(sysfs, "kernel/security/lockdown", WORD_SIZE, "[integrity]") ||
	       contains(sysfs, "kernel/security/lockdown", WORD_SIZE, "[confidentiality]") ||
	       is_secure_boot(sysfs);
}

enum module module_diagnose(const char *sysfs, const char *tree, const char *release)
{
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "%s/%s", tree, release);
	if (!contains(directory, "modules.dep", DEPENDENCIES_SIZE, "/vmgenc.ko"))
		return has_headers(directory) ? MODULE_NOT_BUILT : MODULE_NOT_INSTALLED;
	if (!wants_signature(sysfs))
		return MODULE_NOT_LOADED;
	return contains(directory, "modules.dep", DEPENDENCIES_SIZE, "updates/vmgenc.ko") ?
	       MODULE_NEEDS_KEY : MODULE_NEEDS_SIGNATURE;
}

enum module module_of_this_kernel(void)
{
	struct utsname kernel;

	/* It fails for a bad pointer alone. */
	if (uname(&kernel))
		return MODULE_NOT_LOADED;
	return module_diagnose(MODULE_SYSFS, MODULE_TREE, kernel.release);
}

const char *module_explain(enum module module)
{
	static const char *const texts[] = {
		[MODULE_NOT_INSTALLED] = "the host has the device, but the module vmgenc is not installed for the kernel that runs",
		[MODULE_NOT_BUILT] = "the host has the device, but the module vmgenc is not installed for the kernel that runs, whose headers are there",
		[MODULE_NEEDS_SIGNATURE] = SIGNED_ONLY,
		[MODULE_NEEDS_KEY] = SIGNED_ONLY,
		[MODULE_NOT_LOADED] = "the module vmgenc is installed, but not loaded",
	};

	return texts[module];
}

const char *module_remedy(enum module module)
{
	static const char *const texts[] = {
		[MODULE_NOT_INSTALLED] = "install the headers of this kernel, then: dkms autoinstall && modprobe vmgenc; or, without DKMS, the package vmgen-module of this kernel, then: modprobe vmgenc",
		[MODULE_NOT_BUILT] = "dkms autoinstall && modprobe vmgenc; if dkms says that it cannot be built, install a newer vmgen, or boot an older kernel",
		[MODULE_NEEDS_SIGNATURE] = "enrol the key that DKMS signs with: mokutil --import /var/lib/dkms/mok.pub, reboot and confirm it on the console, modprobe vmgenc (not tried)",
		[MODULE_NEEDS_KEY] = "have the package made with SIGN_KEY= and SIGN_CERT= of a key that the firmware has, install it, modprobe vmgenc",
		[MODULE_NOT_LOADED] = "modprobe vmgenc",
	};

	return texts[module];
}
