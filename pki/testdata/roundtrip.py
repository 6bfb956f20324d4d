"""Writes what pyOpenSSL and cryptography write, for pki to read: a JSON list of
[name, kind as in tools/facts.py, bytes in base64]."""

import base64
import datetime
import ipaddress
import json
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat, pkcs7, pkcs12
from OpenSSL import crypto

warnings.simplefilter("ignore")

MOMENT = datetime.datetime(2027, 1, 21, 10, tzinfo=datetime.timezone.utc)
PASSWORD = b"password"
KEYS = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "P-224": ec.generate_private_key(ec.SECP224R1()),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
NAME = x509.Name([
    x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "KR"),
    x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "한글, Ö+"),
    x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.example"),
])
NAMES = [
    x509.DNSName("a.example"), x509.IPAddress(ipaddress.ip_address("10.0.0.1")), x509.IPAddress(ipaddress.ip_address("::1")),
    x509.RFC822Name("jane@a.example"), x509.UniformResourceIdentifier("spiffe://a.example/x"), x509.DirectoryName(NAME),
    x509.RegisteredID(x509.ObjectIdentifier("1.3.6.1.4.1.1")), x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.2"), b"\x05\x00"),
]
URI = [x509.UniformResourceIdentifier("http://a.example/l.crl")]
REASONS = frozenset([x509.ReasonFlags.key_compromise, x509.ReasonFlags.aa_compromise])
POINTS = [
    x509.DistributionPoint(URI, None, REASONS, [x509.DirectoryName(NAME)]),
    x509.DistributionPoint(None, x509.RelativeDistinguishedName([next(iter(NAME))]), None, [x509.DirectoryName(NAME)]),
]


def digest(key):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def extensions(key):
    """One of each that a certificate can have, with its criticality."""
    public = key.public_key()
    return [
        (x509.BasicConstraints(True, 3), True),
        (x509.KeyUsage(True, True, False, False, True, True, True, True, False), True),
        (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ObjectIdentifier("1.3.6.1.4.1.3")]), False),
        (x509.SubjectAlternativeName(NAMES), False),
        (x509.IssuerAlternativeName(NAMES), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier(b"12345", [x509.DirectoryName(NAME)], 200), False),
        (x509.NameConstraints([x509.DNSName("example"), x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))],
                              [x509.IPAddress(ipaddress.ip_network("fe80::/10")), x509.RFC822Name(".example")]), True),
        (x509.CertificatePolicies([
            x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), ["http://a.example/cps", x509.UserNotice(
                x509.NoticeReference("한글", [1, 2]), "text")]),
            x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]), False),
        (x509.PolicyConstraints(0, 5), True),
        (x509.InhibitAnyPolicy(7), True),
        (x509.CRLDistributionPoints(POINTS), False),
        (x509.FreshestCRL(POINTS), False),
        (x509.AuthorityInformationAccess([x509.AccessDescription(x509.AuthorityInformationAccessOID.OCSP, URI[0])]), False),
        (x509.TLSFeature([x509.TLSFeatureType.status_request, x509.TLSFeatureType.status_request_v2]), False),
        (x509.OCSPNoCheck(), False),
        (x509.PrecertPoison(), True),
        (x509.PrivateKeyUsagePeriod(MOMENT.replace(tzinfo=None), (MOMENT + datetime.timedelta(days=3)).replace(tzinfo=None)), False),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.4"), b"\x05\x00"), False),
    ]


def certificate(key):
    builder = (
        x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(MOMENT)
        .not_valid_after(MOMENT + datetime.timedelta(days=365 * 30))
    )
    for extension, critical in extensions(key):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, digest(key))


def simple(key):
    """What pyOpenSSL makes: a certificate without extensions."""
    cert = crypto.X509()
    cert.set_serial_number(2**150 + 1)
    cert.get_subject().CN = "a.example"
    cert.get_subject().emailAddress = "jane@a.example"
    cert.set_issuer(cert.get_subject())
    cert.set_notBefore(b"19490101000000Z")
    cert.set_notAfter(b"20500101000000Z")
    pkey = crypto.PKey.from_cryptography_key(key)
    cert.set_pubkey(pkey)
    cert.sign(pkey, "sha256")
    return cert


def request(key):
    builder = x509.CertificateSigningRequestBuilder().subject_name(NAME)
    builder = builder.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, "비밀".encode())
    for extension, critical in extensions(key):
        if not isinstance(extension, x509.PrecertPoison):  # which cryptography does not know in requests
            builder = builder.add_extension(extension, critical)
    return builder.sign(key, digest(key))


def revocations(key):
    builder = (
        x509.CertificateRevocationListBuilder().issuer_name(NAME).last_update(MOMENT)
        .next_update(MOMENT + datetime.timedelta(days=365 * 30))
        .add_extension(x509.CRLNumber(2**100), False).add_extension(x509.DeltaCRLIndicator(1), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
        .add_extension(x509.FreshestCRL(POINTS), False).add_extension(x509.IssuerAlternativeName(NAMES), False)
        .add_extension(x509.IssuingDistributionPoint(URI, None, False, False, REASONS, True, False), True)
    )
    for serial, reason in enumerate(x509.ReasonFlags, 2**64):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(MOMENT)
        if reason != x509.ReasonFlags.unspecified:
            entry = (entry.add_extension(x509.CRLReason(reason), False).add_extension(x509.InvalidityDate(MOMENT), False)
                     .add_extension(x509.CertificateIssuer([x509.DirectoryName(NAME)]), True))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, digest(key))


def keys():
    for kind, key in KEYS.items():
        for form in PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL:
            if kind == "Ed25519" and form != PrivateFormat.PKCS8:
                continue
            for encoding in Encoding.PEM, Encoding.DER:
                yield f"{kind} {form} {encoding}", "key", key.private_bytes(encoding, form, serialization.NoEncryption())
            locked = serialization.BestAvailableEncryption(PASSWORD)
            yield f"{kind} {form} locked", "key", key.private_bytes(Encoding.PEM, form, locked)
        for encoding in Encoding.PEM, Encoding.DER:
            yield f"{kind} {encoding}", "public", key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        pkey = crypto.PKey.from_cryptography_key(key)
        yield f"{kind} by pyOpenSSL", "key", crypto.dump_privatekey(crypto.FILETYPE_PEM, pkey)
        yield f"{kind} by pyOpenSSL, locked", "key", crypto.dump_privatekey(crypto.FILETYPE_PEM, pkey, "aes-256-cbc", PASSWORD)
        if kind != "Ed25519":  # which has no old form
            yield f"{kind} by pyOpenSSL, DER", "key", crypto.dump_privatekey(crypto.FILETYPE_ASN1, pkey)
        yield f"{kind} by pyOpenSSL", "public", crypto.dump_publickey(crypto.FILETYPE_PEM, pkey)


def signed():
    for kind, key in KEYS.items():
        for name, make in ("cert", certificate), ("csr", request), ("crl", revocations):
            for encoding in Encoding.PEM, Encoding.DER:
                yield f"{kind} {encoding}", name, make(key).public_bytes(encoding)
    for kind in "RSA", "P-256":
        for encoding in crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1:
            yield f"{kind} by pyOpenSSL {encoding}", "cert", crypto.dump_certificate(encoding, simple(KEYS[kind]))


def containers():
    key, cert, other = KEYS["P-256"], certificate(KEYS["P-256"]), certificate(KEYS["RSA"])
    pbes = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(3000)
    ways = {
        "plain": serialization.NoEncryption(),
        "best": serialization.BestAvailableEncryption(PASSWORD),
        "3DES": pbes.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1()).build(PASSWORD),
        "AES": pbes.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256()).build(PASSWORD),
    }
    for way, encryption in ways.items():
        yield way, "pkcs12", pkcs12.serialize_key_and_certificates("이름".encode(), key, cert, [other], encryption)
    java = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(cert, b"one")], ways["best"])
    yield "trust store", "pkcs12", java
    for encoding in Encoding.PEM, Encoding.DER:
        yield f"bundle {encoding}", "pkcs7", pkcs7.serialize_certificates([cert, other], encoding)
        builder = pkcs7.PKCS7SignatureBuilder().set_data(b"text").add_signer(cert, key, hashes.SHA256()).add_certificate(other)
        yield f"signed {encoding}", "pkcs7", builder.sign(encoding, [])


made = [(name, kind, base64.b64encode(data).decode()) for part in (keys, signed, containers) for name, kind, data in part()]
print(json.dumps(made))
