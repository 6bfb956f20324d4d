"""A mutual TLS server for one client, by pyOpenSSL.

    server.py PEM ROOTS

PEM holds its certificate chain and key, ROOTS the authorities that it believes.
It prints the port that it listens on. It demands a certificate, holds it to
RFC 5280 strictly, and answers the client's first words. Last it prints, as JSON,
who the client was, what it sent and how that ended.
"""

import json
import socket
import sys

from OpenSSL import SSL

from peer import context_for, names_of


def main():
    pem, roots = sys.argv[1:]
    context = context_for(SSL.TLS_SERVER_METHOD, roots, pem)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(60)
    print(listener.getsockname()[1], flush=True)

    plain, _ = listener.accept()
    conn = SSL.Connection(context, plain)
    conn.set_accept_state()
    received, names, end = b"", [], "refused"
    try:
        conn.do_handshake()
        names, end = names_of(conn), "cut"
        received += conn.recv(4096)
        conn.sendall(b"Hello, client!")
        conn.shutdown()
        while True:
            received += conn.recv(4096)
    except SSL.ZeroReturnError:
        end = "complete"
    except SSL.Error as error:
        print(error, file=sys.stderr)
        drain(plain)
    print(json.dumps({"peer": names, "received": received.decode(), "end": end}))


def drain(plain):
    """Reads to the end: closed with bytes unread, a socket resets, and its last
    words, which say why, are lost."""
    try:
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(4096):
            pass
    except OSError:
        pass  # the client has gone


main()
