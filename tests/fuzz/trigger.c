/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl trigger leaves for vmgend to find: a request that is taken is what a plainer
 * reading says, waits while hooks run, and is told in status.json; any other starts nothing.
 *
 * Input: the file.
 */
#include "base/log.h"
#include "base/paths.h"
#include "config/hook.h"
#include "place.h"
#include "repair/drill.h"
#include "repair/repair.h"

#define TRIGGER	PLACE "/" NAME_TRIGGER
#define STATUS	PLACE "/" NAME_STATUS

extern int __wrap_sink_write(int fd, const char *text, size_t size);

static int told;

int __wrap_sink_write(int fd, const char *text, size_t size)
{
	(void)fd;
	demand(size && text[size - 1] == '\n' && can_be_shown(text, size - 1, ""));
	told++;
	return 0;
}

static void demand_report(const struct drill_report *report)
{
	char *text = place_read(STATUS);

	demand_json(text);
	demand(strstr(text, report->id) && can_be_shown(text, strlen(text), "\n"));
	free(text);
	demand(*report->id && is_line(report->id) && strlen(report->id) < DRILL_ID_SIZE);
	demand(!*report->hook || hook_name_valid(report->hook));
}

static void demand_said(const struct drill *drill, const uint8_t *data, size_t size)
{
	const struct drill_report *report = &drill->report;

	demand(memmem(data, size, "real", 4) || memmem(data, size, "\\u", 2));
	demand(!drill->rerun || (!report->real && !*report->hook));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_create();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = count_descriptors();
	struct config config;
	struct repair repair;
	struct drill drill;

	demand(!config_init(&config));
	free(config.runtime_dir);
	config.runtime_dir = strdup(PLACE);
	repair_init(&repair, &config);
	drill_init(&drill, &repair);
	/* Hooks of another vmgend still run. */
	repair.waiter = getpid();
	place_write(TRIGGER, data, size);
	place_write(STATUS, NULL, 0);
	told = 0;
	drill_request(&drill);
	if (drill.report.phase == DRILL_WAITING) {
		demand_report(&drill.report);
		demand_said(&drill, data, size);
	} else {
		demand(drill.report.phase == DRILL_NONE && told && access(STATUS, F_OK));
	}
	/* Whoever left it is answered, or gives up. */
	demand(access(TRIGGER, F_OK) && !drill.run);
	drill_clear(&drill);
	repair.waiter = 0;
	repair_clear(&repair);
	config_clear(&config);
	demand(count_descriptors() == before);
	return 0;
}
