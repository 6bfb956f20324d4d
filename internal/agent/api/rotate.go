package api

import (
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// The steps of a rotation.
const (
	StepPrepare  = "prepare"
	StepActivate = "activate"
	StepRetire   = "retire"
)

// RotateRequest asks for a step of a rotation.
type RotateRequest struct {
	What   string      `json:"what"` // "intermediate" or "root"
	Step   string      `json:"step"`
	Signed *RootSigned `json:"signed,omitempty"` // of a preparation, by a root that is kept elsewhere
	Anyway bool        `json:"anyway,omitempty"` // leave those behind who are not ready
}

// RootSigned is what a root that is kept elsewhere has signed, in DER.
type RootSigned struct {
	Intermediate []byte `json:"intermediate"`
	Root         []byte `json:"root,omitempty"`        // the next one, if that is rotated
	Endorsement  []byte `json:"endorsement,omitempty"` // of it by the present one
}

// Rotation is how far a rotation has come.
type Rotation struct {
	TrustDomain  spiffeid.TrustDomain `json:"trust_domain"`
	Turning      string               `json:"turning,omitempty"` // "intermediate" or "root"; "": nothing is being rotated
	Stage        string               `json:"stage,omitempty"`   // "prepared" or "activated"
	Since        time.Time            `json:"since,omitzero"`
	Root         AuthorityCert        `json:"root"`
	Intermediate AuthorityCert        `json:"intermediate"`
	RootAway     bool                 `json:"root_away,omitempty"` // its key is not with the authority
	Behind       []Behind             `json:"behind"`              // for whom the next step would come too early
	Sign         []byte               `json:"sign,omitempty"`      // a public key (PKIX, DER) that the root elsewhere is to sign; nothing was changed
	Change       *Change              `json:"change,omitempty"`    // what the step did
}

// AuthorityCert is a certificate of the authority's.
type AuthorityCert struct {
	Sum      string    `json:"sha256"` // in lower-case hexadecimal
	NotAfter time.Time `json:"not_after"`
}

// Behind is somebody who has not got what a rotation has handed out.
type Behind struct {
	ID     spiffeid.ID `json:"id"`
	Holder spiffeid.ID `json:"holder,omitzero"` // the proxy in whose hands it is
	Until  time.Time   `json:"until"`           // when what they have ends by itself
}
