package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// What a host folder keeps for a start while the authority is gone. All of it is its
// owner's alone, and each file is whole or the one before it.
const (
	cacheSlice = "slice.json" // a kept: the latest slice, and so the memory of what may not be gone back on
	cacheHeard = "heard.json" // the latest sign of life, an api.Head
	cacheWhere = "where.json" // where services were last, by their names
	cacheHeld  = "held"       // a folder with a file for each identity's key and certificate
)

// kept is a slice as it came.
type kept struct {
	Head  *api.Head       `json:"head"`
	Slice json.RawMessage `json:"slice"`
}

// heardEvery is how often a sign of life is written down: a start may show the
// proxy as silent for so much longer than it is.
const heardEvery = 30 * time.Second

// recall reads what is kept. It returns nil if there is nothing, and an error if
// that cannot be used.
func (a *Agent) recall() (*api.Slice, error) {
	var last kept
	switch err := a.readKept(cacheSlice, api.MaxUpdate+pki.MaxInput, &last); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case last.Head == nil || last.Slice == nil:
		return nil, unsigned("nobody has signed")
	}
	// As of when it was signed: it is to outlive the certificate of who did.
	slice, err := a.recallHead(last.Head, last.Slice)
	if err != nil {
		return nil, err
	}
	a.belief.epoch, a.belief.number, a.belief.digest = last.Head.Epoch, last.Head.Number, last.Head.Digest
	heard := last.Head
	var later api.Head
	if err := a.readKept(cacheHeard, pki.MaxInput, &later); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, err := a.recallHead(&later, nil); err == nil {
		if later.Epoch > heard.Epoch || later.Epoch == heard.Epoch && later.Number > heard.Number {
			return nil, goesBack(&belief{epoch: later.Epoch, number: later.Number}, heard) // an older copy was put back
		}
		if later.At.After(heard.At) {
			heard = &later
		}
	}
	a.belief.at = heard.At
	a.hear(a.now().Sub(heard.At).Abs())
	for _, id := range slice.Identities {
		a.recallHeld(id)
	}
	return slice, nil
}

// recallHead judges a head as of when it was signed.
func (a *Agent) recallHead(head *api.Head, raw json.RawMessage) (*api.Slice, error) {
	if err := a.verifySigner(head, head.At); err != nil {
		return nil, err
	}
	if err := a.verifyHead(head, head.At); err != nil || raw == nil {
		return nil, err
	}
	return readSlice(head, raw)
}

// recallHeld takes an identity's key and certificate up again, unless they are over.
func (a *Agent) recallHeld(id spiffeid.ID) {
	data, err := a.readFile(heldFile(id), pki.MaxInput)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var credential *pki.Credential
	if err == nil {
		credential, err = pki.ParseCredential(data)
	}
	if err == nil && credential.Leaf().ID() != id {
		err = errors.New("it is another identity's")
	}
	if err != nil {
		a.logger.Warn("a certificate that was kept cannot be used", slog.String("code", string(CacheDamaged)), slog.String("identity", id.String()), slog.Any("error", err))
		return
	}
	if !credential.Leaf().Expired(a.now()) {
		a.keys.put(id, credential)
	}
}

func heldFile(id spiffeid.ID) string {
	return filepath.Join(cacheHeld, filepath.FromSlash(id.Path())+".pem")
}

// readFile reads a bounded file of the host folder.
func (a *Agent) readFile(name string, most int64) ([]byte, error) {
	data, err := regular.Read(filepath.Join(a.home, name), most+1)
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return data, err
}

func (a *Agent) readKept(name string, most int64, value any) error {
	data, err := a.readFile(name, most)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, value)
}

// keepSlice writes a slice down that is in force, before the authority hears so.
func (a *Agent) keepSlice(head *api.Head, slice json.RawMessage) {
	if a.home == "" || a.kept != nil && a.kept.Epoch == head.Epoch && a.kept.Number == head.Number && bytes.Equal(a.kept.Digest, head.Digest) {
		return
	}
	data, err := json.Marshal(kept{head, slice})
	if err == nil {
		err = a.writeKept(cacheSlice, data)
	}
	a.unkept(err)
	a.lastHead, a.heardKept = nil, time.Now()
	if a.kept = nil; err == nil {
		a.kept = head
	}
}

// keepHeard writes a sign of life down, if the last one is old enough.
func (a *Agent) keepHeard(head *api.Head) {
	if a.lastHead = head; a.home != "" && time.Since(a.heardKept) >= heardEvery {
		a.flushHeard()
	}
}

func (a *Agent) flushHeard() {
	if a.lastHead == nil || a.home == "" {
		return
	}
	data, err := json.Marshal(a.lastHead)
	if err == nil {
		err = a.writeKept(cacheHeard, data)
	}
	a.unkept(err)
	a.lastHead, a.heardKept = nil, time.Now()
}

// keepHeld writes an identity's key and certificate down, unless ctx has ended:
// whoever ended it forgets the identity.
func (a *Agent) keepHeld(ctx context.Context, id spiffeid.ID, credential *pki.Credential) error {
	a.keeping.Lock()
	defer a.keeping.Unlock()
	if ctx.Err() != nil || a.home == "" {
		return nil
	}
	if id == a.self {
		err := keepRenewed(a.home, credential)
		if err == nil {
			a.written = credential.Leaf().Raw()
		}
		return err
	}
	data, err := credential.PEM()
	if err != nil {
		return err
	}
	return a.writeKept(heldFile(id), data)
}

// dropHeld removes what is kept of an identity that is no longer ours.
func (a *Agent) dropHeld(id spiffeid.ID) {
	if a.home == "" {
		return
	}
	a.keeping.Lock()
	defer a.keeping.Unlock()
	if err := os.Remove(filepath.Join(a.home, heldFile(id))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.logger.Error("a key that is no longer ours cannot be removed", slog.String("identity", id.String()), slog.Any("error", err))
	}
}

func (a *Agent) writeKept(name string, data []byte) error {
	if a.home == "" {
		return nil
	}
	return unwritable(a.home, atomicfile.Write(filepath.Join(a.home, name), data, atomicfile.Private))
}

// unkept tells, once as long as it is so, that what is in force could not be
// written down: a start while the authority is gone would know less, or older.
func (a *Agent) unkept(err error) {
	if err == nil {
		a.full = false
		return
	}
	if ours, ok := fault.Of(err); ok && !a.full {
		a.full = true
		a.warn(ours, "what is in force cannot be kept for the next start")
	}
}

// Begin has what is kept put in force: it goes on from there until the authority
// is heard. What cannot be used counts as nothing, and nobody passes.
func (a *Agent) Begin(enforcer Enforcer) {
	if a.home == "" {
		return
	}
	slice, err := a.recall()
	if err != nil {
		a.belief = firstBelief
		a.warn(fault.Wrap(err, CacheDamaged, "what %s keeps of the last run cannot be used", a.home).
			WithHint("bring the authority back: nobody passes until it is heard"), "the host folder's memory is damaged; nobody passes until the authority is heard")
		return
	}
	a.recallPlaces()
	if slice != nil {
		a.recalled = slice.Identities
		a.enforce(enforcer, slice)
	}
}
