"""A mutual TLS client, by pyOpenSSL.

    client.py HOST:PORT ROOTS [PEM]

ROOTS holds the authorities that it believes, PEM its certificate chain and key,
if it has any. It says "Hello, World!", says that this was all, and prints, as
JSON, who the server was, what it answered and how that ended.
"""

import json
import socket
import sys

from OpenSSL import SSL

from peer import context_for, names_of


def main():
    address, roots, *pem = sys.argv[1:]
    context = context_for(SSL.TLS_CLIENT_METHOD, roots, *pem)
    host, port = address.rsplit(":", 1)
    conn = SSL.Connection(context, socket.create_connection((host, int(port))))
    conn.set_connect_state()
    received, names, end = b"", [], "refused"
    try:
        conn.do_handshake()
        names = names_of(conn)
        conn.sendall(b"Hello, World!")
        conn.shutdown()
        while True:
            received += conn.recv(4096)
    except SSL.ZeroReturnError:
        end = "complete"
    except SSL.Error as error:
        print(error, file=sys.stderr)
    print(json.dumps({"peer": names, "received": received.decode(), "end": end}))


main()
