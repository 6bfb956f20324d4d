"""Says what cryptography and pyasn1 read in extensions; facts.py imports it."""

import hashlib

import pyasn1_fasder
from cryptography import x509


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def attempt(function):
    """What function returns; that a value cannot be read is an answer too."""
    try:
        return function()
    except Exception as err:
        return f"error: {type(err).__name__}: {err}"


def asn1(data, kind):
    """What pyasn1 reads, which keeps the bytes as they came."""
    value, rest = pyasn1_fasder.decode_der(data, asn1Spec=kind)
    if rest:
        raise ValueError("more than one value")
    return value


def raw(extensions):
    """Identifier, criticality and bytes of each extension that pyasn1 has read."""
    return [[str(e["extnID"]), bool(e["critical"]), sha256(bytes(e["extnValue"]))] for e in extensions]


def values(extensions):
    """What each extension means: [identifier, value]; of one that cryptography
    does not know, its bytes."""
    return [[e.oid.dotted_string, value(e.value)] for e in extensions]


def value(e):
    for kind, describe in KINDS.items():
        if isinstance(e, kind):
            return describe(e)
    return sha256(e.public_bytes())


def text(value):
    """A BIT STRING is no text."""
    return value if isinstance(value, str) else value.hex()


def directory(name):
    return [[a.oid.dotted_string, text(a.value)] for a in name]


def network(n):
    return n.packed.hex() if hasattr(n, "packed") else n.network_address.packed.hex() + n.netmask.packed.hex()


def general(name):
    forms = {
        x509.RFC822Name: (1, lambda: name.value),
        x509.DNSName: (2, lambda: name.value),
        x509.DirectoryName: (4, lambda: directory(name.value)),
        x509.UniformResourceIdentifier: (6, lambda: name.value),
        x509.IPAddress: (7, lambda: network(name.value)),
        x509.RegisteredID: (8, lambda: name.value.dotted_string),
        x509.OtherName: (0, lambda: [name.type_id.dotted_string, sha256(name.value)]),
    }
    number, tell = forms[type(name)]
    return [number, tell()]


def generals(names):
    return None if names is None else [general(n) for n in names]


# The bits of KeyUsage and ReasonFlags, in their order.
USAGES = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
).split()
REASONS = (
    "unused key_compromise ca_compromise affiliation_changed superseded cessation_of_operation "
    "certificate_hold privilege_withdrawn aa_compromise"
).split()


def usage(e):
    bits = sum(1 << i for i, name in enumerate(USAGES) if getattr(e, name))
    if e.key_agreement:
        bits |= e.encipher_only << 7 | e.decipher_only << 8
    return bits


def reasons(flags):
    """A bit each (RFC 5280, section 4.2.1.13)."""
    return sum(1 << REASONS.index(flag.name) for flag in flags or ())


# Of CRLReason (RFC 5280, section 5.3.1).
REASON_NUMBERS = {
    "unspecified": 0, "key_compromise": 1, "ca_compromise": 2, "affiliation_changed": 3, "superseded": 4,
    "cessation_of_operation": 5, "certificate_hold": 6, "remove_from_crl": 8, "privilege_withdrawn": 9, "aa_compromise": 10,
}


def points(e):
    return [
        [generals(p.full_name), directory(p.relative_name or []), reasons(p.reasons), generals(p.crl_issuer)]
        for p in e
    ]


def scope(e):
    return [
        generals(e.full_name), directory(e.relative_name or []), e.only_contains_user_certs, e.only_contains_ca_certs,
        e.indirect_crl, e.only_contains_attribute_certs, reasons(e.only_some_reasons),
    ]


def policies(e):
    return [[p.policy_identifier.dotted_string, [qualifier(q) for q in p.policy_qualifiers or []]] for p in e]


def qualifier(q):
    if isinstance(q, str):
        return q
    reference = q.notice_reference
    return [
        reference and reference.organization or "",
        [int(n) for n in reference.notice_numbers] if reference else [],
        q.explicit_text or "",
    ]


def accesses(e):
    return [[d.access_method.dotted_string, general(d.access_location)] for d in e]


def moment(t):
    return t and t.strftime("%Y%m%d%H%M%SZ").zfill(15)


def timestamps(e):
    return [
        [s.version.value, s.log_id.hex(), int(s.timestamp.timestamp() * 1000 + 0.5), sha256(s.extension_bytes),
         sha256(s.signature)]
        for s in e
    ]


KINDS = {
    x509.BasicConstraints: lambda e: [e.ca, e.path_length],
    x509.KeyUsage: usage,
    x509.ExtendedKeyUsage: lambda e: [purpose.dotted_string for purpose in e],
    x509.SubjectKeyIdentifier: lambda e: e.digest.hex(),
    x509.AuthorityKeyIdentifier: lambda e: [
        e.key_identifier and e.key_identifier.hex(), generals(e.authority_cert_issuer),
        None if e.authority_cert_serial_number is None else "%x" % e.authority_cert_serial_number,
    ],
    x509.SubjectAlternativeName: generals,
    x509.IssuerAlternativeName: generals,
    x509.CertificateIssuer: generals,
    x509.NameConstraints: lambda e: [generals(e.permitted_subtrees), generals(e.excluded_subtrees)],
    x509.CertificatePolicies: policies,
    x509.PolicyConstraints: lambda e: [e.require_explicit_policy, e.inhibit_policy_mapping],
    x509.InhibitAnyPolicy: lambda e: e.skip_certs,
    x509.CRLDistributionPoints: points,
    x509.FreshestCRL: points,
    x509.AuthorityInformationAccess: accesses,
    x509.SubjectInformationAccess: accesses,
    x509.TLSFeature: lambda e: [feature.value for feature in e],
    x509.PrivateKeyUsagePeriod: lambda e: [moment(e.not_before), moment(e.not_after)],
    x509.OCSPNoCheck: lambda e: [],
    x509.PrecertPoison: lambda e: [],
    x509.PrecertificateSignedCertificateTimestamps: timestamps,
    x509.CRLNumber: lambda e: "%x" % e.crl_number,
    x509.DeltaCRLIndicator: lambda e: "%x" % e.crl_number,
    x509.IssuingDistributionPoint: scope,
    x509.CRLReason: lambda e: REASON_NUMBERS[e.reason.name],
    x509.InvalidityDate: lambda e: moment(e.invalidity_date_utc),
}
