"""The other side of the interoperation tests: `interop.py COMMAND` reads DER or
JSON on standard input and answers on standard output with Python's cryptography."""

import base64
import datetime
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp


def read_request(data):
    request = x509.load_der_x509_csr(data)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    challenge = x509.oid.AttributeOID.CHALLENGE_PASSWORD
    return {
        "valid": request.is_signature_valid,
        "subject": request.subject.rfc4514_string(),
        "names": [str(name.value) for name in names.value],
        "challenge": request.attributes.get_attribute_for_oid(challenge).value.decode(),
    }


def make_request(_):
    key = ec.generate_private_key(ec.SECP384R1())
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.oid.NameOID.ORGANIZATION_NAME, "Ö"),
                                 x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "a.example")]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.RFC822Name("jane@a.example")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"secret")
    )
    return builder.sign(key, hashes.SHA384()).public_bytes(serialization.Encoding.DER)


def read_crl(data):
    crl = x509.load_der_x509_crl(data)

    def value(extensions, kind, get):
        try:
            return get(extensions.get_extension_for_class(kind).value)
        except x509.ExtensionNotFound:
            return None

    entries = list(crl)
    return {
        "issuer": crl.issuer.rfc4514_string(),
        "this": crl.last_update_utc.isoformat(),
        "next": crl.next_update_utc.isoformat(),
        "number": value(crl.extensions, x509.CRLNumber, lambda e: e.crl_number),
        "base": value(crl.extensions, x509.DeltaCRLIndicator, lambda e: e.crl_number),
        "point": value(crl.extensions, x509.IssuingDistributionPoint, lambda e: [
            [name.value for name in e.full_name or []], e.only_contains_user_certs, e.indirect_crl,
            sorted(reason.value for reason in e.only_some_reasons or [])]),
        "count": len(entries),
        "entries": [[
            str(entry.serial_number),
            entry.revocation_date_utc.isoformat(),
            value(entry.extensions, x509.CRLReason, lambda e: e.reason.value),
            value(entry.extensions, x509.InvalidityDate, lambda e: e.invalidity_date_utc.isoformat()),
            value(entry.extensions, x509.CertificateIssuer, lambda e: [name.value.rfc4514_string() for name in e]),
        ] for entry in entries[:10]],
    }


def make_crl(data):
    key = ec.generate_private_key(ec.SECP256R1())
    moment = datetime.datetime(2027, 1, 21, 10, tzinfo=datetime.timezone.utc)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "L")]))
        .last_update(moment)
        .next_update(moment + datetime.timedelta(days=365 * 30))
        .add_extension(x509.CRLNumber(77), False)
        .add_extension(x509.DeltaCRLIndicator(70), True)
        .add_extension(x509.IssuingDistributionPoint(None, x509.RelativeDistinguishedName(
            [x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "part 1")]), False, True,
            frozenset([x509.ReasonFlags.key_compromise, x509.ReasonFlags.aa_compromise]), True, False), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
    )
    for serial in range(1, int(data) + 1):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment)
        if serial == 2:
            entry = (entry.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), False)
                     .add_extension(x509.InvalidityDate(moment - datetime.timedelta(days=1)), False)
                     .add_extension(x509.CertificateIssuer([x509.DirectoryName(
                         x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "A")]))]), True))
        builder = builder.add_revoked_certificate(entry.build())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    crl = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return {"key": base64.b64encode(public).decode(), "crl": base64.b64encode(crl).decode()}


def read_ocsp(data):
    response = ocsp.load_der_ocsp_response(data)
    nonce = response.extensions.get_extension_for_class(x509.OCSPNonce)
    return {
        "status": response.response_status.name,
        "name": response.responder_name and response.responder_name.rfc4514_string(),
        "key": response.responder_key_hash and response.responder_key_hash.hex(),
        "produced": response.produced_at_utc.isoformat(),
        "nonce": nonce.value.nonce.hex(),
        "certificates": len(response.certificates),
        "responses": [[
            str(one.serial_number), one.hash_algorithm.name, one.certificate_status.name,
            one.revocation_time_utc and one.revocation_time_utc.isoformat(),
            one.revocation_reason and one.revocation_reason.value,
            one.this_update_utc.isoformat(), one.next_update_utc and one.next_update_utc.isoformat(),
        ] for one in response.responses],
    }


def make_ocsp(data):
    """Answers a request of ours about a certificate, both in JSON, as the issuer."""
    given = {name: base64.b64decode(value) for name, value in json.loads(data).items()}
    request = ocsp.load_der_ocsp_request(given["request"])
    cert, issuer = x509.load_der_x509_certificate(given["cert"]), x509.load_der_x509_certificate(given["issuer"])
    key = serialization.load_der_private_key(given["key"], None)
    moment = datetime.datetime(2027, 1, 21, 10, tzinfo=datetime.timezone.utc)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(cert, issuer, request.hash_algorithm, ocsp.OCSPCertStatus.REVOKED, moment,
                      moment + datetime.timedelta(hours=1), moment - datetime.timedelta(days=1), x509.ReasonFlags.superseded)
        .responder_id(ocsp.OCSPResponderEncoding.NAME, issuer)
        .add_extension(request.extensions.get_extension_for_class(x509.OCSPNonce).value, False)
        .certificates([issuer])
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


COMMANDS = {"read-request": read_request, "make-request": make_request,
            "read-crl": read_crl, "make-crl": make_crl,
            "read-ocsp": read_ocsp, "make-ocsp": make_ocsp}

answer = COMMANDS[sys.argv[1]](sys.stdin.buffer.read())
sys.stdout.buffer.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
