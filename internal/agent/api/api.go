// Package api holds the messages between the authority, the agents of its
// proxies and its operators: JSON over HTTP with mutual TLS.
package api

import (
	"encoding/json"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Paths of the authority. A proxy may use the first group, an operator the
// second; PathCertificate is everybody's, for their own.
const (
	PathWatch       = "/v1/watch"       // GET: a stream of Update, one JSON value a line
	PathCertificate = "/v1/certificate" // POST CertificateRequest → Certificate
	PathApplied     = "/v1/applied"     // POST Applied
	PathEvents      = "/v1/events"      // POST Batch
	PathLive        = "/v1/live"        // POST Live
	PathOffer       = "/v1/offer"       // POST Offer
	PathNewest      = "/v1/newest"      // POST []Issued → []Issued, of each its newest successor

	PathAllow  = "/v1/allow"  // POST PairRequest → Change
	PathDeny   = "/v1/deny"   // POST PairRequest → Change
	PathRevoke = "/v1/revoke" // POST RevokeRequest → Change
	PathConns  = "/v1/conns"  // GET → Conns
	PathConn   = "/v1/conn"   // GET ?id=PREFIX → History
	PathStatus = "/v1/status" // GET → System
	PathPair   = "/v1/pair"   // GET ?from=NAME&to=NAME → Pair
	PathCut    = "/v1/cut"    // POST CutRequest → CutDone
	PathToken  = "/v1/token"  // POST TokenRequest → TokenMade
	PathPolicy = "/v1/policy" // GET → Policy; POST Policy → Change: this is the whole of it from now on
	PathUndo   = "/v1/undo"   // POST UndoRequest → Change
	PathDecide = "/v1/decide" // POST []PairRequest → []Decision
	PathBackup = "/v1/backup" // POST {} → Backup
	PathRotate = "/v1/rotate" // GET → Rotation; POST RotateRequest → Rotation
)

// Bounds of what is read from the other end, in bytes, and of a batch.
const (
	MaxRequest = 1 << 20
	MaxUpdate  = 16 << 20
	MaxBatch   = 1000 // events, or certificates
)

// Error is the body of every answer whose status is not 2xx.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Update is one line of the watch. Exactly one field is set, but for a Slice,
// which stands beside its Head, and a Cut, which stands beside its Ask.
type Update struct {
	Head  *Head           `json:"head,omitempty"`  // what is in force; alone: the authority is alive
	Slice json.RawMessage `json:"slice,omitempty"` // a Slice, letter for letter as Head has its digest
	Ask   uint64          `json:"ask,omitempty"`   // report the live connections under this number
	Where []Where         `json:"where,omitempty"` // of services that were asked for, those that have changed
	Cut   *Cut            `json:"cut,omitempty"`   // end these first
	Rival string          `json:"rival,omitempty"` // the address of another process that is this proxy, too, and was refused
}

// HeaderRun is the header of a proxy's requests that tells one run of its agent from
// another: which of several processes of one name asks.
const HeaderRun = "Signet-Run"

// Slice is the part of the truth that one proxy needs: everything about the
// identities that it may hold.
type Slice struct {
	Revision   int64         `json:"revision"`
	EpochProof []byte        `json:"epoch_proof,omitempty"` // what the root has signed of the epoch; the first has none
	Identities []spiffeid.ID `json:"identities"`            // granted to the proxy; null: it is bound to none in particular
	Rules      []Rule        `json:"rules"`
	Groups     []Group       `json:"groups,omitempty"` // that the rules name
	Revoked    []Revocation  `json:"revoked"`
	Trust      Roots         `json:"trust,omitzero"` // whom to believe; nobody named: as before
}

// RevocationOf returns the revocation of an identity, nil if there is none: of one that
// was restored, certificates count no longer, and it does.
func (s *Slice) RevocationOf(id spiffeid.ID) *Revocation {
	for i := range s.Revoked {
		if s.Revoked[i].ID == id && s.Revoked[i].Cause == "" {
			return &s.Revoked[i]
		}
	}
	return nil
}

// Rule is one Cedar policy.
type Rule struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Group is a name for several identities.
type Group struct {
	Name    string        `json:"name"`
	Members []spiffeid.ID `json:"members"`
}

// Revocation bars an identity: its certificates, and those of others that it
// held, are dead, and it gets no new one. With a Cause only the serials are dead.
type Revocation struct {
	ID       spiffeid.ID `json:"id"`
	Serials  []string    `json:"serials"` // lower-case hexadecimal
	By       spiffeid.ID `json:"by"`
	Because  string      `json:"because,omitempty"`
	Revision int64       `json:"revision"`
	At       time.Time   `json:"at"`
	// Cause is why these certificates count no longer though the identity does:
	// "restored" after a revocation, "replaced" by another host, or "ungranted".
	Cause string `json:"cause,omitempty"`
	// Own says that it was this proxy that held them, and may hold the identity no more.
	Own bool `json:"own,omitempty"`
}

// CertificateRequest asks for a certificate of an identity that the proxy may
// hold, or of its own. The request is PKCS#10 in DER.
type CertificateRequest struct {
	ID         spiffeid.ID `json:"id"`
	Request    []byte      `json:"request"`
	Generation int64       `json:"generation,omitempty"` // of the Roots that are believed where it goes
}

// Certificate is the chain that was issued, leaf first, each in DER.
type Certificate struct {
	Chain [][]byte `json:"chain"`
}

// Issued is a certificate that was issued. Its successors are those of the same
// identity in the same hands; without one it is its own newest.
type Issued struct {
	ID       spiffeid.ID `json:"id"`
	Serial   string      `json:"serial"` // lower-case hexadecimal
	NotAfter time.Time   `json:"not_after"`
}

// Applied says that a proxy has a revision in force, and what that ended.
type Applied struct {
	Revision int64       `json:"revision"`
	Ended    []EndedConn `json:"ended,omitempty"`
	Doors    int         `json:"doors"`    // connections that went on, at this proxy's doors
	Services int         `json:"services"` // the same, at its services
}

// Live answers an Ask.
type Live struct {
	Ask   uint64 `json:"ask"`
	Conns []Conn `json:"conns"`
}

// Conn is one live connection, as one proxy sees it.
type Conn struct {
	ID       string      `json:"id"` // "c" and 32 hexadecimal digits, equal at both ends
	From     spiffeid.ID `json:"from"`
	To       spiffeid.ID `json:"to"`
	Opened   time.Time   `json:"opened"`
	Sent     int64       `json:"sent"` // bytes, from → to
	Back     int64       `json:"back"` // bytes, to → from
	Rule     string      `json:"rule"` // that allows it
	Deadline time.Time   `json:"deadline"`
	Renewing bool        `json:"renewing"` // the deadline moves on by itself
	// Path is who carries its bytes: "std" or "record", as data_path in a proxy's
	// configuration, and "std" where its ends differ; empty where no proxy does.
	Path string `json:"path,omitempty"`
	// PeerUntil is when the newest certificate ends that is known of the other
	// end. It is the deadline where no proxy stands at that end.
	PeerUntil time.Time `json:"peer_until,omitzero"`
	// Until is when the rules have to be asked again, and by what is known now
	// will say no.
	Until time.Time `json:"until,omitzero"`
}

// Unproxied is the connection where no proxy stands at the other end, or none that is
// known: nothing is known to renew the certificate there.
func (c Conn) Unproxied() Conn {
	if !c.PeerUntil.IsZero() && (c.Renewing || c.PeerUntil.Before(c.Deadline)) {
		c.Deadline, c.Renewing = c.PeerUntil, false
	}
	return c
}

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	Opened  Kind = "opened"
	Refused Kind = "refused"
	Ended   Kind = "ended"
	Changed Kind = "changed" // by an operator: allow, deny, revoke
	Warned  Kind = "warned"  // by a proxy, of itself: it refused what came, or cannot keep it
)

// Side is the end of a connection at which a proxy stands.
type Side string

// The sides.
const (
	Door    Side = "door"    // outbound: the client's proxy
	Service Side = "service" // inbound: the service's proxy
)

// Event is something that happened to a connection, or a change by an operator.
type Event struct {
	Time     time.Time   `json:"time"`
	Kind     Kind        `json:"kind"`
	Conn     string      `json:"conn,omitempty"` // empty where there was no handshake
	Proxy    spiffeid.ID `json:"proxy,omitzero"` // set by the authority
	Side     Side        `json:"side,omitempty"`
	From     spiffeid.ID `json:"from"`
	To       spiffeid.ID `json:"to"`
	Remote   string      `json:"remote,omitempty"`   // address of the other end of TLS
	Code     string      `json:"code,omitempty"`     // why it was refused or ended; empty: closed by its ends
	Reason   string      `json:"reason,omitempty"`   // the same in words
	Rule     string      `json:"rule,omitempty"`     // that allowed, denied or was written
	Revision int64       `json:"revision,omitempty"` // in force then
	TLS      string      `json:"tls,omitempty"`      // "1.3, AES-128-GCM, …"
	Path     string      `json:"path,omitempty"`     // who carried its bytes, of what a proxy ended: see Conn
	Sent     int64       `json:"sent,omitempty"`
	Back     int64       `json:"back,omitempty"`
	By       spiffeid.ID `json:"by,omitzero"`
	Because  string      `json:"because,omitempty"`
}

// PairRequest names two identities: short names of the authority's trust
// domain, or SPIFFE IDs.
type PairRequest struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Because string `json:"because,omitempty"`
	// For is how long a rule holds; 0 is for good.
	For time.Duration `json:"for_ns,omitempty"`
	// Anyway lets the two be unknown.
	Anyway bool `json:"anyway,omitempty"`
	DryRun bool `json:"dry_run,omitempty"` // only say what it would do
}

// RevokeRequest names an identity, as PairRequest.
type RevokeRequest struct {
	Who     string `json:"who"`
	Because string `json:"because,omitempty"`
	Anyway  bool   `json:"anyway,omitempty"` // though nobody is left who could ask for anything
	DryRun  bool   `json:"dry_run,omitempty"`
}

// Change is what an operator's act did. The act is durable; InForce tells how
// far it has come.
type Change struct {
	TrustDomain  spiffeid.TrustDomain `json:"trust_domain"`
	Revision     int64                `json:"revision"`
	From         spiffeid.ID          `json:"from,omitzero"` // of a pair
	To           spiffeid.ID          `json:"to,omitzero"`
	Who          spiffeid.ID          `json:"who,omitzero"`           // of a revocation
	WhoIsProxy   bool                 `json:"who_is_proxy,omitempty"` // so that it may not report what it ended
	Proxy        spiffeid.ID          `json:"proxy,omitzero"`         // that may hold Who, or may not any more
	HeldBy       []spiffeid.ID        `json:"held_by,omitempty"`      // proxies that hold who was restored
	NamedBy      []string             `json:"named_by,omitempty"`     // rules and groups that name who was removed
	Certificates int                  `json:"certificates,omitempty"` // that the revocation killed
	Rule         string               `json:"rule,omitempty"`         // that was written
	Replaced     string               `json:"replaced,omitempty"`     // that it stands in place of
	Stays        string               `json:"stays,omitempty"`        // the rule that is back after one for a time
	Until        time.Time            `json:"until,omitzero"`         // the end of the rule
	Undone       int64                `json:"undone,omitempty"`       // the revision that was taken back
	Edits        []Edit               `json:"edits,omitempty"`        // of rules and groups
	Would        *Foresight           `json:"would,omitempty"`        // nothing was changed; this is what would happen
	Proxies      int                  `json:"proxies"`                // that the change concerns
	Barred       int                  `json:"barred,omitempty"`       // proxies that are revoked, and hear of no change
	InForce      int                  `json:"in_force"`               // of them, have it
	After        time.Duration        `json:"after_ns"`               // until the last of them had it
	Missing      []Missing            `json:"missing,omitempty"`      // the others
	Ended        []EndedConn          `json:"ended,omitempty"`
	Others       int                  `json:"others"`              // connections that went on
	Unchanged    bool                 `json:"unchanged,omitempty"` // it was so already: no new revision
	Revoked      []spiffeid.ID        `json:"revoked,omitempty"`   // of the pair: no rule lets these in again
}

// Edit is a rule or a group that a change adds, changes or removes.
type Edit struct {
	What string `json:"what"` // "rule" or "group"
	Name string `json:"name"`
	How  string `json:"how"` // "added", "changed" or "removed"
}

// Foresight is what a change would do, by what is known when it is asked.
type Foresight struct {
	Ends   []EndedConn `json:"ends,omitempty"`    // live connections
	Stay   int         `json:"stay"`              // live connections that would go on
	LetsIn int         `json:"lets_in,omitempty"` // attempts refused in the last hour that would have passed
	Flips  []Flip      `json:"flips,omitempty"`   // pairs of recorded connections that would be decided otherwise
	Silent []Missing   `json:"silent,omitempty"`  // proxies that did not say what is open
}

// Flip is a pair that would be decided otherwise.
type Flip struct {
	From    spiffeid.ID `json:"from"`
	To      spiffeid.ID `json:"to"`
	Allowed bool        `json:"allowed"` // from then on
	Reason  string      `json:"reason"`  // then
	Live    int         `json:"live"`    // connections open now
	Tries   int         `json:"tries"`   // recorded: opened and refused
}

// Policy is all rules and groups.
type Policy struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain,omitzero"`
	// Revision is the present one; in a request the one that was edited, 0 for
	// whichever there is.
	Revision int64         `json:"revision"`
	Rules    []PolicyRule  `json:"rules"`
	Groups   []PolicyGroup `json:"groups"`
	Because  string        `json:"because,omitempty"` // in a request
	DryRun   bool          `json:"dry_run,omitempty"` // in a request
}

// PolicyRule is a rule and where it comes from.
type PolicyRule struct {
	Rule
	Origin
}

// PolicyGroup is a group and where it comes from.
type PolicyGroup struct {
	Group
	Origin
}

// Origin is who wrote something last, and why; a request has none.
type Origin struct {
	By      spiffeid.ID `json:"by,omitzero"`
	Because string      `json:"because,omitempty"`
	Since   int64       `json:"since,omitempty"` // the revision
	At      time.Time   `json:"at,omitzero"`
}

// UndoRequest names a revision whose change of rules and groups is taken back.
type UndoRequest struct {
	Revision int64  `json:"revision"`
	Because  string `json:"because,omitempty"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

// Decision is the answer for one pair.
type Decision struct {
	From    spiffeid.ID `json:"from"`
	To      spiffeid.ID `json:"to"`
	Allowed bool        `json:"allowed"`
	Code    string      `json:"code,omitempty"`
	Reason  string      `json:"reason"`
	Nearest string      `json:"nearest,omitempty"`
}

// Missing is a proxy that has not confirmed a change.
type Missing struct {
	Proxy     spiffeid.ID `json:"proxy"`
	Connected bool        `json:"connected"`
	Since     time.Time   `json:"since,omitzero"` // when it was last heard of
	// Rival is where a second process of this name is, which the authority refuses,
	// and which so hears of nothing.
	Rival string `json:"rival,omitempty"`
}

// EndedConn is a connection that a change ended.
type EndedConn struct {
	ID   string      `json:"id"`
	From spiffeid.ID `json:"from"`
	To   spiffeid.ID `json:"to"`
	Ends int         `json:"ends,omitempty"` // how many of its two ends confirmed; set by the authority
	// Revocation is the revision of the one that ended it; 0 if policy did.
	Revocation int64 `json:"revocation,omitempty"`
}

// Conns are the live connections, each once, and the state of the proxies.
type Conns struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Revision    int64                `json:"revision"`
	Now         time.Time            `json:"now"`
	Conns       []Conn               `json:"conns"`
	Proxies     int                  `json:"proxies"`
	UpToDate    int                  `json:"up_to_date"`
	Silent      []Missing            `json:"silent,omitempty"`       // proxies that did not answer
	Barred      int                  `json:"barred,omitempty"`       // proxies that are revoked, and not counted
	Started     time.Time            `json:"started,omitzero"`       // of the authority, if in the last hour: it knows of nothing before
	Refused     int                  `json:"refused_last_hour"`      // as far as events are kept
	Lost        int                  `json:"events_lost,omitempty"`  // of the last hour, that proxies had no room for
	RefusedMore bool                 `json:"refused_more,omitempty"` // and there were others
}

// History is what is known of one connection, oldest first.
type History struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Now         time.Time            `json:"now"`
	ID          string               `json:"id"`
	Live        *Conn                `json:"live,omitempty"`
	Events      []Event              `json:"events"`          // of both ends, and the change that ended it
	Alone       bool                 `json:"alone,omitempty"` // a proxy tells it that has no authority, and knows of its own end
}

// Pair says whether one identity may open connections to another, and why.
type Pair struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Revision    int64                `json:"revision"`
	Now         time.Time            `json:"now"`
	From        PairEnd              `json:"from"`
	To          PairEnd              `json:"to"`
	Allowed     bool                 `json:"allowed"`
	Code        string               `json:"code,omitempty"`  // why not
	Rules       []string             `json:"rules,omitempty"` // that decided
	Reason      string               `json:"reason"`
	RuleCount   int                  `json:"rule_count"`         // in the whole policy
	Nearest     string               `json:"nearest,omitempty"`  // the rule that would allow it but for one clause
	Until       time.Time            `json:"until,omitzero"`     // when it has to be decided anew
	LastTry     *Event               `json:"last_try,omitempty"` // the latest opened or refused
	Live        int                  `json:"live"`               // connections open now
	Alone       bool                 `json:"alone,omitempty"`    // as in History
}

// PairEnd is what is known of one of the two.
type PairEnd struct {
	ID       spiffeid.ID `json:"id"`
	Known    bool        `json:"known"`
	NotAfter time.Time   `json:"not_after,omitzero"` // of its newest certificate
	Revoked  *Revocation `json:"revoked,omitempty"`
	Proxies  int         `json:"proxies"`    // that may hold it
	UpToDate int         `json:"up_to_date"` // of them, have the present revision
	// Elsewhere says that a proxy tells of an identity that it does not hold.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// Status is the answer of the status port.
type Status struct {
	TrustDomain spiffeid.TrustDomain `json:"trust_domain"`
	Revision    int64                `json:"revision"`
	Identities  int                  `json:"identities"`
	Rules       int                  `json:"rules"`
	Revoked     int                  `json:"revoked"`
	Proxies     []ProxyStatus        `json:"proxies"`
}

// ProxyStatus is one proxy as the authority sees it.
type ProxyStatus struct {
	ID        spiffeid.ID `json:"id"`
	Connected bool        `json:"connected"`
	Revision  int64       `json:"revision"` // that it has in force
}
