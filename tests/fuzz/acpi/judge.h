/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Has the module find, listen to and leave the devices of a machine, and looks on: what
 * it takes and says, and that nothing is left of it. Nothing of the kernel is needed to
 * include this.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "acpica/machine.h"

enum { JUDGE_OFFERS = 64, JUDGE_DEVICES = 4 };

/* A device that the module looked at closely. */
struct judge_offer {
	char path[256];
	/* What acpi.c found wrong with it, or an empty string. */
	char wrong[96];
	/* What the log says about it, without the path. */
	char line[128];
	bool is_clock;
	bool used;
	uint64_t phys;
};

struct judge_finding {
	/* The machine came up. */
	bool started;
	unsigned int n_offers;
	struct judge_offer offers[JUDGE_OFFERS];
	unsigned int n_used;
};

/*
 * Ends the process if the module did anything wrong; machine's log is the judge's. Before the
 * module is loaded, prepare is called with the machine's context, where it is not NULL.
 */
void judge_machine(const struct machine *machine, void (*prepare)(void *context),
		   struct judge_finding *ret_finding);

/* What the module made of the ID, or of the VMClock, of this path; NULL: it did not look. */
const struct judge_offer *judge_find(const struct judge_finding *finding, const char *path,
				     bool is_clock);

/* A line of the memory map. */
struct judge_range {
	uint64_t first;
	uint64_t last;
	bool is_ram;
};

/* Whether so many bytes may lie there: a second, plainer reading of the specification. */
bool judge_address(uint64_t phys, unsigned int size, unsigned int phys_bits,
		   const struct judge_range *ranges, unsigned int n_ranges);

/* Ends the process, with the reason, as a finding. */
#define judge_demand(good, what) do { if (!(good)) judge_fail(what); } while (0)
void judge_fail(const char *what) __attribute__((noreturn));

#endif /* JUDGE_H */
