// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
// Draw NAME: as draw.py, for Java.
import java.nio.file.*;
import java.security.SecureRandom;
import java.util.*;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

public class Draw {
	static String hex(SecureRandom random) {
		byte[] bytes = new byte[8];

		random.nextBytes(bytes);
		return HexFormat.of().formatHex(bytes);
	}

	public static void main(String[] args) throws Exception {
		String path = "/run/draw/" + args[0];
		SecureRandom plain = new SecureRandom(), drbg = SecureRandom.getInstance("DRBG");
		SecureRandom sha1 = SecureRandom.getInstance("SHA1PRNG");
		Random random = new Random();
		Map<String, Supplier<String>> draws = new LinkedHashMap<>();

		draws.put("SecureRandom", () -> hex(plain));
		draws.put("UUID", () -> UUID.randomUUID().toString());
		draws.put("DRBG", () -> hex(drbg));
		draws.put("SHA1PRNG", () -> hex(sha1));
		draws.put("Random", () -> Long.toHexString(random.nextLong()));
		draws.put("ThreadLocalRandom", () -> Long.toHexString(ThreadLocalRandom.current().nextLong()));
		draws.values().forEach(Supplier::get);
		for (;;) {
			StringBuilder text = new StringBuilder();

			Files.readAllBytes(Path.of(path + ".in"));
			draws.forEach((what, draw) -> text.append(what + " " + draw.get() + "\n"));
			Files.writeString(Path.of(path + ".new"), text);
			Files.move(Path.of(path + ".new"), Path.of(path + ".out"), StandardCopyOption.ATOMIC_MOVE);
		}
	}
}
