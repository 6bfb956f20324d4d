package pki

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	NoCertificate   fault.Code = "no_certificate"
	CertUnreadable  fault.Code = "cert_unreadable"
	KeyUnreadable   fault.Code = "key_unreadable"
	KeyMissing      fault.Code = "key_missing"
	KeyMismatch     fault.Code = "key_mismatch"
	KeyShared       fault.Code = "key_shared"
	InputTooLarge   fault.Code = "input_too_large"
	KeyEncrypted    fault.Code = "key_encrypted"
	KeyWeak         fault.Code = "key_weak"
	KeyCostly       fault.Code = "key_costly"
	PassphraseWrong fault.Code = "passphrase_wrong"
	SpecInvalid     fault.Code = "spec_invalid"
	NotAnAuthority  fault.Code = "not_an_authority"
	BeyondAuthority fault.Code = "beyond_authority"
	RequestInvalid  fault.Code = "request_invalid"
	SigningFailed   fault.Code = "signing_failed"
	AuthorityIsOver fault.Code = "authority_expired"

	CertUnsupported  fault.Code = "cert_unsupported"
	ExtensionInvalid fault.Code = "extension_invalid"
	OIDInvalid       fault.Code = "oid_invalid"
	DNInvalid        fault.Code = "dn_invalid"
	SignatureWrong   fault.Code = "signature_wrong"
	SignatureWeak    fault.Code = "signature_weak"
	KeyUnsupported   fault.Code = "key_unsupported"
	KeyMalformed     fault.Code = "key_malformed"

	SignatureUnsupported fault.Code = "signature_unsupported"

	NoRequest     fault.Code = "no_request"
	NoCRL         fault.Code = "no_crl"
	CRLUnreadable fault.Code = "crl_unreadable"

	OCSPUnreadable fault.Code = "ocsp_unreadable"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: NoCertificate, Meaning: "The input holds no certificate.",
			Cause: "A private key, a request or an empty file was named where a certificate is wanted.",
			Next:  "Name a file with a -----BEGIN CERTIFICATE----- block, or a DER certificate."},
		{Code: CertUnreadable, Meaning: "A certificate could not be read; the message says which block.",
			Cause: "A damaged file, a block cut short in copying, or an encoding that RFC 5280 forbids.",
			Next:  "Copy the file again from where it was made; if it is the original, ask its issuer for a new one."},
		{Code: KeyUnreadable, Meaning: "A private key could not be read.",
			Cause: "A damaged or encrypted file, or a kind of key that TLS does not use.",
			Next:  "Use an unencrypted PKCS#8, PKCS#1 or SEC1 key in PEM: RSA, ECDSA or Ed25519."},
		{Code: KeyMissing, Meaning: "The file holds a certificate, but not its private key.",
			Cause: "The certificate was copied without its key.",
			Next:  "Put the key's PEM block in the same file, readable by its owner alone."},
		{Code: KeyMismatch, Meaning: "The private key does not belong to the certificate.",
			Cause: "The certificate was renewed with a new key and the old key was kept, or the other way round.",
			Next:  "Pair the certificate with the key that its request was made with."},
		{Code: KeyShared, Meaning: "The key that a certificate is wanted for is one of the authority's own.",
			Cause: "A request was made with the authority's key, often because both are in the same file.",
			Next:  "Make a new key: signet cert request makes one with the request."},
		{Code: InputTooLarge, Meaning: "The input is larger than what is read.",
			Cause: "The wrong file was named.",
			Next:  "Name a file of at most 16 MiB."},
		{Code: KeyEncrypted, Meaning: "The private key is encrypted, and no passphrase was given.",
			Cause: "A key that rests in a file was named where one is used without a question.",
			Next:  "Decrypt it with openssl pkey -in encrypted.pem -out key.pem, and keep key.pem at mode 0600."},
		{Code: KeyWeak, Meaning: "The key is so weak that it is not used; the message says what is wrong with it.",
			Cause: "An RSA key below 2,048 bits, with a bad exponent, or made by a chip with the flaw called ROCA, or an Ed25519 key of small order.",
			Next:  "Make a new key, and have its certificates issued anew."},
		{Code: KeyCostly, Meaning: "Opening the encrypted key would cost more time or memory than is given.",
			Cause: "A file made to keep its reader busy, or one written with extreme settings.",
			Next:  "Write the file anew with a usual cost, such as openssl pkcs8 -topk8 -iter 600000."},
		{Code: PassphraseWrong, Meaning: "The passphrase does not open the private key.",
			Cause: "A mistyped passphrase, that of another key, or a damaged file, which often cannot be told apart.",
			Next:  "Try it again; if it is certainly right, copy the file again from where it was made."},
		{Code: SpecInvalid, Meaning: "The wanted certificate contradicts its profile.",
			Cause: "A server without a name, a workload without a SPIFFE ID, or an authority with subject alternative names.",
			Next:  "Give the names that the profile needs, and only those."},
		{Code: NotAnAuthority, Meaning: "The certificate that should sign is not an authority.",
			Cause: "A leaf certificate was named as the issuer.",
			Next:  "Sign with a root or an intermediate certificate."},
		{Code: BeyondAuthority, Meaning: "The authority's own certificate, or one above it, forbids what it should sign, so every peer would refuse it.",
			Cause: "A name outside of its name constraints, an authority below its path length, or a purpose that it has not.",
			Next:  "Sign with an authority that may, or leave out what the message names."},
		{Code: RequestInvalid, Meaning: "The certificate request is damaged, or its signature is not its key's.",
			Cause: "The request was altered on its way, or the sender does not hold the key.",
			Next:  "Make a new request with the key at hand."},
		{Code: NoRequest, Meaning: "The input holds no certificate request.",
			Cause: "A private key, a certificate or an empty file was named where a request is wanted.",
			Next:  "Name a file with a -----BEGIN CERTIFICATE REQUEST----- block, or a request in DER."},
		{Code: NoCRL, Meaning: "The input holds no certificate revocation list.",
			Cause: "A certificate, a key or an empty file was named where a revocation list is wanted.",
			Next:  "Name a file with a -----BEGIN X509 CRL----- block, or a revocation list in DER."},
		{Code: CRLUnreadable, Meaning: "A certificate revocation list could not be read; the message says which block, or at which byte.",
			Cause: "A damaged file, a download cut short, or an encoding that RFC 5280 forbids.",
			Next:  "Get it again from its distribution point; if it is damaged there too, tell its issuer."},
		{Code: OCSPUnreadable, Meaning: "An OCSP request or response could not be read.",
			Cause: "It was damaged or cut short, or the server answered with something else, such as a page for people.",
			Next:  "Ask the responder again; if the answer stays the same, tell the authority that runs it."},
		{Code: SigningFailed, Meaning: "What was to be signed could not be.",
			Cause: "The issuer's key is of a kind that cannot sign, or its key store refused.",
			Next:  "Look at the cause in the message and at the issuer's key."},
		{Code: AuthorityIsOver, Meaning: "The issuing certificate is not valid now, so what it signs could not be either.",
			Cause: "The authority was not renewed in time, or this machine's clock is wrong.",
			Next:  "Renew the authority's certificate, or set the clock."},
		{Code: CertUnsupported, Meaning: "The certificate can be read here, but not by Go's crypto/x509, which TLS needs.",
			Cause: "It breaks a rule that crypto/x509 insists on; the message names it.",
			Next:  "Have the certificate issued again without what the message names."},
		{Code: ExtensionInvalid, Meaning: "An extension's contents are not what its kind says that they are, or it stands there twice.",
			Cause: "The program that made the certificate encodes it wrongly.",
			Next:  "Have it issued again by another program; strict ones refuse it as it is."},
		{Code: OIDInvalid, Meaning: "An object identifier is not one.",
			Cause: "It is misspelt.",
			Next:  "Write it as numbers with dots, such as 1.3.6.1.5.5.7.3.1."},
		{Code: DNInvalid, Meaning: "A distinguished name, or a value in it, is not one.",
			Cause: "A character that needs a backslash stands without one, a type is unknown, or a value is not what its type allows.",
			Next:  "Write it like CN=Jane Doe,O=Example Ltd,C=GB."},
		{Code: SignatureWrong, Meaning: "The signature was not made by the key over these bytes.",
			Cause: "The bytes were altered, or another key signed them.",
			Next:  "Do not trust what is signed; get it again from where it was made."},
		{Code: SignatureWeak, Meaning: "The signature is right, but its algorithm can be forged.",
			Cause: "It was made with MD5 or SHA-1, long ago or by old software.",
			Next:  "Have it signed again with SHA-256 or better."},
		{Code: SignatureUnsupported, Meaning: "The signature's algorithm is not known here.",
			Cause: "It is rare, or newer than this version.",
			Next:  "Have it signed again with RSA, ECDSA or Ed25519."},
		{Code: KeyUnsupported, Meaning: "The key, or its encryption, is of a kind that is recognised but not used; the message says why.",
			Cause: "A DSA, Ed448 or brainpool key, one for key exchange alone, or a file encrypted with RC2 or RC4.",
			Next:  "Use an RSA, ECDSA or Ed25519 key in PKCS#8."},
		{Code: KeyMalformed, Meaning: "A public key, or that in a certificate, is not one of its kind: it cannot be read.",
			Cause: "It was damaged, or the program that made it encodes it wrongly.",
			Next:  "Make a new key with signet key new, and have the authority issue the certificate again for it."},
	}
}
