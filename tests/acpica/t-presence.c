// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * The module on the kernel's ACPICA: devices that come and go, by _STA and with their tables.
 */
#include "played.h"
#include "tap.h"

static struct played played;

static void start(const struct machine_table *table)
{
	struct machine machine = {
		.iomem = "00100000-0ffdffff : System RAM\n",
		.tables = table,
		.n_tables = table ? 1 : 0,
		.log = played_log,
		.context = &played,
	};

	played.log[0] = '\0';
	ok(!machine_start(&machine), "a machine starts");
	put_id(ID_AT, 1);
	put_id(SECOND_AT, 2);
}

static bool finds(uint64_t address)
{
	bool found = !machine_find() && machine_address() == address;

	machine_release();
	return found;
}

/* Bits of _STA: 0 present, 3 functioning; ACPI 6.5, 6.3.7. */
static void test_sta(const struct machine_table *table)
{
	start(table);
	ok(machine_find() && strstr(played.log, "no usable generation ID device"),
	   "devices that are not present are none");
	machine_release();
	put32(PRESENT_AT, 15);
	ok(finds(ID_AT), "one that has come is found the next time");
	put32(PRESENT_AT, 1);
	ok(finds(ID_AT), "present is enough");
	put32(PRESENT_AT, 8);
	ok(!finds(ID_AT), "functioning is not");
	put32(ABOVE_AT, 8);
	ok(finds(SECOND_AT), "below a bus that functions there may be one");
	put32(ABOVE_AT, 1);
	ok(finds(SECOND_AT), "below a bus that is present, too");
	put32(ABOVE_AT, 6);
	ok(!finds(SECOND_AT), "below one that is neither there is none");
	put32(PRESENT_AT, 15);
	put32(ABOVE_AT, 15);
	ok(!machine_find() && machine_devices() == 2, "both are found where both are");
	machine_release();
	machine_stop();
}

/* Not by a GPE: of tables that are loaded later ACPICA enables none. */
static bool fire(void)
{
	uint64_t irq = 42;
	bool fired = !machine_evaluate("\\_SB.GEDV._EVT", &irq);

	machine_settle();
	return fired;
}

/* CONFIG_ACPI_CONFIGFS lets root load a table, and unload it again while drivers listen. */
static void test_unload(const struct machine_table *table)
{
	struct machine_notices before;
	uint32_t index;

	start(NULL);
	ok(!machine_load(table, &index), "a table is loaded later");
	put32(PRESENT_AT, 15);
	put32(KIND_AT, 0x80);
	ok(!machine_find() && !machine_listen(), "its device is listened to");
	ok(machine_notifies(), "and programs are told that it notifies");
	before = machine_notices();
	ok(fire() && machine_notices().notify == before.notify + 1, "which it does");
	ok(!machine_unload(index), "the table goes, and the device with it");
	ok(strstr(played.log, "\\_SB_.VGEN: its ACPI table was unloaded"), "which the log says");
	ok(!machine_notifies(), "and programs are told that it does not notify");
	before = machine_notices();
	ok(!fire() && machine_notices().notify == before.notify, "nobody notifies any more");
	machine_release();
	ok(machine_find(), "a module that is loaded after that finds none");
	machine_release();
	machine_stop();
}

/* What the log then says that helps. */
static void test_remedy(const struct machine_table *table)
{
	struct machine_notices before;
	uint32_t index;

	start(NULL);
	put32(PRESENT_AT, 15);
	put32(KIND_AT, 0x80);
	ok(!machine_load(table, &index) && !machine_find() && !machine_listen() &&
	   !machine_unload(index), "a device goes that is listened to");
	ok(strstr(played.log, "; load the table again, then unload this module and load it again"),
	   "the log says what helps");
	ok(!machine_load(table, &index), "the table is loaded again");
	before = machine_notices();
	ok(fire() && machine_notices().notify == before.notify, "nobody listens to the new device");
	machine_release();
	ok(!machine_find() && !machine_listen(), "the module is loaded again");
	ok(fire() && machine_notices().notify == 1, "and hears of changes");
	machine_release();
	machine_stop();
}

/* A device that says that it is of both kinds cannot be listened to twice. */
static void test_undone(const struct machine_table *table)
{
	static const char refusal[] =
		"\\_SB_.BOTH: cannot listen to its notifications: AE_ALREADY_EXISTS";
	uint8_t clock[0x70] = { 'V', 'C', 'L', 'K', sizeof(clock), [8] = 1, [25] = 1 };
	struct machine_notices before;
	int i;

	start(table);
	put_id(ID_AT, 0);
	put_id(SECOND_AT, 0);
	machine_write(CLOCK_AT, clock, sizeof(clock));
	for (i = 0; i < 2; i++) {
		played.log[0] = '\0';
		ok(!machine_find() && machine_devices() == 3, "each is found, one of them twice");
		ok(machine_listen() && strstr(played.log, refusal), "they are not listened to");
		before = machine_notices();
		machine_raise_gpe(5);
		machine_settle();
		equal(machine_notices().notify, before.notify, "no notification is heard of after that");
		equal(machine_notices().sci, before.sci, "and no interrupt");
		machine_release();
	}
	machine_stop();
}

int main(void)
{
	struct machine_table table = played_table("events"), twice = played_table("twice");

	printf("# ACPICA %s\n", machine_version());
	test_sta(&table);
	test_unload(&table);
	test_remedy(&table);
	test_undone(&twice);
	free((void *)twice.data);
	free((void *)table.data);
	return tap_done();
}
