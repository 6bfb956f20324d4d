package identity

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// DefaultInterval is how often files are looked at where nothing else is said.
const DefaultInterval = 10 * time.Second

// maxFile is the largest file that is read, in bytes; usual ones have ten thousand.
const maxFile = 1 << 20

// Files says where a credential is kept, and what it must be good for.
type Files struct {
	// FS has the files; nil means this system's.
	FS fs.FS
	// Chain is the path of the certificates, leaf first, in PEM. Required.
	Chain string
	// Key is the path of the private key; "" means that it is in Chain. A key of this
	// system's that is not encrypted must be its owner's alone (mode 0600), or root's
	// and readable by a group of ours.
	Key string
	// Passphrase opens an encrypted key; nil: it is not encrypted.
	Passphrase pki.Passphrase
	// Signer is the private key where it never leaves its store: an HSM, a TPM, a
	// KMS. Key and Passphrase are then left aside.
	Signer crypto.Signer
	// Decode reads other forms than PEM, from the files' contents; key is nil
	// where Key is "". Passphrase and Signer are then left aside. Package
	// identity/pkcs12 has one.
	Decode func(chain, key []byte) (*pki.Credential, error)
	// ID is whose certificate it must be; zero: anybody's.
	ID spiffeid.ID
	// Purpose is what the certificate must be good for: verify.ServerAuth, which is
	// the zero value, verify.ClientAuth, or verify.AnyPurpose for one of the two.
	Purpose verify.Purpose
	// Interval is how often Run looks at the files; 0 means DefaultInterval.
	Interval time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of each renewal, of files that cannot be used, and of a
	// certificate that nears its end; nil discards.
	Logger *slog.Logger
}

// Rotating is a Source that follows its files: Run looks at them again and again,
// Reload does it once. What cannot be used, such as the certificate of a pair whose
// key is still to be written, leaves the last good credential in place. It is safe
// for concurrent use.
type Rotating struct {
	files Files

	mu      sync.Mutex
	held    *pki.Credential   // the last good one; guarded by mu
	seen    [sha256.Size]byte // of the files that it came from; guarded by mu
	refused string            // why others could not be used, as it was logged; guarded by mu
	warned  int               // the threshold that was logged; guarded by mu
}

// Open reads the files and returns a source that follows them while Run runs. What
// is there must be usable now: a certificate that fits its key, is in its time, and
// has a name and its purpose.
func Open(files Files) (*Rotating, error) {
	if files.Interval <= 0 {
		files.Interval = DefaultInterval
	}
	if files.Now == nil {
		files.Now = time.Now
	}
	if files.Logger == nil {
		files.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Rotating{files: files}
	credential, seen, err := r.read()
	if err != nil {
		return nil, err
	}
	r.held, r.seen = credential, seen
	return r, nil
}

// Credential implements Source. An expired certificate is not given: nobody would
// accept it.
func (r *Rotating) Credential() (*pki.Credential, error) {
	r.mu.Lock()
	held := r.held
	r.mu.Unlock()
	if held.Leaf().Expired(r.files.Now()) {
		return nil, expired(held.Leaf())
	}
	return held, nil
}

// Run follows the files until ctx ends, and returns nil then.
func (r *Rotating) Run(ctx context.Context) error {
	ticker := time.NewTicker(r.files.Interval)
	defer ticker.Stop()
	for {
		r.Reload()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Reload looks at the files now, as Run does. An error says why they cannot be
// used; what was held before still is.
func (r *Rotating) Reload() error {
	credential, seen, err := r.read()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		if r.refused != err.Error() {
			r.refused = err.Error()
			r.files.Logger.Warn("the new identity cannot be used; the one before stays", slog.String("file", r.files.Chain), slog.Any("error", err))
		}
	case seen != r.seen:
		r.held, r.seen, r.refused, r.warned = credential, seen, "", 0
		r.files.Logger.Info("the identity was renewed", slog.String("file", r.files.Chain), slog.Time("until", credential.Leaf().NotAfter()))
	default:
		r.refused = ""
	}
	r.warn()
	return err
}

// read returns what the files have, if it can be used; those that were seen before
// are not decoded again.
func (r *Rotating) read() (credential *pki.Credential, seen [sha256.Size]byte, err error) {
	chain, err := r.content(r.files.Chain)
	if err != nil {
		return nil, seen, err
	}
	var key []byte
	if r.files.Key != "" {
		if key, err = r.content(r.files.Key); err != nil {
			return nil, seen, err
		}
	}
	one, other := sha256.Sum256(chain), sha256.Sum256(key)
	seen = sha256.Sum256(append(one[:], other[:]...))
	r.mu.Lock()
	credential = r.held
	known := credential != nil && seen == r.seen
	r.mu.Unlock()
	if known {
		return credential, seen, nil
	}
	if credential, err = r.decode(chain, key); err != nil {
		return nil, seen, fault.Wrap(err, Unreadable, "the identity in %s", r.files.Chain).
			WithHint("name a file with the chain, leaf first, and the file of its private key")
	}
	leaf := credential.Leaf()
	if want := r.files.ID; !want.IsZero() && leaf.ID() != want {
		return nil, seen, unfit(fmt.Sprintf("%s is the certificate of %s, not of %s", r.files.Chain, cmp.Or(leaf.ID().String(), "no SPIFFE ID"), want),
			"name the file of that identity, or correct the name")
	}
	return credential, seen, fit(leaf, r.files.Purpose, r.files.Now())
}

func (r *Rotating) decode(chain, key []byte) (*pki.Credential, error) {
	if r.files.Decode != nil {
		return r.files.Decode(chain, key)
	}
	certs, err := pki.ParseCertificates(chain)
	if err != nil {
		return nil, err
	}
	if r.files.Signer != nil {
		return pki.NewCredential(certs, r.files.Signer)
	}
	if key == nil {
		key = chain
	}
	private, err := pki.ParsePrivateKey(key, r.files.Passphrase)
	if err != nil {
		return nil, err
	}
	signer, err := private.Signer()
	if err != nil {
		return nil, err
	}
	return pki.NewCredential(certs, signer)
}

// content reads a file, up to its bound.
func (r *Rotating) content(name string) ([]byte, error) {
	file, err := r.open(name)
	if err == nil {
		defer file.Close()
		if err := r.private(name, file); err != nil {
			return nil, err
		}
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(file, maxFile+1)); err == nil && len(data) <= maxFile {
			return data, nil
		}
		if err == nil {
			err = errors.New("it has more than a MiB")
		}
	}
	return nil, fault.Wrap(err, Unreadable, "the identity in %s", name).WithHint("check the path and its permissions")
}

func (r *Rotating) open(name string) (fs.File, error) {
	if r.files.FS == nil {
		return regular.Open(name)
	}
	return r.files.FS.Open(name)
}

// private refuses a file of this system with a key as it is that others can get at.
func (r *Rotating) private(name string, file fs.File) error {
	sealed := r.files.Signer != nil || r.files.Passphrase != nil || r.files.Decode != nil
	if r.files.FS != nil || sealed || name != cmp.Or(r.files.Key, r.files.Chain) {
		return nil
	}
	info, err := file.Stat()
	if err == nil {
		err = regular.Private(info)
	}
	if err != nil {
		return fault.Wrap(err, Exposed, "%s, with our private key, is open to others", name).
			WithHint("chmod 600 %s      # and have a new key, if somebody else may have read it", name)
	}
	return nil
}

// thresholds are the parts of its life that a certificate has left when a warning
// is due. Authorities expect to be asked for the next one at a third.
var thresholds = []int64{3, 10}

// warn says once for each threshold that the certificate nears its end. It is
// called with mu held.
func (r *Rotating) warn() {
	leaf := r.held.Leaf()
	life, left := leaf.NotAfter().Sub(leaf.NotBefore()), leaf.NotAfter().Sub(r.files.Now())
	passed := 0
	for _, part := range thresholds {
		if int64(left) < int64(life)/part {
			passed++
		}
	}
	if left < 0 {
		passed = len(thresholds) + 1
	}
	if passed <= r.warned {
		return
	}
	r.warned = passed
	attributes := []any{slog.String("file", r.files.Chain), slog.Time("until", leaf.NotAfter()), slog.String("left", verify.Span(left))}
	if left < 0 {
		r.files.Logger.Error("our own certificate has expired, and no connection can be made with it", attributes[:2]...)
		return
	}
	r.files.Logger.Warn("our own certificate expires soon", attributes...)
}
