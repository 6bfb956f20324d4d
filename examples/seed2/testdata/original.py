"""The Python program that seed2 began as, repaired just enough to run.

    original.py PORT

It lacked an import. What it checks of the server is as it was: nothing.
"""

import socket
import sys
import warnings

import OpenSSL

warnings.simplefilter("ignore")
context = OpenSSL.SSL.Context(OpenSSL.SSL.TLSv1_2_METHOD)
cert = OpenSSL.crypto.X509()
cert.set_serial_number(0)
cert.get_subject().CN = "example.com"
cert.gmtime_adj_notBefore(0)
cert.gmtime_adj_notAfter(60 * 60 * 24 * 365)
cert.set_issuer(cert.get_subject())
pkey = OpenSSL.crypto.PKey()
pkey.generate_key(OpenSSL.crypto.TYPE_RSA, 2048)
cert.set_pubkey(pkey)
cert.sign(pkey, "sha256")
context.use_certificate(cert)
context.use_privatekey(pkey)

sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
ssl_sock = OpenSSL.SSL.Connection(context, sock)
ssl_sock.set_connect_state()
ssl_sock.do_handshake()
ssl_sock.send(b"Hello, World!")
data = ssl_sock.recv(1024)
print(data.decode())
ssl_sock.shutdown()
ssl_sock.close()
