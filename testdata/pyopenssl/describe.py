"""A server of pyOpenSSL's for one connection: python describe.py CHAIN KEY VERSION CIPHER GROUPS.

It prints its port, and then what it says of the connection.
"""
import json
import socket
import sys
import warnings

from OpenSSL import SSL, crypto

warnings.simplefilter("ignore")
chain, key, version, cipher, groups = sys.argv[1:]
context = SSL.Context(SSL.TLS_SERVER_METHOD)
context.use_certificate_chain_file(chain)
context.use_privatekey_file(key)
wanted = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[version]
context.set_min_proto_version(wanted)
context.set_max_proto_version(wanted)
if cipher:
    context.set_cipher_list(cipher.encode())
# pyOpenSSL has no name for it that takes hybrid groups.
assert SSL._lib.SSL_CTX_set1_curves_list(context._context, groups.encode()) == 1

authorities = []
for name in ("one", "two"):
    authority = crypto.X509().get_subject()
    authority.CN = name
    authorities.append(authority)
context.set_client_ca_list(authorities)
context.set_verify(SSL.VERIFY_PEER, lambda *_: True)

with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    conn = SSL.Connection(context, listener.accept()[0])
conn.set_accept_state()
conn.do_handshake()
print(json.dumps({
    "Version": conn.get_protocol_version_name(),
    "Cipher": conn.get_cipher_name(),
    "Bits": conn.get_cipher_bits(),
    "Group": conn.get_group_name(),
    "Client": conn.client_random().hex(),
    "Server": conn.server_random().hex(),
    "Exported": conn.export_keying_material(b"EXPORTER-test", 40, b"some").hex(),
    "Finished": conn.get_peer_finished().hex() if version == "1.2" else "",
    "Authorities": ["CN=" + name.CN for name in authorities],
}), flush=True)
try:
    conn.recv(1)
except SSL.Error:
    pass
