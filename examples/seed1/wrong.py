"""The wrong way to say hello, which examples/seed1 shows the right way of.

    wrong.py PORT ROOTS

It makes the mistakes that docs/porting-from-pyopenssl.md explains, by their
numbers, and ends without an error. It prints, as JSON, the answer that it
believes in, and what its own check of the server's certificate says.
"""

import json
import socket
import ssl
import sys

from OpenSSL import crypto


def talk(port, roots):
    # 1. What is meant for servers demands nothing of a server's certificate:
    #    these two values are those of create_default_context(CLIENT_AUTH).
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_verify_locations(roots)  # which therefore nobody looks at

    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    tls = context.wrap_socket(plain, server_hostname="localhost")
    tls.sendall(b"Hello, server!")  # 2. Sent before anybody has looked who is there.
    answer = tls.recv(1024)  # 3. Once: what has come so far passes for all of it.
    shown = tls.getpeercert(binary_form=True)
    tls.close()  # 4. Without the word that this was all: nor can the server tell.
    return answer, shown


def verified(shown, roots):
    # 5. When all has been said; and 6. for no name and no purpose: whoever has
    #    any certificate of the same authority is the server.
    store = crypto.X509Store()
    store.load_locations(roots)
    try:
        crypto.X509StoreContext(store, crypto.load_certificate(crypto.FILETYPE_ASN1, shown)).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


answer, shown = talk(int(sys.argv[1]), sys.argv[2])
print(json.dumps({"received": answer.decode(), "verified": verified(shown, sys.argv[2])}))
