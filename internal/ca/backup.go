package ca

import (
	"bytes"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// backupBegin parts a backup from all else that an intermediate signs.
const backupBegin = "signet-backup/v1\n"

// SignBackup signs what a backup says.
func (c *CA) SignBackup(body []byte) ([]byte, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return pki.SignFile(c.intermediate.Key, bytes.NewReader(append([]byte(backupBegin), body...)))
}

// VerifyBackup refuses what the intermediate on record has not signed, or one whose
// root has not signed the intermediate.
func VerifyBackup(root *pki.Certificate, stored Stored, body, signature []byte) error {
	chain, err := pki.ParseCertificates([]byte(stored.Intermediate))
	if err == nil {
		err = chain[0].CheckSignatureBy(root.PublicKey())
	}
	if err == nil {
		err = pki.VerifyFile(chain[0].PublicKey(), bytes.NewReader(append([]byte(backupBegin), body...)), signature)
	}
	if err != nil {
		return fault.Wrap(err, BackupUnsigned, "the backup is not as its authority signed it").WithHint("use another copy, and find out who could write to this one")
	}
	return nil
}
