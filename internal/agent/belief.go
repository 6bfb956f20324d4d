package agent

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// maxSkew is how far the authority's clock may be from ours for a sign of life to
// count: one that was kept back for longer says nothing of the present.
const maxSkew = 5 * time.Minute

// belief is what was believed last, and so what may not be gone back on. It belongs
// to Begin and then to Run.
type belief struct {
	epoch, number int64
	digest        []byte    // of the slice
	signer        []byte    // the certificate, in DER, that was found to be the authority's last
	at            time.Time // of the latest sign of life that counted
}

// judge refuses a head that is not the authority's word to us, or that goes back on
// an earlier one. Slice is nil where it comes alone.
func (a *Agent) judge(head *api.Head, slice json.RawMessage) (*api.Slice, error) {
	b := &a.belief
	if head == nil {
		return nil, unsigned("nobody has signed")
	}
	if !bytes.Equal(b.signer, leafOf(head)) {
		if err := a.verifySigner(head, a.now()); err != nil {
			return nil, err
		}
	}
	if err := a.verifyHead(head, a.now()); err != nil {
		return nil, err
	}
	b.signer = leafOf(head)
	if slice == nil {
		switch {
		case head.Epoch == b.epoch && head.Number == b.number && bytes.Equal(head.Digest, b.digest):
			return nil, nil
		case head.Epoch < b.epoch || head.Epoch == b.epoch && head.Number < b.number:
			return nil, goesBack(b, head)
		}
		return nil, fault.New(AuthorityFailed, "the authority speaks of a revision that it has not sent").WithHint(versionHint)
	}
	read, err := readSlice(head, slice)
	if err != nil {
		return nil, err
	}
	if head.Epoch > b.epoch {
		err = a.verifyEpoch(head, read)
	} else if head.Epoch < b.epoch || head.Number < b.number {
		err = goesBack(b, head)
	}
	if err != nil {
		return nil, err
	}
	b.epoch, b.number, b.digest = head.Epoch, head.Number, head.Digest
	return read, nil
}

func leafOf(head *api.Head) []byte {
	if len(head.Signer) == 0 {
		return nil
	}
	return head.Signer[0]
}

// maxSigner bounds the certificates that come with a head.
const maxSigner = 10

// verifySigner holds the certificate of who signed to the trust domain's roots.
func (a *Agent) verifySigner(head *api.Head, now time.Time) error {
	var chain []*pki.Certificate
	for _, der := range head.Signer {
		cert, err := pki.ParseCertificate(der)
		if err != nil || len(chain) == maxSigner {
			return unsigned("the certificate of who signed cannot be read")
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return unsigned("nobody has signed")
	}
	name, err := a.self.TrustDomain().ID(authorityPath)
	if err != nil {
		return err
	}
	if _, err := verify.Verify(chain, verify.Options{Roots: a.Roots(), Name: verify.ID(name), Purpose: verify.CodeSigning, Now: now}); err != nil {
		return unsigned("of who signed: " + fault.Text(err))
	}
	return nil
}

// verifyHead checks the signature, and whom it is for.
func (a *Agent) verifyHead(head *api.Head, now time.Time) error {
	leaf, err := pki.ParseCertificate(leafOf(head))
	if err != nil {
		return unsigned("the certificate of who signed cannot be read")
	}
	if leaf.Expired(now) { // it was verified once, and that may be long ago
		return unsigned("the certificate of who signed has expired")
	}
	if err := pki.VerifyFile(leaf.PublicKey(), bytes.NewReader(head.Signed()), head.Signature); err != nil {
		return unsigned(fault.Text(err))
	}
	if head.For != a.self {
		return fault.New(Misdirected, "a revision came that is signed for %s, and this is %s", head.For, a.self).
			WithHint("look at who answers at the authority's address: it hands on what is others'")
	}
	return nil
}

// readSlice reads the slice that a head is about.
func readSlice(head *api.Head, raw json.RawMessage) (*api.Slice, error) {
	if !bytes.Equal(api.Digest(raw), head.Digest) {
		return nil, unsigned("what came is not what was signed")
	}
	var slice api.Slice
	if err := json.Unmarshal(raw, &slice); err != nil {
		return nil, unreadableLine(err)
	}
	if slice.Revision != head.Number {
		return nil, unsigned("the number of the revision is not the one that was signed")
	}
	return &slice, nil
}

// verifyEpoch asks for the root's word on a new epoch: in it revisions are given out
// again, so that it would be the way to go back unseen.
func (a *Agent) verifyEpoch(head *api.Head, slice *api.Slice) error {
	epoch, err := ca.ReadEpoch(slice.EpochProof, a.self.TrustDomain(), a.anchors)
	if err == nil && epoch.Number != head.Epoch {
		err = fault.New(ca.EpochUnproved, "epoch %d was begun, and the root vouches for %d", head.Epoch, epoch.Number).
			WithHint("restore the authority with its root's key")
	}
	return err
}

func goesBack(b *belief, head *api.Head) error {
	return fault.New(RolledBack, "epoch %d, revision %d came, and epoch %d, revision %d was in force before", head.Epoch, head.Number, b.epoch, b.number).
		WithHint("bring the authority's present data back; an older backup takes signet authority restore, which begins a new epoch")
}

func unsigned(why string) error {
	return fault.New(Unsigned, "what came over the watch is not signed by the authority: %s", why).
		WithHint("look at who answers at the authority's address; " + versionHint)
}

// alive notes a sign of life: a later one than any before, of about the present.
func (a *Agent) alive(head *api.Head) (counts bool) {
	if !head.At.After(a.belief.at) {
		return false
	}
	if skew := a.now().Sub(head.At); skew.Abs() > maxSkew {
		if !a.skewed {
			a.logger.Warn("the authority's clock and this host's differ: its signs of life do not count", slog.String("code", string(ClocksDiffer)), slog.Duration("by", skew))
		}
		a.skewed = true
		return false
	}
	a.skewed, a.belief.at = false, head.At
	a.hear(0)
	return true
}

// refuse tells why there is no watch, once as long as it is the same.
func (a *Agent) refuse(err error) {
	ours, ok := fault.Of(err)
	if !ok || ours.Code == a.refused {
		return
	}
	a.refused = ours.Code
	a.warn(ours, "the watch was refused; what was in force stays so")
}

// warn tells the log and the authority of something that is wrong here.
func (a *Agent) warn(err *fault.Error, what string) {
	a.logger.Error(what, slog.String("code", string(err.Code)), slog.String("error", fault.Text(err)))
	a.Report(api.Event{Time: a.now(), Kind: api.Warned, Code: string(err.Code), Reason: fault.Text(err), Revision: a.belief.number})
}
