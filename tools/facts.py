"""Says what pyOpenSSL, cryptography and pyasn1 read in certificates, requests,
revocation lists, keys and containers.

The peer of pki/differential_test.go. Reads requests from standard input: one
line of JSON each, {"kind": cert|csr|crl|key|public|pkcs7|pkcs12, "data": base64}, and
answers each with one line: {"accept": bool, accessor: value, …}. Values are
facts about the input, never the input itself. With "vectors" as its argument it
prints the folder of cryptography-vectors.
"""

import base64
import datetime
import functools
import hashlib
import json
import sys
import types
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from OpenSSL import crypto
from pyasn1_alt_modules import rfc2986, rfc5280

sys.dont_write_bytecode = True

from factsextension import asn1, attempt, directory, moment, raw, sha256, values  # noqa: E402

warnings.simplefilter("ignore")

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
# In this order; most of the files have the first one.
PASSWORDS = [b"password", b"", b"123456", b"cryptography", b"a123456"]


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


def kind(key):
    return TYPES.get(key.type(), key.type())


def encoding(data):
    return crypto.FILETYPE_PEM if b"-----BEGIN " in data else crypto.FILETYPE_ASN1


def name(n):
    return [value.hex() for _, value in n.get_components()]


def oid_name(oid):
    """OpenSSL's name of an object identifier, if it has one."""
    lib, dotted = crypto._lib, oid.dotted_string
    number = lib.OBJ_txt2nid(dotted.encode())
    return crypto._ffi.string(lib.OBJ_nid2ln(number)).decode() if number else dotted


def signature(signed):
    """What cryptography says of the signature of anything that is signed."""
    return {
        "signature": sha256(signed.signature),
        "signature_oid": attempt(lambda: signed.signature_algorithm_oid.dotted_string),
        "signature_name": attempt(lambda: oid_name(signed.signature_algorithm_oid)),
        "values": attempt(lambda: values(signed.extensions)),
    }


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
        "public": attempt(lambda: sha256(crypto.dump_publickey(crypto.FILETYPE_ASN1, c.get_pubkey()))),
        "signature_algorithm": attempt(lambda: c.get_signature_algorithm().decode()),
        "extension_count": c.get_extension_count(),
        "extensions": attempt(lambda: raw(asn1(der, rfc5280.Certificate())["tbsCertificate"]["extensions"])),
        "pem": sha256(crypto.dump_certificate(crypto.FILETYPE_PEM, c)),
        "der": sha256(der),
    }
    for algorithm in ("sha1", "sha256", "sha512"):
        facts[algorithm] = c.digest(algorithm).decode()
    return facts | read_again(c)


def read_again(c):
    """What cryptography reads in what pyOpenSSL has; it refuses more."""
    parsed = attempt(c.to_cryptography)
    if isinstance(parsed, str):
        return {"cryptography": parsed}
    return signature(parsed) | {
        "cryptography": "accept",
        "tbs": sha256(parsed.tbs_certificate_bytes),
        "names": attempt(lambda: [directory(parsed.subject), directory(parsed.issuer)]),
    }


def csr(data):
    c = x509.load_pem_x509_csr(data) if encoding(data) == crypto.FILETYPE_PEM else x509.load_der_x509_csr(data)
    der = c.public_bytes(serialization.Encoding.DER)
    key = functools.cache(lambda: crypto.PKey.from_cryptography_key(c.public_key()))
    return signature(c) | {
        "version": attempt(lambda: int(asn1(der, rfc2986.CertificationRequest())["certificationRequestInfo"]["version"]) + 1),
        "subject": attempt(lambda: directory(c.subject)),
        "subject_der": attempt(lambda: sha256(c.subject.public_bytes())),
        "key_type": attempt(lambda: kind(key())),
        "key_bits": attempt(lambda: key().bits()),
        "public": attempt(lambda: sha256(crypto.dump_publickey(crypto.FILETYPE_ASN1, key()))),
        "attributes": attempt(lambda: [[a.oid.dotted_string, sha256(a.value)] for a in c.attributes]),
        "signature_valid": attempt(lambda: c.is_signature_valid),
        "tbs": sha256(c.tbs_certrequest_bytes),
        "pem": sha256(c.public_bytes(serialization.Encoding.PEM)),
        "der": sha256(der),
    }


def crl(data):
    c = x509.load_pem_x509_crl(data) if encoding(data) == crypto.FILETYPE_PEM else x509.load_der_x509_crl(data)
    der = c.public_bytes(serialization.Encoding.DER)
    content = functools.cache(lambda: asn1(der, rfc5280.CertificateList())["tbsCertList"])
    entries = attempt(lambda: [[("%x" % r.serial_number), moment(r.revocation_date_utc)] for r in c])
    return signature(c) | {
        "version": attempt(lambda: int(content()["version"]) + 1 if content()["version"].hasValue() else 1),
        "issuer": attempt(lambda: directory(c.issuer)),
        "issuer_der": attempt(lambda: sha256(c.issuer.public_bytes())),
        "this_update": attempt(lambda: moment(c.last_update_utc)),
        "next_update": attempt(lambda: moment(c.next_update_utc)),
        "count": attempt(lambda: len(c)),
        "entries": entries,
        "entry_values": attempt(lambda: [values(r.extensions) for r in c]),
        "entry_extensions": attempt(lambda: [raw(r["crlEntryExtensions"]) for r in content()["revokedCertificates"]]),
        "extensions": attempt(lambda: raw(content()["crlExtensions"])),
        "found": attempt(lambda: [found(c, serial) for serial in sorted({1} | {int(e[0], 16) for e in entries[:1] + entries[-1:]})]),
        "sha256": attempt(lambda: c.fingerprint(hashes.SHA256()).hex()),
        "tbs": sha256(c.tbs_certlist_bytes),
        "pem": sha256(c.public_bytes(serialization.Encoding.PEM)),
        "der": sha256(der),
    }


def found(crl, serial):
    """The entry that a search for its serial number finds."""
    entry = crl.get_revoked_certificate_by_serial_number(serial)
    return ["%x" % serial, entry and moment(entry.revocation_date_utc)]


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
    certs = load(data)
    return {
        "certificates": [sha256(c.public_bytes(serialization.Encoding.DER)) for c in certs],
        "names": [attempt(lambda: [directory(c.subject), directory(c.issuer), "%x" % c.serial_number]) for c in certs],
    }


def store(data):
    found = opened(data, lambda data, password: pkcs12.load_pkcs12(data, password or None))
    certs = ([found.cert] if found.cert else []) + list(found.additional_certs)
    facts = {
        "certificates": sorted(sha256(c.certificate.public_bytes(serialization.Encoding.DER)) for c in certs),
        "names": sorted((c.friendly_name or b"").decode("utf-8", "replace") for c in certs),
        "key": None,
        "leaf": found.cert and sha256(found.cert.certificate.public_bytes(serialization.Encoding.DER)),
        "subjects": sorted(attempt(lambda: c.certificate.subject.rfc4514_string()) for c in certs),
    }
    if found.key:
        spki = found.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        facts["key"] = sha256(spki)
    return facts


KINDS = {"cert": cert, "csr": csr, "crl": crl, "key": private, "public": public, "pkcs7": bundle, "pkcs12": store}


def why(err):
    """The kind of an error, and OpenSSL's first reason or what the error says."""
    if not isinstance(err, crypto.Error):
        return f"{type(err).__name__}: {err}"
    queue = err.args[0] if err.args else []
    reasons = [reason for _, _, reason in queue if reason]
    return ": ".join(["Error"] + reasons[:1])


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
