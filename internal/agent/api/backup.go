package api

import (
	"encoding/json"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// MaxBackup bounds a backup, in bytes: what the store may hold, as it is written.
const MaxBackup = 2 << 30

// Backup is what an authority knows, signed by its intermediate. Its keys are not in
// it.
type Backup struct {
	Body      json.RawMessage `json:"body"` // a BackupBody, letter for letter as it was signed
	Signature []byte          `json:"signature"`
}

// BackupRequest asks for one, with what is to be in it beside the truth: where the
// authority listens, as its folder has it.
type BackupRequest struct {
	Settings json.RawMessage `json:"settings,omitempty"`
}

// BackupBody is the truth at one moment.
type BackupBody struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Epoch       int64                `json:"epoch"`
	Revision    int64                `json:"revision"`
	At          time.Time            `json:"at"`
	Entries     int64                `json:"audit_entries"` // in the audit log, at least
	Checkpoint  []byte               `json:"checkpoint"`    // of the audit log, signed; a moment before
	Values      [][2]string          `json:"values"`        // of the store: key and value
	Settings    json.RawMessage      `json:"settings,omitempty"`
}
