"""One end of TLS connections by pyOpenSSL's memory BIOs, told what to do on standard input.

A request is an operation (one letter), a length (four bytes, big endian) and so many bytes:

    N  begin a connection; a JSON object says which (see context)
    F  take bytes of the peer in pieces: four bytes for the size of a piece, then all bytes
    W  encrypt bytes
    G  decrypt what came
    C  say that this was all
    Q  tell what is known about the connection

The answer is a state (w wants more, d done, z the peer said that this was all, e error), the lengths of
what waits to be sent and of an answer, and both.
"""

import json
import struct
import sys

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

LABEL = b"EXPORTER-signet-connection-id"
NO_EXTENDED_MASTER_SECRET = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET
VERSIONS = {"1.0": SSL.TLS1_VERSION, "1.1": SSL.TLS1_1_VERSION, "1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


class Config:
    """A context and the session that its last connection left."""

    def __init__(self, wish):
        self.session = None
        self.context = context = SSL.Context(SSL.TLS_METHOD)
        version = VERSIONS[wish["version"]]
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        if wish["version"] == "1.3":
            context.set_tls13_ciphersuites(wish["suite"].encode())
        else:
            context.set_cipher_list(wish["suite"].encode() + b":@SECLEVEL=0")
        if wish["group"] and SSL._lib.SSL_CTX_set1_curves_list(context._context, wish["group"].encode()) != 1:
            raise ValueError("group " + wish["group"])
        if wish["no_ems"]:
            context.set_options(NO_EXTENDED_MASTER_SECRET)
        for anchor in x509.load_pem_x509_certificates(wish["roots"].encode()):
            context.get_cert_store().add_cert(SSL.X509.from_cryptography(anchor))
        if wish["chain"]:
            leaf, *above = x509.load_pem_x509_certificates(wish["chain"].encode())
            context.use_certificate(leaf)
            for cert in above:
                context.add_extra_chain_cert(cert)
            context.use_privatekey(load_pem_private_key(wish["key"].encode(), None))
        if wish["verify"]:
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *answer: bool(answer[-1]))
        protocols = [name.encode() for name in wish["alpn"]]
        if wish["role"] == "server":
            context.set_session_id(b"interop")
            context.set_alpn_select_callback(lambda _, offered: next((name for name in offered if name in protocols), SSL.NO_OVERLAPPING_PROTOCOLS))
        elif protocols:
            context.set_alpn_protos(protocols)


class End:
    def __init__(self, wish, config):
        self.config, self.error, self.done = config, "", False
        self.connection = SSL.Connection(config.context, None)
        if wish["role"] == "server":
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()
            self.connection.set_tlsext_host_name(wish["host"].encode())
            if wish["resume"]:
                self.connection.set_session(config.session)

    def go(self, what):
        """Does what, and returns the state after it and what it returned."""
        if self.error:
            return b"e", b""
        try:
            return b"d", what() or b""
        except SSL.WantReadError:
            return b"w", b""
        except SSL.ZeroReturnError:
            return b"z", b""
        except SSL.Error as problem:
            self.error = repr(problem)
            return b"e", b""

    def handshake(self):
        if not self.done:
            self.connection.do_handshake()
            self.done = True

    def feed(self, data):
        (size,) = struct.unpack(">I", data[:4])
        state, data = b"w", data[4:]
        for start in range(0, len(data), size):
            self.connection.bio_write(data[start : start + size])
            state, _ = self.go(self.handshake)
        return state, b""

    def get(self):
        data = b""
        while True:
            state, more = self.go(lambda: self.connection.recv(65536))
            data += more
            if state != b"d":
                self.config.session = self.connection.get_session() or self.config.session
                return state, data

    def facts(self):
        c = self.connection
        protocol = c.get_alpn_proto_negotiated().decode() if self.done else ""
        return {
            "error": self.error,
            "version": c.get_protocol_version_name(),
            "suite": c.get_cipher_name() or "",
            "group": c.get_group_name() or "" if self.done else "",
            "alpn": protocol,
            "id": c.export_keying_material(LABEL, 16, None).hex() if self.done else "",
            "resumed": SSL._lib.SSL_session_reused(c._ssl) == 1,
        }

    def output(self):
        out = b""
        while True:
            try:
                out += self.connection.bio_read(65536)
            except SSL.WantReadError:
                return out


def main():
    configs, end = {}, None
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while header := source.read(5):
        op, payload = header[:1], source.read(struct.unpack(">I", header[1:])[0])
        if op == b"N":
            wish = json.loads(payload)
            key = json.dumps({name: value for name, value in wish.items() if name != "resume"})
            if key not in configs:
                configs[key] = Config(wish)
            end = End(wish, configs[key])
            state, data = end.go(end.handshake)
        elif op == b"F":
            state, data = end.feed(payload)
        elif op == b"W":
            state, data = end.go(lambda: end.connection.sendall(payload) and b"")
        elif op == b"G":
            state, data = end.get()
        elif op == b"C":
            state, data = end.go(lambda: end.connection.shutdown() and b"")
        elif op == b"Q":
            state, data = b"d", json.dumps(end.facts()).encode()
        out = end.output()
        sink.write(state + struct.pack(">II", len(out), len(data)) + out + data)
        sink.flush()


main()
