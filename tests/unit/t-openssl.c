/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The OpenSSL provider by OpenSSL's own interface: OpenSSL takes it for all its
 * generators, no byte of before a change is ever handed out, and what cannot be
 * had is an error with a reason.
 */
#include <sys/wait.h>

#include "loaded.h"

enum {
	/* From here on bytes are expanded. */
	LARGE = 256,
	THREADS = 2000,
	/* Of one thread. */
	DRAWS = 8,
};

static unsigned char drawn[2][16], large[1000];

static bool is_ours(EVP_RAND_CTX *rand)
{
	const OSSL_PROVIDER *provider = EVP_RAND_get0_provider(EVP_RAND_CTX_get0_rand(rand));

	return !strcmp(OSSL_PROVIDER_get0_name(provider), "vmgen");
}

static void test_chosen(void)
{
	struct loaded l = load();
	char *name = NULL, text[8] = "";
	int status = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, &name, 0),
		OSSL_PARAM_utf8_string(OSSL_PROV_PARAM_VERSION, text, sizeof(text)),
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &status),
		OSSL_PARAM_utf8_ptr("of another provider", NULL, 0),
		OSSL_PARAM_END
	};
	EVP_RAND *usual;

	ok(is_ours(RAND_get0_primary(l.context)), "the primary generator is the provider's");
	ok(is_ours(RAND_get0_public(l.context)), "so is the public one");
	ok(is_ours(RAND_get0_private(l.context)), "and the private one");
	equal(drawn_by(l.context, large, 16), 1, "16 bytes are one draw from the kernel");
	equal(RAND_priv_bytes_ex(l.context, large, 16, 256), 1, "secrets of full strength");
	ok(OSSL_PROVIDER_get_params(l.vmgen, params) && name && !strcmp(name, "vmgen") &&
	   !strcmp(text, VERSION) && status == 1, "it has a name, a version and a status");
	ok(OSSL_PARAM_locate_const(OSSL_PROVIDER_gettable_params(l.vmgen), OSSL_PROV_PARAM_NAME),
	   "and says so");
	equal(OSSL_PROVIDER_self_test(l.vmgen), 1, "its self-test passes");
	usual = EVP_RAND_fetch(l.context, "CTR-DRBG", NULL);
	ok(usual && !strcmp(OSSL_PROVIDER_get0_name(EVP_RAND_get0_provider(usual)), "default"),
	   "who asks for OpenSSL's generator by name gets that");
	EVP_RAND_free(usual);
	unload(&l);
}

static void test_contract(void)
{
	struct loaded l = load();
	EVP_RAND *method = EVP_RAND_fetch(l.context, "VMGEN", NULL);
	EVP_RAND_CTX *rand = EVP_RAND_CTX_new(method, NULL);
	const unsigned char text[] = "additional";

	equal(EVP_RAND_get_state(rand), EVP_RAND_STATE_UNINITIALISED, "a context begins without a state");
	ok(!EVP_RAND_generate(rand, large, 16, 0, 0, NULL, 0), "and gives nothing");
	equal(last_reason(), REASON_NOT_INSTANTIATED, "for a reason");
	ok(!EVP_RAND_instantiate(rand, 257, 0, NULL, 0, NULL), "nobody has 257 bits");
	equal(last_reason(), REASON_STRENGTH, "for a reason");
	ok(EVP_RAND_instantiate(rand, 256, 1, text, sizeof(text), NULL), "256 it has");
	equal(EVP_RAND_get_state(rand), EVP_RAND_STATE_READY, "it is ready");
	equal(EVP_RAND_get_strength(rand), 256, "and says its strength");
	ok(EVP_RAND_generate(rand, large, 16, 256, 1, text, sizeof(text)),
	   "with prediction resistance and additional input");
	ok(!EVP_RAND_generate(rand, large, 16, 257, 0, NULL, 0), "not with more strength");
	equal(last_reason(), REASON_STRENGTH, "for a reason");
	ok(EVP_RAND_reseed(rand, 1, text, sizeof(text), text, sizeof(text)), "a reseed");
	memset(large, 0, 64);
	ok(EVP_RAND_nonce(rand, large, 16) && EVP_RAND_nonce(rand, large + 16, 16), "two nonces");
	ok(memcmp(large, large + 32, 16) && memcmp(large + 16, large + 32, 16) && memcmp(large, large + 16, 16),
	   "are drawn");
	ok(!memcmp(large + 32, large + 48, 16), "and no longer than they should be");
	ok(EVP_RAND_enable_locking(rand), "locking can be enabled");
	ok(EVP_RAND_verify_zeroization(rand), "nothing is left behind");
	ok(EVP_RAND_uninstantiate(rand), "it ends");
	equal(EVP_RAND_get_state(rand), EVP_RAND_STATE_UNINITIALISED, "and has no state again");
	ok(!EVP_RAND_reseed(rand, 0, NULL, 0, NULL, 0), "nor a reseed");
	equal(last_reason(), REASON_NOT_INSTANTIATED, "for a reason");
	EVP_RAND_CTX_free(rand);
	EVP_RAND_free(method);
	unload(&l);
}

/* Nobody has an object of that size. */
static void test_too_large(void)
{
	OSSL_FUNC_rand_generate_fn *generate = NULL;
	OSSL_FUNC_rand_newctx_fn *new = NULL;
	OSSL_FUNC_rand_freectx_fn *end = NULL;
	OSSL_FUNC_rand_get_seed_fn *get_seed = NULL;
	const OSSL_DISPATCH *d;
	struct loaded l = load();
	unsigned char *seed = NULL;
	void *rand;

	for (d = rand_algorithms[0].implementation; d->function_id; d++) {
		if (d->function_id == OSSL_FUNC_RAND_GENERATE)
			generate = OSSL_FUNC_rand_generate(d);
		if (d->function_id == OSSL_FUNC_RAND_NEWCTX)
			new = OSSL_FUNC_rand_newctx(d);
		if (d->function_id == OSSL_FUNC_RAND_FREECTX)
			end = OSSL_FUNC_rand_freectx(d);
		if (d->function_id == OSSL_FUNC_RAND_GET_SEED)
			get_seed = OSSL_FUNC_rand_get_seed(d);
	}
	rand = new(OSSL_PROVIDER_get0_provider_ctx(l.vmgen), NULL, NULL);
	ok(!generate(rand, large, (size_t)PTRDIFF_MAX + 1, 0, 0, NULL, 0), "more than an object has");
	equal(last_reason(), REASON_REQUEST_TOO_LARGE, "is refused for a reason");
	ok(!get_seed(rand, &seed, 256, 0, 31, 0, NULL, 0) && !seed, "nor has 31 bytes 256 bits");
	equal(last_reason(), REASON_REQUEST_TOO_LARGE, "for a reason");
	ok(!get_seed(rand, &seed, 256, 0, 32, 0, NULL, 0) && !seed, "a seed takes a state");
	equal(last_reason(), REASON_NOT_INSTANTIATED, "for a reason");
	end(rand);
	unload(&l);
}

static void test_params(void)
{
	struct loaded l = load();
	EVP_RAND_CTX *rand = RAND_get0_public(l.context);
	uint8_t byte;
	uint64_t word = 0;
	OSSL_PARAM odd[] = { OSSL_PARAM_DEFN(OSSL_RAND_PARAM_STRENGTH, OSSL_PARAM_UNSIGNED_INTEGER,
					     &byte, sizeof(byte)), OSSL_PARAM_END };
	OSSL_PARAM wide[] = { OSSL_PARAM_uint64(OSSL_RAND_PARAM_STRENGTH, &word), OSSL_PARAM_END };
	OSSL_PARAM size[] = { OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL), OSSL_PARAM_END };
	OSSL_PARAM words[] = { OSSL_PARAM_utf8_string(OSSL_RAND_PARAM_STATE, NULL, 0), OSSL_PARAM_END };

	ok(!EVP_RAND_CTX_get_params(rand, odd), "a number that has no room is refused");
	ok(EVP_RAND_CTX_get_params(rand, wide) && word == 256, "one that has more is not");
	ok(EVP_RAND_CTX_get_params(rand, size) && size[0].return_size == sizeof(size_t),
	   "who has none yet is told the size");
	ok(!EVP_RAND_CTX_get_params(rand, words), "a number is not text");
	unload(&l);
}

/* Keeps what the kernel gave first, and clones the machine before it is handed out. */
static void clone_after_draw(void *buf, size_t size)
{
	(void)size;
	calls.after_draw = NULL;
	memcpy(drawn[0], buf, sizeof(drawn[0]));
	kernel_change();
}

static void clone_after_each_draw(void *buf, size_t size)
{
	(void)size;
	(void)buf;
	kernel_change();
}

static void test_change(void)
{
	struct loaded l;

	kernel_has_vmgenid();
	l = load();
	equal(drawn_by(l.context, large, 16), 1, "with a device it is one draw as well");
	calls.after_draw = clone_after_draw;
	equal(drawn_by(l.context, large, 16), 2, "a clone in the middle of it: drawn again");
	ok(memcmp(drawn[0], large, 16), "what was drawn before is not handed out");
	kernel_change();
	equal(drawn_by(l.context, large, 16), 1, "a clone before it");
	calls.after_draw = clone_after_each_draw;
	memset(large, 1, 16);
	equal(RAND_bytes_ex(l.context, large, 16, 0), 0, "cloned without an end: an error");
	equal(last_reason(), REASON_CLONED_TOO_OFTEN, "for a reason");
	ok(memcmp(large, drawn[1], 16) && memcmp(large, "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16),
	   "and bytes that are fresh");
	calls.after_draw = NULL;
	kernel_change();
	equal(drawn_by(l.context, large, 16), 1, "it goes on when that is over");
	kernel_set_flags(VMGENID_RNG_STALE);
	equal(RAND_bytes_ex(l.context, large, 16, 0), 0, "the kernel did not reseed: an error");
	equal(last_reason(), REASON_NOT_RESEEDED, "for a reason");
	kernel_set_flags(VMGENID_RNG_OTHER);
	equal(drawn_by(l.context, large, 16), 1, "FIPS mode: as without a device");
	kernel_set_flags(VMGENID_NO_ID);
	equal(drawn_by(l.context, large, 16), 1, "a host without an ID: as without a device");
	kernel_set_flags(0);
	unload(&l);
}

static int status_of(const struct loaded *l)
{
	int status = -1;
	OSSL_PARAM params[] = { OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &status), OSSL_PARAM_END };

	return OSSL_PROVIDER_get_params(l->vmgen, params) ? status : -1;
}

/* There is a device when the provider is loaded, but it cannot be opened. */
static void test_unopenable(void)
{
	static const unsigned char zeros[sizeof(large)];
	static const struct {
		int error;
		bool is_there;
	} errors[] = {
		{ ENOENT, false }, { ENXIO, false }, { ENODEV, false }, { EPERM, true }, { EACCES, true },
		{ EMFILE, true }, { ENFILE, true }, { ENOMEM, true },
	};
	struct loaded l;
	size_t i, k;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		kernel_has_vmgenid();
		kernel.node.unopenable = -errors[i].error;
		l = load();
		for (k = 1; k <= 1000; k += 999) {
			memset(large, 0, k);
			equal(RAND_bytes_ex(l.context, large, k, 0), !errors[i].is_there,
			      strerror(errors[i].error));
			equal(last_reason(), errors[i].is_there ? REASON_NO_ANSWER : 0, "its reason");
			ok(k == 1 || memcmp(large, zeros, k), "fresh bytes all the same");
			equal(status_of(&l), !errors[i].is_there, "status tells it");
		}
		kernel.node.unopenable = 0;
		equal(drawn_by(l.context, large, 16), 1, "that is over: they are drawn");
		equal(status_of(&l), 1, "status tells that too");
		calls.after_draw = clone_after_draw;
		equal(drawn_by(l.context, large, 16), errors[i].is_there ? 2 : 1,
		      "what was there from the start is asked from then on");
		calls.after_draw = NULL;
		unload(&l);
	}
}

/* There was one, and then it turns out that there is none: nobody asks for it again. */
static void test_gone(void)
{
	unsigned int asked;
	struct loaded l;

	kernel_has_vmgenid();
	kernel.node.unopenable = -EMFILE;
	l = load();
	kernel.node.unopenable = -ENXIO;
	errno = 77;
	equal(drawn_by(l.context, large, 16), 1, "a device that is none after all: as without one");
	equal(errno, 77, "errno is the program's");
	asked = calls.made[CALL_OPEN];
	equal(drawn_by(l.context, large, 16), 1, "so is the next request");
	equal(calls.made[CALL_OPEN], asked, "which does not ask for it");
	kernel.node.unopenable = 0;
	unload(&l);
}

/* A number for a signed variable that is too small for it. */
static void test_large_counter(void)
{
	unsigned int counter = 0;
	int too_small = 5;
	OSSL_PARAM params[] = { OSSL_PARAM_uint(OSSL_DRBG_PARAM_RESEED_COUNTER, &counter), OSSL_PARAM_END };
	OSSL_PARAM small[] = { OSSL_PARAM_int(OSSL_DRBG_PARAM_RESEED_COUNTER, &too_small), OSSL_PARAM_END };
	struct loaded l;

	kernel_has_vmgenid();
	kernel.record.generation = kernel.page->generation = UINT64_C(1) << 31;
	l = load();
	ok(EVP_RAND_CTX_get_params(RAND_get0_primary(l.context), params) && counter == 1U << 31, "2^31 seeds");
	ok(!EVP_RAND_CTX_get_params(RAND_get0_primary(l.context), small) && too_small == 5,
	   "are not written where they are negative");
	unload(&l);
}

/* Of how many seeds a generator has taken: changes when it takes one. */
static unsigned int seeds(EVP_RAND_CTX *rand)
{
	unsigned int counter = 0;
	OSSL_PARAM params[] = { OSSL_PARAM_uint(OSSL_DRBG_PARAM_RESEED_COUNTER, &counter),
				OSSL_PARAM_END };

	EVP_RAND_generate(rand, large, 16, 0, 0, NULL, 0);
	return EVP_RAND_CTX_get_params(rand, params) ? counter : UINT_MAX;
}

/* A generator of OpenSSL's own that has ours as its parent. */
static void test_child(uint32_t flags, const char *when)
{
	OSSL_PARAM digest[] = {
		OSSL_PARAM_utf8_string(OSSL_DRBG_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_END
	};
	struct loaded l = load();
	EVP_RAND *method = EVP_RAND_fetch(l.context, "HASH-DRBG", NULL);
	EVP_RAND_CTX *child = EVP_RAND_CTX_new(method, RAND_get0_primary(l.context));
	unsigned int before;

	kernel_set_flags(flags);
	ok(EVP_RAND_instantiate(child, 0, 0, NULL, 0, digest),
	   "%s: a generator takes its seed from ours", when);
	ok(EVP_RAND_generate(child, large, 16, 0, 1, NULL, 0), "%s: also another one", when);
	before = seeds(child);
	equal(seeds(child), before, "it goes on with it");
	kernel_change();
	ok(seeds(child) != before, "%s: after a clone it takes another one", when);
	before = seeds(child);
	equal(seeds(child), before, "and goes on with that");
	calls.after_draw = clone_after_each_draw;
	kernel_change();
	equal(EVP_RAND_generate(child, large, 16, 0, 0, NULL, 0), flags != 0,
	      "if there is none that can be vouched for it gives nothing");
	calls.after_draw = NULL;
	kernel_change();
	ERR_clear_error();
	kernel_set_flags(0);
	EVP_RAND_CTX_free(child);
	EVP_RAND_free(method);
	unload(&l);
}

static void test_contexts(void)
{
	struct loaded first = load(), second = load();
	int i;

	ok(RAND_bytes_ex(first.context, drawn[0], 16, 0) &&
	   RAND_bytes_ex(second.context, drawn[1], 16, 0) && memcmp(drawn[0], drawn[1], 16),
	   "two library contexts differ");
	unload(&first);
	ok(RAND_bytes_ex(second.context, drawn[1], 16, 0), "one goes on without the other");
	/* As at exit: generators, which are the context's, outlive what was loaded by name. */
	OSSL_PROVIDER_unload(second.usual);
	OSSL_PROVIDER_unload(second.vmgen);
	ok(RAND_bytes_ex(second.context, drawn[1], 16, 0), "nor does it lose its own");
	OSSL_LIB_CTX_free(second.context);
	for (i = 0; i < 20; i++) {
		first = load();
		RAND_bytes_ex(first.context, large, 1, 0);
		unload(&first);
	}
	ok(access("/proc/self/fd/20", F_OK), "none keeps a descriptor");
}

/* A daemon that has closed all, before it loads the provider and after that. */
static void test_standard(void)
{
	int i, theirs = 0, r, saved[3];
	struct loaded l;

	kernel_has_vmgenid();
	kernel_close_standard(saved);
	l = load();
	for (i = 0; i < 3; i++)
		theirs += calls_is_node(i);
	for (i = 0; i < 100; i++)
		close(i);
	kernel_change();
	r = RAND_bytes_ex(l.context, large, 16, 0);
	for (i = 0; i < 3; i++)
		theirs += calls_is_node(i);
	kernel_open_standard(saved);
	ok(r == 1 && !theirs, "the device is never 0, 1 or 2, which others print to");
	unload(&l);
}

static OSSL_LIB_CTX *shared;
static unsigned char values[THREADS * DRAWS][16];

static void *draw_many(void *arg)
{
	unsigned char (*mine)[16] = arg, more[LARGE];
	int i;

	for (i = 0; i < DRAWS; i++) {
		if (!(i % 2 ? RAND_bytes_ex : RAND_priv_bytes_ex)(shared, more, i % 4 ? 16 : LARGE, 0))
			memset(more, 0, 16);
		memcpy(mine[i], more, 16);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void test_threads(void)
{
	static pthread_t threads[THREADS];
	struct loaded l = load();
	pthread_attr_t attributes;
	unsigned int i, same = 0;

	shared = l.context;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	for (i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], &attributes, draw_many, values[i * DRAWS]))
			scratch_give_up("threads");
		if (i % 100 == 50) {
			pthread_mutex_lock(&kernel.lock);
			kernel_change();
			pthread_mutex_unlock(&kernel.lock);
		}
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attributes);
	qsort(values, THREADS * DRAWS, 16, compare);
	for (i = 1; i < THREADS * DRAWS; i++)
		same += !memcmp(values[i - 1], values[i], 16);
	equal(same, 0, "thousands of threads draw while the machine is cloned: none twice, no error");
	unload(&l);
}

int main(void)
{
	test_chosen();
	test_contract();
	test_too_large();
	test_params();
	test_change();
	test_unopenable();
	test_gone();
	test_large_counter();
	test_child(0, "with an ID");
	test_child(VMGENID_RNG_OTHER, "in FIPS mode");
	test_contexts();
	test_standard();
	test_threads();
	return tap_done();
}
