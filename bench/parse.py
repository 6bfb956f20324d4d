"""The Python side of `go run ./bench parse`: pyOpenSSL and cryptography.

Standard input is lines of JSON. The first is a list of certificates in DER and
base64; the answer says of each whether both libraries take it. The second has the
numbers of those that count. Each line after it has a library and how often it is
to parse them all; the answer is the CPU time in seconds.
"""

import base64
import gc
import json
import sys
import time
import warnings

from cryptography import x509
from OpenSSL import crypto

warnings.simplefilter("ignore")

LIBRARIES = {
    "pyOpenSSL": lambda der: crypto.load_certificate(crypto.FILETYPE_ASN1, der),
    "cryptography": x509.load_der_x509_certificate,
}


def takes(der):
    try:
        for load in LIBRARIES.values():
            load(der)
    except Exception:
        return False
    return True


def main():
    found = [base64.b64decode(text) for text in json.loads(sys.stdin.readline())]
    answers = [takes(der) for der in found]
    print(json.dumps(answers), flush=True)
    certs = [found[at] for at in json.loads(sys.stdin.readline())]
    for line in sys.stdin:
        request = json.loads(line)
        load = LIBRARIES[request["library"]]
        gc.collect()
        before = time.process_time()
        for _ in range(request["repeats"]):
            for der in certs:
                load(der)
        print(time.process_time() - before, flush=True)


main()
