#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""draw.py LIBRARY NAME: draws from that library, or from Python's own, each time somebody writes to
/run/draw/NAME.in, into NAME.out; or has a server or a program do it. Programs of other languages
beside this one do the same."""

import ctypes
import os
import random
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import uuid

SIZE = 8
SESSION = ("runuser", "-u", "postgres", "--", "psql", "-Atq")


def filled(function, *before, after=()):
    buffer = ctypes.create_string_buffer(SIZE)
    function(*before, buffer, ctypes.c_size_t(SIZE), *after)
    return buffer.raw.hex()


def openssl():
    import ssl      # no other process must have the library
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


class Database:
    """One session, until the server is started again."""

    def __init__(self):
        self.session = None

    def ask(self, value):
        for _ in range(2):
            if not self.session:
                self.session = subprocess.Popen(SESSION, stdin=subprocess.PIPE, text=True,
                                                stdout=subprocess.PIPE, bufsize=1)
            try:
                self.session.stdin.write(f"select {value};\n")
                if line := self.session.stdout.readline():
                    return line.strip()
            except BrokenPipeError:
                pass
            self.session = None
        return "none"


def postgresql():
    database = Database()
    return {"gen_random_uuid": lambda: database.ask("gen_random_uuid()"),
            "random": lambda: database.ask("random()")}


def nginx():
    import tls_probe
    hello = {}

    def drawn(what):
        if what == "random":
            hello.update(tls_probe.same_hello(443))
        return hello[what]
    return {what: lambda what=what: drawn(what) for what in ("random", "nonce")}


def mail(connection):
    """Up to where TLS begins."""
    for command in (b"", b"EHLO x\r\n", b"STARTTLS\r\n"):
        connection.sendall(command)
        received = b""
        while not re.search(rb"(?m)^\d{3} .*\n", received):
            data = connection.recv(1 << 12)
            assert data, received
            received += data
    assert received.startswith(b"220"), received


def exim():
    import tls_probe
    return {"random": lambda: tls_probe.same_hello(25, mail)["random"]}


def sshd():
    def cookie():
        with socket.create_connection(("127.0.0.1", 22), timeout=60) as connection:
            stream = connection.makefile("rb")
            stream.readline()
            connection.sendall(b"SSH-2.0-draw\r\n")
            # Length, padding and type of the packet come first: RFC 4253, sections 6 and 7.1.
            return stream.read(22)[6:].hex()
    return {"cookie": cookie}


class Upload:
    """One curl, whose next request begins when the answer to the one before it comes."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/"
        self.left, self.waiting = 0, None

    def ask(self):
        if not self.left:
            request = ("-F", "a=b", self.url)
            self.left = 20
            subprocess.Popen(("curl", "-s", *(request + ("--next",)) * (self.left - 1), *request))
        if self.waiting:
            self.waiting.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.waiting.close()
        self.waiting, _ = self.server.accept()
        self.left -= 1
        return re.search(rb"boundary=-*(\w+)", self.waiting.recv(1 << 12)).group(1).decode("ascii")


def curl():
    return {"boundary": Upload().ask}


def main(library, name):
    draws = {"openssl": openssl, "gnutls": gnutls, "nss": nss, "gcrypt": gcrypt,
             "boringssl": boringssl, "python": python, "postgresql": postgresql, "nginx": nginx,
             "exim": exim, "sshd": sshd, "curl": curl}[library]()
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
