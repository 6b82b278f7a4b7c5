/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Why the module is not loaded, from made-up trees of sysfs and of modules.
 */
#include "ctl/view/module.h"
#include "scratch.h"
#include "tap.h"

static void make(const char *path)
{
	char command[2 * PATH_MAX];

	snprintf(command, sizeof(command), "mkdir -p %s", scratch_path("%s", path));
	if (system(command))
		scratch_give_up(path);
}

static enum module diagnose(void)
{
	return module_diagnose(scratch_path("sys"), scratch_path("modules"), "6.1.0");
}

static void write_secure_boot(char value)
{
	const char variable[] = { 6, 0, 0, 0, value };
	FILE *file = fopen(scratch_path("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"), "w");

	if (!file || fwrite(variable, sizeof(variable), 1, file) != 1 || fclose(file))
		scratch_give_up("SecureBoot");
}

int main(void)
{
	enum module module;

	scratch_create();
	equal(diagnose(), MODULE_NOT_INSTALLED, "no directory of modules");
	make("modules/6.1.0");
	make("modules/5.10.0");
	make("sys/module/module/parameters");
	make("sys/kernel/security");
	make("sys/firmware/efi/efivars");
	scratch_write("modules/5.10.0/modules.dep", "updates/dkms/vmgenc.ko:\n", 0644);
	scratch_write("modules/6.1.0/modules.dep", "kernel/drivers/virt/vmgenid.ko:\n", 0644);
	equal(diagnose(), MODULE_NOT_INSTALLED, "for another kernel only");
	make("modules/6.1.0/build");
	equal(diagnose(), MODULE_NOT_INSTALLED, "headers that are not all there");
	scratch_write("modules/6.1.0/build/Makefile", "", 0644);
	equal(diagnose(), MODULE_NOT_BUILT, "with the headers of this kernel");
	scratch_write("modules/6.1.0/modules.dep",
		      "kernel/a.ko: kernel/b.ko\nupdates/dkms/vmgenc.ko.xz:\n", 0644);
	equal(diagnose(), MODULE_NOT_LOADED, "installed");
	scratch_write("sys/module/module/parameters/sig_enforce", "N\n", 0644);
	scratch_write("sys/kernel/security/lockdown", "[none] integrity confidentiality\n", 0644);
	write_secure_boot(0);
	equal(diagnose(), MODULE_NOT_LOADED, "a kernel that takes any");
	write_secure_boot(1);
	equal(diagnose(), MODULE_NEEDS_SIGNATURE, "Secure Boot");
	write_secure_boot(0);
	scratch_write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n", 0644);
	equal(diagnose(), MODULE_NEEDS_SIGNATURE, "lockdown");
	scratch_write("sys/kernel/security/lockdown", "none integrity [confidentiality]\n", 0644);
	equal(diagnose(), MODULE_NEEDS_SIGNATURE, "lockdown for confidentiality");
	unlink(scratch_path("sys/kernel/security/lockdown"));
	scratch_write("sys/module/module/parameters/sig_enforce", "Y\n", 0644);
	equal(diagnose(), MODULE_NEEDS_SIGNATURE, "module.sig_enforce");
	scratch_write("modules/6.1.0/modules.dep", "updates/vmgenc.ko:\n", 0644);
	equal(diagnose(), MODULE_NEEDS_KEY, "the same, where DKMS does not sign");
	for (module = MODULE_NOT_INSTALLED; module <= MODULE_NOT_LOADED; module++)
		ok(strstr(module_remedy(module), "modprobe vmgenc") && *module_explain(module),
		   "a remedy for: %s", module_explain(module));
	ok(strstr(module_remedy(MODULE_NOT_INSTALLED), "without DKMS, the package vmgen-module"),
	   "one of a fleet that does without DKMS is told of its package");
	ok(!strstr(module_remedy(MODULE_NEEDS_KEY), "dkms"), "nor of a key of DKMS");
	return tap_done();
}
