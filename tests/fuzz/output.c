/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a hook prints, on its way to the log, the journal, the record and status.json: each line
 * of the log is one line of valid UTF-8 without control characters, whatever it printed and
 * wherever its writes ended, and a field of the journal never becomes two.
 *
 * Input: how much is read at once, then the output.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "nasty.h"
#include "place.h"
#include "record/record.h"
#include "repair/statusfile.h"
#include "run/output.h"

#define HOOK	"50-repair"

extern int __wrap_sink_write(int fd, const char *text, size_t size);
extern int __wrap_sink_send(const char *path, const char *text, size_t size);

/* All that was logged of the output, without the ends of its lines. */
static char logged[1 << 16];
static size_t n_logged;

static void take_line(const char *line, size_t size)
{
	static const char prefix[] = HOOK "| ";

	demand(can_be_shown(line, size, ""));
	/* What vmgend itself says of the hook begins otherwise. */
	if (size < strlen(prefix) || memcmp(line, prefix, strlen(prefix)))
		return;
	line += strlen(prefix);
	size -= strlen(prefix);
	demand(n_logged + size < sizeof(logged));
	memcpy(logged + n_logged, line, size);
	n_logged += size;
}

/* "<6>LINE\n" to standard error. */
int __wrap_sink_write(int fd, const char *text, size_t size)
{
	(void)fd;
	demand(size > 4 && size <= PIPE_BUF && text[0] == '<' && text[2] == '>' &&
	       text[size - 1] == '\n');
	take_line(text + 3, size - 4);
	return 0;
}

/* Fields of the journal, "NAME=VALUE\n" each. */
int __wrap_sink_send(const char *path, const char *text, size_t size)
{
	const char *end, *rest = text + size;
	int n_messages = 0;

	(void)path;
	for (; text < rest; text = end + 1) {
		end = memchr(text, '\n', rest - text);
		demand(end && *text >= 'A' && *text <= 'Z' && memchr(text, '=', end - text));
		if (strncmp(text, "MESSAGE=", 8))
			continue;
		n_messages++;
		take_line(text + 8, end - text - 8);
	}
	demand(n_messages <= 1);
	return 0;
}

static void pump(struct output *output, const uint8_t *data, size_t size, size_t step)
{
	int fds[2];
	size_t n;

	demand(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	for (; size; data += n, size -= n) {
		n = size < step ? size : step;
		demand(write(fds[1], data, n) == (ssize_t)n && output_pump(output, fds[0], step));
	}
	close(fds[1]);
	demand(!output_pump(output, fds[0], 1));
	close(fds[0]);
	output_finish(output);
}

/* What needs no visible form is logged as it is, if it is not so long that some is left out. */
static void compare(const char *data, size_t size)
{
	size_t i, n = 0;

	if (size > OUTPUT_TAIL || !can_be_shown(data, size, "\n"))
		return;
	for (i = 0; i < size; i++)
		if (data[i] != '\n')
			demand(n < n_logged && logged[n++] == data[i]);
	demand(n == n_logged);
}

/* The end of it stays what it is in a record, and in what vmgenctl trigger reads. */
static void keep(const char *tail)
{
	struct hook_result result = { .name = HOOK, .outcome = OUTCOME_FAILED, .output = tail };
	struct record record = { .event = EVENT_CHANGED, .id_hash = "" }, again;
	struct json_object *json;
	char *text;

	memset(record.id_hash, 'a', HASH_SIZE - 1);
	demand(!record_set_result(&record, &result));
	json = record_to_json(&record, RECORD_WHOLE);
	demand(json && !record_from_json(json, &again));
	demand(!strcmp(record_result(&again, HOOK)->output, tail));
	json_object_put(json);
	record_clear(&again);
	demand(!status_write_outputs(PLACE, "1", &record));
	record_clear(&record);
	text = place_read(PLACE "/outputs.json");
	demand_json(text);
	demand(can_be_shown(text, strlen(text), "\n"));
	free(text);
}

/* The journal is where standard error leads. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct log_fields fields = { .hook = HOOK, .event = "changed" };
	char stream[64];
	struct stat st;

	(void)argc;
	(void)argv;
	place_create();
	demand(!fstat(STDERR_FILENO, &st));
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init();
	journal_context(&fields);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct output output;
	char tail[OUTPUT_EXCERPT_SIZE];
	int before = count_descriptors();

	if (!size)
		return 0;
	output = (struct output){ .name = HOOK };
	n_logged = 0;
	pump(&output, data + 1, size - 1, *data * 16 + 1);
	compare((const char *)data + 1, size - 1);
	memset(tail, 0xa5, sizeof(tail));
	output_tail(&output, tail);
	demand(memchr(tail, '\0', sizeof(tail)) && can_be_shown(tail, strlen(tail), "\n"));
	keep(tail);
	demand(count_descriptors() == before);
	return 0;
}
