// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * The module on the kernel's ACPICA: what AML notifies of reaches its handlers with the changed
 * memory behind it, by way of a GPE and of a device for generic events; nothing else does.
 */
#include "played.h"
#include "tap.h"

static struct machine_table table;
static struct played played;

static void start(bool reduced)
{
	struct machine machine = {
		.iomem = "00100000-0ffdffff : System RAM\n",
		.tables = &table,
		.n_tables = 1,
		.reduced = reduced,
		.hypervisor = "KVMKVMKVM\0\0\0",
		.log = played_log,
		.context = &played,
	};

	played.log[0] = '\0';
	ok(!machine_start(&machine), "a machine%s starts", reduced ? " of reduced hardware" : "");
	put32(PRESENT_AT, 15);
	put32(KIND_AT, 0x80);
	put_id(ID_AT, 1);
}

static void stop(void)
{
	machine_release();
	machine_stop();
}

static void test_gpe(unsigned int gpe, const char *name)
{
	struct machine_notices before = machine_notices(), after;
	static uint8_t byte = 0x10;

	put_id(ID_AT, ++byte);
	put32(SEEN_AT, 0);
	machine_raise_gpe(gpe);
	after = machine_notices();
	ok(after.sci > before.sci && is_id(after.id, byte), "%s: the interrupt sees the new ID", name);
	machine_settle();
	after = machine_notices();
	equal(get32(SEEN_AT), 1, "the method has run once");
	equal(after.notify - before.notify, 1, "what it notifies of reaches the handler");
	ok(is_id(after.id, byte), "%s: with the new ID behind it", name);
	equal(after.sci_locked, after.sci, "each interrupt came with the lock of the GPEs");
}

static void test_gpes(void)
{
	start(false);
	ok(!machine_find() && !machine_listen(), "the device is found, and listened to");
	equal(machine_notices().recheck, 1, "it is looked at once more after that");
	test_gpe(5, "an edge");
	test_gpe(6, "a level");
	test_gpe(5, "an edge again");
	stop();
}

/* Values of the device (ACPI 6.5, 5.6.6), of the system, and what somebody else is told. */
static void test_others(void)
{
	static const uint32_t kinds[] = { 0x81, 0x83, 0xff, 0, 1, 3, 0x7f };
	struct machine_notices before;
	size_t i;

	start(false);
	ok(!machine_find() && !machine_listen(), "the device is listened to");
	before = machine_notices();
	put32(SEEN_AT, 0);
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		put32(KIND_AT, kinds[i]);
		machine_raise_gpe(5);
		machine_settle();
	}
	machine_raise_gpe(7);
	machine_settle();
	equal(get32(SEEN_AT), i + 1, "AML notifies of all else, and others");
	equal(machine_notices().notify - before.notify, 0, "none of that is a change");
	ok(machine_notices().sci > before.sci, "but each came with an interrupt");
	put32(KIND_AT, 0x80);
	machine_raise_gpe(5);
	machine_settle();
	equal(machine_notices().notify - before.notify, 1, "0x80 is one afterwards");
	stop();
}

/* drivers/acpi/evged.c: the interrupt's thread evaluates _EVT with its number. */
static void test_ged(bool reduced)
{
	uint64_t irq = 42, other = 43;
	struct machine_notices before;

	start(reduced);
	ok(!machine_find() && !machine_listen(), "the device is listened to");
	before = machine_notices();
	put_id(ID_AT, 0x77);
	ok(!machine_evaluate("\\_SB.GEDV._EVT", &irq), "_EVT runs");
	machine_settle();
	equal(machine_notices().notify - before.notify, 1, "and its Notify reaches the handler");
	ok(is_id(machine_notices().id, 0x77), "with the new ID behind it");
	equal(machine_notices().sci, before.sci, "without an SCI");
	ok(!machine_evaluate("\\_SB.GEDV._EVT", &other), "_EVT of another interrupt runs");
	machine_settle();
	equal(machine_notices().notify - before.notify, 1, "and tells nobody");
	stop();
}

/* After unloading nothing of the module is called; loaded again, all is as before. */
static void test_again(void)
{
	struct machine_notices before;

	start(false);
	ok(!machine_find() && !machine_listen(), "the device is listened to");
	machine_release();
	before = machine_notices();
	machine_raise_gpe(5);
	machine_settle();
	equal(machine_notices().notify + machine_notices().sci, before.notify + before.sci,
	      "an unloaded module hears nothing");
	ok(!machine_find() && !machine_listen(), "it can be loaded again");
	machine_raise_gpe(5);
	machine_settle();
	equal(machine_notices().notify, 1, "and hears again");
	stop();
}

int main(void)
{
	printf("# ACPICA %s\n", machine_version());
	table = played_table("events");
	test_gpes();
	test_others();
	test_ged(false);
	test_ged(true);
	test_again();
	free((void *)table.data);
	return tap_done();
}
