/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <string.h>

#include "tunnel.h"
#include "wireguard.h"

/* Linux forgets the session keys of an interface that gets another private key. */
enum { LOOK, TAKE_AWAY, GIVE_BACK, QUESTIONS };

struct exchange {
	struct netlink *generic;
	uint16_t family;
	struct netlink_question questions[QUESTIONS];
	/* The interface, just before its key is taken away. */
	struct tunnel seen;
};

static struct nlmsghdr *put_key(void *buffer, uint16_t family, uint32_t index,
				const uint8_t *private_key)
{
	struct nlmsghdr *request = netlink_begin_generic(buffer, family, 0,
							 WG_CMD_SET_DEVICE, WG_GENL_VERSION);

	mnl_attr_put_u32(request, WGDEVICE_A_IFINDEX, index);
	mnl_attr_put(request, WGDEVICE_A_PRIVATE_KEY, WG_KEY_LEN, private_key);
	return request;
}

/*
 * What is set meanwhile is zero, which means none: no peer can have the public key that
 * belongs to it, and be removed for that; nobody computes with it; and nothing is sent under
 * it. Linux would not see that the key which zero becomes inside (Curve25519 sets bit 254) is
 * set after it, but that one is no secret.
 */
static bool has_secret(const struct tunnel *tunnel)
{
	static const uint8_t zero[WG_KEY_LEN] = { [WG_KEY_LEN - 1] = 0x40 };

	return tunnel->has_key && memcmp(tunnel->private_key, zero, WG_KEY_LEN) != 0;
}

static int run_exchange(struct exchange *exchange, const struct tunnel *before)
{
	static const uint8_t none[WG_KEY_LEN];
	char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO))), *end = buffer;
	size_t i;
	int r;

	for (i = 0; i < QUESTIONS; i++) {
		struct nlmsghdr *request = i == LOOK ?
			tunnel_request(end, exchange->family, before->index) :
			put_key(end, exchange->family, before->index,
				i == TAKE_AWAY ? none : before->private_key);

		exchange->questions[i].request = request;
		end += NLMSG_ALIGN(request->nlmsg_len);
	}
	exchange->questions[LOOK].take = tunnel_take;
	exchange->questions[LOOK].context = &exchange->seen;
	r = netlink_ask_all(exchange->generic, exchange->questions, QUESTIONS);
	explicit_bzero(buffer, sizeof(buffer));
	return r;
}

static int set_key(struct exchange *exchange, const struct tunnel *wanted)
{
	char buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r;

	r = netlink_ask(exchange->generic, put_key(buffer, exchange->family, wanted->index,
						   wanted->private_key), NULL, NULL);
	explicit_bzero(buffer, sizeof(buffer));
	return r;
}

/*
 * It must not stay without its key, also after an error. given: what the exchange gave back; a
 * third one is somebody else's, who set it afterwards.
 */
static int verify(struct exchange *exchange, const struct tunnel *wanted,
		  const struct tunnel *given)
{
	struct tunnel after;
	unsigned int i;
	int r;

	for (i = 0; i < NETLINK_TRIES; i++) {
		r = tunnel_read(exchange->generic, exchange->family, wanted->index, &after);
		if (r == -ENODEV)
			return r;
		if (!r && after.has_key && (tunnel_has_key_of(&after, wanted) ||
					    !tunnel_has_key_of(&after, given))) {
			r = tunnel_has_peers_of(&after, wanted) ? 0 : -ESTALE;
			tunnel_clear(&after);
			return r;
		}
		(void)set_key(exchange, wanted);
	}
	tunnel_clear(&after);
	return -EKEYREJECTED;
}

static int forget(struct exchange *exchange, const struct tunnel *before)
{
	const struct netlink_question *look = &exchange->questions[LOOK];
	const struct tunnel *wanted = before;
	int r, failed;

	failed = run_exchange(exchange, before);
	if (!failed)
		failed = exchange->questions[TAKE_AWAY].result;
	/*
	 * An administrator has set another one since it was read: that one is wanted. But
	 * none at all may be what another instance of this has set, for a moment.
	 */
	if (exchange->seen.has_key && (!look->result || look->result == -EINTR) &&
	    !tunnel_has_key_of(&exchange->seen, before))
		wanted = &exchange->seen;
	r = verify(exchange, wanted, before);
	return r && r != -ESTALE ? r : failed ? failed : r;
}

/* Another instance may have taken the key away, and gives it back before it is read again. */
static int read_secret(struct netlink *generic, uint16_t family, uint32_t index,
		       struct tunnel *ret_tunnel)
{
	int r = tunnel_read(generic, family, index, ret_tunnel);

	if (!r && !ret_tunnel->has_key)
		r = tunnel_read(generic, family, index, ret_tunnel);
	return r ? r : has_secret(ret_tunnel) ? 0 : -ENOKEY;
}

int wireguard_forget(struct netlink *generic, uint16_t family, uint32_t index)
{
	struct exchange exchange = { .generic = generic, .family = family,
				     .seen.index = index };
	struct tunnel before;
	int r;

	r = read_secret(generic, family, index, &before);
	if (!r)
		r = forget(&exchange, &before);
	tunnel_clear(&before);
	tunnel_clear(&exchange.seen);
	return r;
}

int wireguard_try(struct netlink *generic, uint16_t family, uint32_t index)
{
	struct tunnel tunnel;
	int r;

	r = read_secret(generic, family, index, &tunnel);
	tunnel_clear(&tunnel);
	return r;
}
