/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Why the kernel module is not loaded: not installed for the kernel that runs,
 * perhaps because it cannot be built for it, refused because it is not signed, or
 * just not asked for.
 */
#ifndef MODULE_H
#define MODULE_H

#define MODULE_SYSFS	"/sys"
/* The kernel's release follows. */
#define MODULE_TREE	"/lib/modules"

enum module {
	MODULE_NOT_INSTALLED,
	/* Although the headers of this kernel are there. */
	MODULE_NOT_BUILT,
	/* This kernel takes signed modules only. */
	MODULE_NEEDS_SIGNATURE,
	/* The same, and the module is not DKMS's but that of make deb-module. */
	MODULE_NEEDS_KEY,
	MODULE_NOT_LOADED,
};

/* sysfs, tree: the above. release: as uname(2) has it. */
enum module module_diagnose(const char *sysfs, const char *tree, const char *release);

/* The same of the kernel that runs, where it is. */
enum module module_of_this_kernel(void);

const char *module_explain(enum module module);
const char *module_remedy(enum module module);

#endif /* MODULE_H */
