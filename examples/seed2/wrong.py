"""The wrong way to Zero Trust, which examples/seed2 shows the right way of.

    wrong.py PORT

It makes the mistakes that docs/porting-from-pyopenssl.md explains, by their
numbers, and prints the answer that it believes in.
"""

import socket
import sys
import warnings

from OpenSSL import SSL, crypto

warnings.simplefilter("ignore")  # pyOpenSSL itself advises against half of this


def identity():
    """A key, and a certificate in which it says of itself who it is."""
    key, cert = crypto.PKey(), crypto.X509()
    key.generate_key(crypto.TYPE_RSA, 2048)
    cert.set_serial_number(0)  # 1. Of version 1, with the number of all others,
    cert.get_subject().CN = "example.com"  # for no host that a client would look for,
    cert.set_issuer(cert.get_subject())  # 2. and nobody else vouches for it.
    cert.gmtime_adj_notBefore(0)
    cert.gmtime_adj_notAfter(365 * 24 * 3600)  # 3. For a year, and nobody can call it back.
    cert.set_pubkey(key)
    cert.sign(key, "sha256")
    return key, cert


key, cert = identity()
context = SSL.Context(SSL.TLSv1_2_METHOD)  # 4. Not the newest TLS, but one alone.
context.use_certificate(cert)
context.use_privatekey(key)
# 5. A client's Context verifies nobody unless set_verify is called, which it is not.

connection = SSL.Connection(context, socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
connection.set_connect_state()
connection.do_handshake()  # 6. No name is sent, so none is compared.
connection.sendall(b"Hello, World!")
print(connection.recv(1024).decode())  # 7. Once: what has come so far passes for all of it.
connection.shutdown()  # 8. Nobody waits for the other end to agree.
connection.close()
