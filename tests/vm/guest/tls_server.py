#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""tls_server.py PORT: a program of a guest that serves TLS on PORT, and on the next port answers each
connection with an ECDSA signature, always of the same message."""

import contextlib
import selectors
import socket
import ssl
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CERTIFICATE, KEY = "/etc/nginx/certificate", "/etc/nginx/key"


def main(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    with open(KEY, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)

    def shake_hands(connection):
        with contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    def sign(connection):
        connection.sendall(key.sign(b"the same message", ec.ECDSA(hashes.SHA256())))

    selector = selectors.DefaultSelector()
    for number, answer in ((port, shake_hands), (port + 1, sign)):
        selector.register(socket.create_server(("127.0.0.1", number)), selectors.EVENT_READ, answer)
    while True:
        for ready, _ in selector.select():
            connection, _ = ready.fileobj.accept()
            connection.settimeout(60)
            with connection:
                ready.data(connection)


if __name__ == "__main__":
    main(int(sys.argv[1]))
