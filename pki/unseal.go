package pki

import "golang.org/x/crypto/cryptobyte/asn1"

// Unseal decrypts an EncryptedPrivateKeyInfo (RFC 5958, section 3), the shape in
// which PKCS#12 encrypts other things than keys too. Costs of the derivation are
// bounded as those of keys are. The passphrase is UTF-8; none at all, nil, is not
// the same as an empty one to the older ways of PKCS#12. A passphrase that does
// not open it is the error PassphraseWrong.
func Unseal(info, passphrase []byte) ([]byte, error) {
	d := newDER(info)
	content := d.sequence("encrypted data")
	d.end("the encrypted data")
	with, sealed := content.encryptedKey()
	if err := d.err(); err != nil {
		return nil, unreadableKey("the encrypted data", err)
	}
	if with.refused != nil {
		return nil, with.refused
	}
	if len(sealed) == 0 || len(sealed)%with.block != 0 {
		return nil, badKey("the encrypted data cannot be read: %d bytes are no whole blocks of %s", len(sealed), with.cipher)
	}
	data, err := with.open(passphrase, sealed)
	if err != nil || len(data) == 0 || data[0] != byte(asn1.SEQUENCE) {
		return nil, wrongPassphrase("the encrypted data")
	}
	return data, nil
}
