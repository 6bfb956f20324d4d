"""What cryptography's verifier says of chains for a.example or another name.

Each line of standard input is a JSON object: host, and root and chain in PEM.
Each line of standard output is what it says, "" if it accepts the chain.
"""

import ipaddress
import json
import sys

from cryptography import x509
from cryptography.x509 import verification


def judge(host, root, chain):
    try:
        subject = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    store = verification.Store([x509.load_pem_x509_certificate(root.encode())])
    leaf, *above = x509.load_pem_x509_certificates(chain.encode())
    verification.PolicyBuilder().store(store).build_server_verifier(subject).verify(leaf, above)


for line in sys.stdin:
    try:
        judge(**json.loads(line))
        print("")
    except Exception as reason:
        print(" ".join(str(reason).split()) or type(reason).__name__)
