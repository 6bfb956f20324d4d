"""Says what pyOpenSSL and cryptography read in certificates, keys and containers.

The peer of pki/differential_test.go. Reads requests from standard input: one
line of JSON each, {"kind": cert|key|public|pkcs7|pkcs12, "data": base64}, and
answers each with one line: {"accept": bool, accessor: value, …}. Values are
facts about the input, never the input itself. With "vectors" as its argument it
prints the folder of cryptography-vectors.
"""

import base64
import datetime
import hashlib
import json
import sys
import types
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from OpenSSL import crypto

warnings.simplefilter("ignore")

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
# In this order; cryptography's vectors use the first ones.
PASSWORDS = [b"", b"password", b"123456", b"cryptography", b"a123456"]


class Clock(datetime.datetime):
    """pyOpenSSL asks the clock; a test needs a fixed one."""

    @classmethod
    def now(cls, tz=None):
        return NOW

    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)


crypto.datetime = types.SimpleNamespace(datetime=Clock, timezone=datetime.timezone)

# EVP_PKEY's numbers.
TYPES = {6: "RSA", 912: "RSA-PSS", 116: "DSA", 28: "DH", 920: "DH", 408: "EC", 1087: "Ed25519", 1088: "Ed448", 1034: "X25519", 1035: "X448"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def attempt(function):
    """What function returns; a value that cannot be read is an answer too."""
    try:
        return function()
    except Exception:
        return "error"


def kind(key):
    return TYPES.get(key.type(), key.type())


def encoding(data):
    return crypto.FILETYPE_PEM if b"-----BEGIN " in data else crypto.FILETYPE_ASN1


def name(n):
    return [value.hex() for _, value in n.get_components()]


def extensions(cert):
    return [
        [e.oid.dotted_string, e.critical, attempt(lambda: sha256(e.value.public_bytes()))]
        for e in cert.to_cryptography().extensions
    ]


def cert(data):
    c = crypto.load_certificate(encoding(data), data)
    der = crypto.dump_certificate(crypto.FILETYPE_ASN1, c)
    facts = {
        "version": c.get_version() + 1,
        "serial": "%x" % c.get_serial_number(),
        "not_before": attempt(lambda: c.get_notBefore().decode()),
        "not_after": attempt(lambda: c.get_notAfter().decode()),
        "expired": attempt(c.has_expired),
        "subject": attempt(lambda: name(c.get_subject())),
        "issuer": attempt(lambda: name(c.get_issuer())),
        "subject_der": attempt(lambda: sha256(c.get_subject().der())),
        "issuer_der": attempt(lambda: sha256(c.get_issuer().der())),
        "subject_hash": attempt(c.subject_name_hash),
        "key_bits": attempt(lambda: c.get_pubkey().bits()),
        "key_type": attempt(lambda: kind(c.get_pubkey())),
        "signature_oid": attempt(lambda: c.to_cryptography().signature_algorithm_oid.dotted_string),
        "extension_count": c.get_extension_count(),
        "extensions": attempt(lambda: extensions(c)),
        "pem": sha256(crypto.dump_certificate(crypto.FILETYPE_PEM, c)),
        "der": sha256(der),
    }
    for algorithm in ("sha1", "sha256", "sha512"):
        facts[algorithm] = c.digest(algorithm).decode()
    return facts


def opened(data, loader):
    """The first key that a password opens."""
    problem = None
    for password in PASSWORDS:
        try:
            return loader(data, password)
        except Exception as err:
            problem = problem or err
    raise problem


def load_key(data, password):
    """pyOpenSSL opens encrypted keys in PEM alone, so cryptography opens the others."""
    if b"-----BEGIN " in data:
        return crypto.load_privatekey(crypto.FILETYPE_PEM, data, password)
    try:
        return crypto.load_privatekey(crypto.FILETYPE_ASN1, data)
    except crypto.Error:
        key = serialization.load_der_private_key(data, password)
        return crypto.PKey.from_cryptography_key(key)


def private(data):
    key = opened(data, load_key)
    return {
        "type": kind(key),
        "bits": key.bits(),
        "public": attempt(lambda: sha256(crypto.dump_publickey(crypto.FILETYPE_ASN1, key))),
        "check": attempt(key.check),
    }


def public(data):
    key = crypto.load_publickey(encoding(data), data)
    return {
        "type": kind(key),
        "bits": key.bits(),
        "public": sha256(crypto.dump_publickey(crypto.FILETYPE_ASN1, key)),
    }


def bundle(data):
    load = pkcs7.load_pem_pkcs7_certificates if b"-----BEGIN " in data else pkcs7.load_der_pkcs7_certificates
    return {"certificates": [sha256(c.public_bytes(serialization.Encoding.DER)) for c in load(data)]}


def store(data):
    found = opened(data, lambda data, password: pkcs12.load_pkcs12(data, password or None))
    certs = ([found.cert] if found.cert else []) + list(found.additional_certs)
    facts = {
        "certificates": sorted(sha256(c.certificate.public_bytes(serialization.Encoding.DER)) for c in certs),
        "names": sorted((c.friendly_name or b"").decode("utf-8", "replace") for c in certs),
        "key": None,
    }
    if found.key:
        spki = found.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        facts["key"] = sha256(spki)
    return facts


KINDS = {"cert": cert, "key": private, "public": public, "pkcs7": bundle, "pkcs12": store}


def why(err):
    """The kind of an error, and OpenSSL's first reason."""
    queue = err.args[0] if err.args and isinstance(err, crypto.Error) else []
    reasons = [reason for _, _, reason in queue if reason]
    return ": ".join([type(err).__name__] + reasons[:1])


def main():
    if sys.argv[1:] == ["vectors"]:
        import cryptography_vectors
        from pathlib import Path

        print(Path(cryptography_vectors.__file__).parent)
        return
    for line in sys.stdin:
        request = json.loads(line)
        try:
            facts = {"accept": True, **KINDS[request["kind"]](base64.b64decode(request["data"]))}
        except Exception as err:
            facts = {"accept": False, "why": why(err)}
        print(json.dumps(facts), flush=True)


main()
