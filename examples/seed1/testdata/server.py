"""A TLS server for one client, by pyOpenSSL.

    server.py PEM complete|cut

PEM holds its certificate chain and key. It prints the port that it listens on.
It reads until the client says that this was all, answers "Hello, client!", and
ends the session as TLS wants it, or just closes the socket. Last it prints, as
JSON, what the client sent and how that ended.
"""

import json
import socket
import sys

from OpenSSL import SSL


def main():
    pem, ending = sys.argv[1:]
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_chain_file(pem)
    context.use_privatekey_file(pem)
    context.check_privatekey()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(60)
    print(listener.getsockname()[1], flush=True)

    plain, _ = listener.accept()
    conn = SSL.Connection(context, plain)
    conn.set_accept_state()
    received = b""
    try:
        conn.do_handshake()
        while True:
            received += conn.recv(4096)
    except SSL.ZeroReturnError:
        end = "complete"
        conn.sendall(b"Hello, client!")
        if ending == "complete":
            conn.shutdown()
        plain.close()
    except SSL.Error as error:
        end = f"refused: {error}"
    print(json.dumps({"received": received.decode(), "end": end}))


main()
