/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * mute own|shared DIRECTORY: mounts a file system of its own there (FUSE), puts
 * processes into it, and then answers nothing any more. No rights are needed:
 * "own" mounts in name spaces of its own, where root of the system is refused;
 * "shared" asks fusermount3(1), so that root waits, too.
 *
 * Every file in it is this program. That called "page" is what makes a process
 * keep the lock of its own memory: readers of its maps and command line then
 * wait as long as the file system is silent.
 *
 * Prints "ready" and goes on. What is started from there is called with "hold".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	REQUEST_SIZE = 1 << 20,
	PAGE_SIZE = 4096,
	FILE_NODE = 2,
	PAGE_NODE = 3,
	FOREVER = 1 << 20,	/* seconds: no attribute is asked for again */
};

static char *image;
static off_t image_size;

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* ---- the file system ------------------------------------------------------ */

static struct fuse_attr attributes(uint64_t node)
{
	bool directory = node == FUSE_ROOT_ID;

	return (struct fuse_attr){
		.ino = node, .nlink = 1, .uid = getuid(), .gid = getgid(), .blksize = PAGE_SIZE,
		.mode = directory ? S_IFDIR | 0755 : S_IFREG | 0755,
		.size = directory ? 0 : node == PAGE_NODE ? PAGE_SIZE : image_size,
	};
}

static void answer(int fd, const struct fuse_in_header *in, int error, const void *data,
		   size_t size)
{
	static char reply[REQUEST_SIZE];
	const struct fuse_out_header out = {
		.len = sizeof(out) + size, .error = error, .unique = in->unique,
	};

	memcpy(reply, &out, sizeof(out));
	if (size)
		memcpy(reply + sizeof(out), data, size);
	(void)!write(fd, reply, out.len);
}

static void answer_init(int fd, const struct fuse_in_header *in, const struct fuse_init_in *init)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = init->minor, .max_write = PAGE_SIZE,
		.max_readahead = init->max_readahead,
	};

	if (out.minor > FUSE_KERNEL_MINOR_VERSION)
		out.minor = FUSE_KERNEL_MINOR_VERSION;
	answer(fd, in, 0, &out, sizeof(out));
}

static void answer_lookup(int fd, const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out out = {
		.nodeid = strcmp(name, "page") ? FILE_NODE : PAGE_NODE,
		.entry_valid = FOREVER, .attr_valid = FOREVER,
	};

	out.attr = attributes(out.nodeid);
	answer(fd, in, 0, &out, sizeof(out));
}

static void answer_attributes(int fd, const struct fuse_in_header *in)
{
	struct fuse_attr_out out = { .attr_valid = FOREVER, .attr = attributes(in->nodeid) };

	answer(fd, in, 0, &out, sizeof(out));
}

/* The second time that the page is opened, what is cached of it has to be written first. */
static void answer_open(int fd, const struct fuse_in_header *in)
{
	static unsigned int pages;
	struct fuse_open_out out = { .fh = 1 };

	if (in->nodeid == PAGE_NODE && pages++)
		out.open_flags = FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE;
	answer(fd, in, 0, &out, sizeof(out));
}

static void answer_read(int fd, const struct fuse_in_header *in, const struct fuse_read_in *read)
{
	off_t size = in->nodeid == PAGE_NODE ? PAGE_SIZE : image_size, left = size - read->offset;

	if (left < 0)
		left = 0;
	answer(fd, in, 0, image + read->offset, left < read->size ? left : read->size);
}

/* Returns false when it is time to be silent: something has to be written. */
static bool serve_one(int fd, const char *request)
{
	const struct fuse_in_header *in = (const void *)request;
	const void *body = in + 1;

	switch (in->opcode) {
	case FUSE_WRITE:
		return false;
	case FUSE_INIT:
		answer_init(fd, in, body);
		break;
	case FUSE_LOOKUP:
		answer_lookup(fd, in, body);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		answer_attributes(fd, in);
		break;
	case FUSE_OPEN:
		answer_open(fd, in);
		break;
	case FUSE_READ:
		answer_read(fd, in, body);
		break;
	case FUSE_RELEASE:
		answer(fd, in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(fd, in, -ENOSYS, NULL, 0);
	}
	return true;
}

static void serve(int fd)
{
	static char request[REQUEST_SIZE] __attribute__((aligned(8)));
	ssize_t n;

	do {
		n = read(fd, request, sizeof(request));
		if (n < 0 && errno != EINTR && errno != ENOENT)
			die("/dev/fuse");
	} while (n < 0 || serve_one(fd, request));
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

/* ---- where it is mounted -------------------------------------------------- */

static int mount_own(const char *directory)
{
	char map[64], options[128];
	uid_t uid = getuid();
	gid_t gid = getgid();
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID))
		die("unshare");
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_text("/proc/self/gid_map", map);
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		 fd);
	if (mount("mute", directory, "fuse", 0, options))
		die("mount");
	return fd;
}

static int receive(int socket)
{
	char data, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = &data, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		die("fusermount3");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static int mount_shared(const char *directory)
{
	char number[16];
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		die("socketpair");
	if (!fork()) {
		snprintf(number, sizeof(number), "%d", sockets[0]);
		setenv("_FUSE_COMMFD", number, 1);
		execlp("fusermount3", "fusermount3", "-o", "allow_other", "--", directory, NULL);
		die("fusermount3");
	}
	close(sockets[0]);
	return receive(sockets[1]);
}

/* ---- who is in it --------------------------------------------------------- */

/* One that was started from there, and has all that others look for there. */
static void start_in(const char *name, bool stopped)
{
	char c, number[16];
	int ready[2], status;
	pid_t pid;

	if (pipe(ready))
		die("pipe");
	pid = fork();
	if (!pid) {
		if (mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, open("libcrypto.so.3", O_RDONLY),
			 0) == MAP_FAILED || open("sam.ldb", O_RDONLY) < 0 ||
		    open("secrets.tdb", O_RDONLY) < 0)
			die("map");
		snprintf(number, sizeof(number), "%d", ready[1]);
		execl(name, name, "hold", number, NULL);
		die(name);
	}
	close(ready[1]);
	(void)!read(ready[0], &c, 1);
	close(ready[0]);
	if (stopped && !kill(pid, SIGSTOP))
		(void)waitpid(pid, &status, WUNTRACED);
}

/* Where it may, that is in name spaces of its own, it has this as its root. */
static void __attribute__((noreturn)) hold(int ready)
{
	(void)!chroot(".");
	close(ready);
	for (;;)
		pause();
}

/* A process with the rights of root that waits for a password has our file open. */
static void lend_file(void)
{
	int input[2], ready[2];
	char c;

	if (pipe(input) || pipe2(ready, O_CLOEXEC))
		die("pipe");
	if (!fork()) {
		if (dup2(input[0], STDIN_FILENO) || open("lent.ldb", O_RDONLY) < 0)
			die("lent.ldb");
		execlp("su", "su", NULL);
		die("su");
	}
	close(ready[1]);
	(void)!read(ready[0], &c, 1);
}

/* Its memory map cannot be read from now on. */
static void lock_memory(const char *name)
{
	char *page;
	int fd;

	(void)prctl(PR_SET_NAME, name);
	fd = open("page", O_RDWR);
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		die("page");
	page[0] = 'x';
	(void)mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, open("page", O_RDONLY), 0);
	die("the lock was given back");
}

static void __attribute__((noreturn)) move_in(const char *directory, bool shared, int fd)
{
	/* Or nobody could end what waits for an answer. */
	close(fd);
	if (chdir(directory))
		die(directory);
	start_in("dhclient", false);
	start_in("samba", true);
	if (shared)
		lend_file();
	/* Elsewhere it has to be in a name space of its own to make that its root. */
	if (shared && unshare(CLONE_NEWUSER))
		die("unshare");
	start_in("dhcpcd", false);
	lock_memory("dhclient");
	exit(1);
}

static void read_image(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		die("/proc/self/exe");
	image_size = st.st_size;
	/* Whole pages of it are read, and one of "page". */
	image = calloc(1, image_size + REQUEST_SIZE);
	if (!image || read(fd, image, image_size) != image_size)
		die("/proc/self/exe");
	close(fd);
}

int main(int argc, char **argv)
{
	bool shared;
	int fd;

	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "hold"))
		hold(atoi(argv[2]));
	shared = !strcmp(argv[1], "shared");
	read_image();
	fd = shared ? mount_shared(argv[2]) : mount_own(argv[2]);
	if (!fork())
		move_in(argv[2], shared, fd);
	serve(fd);
	return 0;
}
