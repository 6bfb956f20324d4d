"""What Python's two verifiers, at their strictest, say of a server's or client's
certificate: OpenSSL's through ssl, in a TLS handshake in memory, with the flags
that are the default from Python 3.13 on, and cryptography's.

usage: strict.py ROOTS CHAIN-AND-KEY server|client NAME
"""

import ipaddress
import ssl
import sys

from cryptography import x509
from cryptography.x509 import verification


def handshake(roots, own, role, name):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(own)
    judge = client if role == "server" else server
    judge.load_verify_locations(roots)
    judge.verify_mode = ssl.CERT_REQUIRED
    judge.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    if role == "client":
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        client.load_cert_chain(own)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=name or None),
        server.wrap_bio(there, back, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    for end in ends:
        end.do_handshake()  # raises if it is not over


def cryptographys(roots, own, role, name):
    store = verification.Store(x509.load_pem_x509_certificates(open(roots, "rb").read()))
    leaf, *above = x509.load_pem_x509_certificates(open(own, "rb").read())
    policy = verification.PolicyBuilder().store(store)
    if role == "client":
        policy.build_client_verifier().verify(leaf, above)
        return
    try:
        subject = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        subject = x509.DNSName(name)
    policy.build_server_verifier(subject).verify(leaf, above)


for judge in (handshake, cryptographys):
    try:
        judge(*sys.argv[1:])
        print(judge.__name__, "accepts it")
    except Exception as reason:
        print(judge.__name__, "refuses it:", reason)
