"""Make each mistake of the porting guide's first table, and tell whether
pyOpenSSL lets it through: a JSON object of true or false."""

import base64
import datetime
import json
import os
import tempfile
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL, crypto

warnings.simplefilter("ignore")
NOW = datetime.datetime.now(datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


def new_key(bits=2048):
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_RSA, bits)
    return key


def by_hand(key, begins=0, digest="sha256"):
    """A certificate as the class X509 alone makes it."""
    cert = crypto.X509()
    cert.get_subject().CN = "db.example"
    cert.set_issuer(cert.get_subject())
    cert.set_pubkey(key)
    cert.gmtime_adj_notBefore(begins)
    cert.gmtime_adj_notAfter(begins + 3600)
    cert.sign(key, digest)
    return cert


def named(subject, key, issuer, issuers_key, *extensions):
    """A certificate as the package cryptography makes it."""
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    builder = builder.subject_name(common_name(subject)).issuer_name(common_name(issuer))
    builder = builder.not_valid_before(NOW - HOUR).not_valid_after(NOW + HOUR).public_key(key.to_cryptography_key().public_key())
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return crypto.X509.from_cryptography(builder.sign(issuers_key.to_cryptography_key(), hashes.SHA256()))


def common_name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


KEY = new_key()
ROOT = named("Root", KEY, "Root", KEY, x509.BasicConstraints(True, None))
DB = named("db.example", KEY, "Root", KEY, x509.SubjectAlternativeName([x509.DNSName("db.example")]))
CODE = named("Code", KEY, "Root", KEY, x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING]))
REVOKED = (
    x509.CertificateRevocationListBuilder(common_name("Root"), NOW - HOUR, NOW + HOUR)
    .add_revoked_certificate(x509.RevokedCertificateBuilder(DB.get_serial_number(), NOW - HOUR).build())
    .sign(KEY.to_cryptography_key(), hashes.SHA256())
)


def store():
    store = crypto.X509Store()
    store.add_cert(ROOT)
    return store


def verifies(cert, store):
    try:
        crypto.X509StoreContext(store, cert).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def connect(certificate, set_client=lambda context: None, host=None):
    """Shake hands in memory, and return both ends."""
    ours, theirs = SSL.Context(SSL.TLS_CLIENT_METHOD), SSL.Context(SSL.TLS_SERVER_METHOD)
    set_client(ours)
    theirs.use_certificate(certificate)
    theirs.use_privatekey(KEY)
    client, server = SSL.Connection(ours, None), SSL.Connection(theirs, None)
    client.set_connect_state()
    server.set_accept_state()
    if host:
        client.set_tlsext_host_name(host)
    for _ in range(4):
        for end, other in ((client, server), (server, client)):
            try:
                end.do_handshake()
            except SSL.WantReadError:
                pass
            carry(end, other)
    return client, server


def carry(end, other):
    while True:
        try:
            other.bio_write(end.bio_read(1 << 16))
        except SSL.WantReadError:
            return


def accepted(*args):
    """Whether a client sends its data to a server with the certificate."""
    try:
        client, server = connect(*args)
        client.send(b"secret")
        carry(client, server)
        return server.recv(16) == b"secret"
    except SSL.Error:
        return False


def verifying(context):
    context.get_cert_store().add_cert(ROOT)
    context.set_verify(SSL.VERIFY_PEER)


def nodding(context):
    context.set_verify(SSL.VERIFY_PEER, lambda *args: True)


def old_certificate():
    cert = crypto.X509()
    return cert.get_version() == 0 and cert.get_serial_number() == 0 and cert.get_extension_count() == 0


def first_only():
    both = b"".join(crypto.dump_certificate(crypto.FILETYPE_PEM, cert) for cert in (DB, ROOT))
    return crypto.load_certificate(crypto.FILETYPE_PEM, both).get_subject().CN == "db.example"


def cheap_encryption():
    """OpenSSL's default, 2,048 rounds, and DES for who asks for it."""
    pem = crypto.dump_privatekey(crypto.FILETYPE_PEM, KEY, "des-cbc", b"x")
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    return b"\x02\x02\x08\x00" in der[:120]


def cut_taken_for_whole():
    client, server = connect(DB, lambda context: context.set_options(SSL.OP_IGNORE_UNEXPECTED_EOF))
    server.send(b"half")
    carry(server, client)
    client.recv(16)
    client.bio_shutdown()
    try:
        client.recv(16)
    except SSL.ZeroReturnError:
        return True
    except SSL.Error:
        return False


def trust_nobody():
    with tempfile.TemporaryDirectory() as folder:
        crypto.X509Store().load_locations(None, os.path.join(folder, "misspelt"))
        return True


def with_list(flags=0):
    listed = store()
    listed.set_flags(flags)
    listed.add_crl(REVOKED)
    return listed


print(
    json.dumps(
        {
            "nobody_verified": accepted(by_hand(KEY)),
            "any_name": accepted(DB, verifying, b"other.example") and verifies(DB, store()),
            "any_purpose": verifies(CODE, store()),
            "revoked_accepted": verifies(DB, with_list()),
            "callback_overrules": accepted(by_hand(KEY), nodding),
            "no_sni": connect(DB)[1].get_servername() is None,
            "cut_taken_for_whole": cut_taken_for_whole(),
            "old_certificate": old_certificate(),
            "md5": b"md5" in by_hand(KEY, digest="md5").get_signature_algorithm(),
            "key_of_512_bits": new_key(512).bits() == 512,
            "not_yet_valid": not by_hand(KEY, begins=3600).has_expired(),
            "first_only": first_only(),
            "cheap_encryption": cheap_encryption(),
            "missing_folder": trust_nobody(),
            "revoked_and_asked_for": verifies(DB, with_list(crypto.X509StoreFlags.CRL_CHECK)),
            "unknown_root": verifies(by_hand(KEY), store()) or accepted(by_hand(KEY), verifying),
        },
        indent=1,
    )
)
