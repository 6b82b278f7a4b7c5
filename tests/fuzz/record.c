/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The files of JSON in the state directory. What is refused leaves the caller's structure as it
 * was, and has a reason; what is accepted is written, and read again, as the same.
 *
 * Input: "s" for state.json, "h" for the history, "i" for the mark of an image; then the file.
 */
#include <errno.h>

#include "place.h"
#include "record/historyfile.h"
#include "record/imagefile.h"
#include "record/statefile.h"

#define STATE	PLACE "/state.json"
#define HISTORY	PLACE "/history"
#define IMAGE	PLACE "/image"

static int state_fd;

/* Returns what was written; the caller frees it. */
static char *written(const char *path)
{
	char *text = place_read(path);

	demand(can_be_shown(text, strlen(text), "\n"));
	return text;
}

static void try_state(const uint8_t *data, size_t size)
{
	struct state state, untouched;
	const char *reason = NULL;
	char *first, *second;
	int r;

	memset(&state, 0xa5, sizeof(state));
	memcpy(&untouched, &state, sizeof(state));
	place_write(STATE, data, size);
	r = state_load(state_fd, &state, &reason);
	if (r) {
		demand(r == -EBADMSG || r == -EFBIG);
		demand(!memcmp(&untouched, &state, sizeof(state)) && reason && is_line(reason));
		return;
	}
	demand(!state_save(state_fd, &state));
	state_clear(&state);
	first = written(STATE);
	demand_json(first);
	demand(!state_load(state_fd, &state, NULL) && !state_save(state_fd, &state));
	state_clear(&state);
	second = written(STATE);
	demand(!strcmp(first, second));
	free(first);
	free(second);
}

/* The last run again, so that it takes the place of itself. */
static void add_last(struct json_object *runs)
{
	size_t n = json_object_array_length(runs);
	struct json_object *again;
	struct record run;

	demand(!record_from_json(json_object_array_get_idx(runs, n - 1), &run));
	demand(!history_add(state_fd, &run));
	record_clear(&run);
	demand(!history_read(PLACE, &again));
	demand(json_object_array_length(again) && json_object_array_length(again) <= n);
	json_object_put(again);
	free(written(HISTORY));
}

static void try_history(const uint8_t *data, size_t size)
{
	struct json_object *untouched = (struct json_object *)&state_fd, *runs = untouched;
	int r;

	place_write(HISTORY, data, size);
	r = history_read(PLACE, &runs);
	if (r) {
		demand((r == -EBADMSG || r == -EFBIG) && runs == untouched);
		return;
	}
	if (json_object_array_length(runs))
		add_last(runs);
	json_object_put(runs);
}

static void try_image(const uint8_t *data, size_t size)
{
	struct image image, untouched;
	const char *reason = NULL;
	char *first, *second;
	int r;

	memset(&image, 0xa5, sizeof(image));
	memcpy(&untouched, &image, sizeof(image));
	place_write(IMAGE, data, size);
	r = image_read(state_fd, &image, &reason);
	if (r) {
		demand(!memcmp(&untouched, &image, sizeof(image)) && reason && is_line(reason));
		return;
	}
	demand(!image_write(state_fd, &image));
	first = written(IMAGE);
	demand_json(first);
	demand(!image_read(state_fd, &image, &reason) && !image_write(state_fd, &image));
	second = written(IMAGE);
	demand(!strcmp(first, second));
	free(first);
	free(second);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_create();
	state_fd = open(PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	demand(state_fd >= 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = count_descriptors();

	if (!size)
		return 0;
	if (*data == 's')
		try_state(data + 1, size - 1);
	else if (*data == 'h')
		try_history(data + 1, size - 1);
	else if (*data == 'i')
		try_image(data + 1, size - 1);
	demand(count_descriptors() == before);
	return 0;
}
