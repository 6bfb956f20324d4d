"""Says what OpenSSL, through pyOpenSSL, makes of certificate chains.

The peer of verify/openssl_test.go. Reads requests from standard input, one line
of JSON each: {"chain": [base64 of DER, leaf first], "anchors": […], "lists": […],
"time": seconds since 1970, "host": name or "", "purpose": "server", "client" or
"any", "flags": number, "policies": [OID]}. Answers each with one line: {"error": number, "depth":
depth, "text": OpenSSL's}, or {"unreadable": why}. The first line that it prints
names the release.
"""

import base64
import datetime
import ipaddress
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

from cryptography import x509
from OpenSSL import SSL, crypto
from OpenSSL._util import lib

warnings.simplefilter("ignore")

# The flags of openssl verify, by their bits.
FLAGS = {
    0x8: "-crl_check_all",
    0x20: "-x509_strict",
    0x80: "-policy_check",
    0x100: "-explicit_policy",
    0x200: "-inhibit_any",
    0x400: "-inhibit_map",
    0x1000: "-extended_crl",
    0x2000: "-use_deltas",
    0x80000: "-partial_chain",
}

PURPOSES = {"any": lib.X509_PURPOSE_ANY, "server": lib.X509_PURPOSE_SSL_SERVER, "client": lib.X509_PURPOSE_SSL_CLIENT}


def certificates(texts):
    return [crypto.load_certificate(crypto.FILETYPE_ASN1, base64.b64decode(text)) for text in texts]


def store(request):
    """A store of the anchors. pyOpenSSL has no names for purpose and host."""
    made = crypto.X509Store()
    for anchor in certificates(request["anchors"]):
        made.add_cert(anchor)
    for text in request["lists"] or []:
        made.add_crl(x509.load_der_x509_crl(base64.b64decode(text)))
    made.set_time(datetime.datetime.fromtimestamp(request["time"], datetime.timezone.utc))
    made.set_flags(request["flags"])
    lib.X509_STORE_set_purpose(made._store, PURPOSES[request["purpose"]])
    if host := request["host"]:
        param = lib.X509_VERIFY_PARAM_new()
        try:
            packed = ipaddress.ip_address(host).packed
            lib.X509_VERIFY_PARAM_set1_ip(param, packed, len(packed))
        except ValueError:
            lib.X509_VERIFY_PARAM_set1_host(param, host.encode(), 0)
        lib.X509_STORE_set1_param(made._store, param)
        lib.X509_VERIFY_PARAM_free(param)
    return made


def pem(kind, texts):
    body = "".join(f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n" for text in texts or [])
    return re.sub(r"([A-Za-z0-9+/=]{64})(?=[^\n-])", r"\1\n", body)


def program(request):
    """Asks the program openssl: pyOpenSSL cannot set the caller's policies."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-attime", str(request["time"])]
        command += ["-purpose", {"server": "sslserver", "client": "sslclient", "any": "any"}[request["purpose"]]]
        command += [flag for bit, flag in FLAGS.items() if request["flags"] & bit]
        for policy in request["policies"]:
            command += ["-policy", policy]
        if request["host"]:
            command += ["-verify_hostname", request["host"]]
        leaf, *others = request["chain"]
        for option, kind, texts in (
            ("-CAfile", "CERTIFICATE", request["anchors"]),
            ("-untrusted", "CERTIFICATE", others),
            ("-CRLfile", "X509 CRL", request["lists"]),
            (None, "CERTIFICATE", [leaf]),
        ):
            if texts:
                file = folder / f"{len(command)}.pem"
                file.write_text(pem(kind, texts))
                command += [option, str(file)] if option else [str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return {"error": 0, "depth": 0, "text": "ok"}
    first = re.search(r"error (\d+) at (\d+) depth lookup: (.*)", done.stderr)
    return {"error": int(first[1]), "depth": int(first[2]), "text": first[3]}


def answer(request):
    if request["policies"]:
        return program(request)
    leaf, *others = certificates(request["chain"])
    context = crypto.X509StoreContext(store(request), leaf, others)
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as err:
        number, depth, text = err.errors
        return {"error": number, "depth": depth, "text": text}
    return {"error": 0, "depth": 0, "text": "ok"}


def main():
    print(json.dumps(SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()), flush=True)
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as err:
            said = {"unreadable": f"{type(err).__name__}: {err}"}
        print(json.dumps(said), flush=True)


main()
