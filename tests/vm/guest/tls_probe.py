#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""tls_probe.py NAME=PORT...: a program of a guest that prints as JSON what TLS servers on it make of
random numbers: in a handshake whose client sends the same as always, in another one that ends with a
session ticket, and of those from tls_server.py (NAME begins with python) in a signature."""

import json
import socket
import ssl
import sys

HANDSHAKE = 22
SERVER_HELLO, TICKET, KEY_EXCHANGE, DONE = 2, 4, 12, 14
# TLS 1.2, where all this is in the clear: RFC 5246, RFC 5077, RFC 8422.
EXTENSIONS = bytes.fromhex("000a00040002" "0017"        # P-256
                           "000b00020100"               # its points as they are
                           "000d00040002" "0403")       # ECDSA with SHA-256
HELLO = (bytes.fromhex("0303") + b"the same random number as always"
         + bytes.fromhex("00" "0002c02b" "0100")        # ECDHE-ECDSA-AES128-GCM-SHA256
         + len(EXTENSIONS).to_bytes(2, "big") + EXTENSIONS)


def message(kind, body):
    return (bytes((HANDSHAKE, 3, 1)) + (len(body) + 4).to_bytes(2, "big")
            + bytes((kind,)) + len(body).to_bytes(3, "big") + body)


def messages(stream):
    """{type: body} of the handshake messages at the beginning of what a server has sent."""
    text = b""
    while len(stream) >= 5 and stream[0] == HANDSHAKE:
        end = 5 + int.from_bytes(stream[3:5], "big")
        text += stream[5:end]
        stream = stream[end:]
    found = {}
    while len(text) >= 4:
        end = 4 + int.from_bytes(text[1:4], "big")
        if end <= len(text):
            found[text[0]] = text[4:end]
        text = text[end:]
    return found


def nonce_of(signature):
    """r of an ECDSA signature, which depends on its nonce alone."""
    assert signature[0] == 0x30 and signature[2] == 2, signature.hex()
    return signature[4:4 + signature[3]].hex()


def same_hello(port, begin=None):
    """begin(connection) has what comes before TLS."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        if begin:
            begin(connection)
        connection.sendall(message(1, HELLO))
        while DONE not in messages(received):
            data = connection.recv(1 << 16)
            assert data, received.hex()
            received += data
    found = messages(received)
    exchange = found[KEY_EXCHANGE]
    # Kind and number of the curve, the point, the algorithm, then the signature.
    signature = exchange[4 + exchange[3] + 4:]
    return {"random": found[SERVER_HELLO][2:34].hex(), "nonce": nonce_of(signature)}


def ticket(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing)
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                data = connection.recv(1 << 16)
                incoming.write(data)
                received += data
    # The last messages follow those of the client; all are in records of their own.
    return messages(received)[TICKET][6:].hex()


def sign(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        return nonce_of(connection.recv(1 << 16))


def main(servers):
    found = {}
    for server in servers:
        name, port = server.split("=")
        values = {**same_hello(int(port)), "ticket": ticket(int(port))}
        if name.startswith("python"):
            values["signature"] = sign(int(port) + 1)
        found |= {f"{name}: {what}": value for what, value in values.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
