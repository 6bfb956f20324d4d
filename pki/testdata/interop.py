"""The other side of the interoperation tests: `interop.py COMMAND` reads DER or
JSON on standard input and answers on standard output with Python's cryptography."""

import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


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


COMMANDS = {"read-request": read_request, "make-request": make_request}

answer = COMMANDS[sys.argv[1]](sys.stdin.buffer.read())
sys.stdout.buffer.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
