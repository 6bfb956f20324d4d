"""A TLS server for one client, by pyOpenSSL.

    server.py PEM complete|cut

PEM holds its certificate chain and key. It prints the port that it listens on.
It answers the client's first words: "Hello, client!" and that this was all; or
half of it and then, once the client has ended, just the end of the socket. Last
it prints, as JSON, what the client sent and how that ended.
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
    end = "refused"
    try:
        conn.do_handshake()
        end = "cut"
        received += conn.recv(4096)
        if ending == "complete":
            conn.sendall(b"Hello, client!")
            conn.shutdown()
        else:
            conn.sendall(b"Hello, ")
        while True:
            received += conn.recv(4096)
    except SSL.ZeroReturnError:
        end = "complete"
    except SSL.Error as error:
        print(error, file=sys.stderr)
    plain.close()
    print(json.dumps({"received": received.decode(), "end": end}))


main()
