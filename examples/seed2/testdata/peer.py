"""What both ends written with pyOpenSSL do alike."""

from cryptography import x509
from OpenSSL import SSL, crypto


def context_for(method, roots, pem=None):
    """Returns a context that demands a certificate of the peer, and is strict."""
    context = SSL.Context(method)
    context.load_verify_locations(roots)
    context.get_cert_store().set_flags(crypto.X509StoreFlags.X509_STRICT)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    if pem:
        context.use_certificate_chain_file(pem)
        context.use_privatekey_file(pem)
        context.check_privatekey()
    return context


def names_of(conn):
    """Returns the URIs of the peer's certificate."""
    cert = conn.get_peer_certificate(as_cryptography=True)
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)
