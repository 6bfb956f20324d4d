"""What pkilint finds on each certificate named: lines of file, severity, code."""

import sys

from pkilint import loader, report
from pkilint.pkix import certificate, extension, name

judge = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)
for path in sys.argv[1:]:
    with open(path) as file:
        cert = loader.load_pem_certificate(file.read(), path)
    for result in judge.validate(cert.root):
        for found in result.finding_descriptions:
            print(path, found.finding.severity.name, found.finding.code)
