package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"hash"
	"io"

	"github.com/signet-tls/signet/fault"
)

// MaxEd25519File is the largest file that is signed with Ed25519, or checked, in
// bytes: the algorithm reads it twice, so that it must fit in memory
// (RFC 8032, section 5.1.6).
const MaxEd25519File = 64 << 20

// SignFile returns a detached signature of what file holds, in the bytes that
// openssl dgst -sign and openssl pkeyutl -sign -rawin write: for RSA PKCS#1 v1.5
// with SHA-256, for ECDSA DER, with SHA-256, 384 or 512 as the curve is large,
// for Ed25519 its 64 bytes. The file is read once and not kept, but for Ed25519.
// An error of reading it is handed on.
func SignFile(key crypto.Signer, file io.Reader) ([]byte, error) {
	block, err := MarshalPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	d := newDER(block.Bytes)
	public, err := d.publicKey().forFiles()
	if err != nil {
		return nil, err
	}
	digest, with := []byte(nil), crypto.Hash(0)
	if _, whole := public.(ed25519.PublicKey); whole {
		digest, err = readWhole(file)
	} else {
		with = fileHash(public)
		digest, err = digestFile(file, with.New())
	}
	if err != nil {
		return nil, err
	}
	signature, err := key.Sign(rand.Reader, digest, with)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "signing the file").WithHint(signingHint)
	}
	return signature, nil
}

// fileHashes are the digests that a file's signature may be of. The signature
// does not name its own, so that all are computed while the file is read.
var fileHashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// VerifyFile reports whether the key made the detached signature of what file
// holds: as SignFile does, with any of SHA-256, 384 and 512, and for RSA by PSS
// too, with the same digest in its mask. An error of reading the file is handed
// on.
func VerifyFile(key *PublicKey, file io.Reader, signature []byte) error {
	public, err := key.forFiles()
	if err != nil {
		return err
	}
	if whole, ok := public.(ed25519.PublicKey); ok {
		message, err := readWhole(file)
		if err != nil {
			return err
		}
		if ed25519.Verify(whole, message, signature) {
			return nil
		}
		return notItsSignature()
	}
	hashes := make([]hash.Hash, len(fileHashes))
	writers := make([]io.Writer, len(fileHashes))
	for i, with := range fileHashes {
		hashes[i] = with.New()
		writers[i] = hashes[i]
	}
	if _, err := io.Copy(io.MultiWriter(writers...), file); err != nil {
		return err
	}
	for i, with := range fileHashes {
		if verifiesDigest(public, with, hashes[i].Sum(nil), signature) {
			return nil
		}
	}
	return notItsSignature()
}

func verifiesDigest(public crypto.PublicKey, with crypto.Hash, digest, signature []byte) bool {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, with, digest, signature) == nil ||
			rsa.VerifyPSS(public, with, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	}
	return false
}

// forFiles returns the key if it is one that files are signed with.
func (k *PublicKey) forFiles() (crypto.PublicKey, error) {
	if problem, weak := k.look().refusal(); weak {
		return nil, fault.New(KeyWeak, "the file's key is not used: %s", problem.Text).WithHint(weakHint)
	}
	return k.Key()
}

// fileHash is the digest whose strength is that of the key (FIPS 186-5, section
// 6.1.1 for ECDSA).
func fileHash(public crypto.PublicKey) crypto.Hash {
	if public, ok := public.(*ecdsa.PublicKey); ok {
		switch bits := public.Params().BitSize; {
		case bits > 384:
			return crypto.SHA512
		case bits > 256:
			return crypto.SHA384
		}
	}
	return crypto.SHA256
}

func digestFile(file io.Reader, h hash.Hash) ([]byte, error) {
	if _, err := io.Copy(h, file); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// readWhole reads a file for Ed25519.
func readWhole(file io.Reader) ([]byte, error) {
	var message bytes.Buffer
	if _, err := io.Copy(&message, io.LimitReader(file, MaxEd25519File+1)); err != nil {
		return nil, err
	}
	if message.Len() > MaxEd25519File {
		return nil, fault.New(InputTooLarge, "a file of more than %d bytes; Ed25519 would have to keep all of it in memory", MaxEd25519File).
			WithHint("sign it with an ECDSA or RSA key, for which a file can have any size")
	}
	return message.Bytes(), nil
}

func notItsSignature() error {
	return fault.New(SignatureWrong, "the signature was not made by this key over this file").
		WithHint("do not use the file; get it and its signature again from where they were made, and see that the key is its maker's")
}
