#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""draw.py LIBRARY NAME: draws from that library, or from Python's own, each time somebody writes to
/run/draw/NAME.in, into NAME.out. Programs of other languages beside this one do the same."""

import ctypes
import os
import random
import secrets
import sys
import tempfile
import uuid

SIZE = 8


def filled(function, *before, after=()):
    buffer = ctypes.create_string_buffer(SIZE)
    function(*before, buffer, ctypes.c_size_t(SIZE), *after)
    return buffer.raw.hex()


def openssl():
    import ssl      # no other process shall have the library
    return {"RAND_bytes": lambda: ssl.RAND_bytes(SIZE).hex()}


def gnutls():
    library = ctypes.CDLL("libgnutls.so.30")
    library.gnutls_global_init()
    return {"key": lambda: filled(library.gnutls_rnd, 2),
            "nonce": lambda: filled(library.gnutls_rnd, 0)}


def nss():
    library = ctypes.CDLL("libnss3.so")
    library.NSS_NoDB_Init(None)
    return {"PK11_GenerateRandom": lambda: filled(library.PK11_GenerateRandom)}


def gcrypt():
    library = ctypes.CDLL("libgcrypt.so.20")
    library.gcry_check_version(None)
    library.gcry_control(38, 0)     # GCRYCTL_INITIALIZATION_FINISHED
    return {"gcry_create_nonce": lambda: filled(library.gcry_create_nonce),
            "gcry_randomize": lambda: filled(library.gcry_randomize, after=(1,))}


def boringssl():
    library = ctypes.CDLL(f"/usr/lib/{sys.implementation._multiarch}/android/libcrypto.so.0")
    return {"RAND_bytes": lambda: filled(library.RAND_bytes)}


def python():
    names = tempfile._get_candidate_names()
    return {"random": lambda: f"{random.getrandbits(64):x}", "tempfile": lambda: next(names),
            "secrets": lambda: secrets.token_hex(SIZE), "uuid4": lambda: uuid.uuid4().hex,
            "urandom": lambda: os.urandom(SIZE).hex()}


def main(library, name):
    draws = {"openssl": openssl, "gnutls": gnutls, "nss": nss, "gcrypt": gcrypt,
             "boringssl": boringssl, "python": python}[library]()
    for draw in draws.values():
        draw()
    while True:
        with open(f"/run/draw/{name}.in", encoding="ascii") as asked:
            asked.read()
        with open(f"/run/draw/{name}.new", "w", encoding="ascii") as answer:
            answer.writelines(f"{what} {draw()}\n" for what, draw in draws.items())
        os.rename(f"/run/draw/{name}.new", f"/run/draw/{name}.out")


if __name__ == "__main__":
    main(*sys.argv[1:])
