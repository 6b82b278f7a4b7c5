/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is wrong with a machine, as vmgenctl check and status tell it, and what to
 * do about that.
 */
#include "asked.h"

#include <linux/magic.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/guest.h"
#include "base/host.h"
#include "base/systemd.h"
#include "ctl/view/view.h"

static bool booted = true;
/* Of the machine; it has no EFI variables. */
static bool has_tpm;

/* Instead of what this system has. */
bool systemd_runs(void)
{
	return booted;
}

int access(const char *path, int mode)
{
	if (!strcmp(path, "/dev/tpmrm0")) {
		errno = ENOENT;
		return has_tpm ? 0 : -1;
	}
	return syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

int fstatfs(int fd, struct statfs *st)
{
	int r = syscall(SYS_fstatfs, fd, st);

	if (!r && st->f_type == EFIVARFS_MAGIC)
		st->f_type = SYSFS_MAGIC;
	return r;
}

static void test_check(void)
{
	expect("check", CTL_DEGRADED, "problem  hooks     40-open:");
	ok(says("ok       device    QEMU\"VGID, generation 5"), "the device");
	ok(says("ok       notify") && says("ok       driver") && says("ok       vmgend"), "and what is well");
	ok(says("\n                   -> "), "remedies");
	/* On any machine; in a guest of QEMU it is said by t-ctl.py. */
	equal(says(" host      "), host_keeps(GUEST_SYSFS) != NULL, "what keeps the ID on this host");
	ok(!says("\033"), "no colours in a file");
	ok(says("hooks that run: 1; disabled: 1; masked: 1"), "hooks are counted");
	ok(says("programs with generators"), "programs that no hook restarts");
	expect("check --units --json", CTL_USAGE, "use one of them");
	expect("check --units", CTL_OK, "");
	expect("check --json", CTL_DEGRADED, "\"name\":\"hooks\",\n      \"state\":\"problem\"");
	unlink(scratch_path("first/40-open"));
	unlink(scratch_path("settings/50-settings.conf"));
	expect("check", CTL_OK, "This machine is protected.");
	expect("hooks list", CTL_OK, "50-settings");
	scratch_write("first/80-app", "#!/bin/sh\n", 0755);
	expect("check", CTL_OK, "hooks that run: 3");
	ok(!says("programs with generators"), "a hook restarts programs");
}

static void test_boot_change(void)
{
	char text[4 * PATH_MAX], before[2 * PATH_MAX];

	ok(!says("shutdown"), "as it is by default nothing is needed for boots");
	snprintf(before, sizeof(before), "%s", scratch_read("conf"));
	snprintf(text, sizeof(text), "%sboot-change=counter\n", before);
	scratch_write("conf", text, 0644);
	expect("check", CTL_OK, "warning  shutdown  boot-change = counter, but nothing outside the disk");
	ok(says("-> give this VM UEFI firmware or a TPM, or set boot-change = run in vmgend.conf\n"), "with the remedy");
	has_tpm = true;
	expect("check", CTL_OK, "ok       shutdown  boot-change = counter: a shutdown leaves its mark in the NV index ");
	has_tpm = false;
	/* Which is the second of the remedies. */
	scratch_write("conf", before, 0644);
	expect("check", CTL_OK, "no mistake in ");
	ok(!says("shutdown"), "boot-change = run: nothing is said");
}

/* Types the remedy that begins so. */
static void do_as_told(const char *beginning)
{
	char command[2 * PATH_MAX], begun[64];
	const char *remedy;

	snprintf(begun, sizeof(begun), "-> %s", beginning);
	remedy = strstr(scratch_read("out"), begun);
	if (!ok(remedy, "the remedy is there: %s", beginning))
		return;
	snprintf(command, sizeof(command), "%.*s", (int)strcspn(remedy + 3, "\n"), remedy + 3);
	ok(!system(command), "%s", command);
}

static void test_check_vmgend(void)
{
	write_status(LAST(BAD));
	expect("check", CTL_DEGRADED, "problem  last-run  at the last change (changed) hook 80-bad: failed");
	expect("status", CTL_DEGRADED, "80-bad: failed");
	ok(says("when that is fixed: vmgenctl trigger --failed\n"), "with the remedy");
	write_status(HANDLED ",\"lost\":[\"no ID\",\"no page\"]");
	expect("check", CTL_OK, "warning  source    no page");
	write_status(",\"handled\":false,\"recorded\":true");
	expect("check", CTL_NOT_HANDLED, "not handled yet");
	write_status(",\"handled\":false,\"recorded\":true,\"run\":{\"hooks\":{\"10-x\":{\"outcome\":\"lost\"}}}");
	expect("status", CTL_NOT_HANDLED, "a guard could not be started, so the last change is not handled");
	write_status(",\"handled\":false,\"recorded\":true,\"run\":{\"hooks\":{\"50-x\":{\"outcome\":\"lost\"}}}");
	expect("status", CTL_NOT_HANDLED, "the last change is being handled");
	write_status(",\"handled\":true,\"recorded\":false,\"record_errno\":28");
	expect("check", CTL_DEGRADED, "cannot record what it did, so it does it again after a restart: No space left on device (df -h");
	expect("status", CTL_DEGRADED, "recorded:    no: No space left on device (df -h");
	ok(says("when that is fixed: vmgenctl trigger --real\n"), "with the remedy, for what failed is not all");
	write_status(",\"handled\":true,\"recorded\":false");
	expect("check", CTL_DEGRADED, "cannot record what it did, so it does it again after a restart: the log of vmgend");
	(void)mkdir(scratch_path("state"), 0700);
	scratch_write("state/history", "{}\n", 0600);
	expect("check", CTL_DEGRADED, "problem  history ");
	ok(says("state/history cannot be used, so no run is added to it: it is damaged"), "and why");
	do_as_told("mv ");
	expect("check", CTL_DEGRADED, "cannot record what it did");
	ok(!says("history"), "then it is no problem any more");
}

/* An image's mark, as vmgenctl has it; what vmgend makes of it is in t-image.c. */
static void test_image(void)
{
	write_status(LAST(""));
	expect("image", CTL_USAGE, "image needs one more word: use prepare, show or undo");
	expect("image show", CTL_OK, "none");
	expect("image prepare", CTL_FAILED, "no hook of identity is enabled, so a copy would keep the identity of this machine: enabled = yes in ");
	ok(says("/settings/60-machine-id.conf") && says("vmgenctl forget\n"), "with the remedies");
	ok(access(scratch_path("state/image"), F_OK), "and no mark is left");
	scratch_write("second/60-own", "#!/bin/sh\n", 0755);
	scratch_write("second/79-own", "#!/bin/sh\n", 0755);
	scratch_write("second/61-off", "#!/bin/sh\n", 0755);
	scratch_write("settings/61-off.conf", "[hook]\nenabled=no\n", 0644);
	scratch_write("state/state.json", "{\"version\":1}", 0600);
	expect("image prepare", CTL_OK, "a copy, which starts with another ID, runs at its first boot:\n  60-own\n  79-own\n");
	ok(access(scratch_path("state/state.json"), F_OK), "the record is forgotten");
	expect("image show", CTL_OK, "prepared on this machine; a copy runs at its first boot:\n  60-own\n  79-own\n");
	expect("forget", CTL_OK, "the mark of vmgenctl image prepare stays");
	expect("check", CTL_OK, "note     image     this is a template: ");
	ok(says("-> if it is not a template any more: vmgenctl image undo\n"), "with the remedy");
	expect("hooks why 60-own", CTL_OK, "events:    adopted (intent clone) changed boot-changed (intent clone) test\n");
	info.flags &= ~VMGEN_INFO_ID_VALID;
	expect("image show", CTL_OK, "whether it was this one is not known");
	expect("image prepare", CTL_OK, "this machine has no ID, so every machine with one counts as a copy");
	info.flags |= VMGEN_INFO_ID_VALID;
	expect("image show", CTL_OK, "prepared on another machine, or with another ID");
	open_result = -EACCES;
	expect("image prepare", CTL_NO_RIGHTS, "the ID of this machine cannot be read: ");
	open_result = 0;
	scratch_write("state/image", "{}", 0600);
	expect("image show", CTL_FAILED, "the mark cannot be used: it is damaged");
	expect("check", CTL_DEGRADED, "problem  image     the mark of a template cannot be used, so copies keep its identity: it is damaged");
	expect("image undo", CTL_OK, "");
	expect("image show", CTL_OK, "none");
	scratch_write("state/state.json", "{\"version\":1,\"run\":{\"id_hash\":\"0123456789012345678901234567890123456789012345678901234567890123\","
		      "\"event\":\"changed\",\"hint\":\"\",\"intent\":\"\",\"intent_from\":\"\",\"name\":\"\",\"intent_unused\":\"\","
		      "\"source\":\"vmgenid\",\"generation\":1,\"detected_usec\":1,\"finished_usec\":0,"
		      "\"detected_boottime_usec\":1,\"finished_boottime_usec\":0,\"reseed_errno\":0,\"seed_errno\":0,"
		      "\"incomplete\":false,\"shutdown\":\"\",\"counter\":\"\",\"skipped\":false,\"hooks\":{}}}", 0600);
	expect("image prepare", CTL_NOT_HANDLED, "a change is not handled yet");
	ok(access(scratch_path("state/image"), F_OK), "then there is no mark");
	unlink(scratch_path("state/state.json"));
	write_status(HANDLED ",\"last\":{\"event\":\"adopted\",\"hint\":\"clone\",\"intent\":\"\",\"intent_unused\":\"\",\"reseed_errno\":0,"
		     "\"hooks\":{}}");
	expect("status", CTL_DEGRADED, "a copy of an image and has the ID of the original, so it kept that one's identity: give it a GUID of its own on the host");
	expect("check", CTL_DEGRADED, "problem  image     this machine is a copy");
	write_status(HANDLED ",\"last\":{\"event\":\"adopted\",\"hint\":\"clone\",\"intent\":\"clone\",\"intent_unused\":\"\",\"reseed_errno\":0,"
		     "\"hooks\":{}}");
	expect("status", CTL_OK, "last run:    adopted");
	ok(!says("machine ID:"), "the machine ID is what it was");
	scratch_write("machine-id", "", 0644);
	expect("status", CTL_OK, "machine ID:  new in this boot; PID 1 may still use the old one (%m in units) until the next boot");
	expect("status --json", CTL_OK, "\"new_machine_id\":true");
	unlink(scratch_path("machine-id"));
	write_status(LAST(""));
}

static bool has_uid(const char *path)
{
	char text[4096] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		scratch_give_up(path);
	close(fd);
	return strstr(text, "Name:\tvmgend\n") && strstr(text, "\nUid:\t65534\t");
}

/* Its process ID is another's by now, who can have any name. */
static void test_impostor(void)
{
	char text[256];
	pid_t pid = fork();

	if (!pid) {
		if (setresuid(65534, 65534, 65534) || prctl(PR_SET_NAME, "vmgend"))
			_exit(1);
		pause();
		_exit(1);
	}
	snprintf(text, sizeof(text), "/proc/%d/status", (int)pid);
	while (!has_uid(text))
		usleep(1000);
	snprintf(text, sizeof(text), "{\"pid\":%d,\"activity\":\"watching\",\"generation\":5" HANDLED "}",
		 (int)pid);
	scratch_write("status.json", text, 0644);
	expect("check", CTL_NOT_RUNNING, "vmgend is not running");
	ok(says("-> systemctl enable --now vmgend"), "with the remedy");
	booted = false;
	expect("check", CTL_NOT_RUNNING, "-> start vmgend with the init system of this machine");
	ok(!says("systemctl"), "systemctl is not named where systemd does not run");
	expect("status", CTL_NOT_RUNNING, "so no hook runs: start it with the init system of this machine");
	expect("wait --settled", CTL_NOT_RUNNING, "is not running: start it with the init system of this machine");
	booted = true;
	write_status(",\"handled\":true,\"recorded\":false");
	(void)kill(pid, SIGKILL);
	(void)end(pid);
}

static void test_seed(void)
{
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"reseed_errno\":0,\"hooks\":{},"
		     "\"seed_errno\":22}");
	expect("status", CTL_DEGRADED, "the seed file for the next boot was not renewed");
	expect("check", CTL_DEGRADED, "problem  seed      at the last change (changed) the seed file was not renewed");
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"reseed_errno\":0,\"hooks\":{},"
		     "\"seed_errno\":\"22\"}");
	expect("status", CTL_DEGRADED, "the seed file for the next boot was not renewed");
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"hooks\":{}}");
	expect("status", CTL_DEGRADED, "random number generator NOT reseeded");
}

/* What was said and not used is no state of things that is well. */
static void test_unused_intent(void)
{
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"reseed_errno\":0,\"hooks\":{},"
		     "\"intent_unused\":\"the intent is kept: No space left on device\"}");
	expect("status", CTL_DEGRADED, "the declared intent was not used for the last change: fix the cause");
	ok(says("the intent is kept: No space left on device\n"), "and why");
	expect("status --json", CTL_DEGRADED, "\"intent_unused\":\"the intent is kept");
	expect("check", CTL_DEGRADED, "problem  intent    the intent is kept: No space left on device");
	ok(says("-> fix the cause, declare the intent again if vmgenctl intent show prints none, then: vmgenctl trigger --real"),
	   "with the remedy");
}

/* A user who looks, with either command, is told to do the same. */
static void test_one_remedy(void)
{
	static const struct {
		const char *status, *remedy;
		unsigned int more, less;
	} states[] = {
		{ LAST(BAD), VIEW_FAILED_REMEDY, 0, 0 },
		{ HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"reseed_errno\":5,\"hooks\":{}}",
		  VIEW_FAILED_REMEDY, 0, 0 },
		{ HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"reseed_errno\":0,\"incomplete\":true,"
		  "\"hooks\":{}}", VIEW_ALL_REMEDY, 0, 0 },
		{ ",\"handled\":true,\"recorded\":false,\"record_errno\":28", VIEW_ALL_REMEDY, 0, 0 },
		{ ",\"handled\":false,\"recorded\":true", "vmgenctl wait --settled", 0, 0 },
		{ HANDLED, "give the device of this VM a GUID on the host", 0, VMGEN_INFO_ID_VALID },
		{ HANDLED, "boot it with acpi_sleep=nonvs", VMGEN_INFO_ID_UNTRUSTED, 0 },
	};
	const unsigned int flags = info.flags;
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		write_status(states[i].status);
		info.flags = (flags | states[i].more) & ~states[i].less;
		(void)end(begin("status"));
		ok(says(states[i].remedy), "status: %s", states[i].remedy);
		(void)end(begin("check"));
		ok(says(states[i].remedy), "and check says the same");
	}
	info.flags = flags;
	write_status(HANDLED);
}

static void test_check_device(void)
{
	info.flags &= ~(VMGEN_INFO_NOTIFIES | VMGEN_INFO_INTREE);
	expect("check", CTL_DEGRADED, "warning  notify    this host does not notify");
	info.flags &= ~VMGEN_INFO_ID_VALID;
	expect("check", CTL_NO_ID, "give the device of this VM a GUID");
	info.flags |= VMGEN_INFO_COUNTER;
	write_status(HANDLED ",\"source\":\"counter\",\"lost\":[\"no ID\"]");
	expect("check", CTL_DEGRADED, "problem  device    QEMU\"VGID, a VMClock, counts restores and has no ID");
	ok(says(host_remedy(GUEST_SYSFS)) && !says("load the module"), "with the remedy of this host");
	ok(says("the kernel has no driver of its own that reseeds"), "the kernel's driver of a VMClock does not reseed");
	expect("status", CTL_DEGRADED, "a change while this system is down is not detected");
	expect("status --json", CTL_DEGRADED, "\"id_valid\":false");
	ok(says("\"counter\":true"), "a program can tell it from no ID");
	write_status(",\"handled\":false,\"recorded\":true,\"source\":\"counter\"");
	expect("check", CTL_NOT_HANDLED, "not handled yet");
	event.flags = VMGEN_NO_ID;
	expect("check", CTL_NO_ID, "the host provides no ID");
	expect("status --json", CTL_NO_ID, "\"counter\":false");
	event.flags = 0;
	info.flags &= ~VMGEN_INFO_COUNTER;
	info.flags |= VMGEN_INFO_ID_VALID | VMGEN_INFO_NOTIFIES;
	write_status(HANDLED ",\"source\":\"counter\",\"lost\":[\"no ID\"]");
	expect("status", CTL_NOT_HANDLED, "vmgend was started before this VM had an ID, and does not use it: systemctl restart vmgend");
	ok(says("handled:     no\n"), "what vmgend says is of the counter");
	expect("check", CTL_NOT_HANDLED, "problem  vmgend    vmgend was started before this VM had an ID");
	ok(says("-> systemctl restart vmgend") && !says("load the module"), "with the remedy");
	booted = false;
	expect("check", CTL_NOT_HANDLED, "-> restart vmgend\n");
	expect("status", CTL_NOT_HANDLED, "does not use it: restart vmgend\n");
	booted = true;
	expect("status --json", CTL_NOT_HANDLED, "\"counter\":false");
	event.flags = VMGEN_RNG_STALE;
	write_status(HANDLED);
	expect("check", CTL_DEGRADED, "problem  random");
	event.flags = VMGEN_RNG_OTHER;
	expect("check", CTL_RNG_OTHER, "problem  random    /dev/urandom is not the kernel's own generator");
	ok(says("This machine is NOT protected."), "and no claim is made");
	expect("status", CTL_RNG_OTHER, "protected:   NO\n");
	ok(says("programs may draw from another random number generator"), "for a reason");
	expect("status --json", CTL_RNG_OTHER, "\"rng_other\":true");
	expect("metrics", CTL_OK, "vmgen_rng_other 1\n");
	ok(says("vmgen_protected 0\n"), "metrics claim nothing either");
	write_status(",\"handled\":false,\"recorded\":true");
	expect("check", CTL_RNG_OTHER, "not handled yet");
	write_status(HANDLED);
	event.flags = 0;
	open_result = -EACCES;
	expect("check", CTL_NO_RIGHTS, "This machine is NOT protected.");
	write_status(HANDLED ",\"source\":\"kmsg\",\"lost\":[\"no ID\"]");
	expect("status", CTL_DEGRADED, "vmgend runs without the kernel module");
	expect("check", CTL_DEGRADED, "warning  source    no ID");
	expect("wait --settled", CTL_OK, "5\n");
	expect("wait --settled --timeout=0 5", CTL_TIMEOUT, "");
	expect("wait --timeout=0.2", CTL_TIMEOUT, "");
	expect("wait 4", CTL_OK, "5\n");
	write_status(",\"handled\":false,\"recorded\":true,\"source\":\"kmsg\"");
	expect("wait --settled --timeout=0.2", CTL_TIMEOUT, "");
	write_status(HANDLED);
	expect("wait --settled", CTL_NO_RIGHTS, "cannot use /dev/vmgenid");
	open_result = 0;
	scratch_write("conf", "[vmgend]\nhook-pth=/x\n", 0644);
	expect("check", CTL_DEGRADED, "unknown key \"hook-pth\"");
	expect("hooks list", CTL_FAILED, "conf:2: unknown key");
}

int main(void)
{
	asked_create();
	test_check();
	test_boot_change();
	test_check_vmgend();
	test_image();
	test_impostor();
	test_one_remedy();
	test_unused_intent();
	test_seed();
	write_status(",\"handled\":true,\"recorded\":false");
	test_check_device();
	return tap_done();
}
