package audit

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/tlog"
)

const maxKey = 4 << 10 // bytes of a key's file

// openKey reads the log's private key, or makes one for a log that begins. The
// public half is in the log, for whoever verifies it.
func (l *Log) openKey(begins bool) error {
	data, err := regular.ReadPrivate(l.keyFile, maxKey)
	if begins && errors.Is(err, fs.ErrNotExist) {
		private, err := tlog.NewKey(l.origin)
		if err != nil {
			return err
		}
		data = []byte(private + "\n")
		if err := atomicfile.Write(l.keyFile, data, atomicfile.Private); err != nil {
			return l.unwritable(err)
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		return fault.New(KeyLost, "the audit log in %s has lost its key, %s", l.dir, filepath.Base(l.keyFile)).WithHint(keyHint, l.dir)
	} else if exposed, is := errors.AsType[*regular.Exposed](err); is {
		return fault.New(KeyExposed, "the audit log's key in %s is open to others: %s", l.keyFile, exposed).WithHint("chmod 600 %s", l.keyFile)
	} else if err != nil {
		return err
	}
	if l.signer, err = tlog.ParseSigner(string(data)); err != nil {
		return err
	}
	public := l.signer.Public() + "\n"
	l.verifier, err = tlog.ParseVerifier(public)
	if err != nil {
		return err
	}
	if l.verifier.Origin() != l.origin {
		return fault.New(KeyLost, "%s is the key of %s, not of %s", l.keyFile, fault.Printable(l.verifier.Origin(), 100), l.origin).WithHint(keyHint, l.dir)
	}
	if !begins {
		return nil
	}
	if err := atomicfile.Write(filepath.Join(l.dir, verifierFile), []byte(public), atomicfile.Private); err != nil {
		return l.unwritable(err)
	}
	return nil
}

const keyHint = "bring the key back from a backup, or move %s away: a new log then begins"
