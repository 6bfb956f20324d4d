package cli

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/regular"
)

// operatorPath is the path of whoever runs this, in the characters that an ID
// may have. As elsewhere, USER goes before the system's list of users.
func operatorPath() string {
	name := os.Getenv("USER")
	if me, err := user.Current(); err == nil && name == "" {
		name = me.Username
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
	return "operator/" + cmp.Or(name, "me")
}

// enrolOperator makes an operator of whoever runs this, unless they are one:
// who holds the authority's keys may do everything anyhow.
func (s *plane) enrolOperator(ctx context.Context) error {
	_, err := s.store.Change(ctx, func(tx *control.Tx) error {
		id := s.id(operatorPath())
		if _, known := tx.State.Identities[id]; !known {
			tx.PutIdentity(control.Identity{ID: id, Kind: control.Operator})
		}
		return nil
	})
	return err
}

// writeOperator writes the identity of whoever runs this, for its owner alone, and those
// of other operators that are kept here.
func (s *plane) writeOperator(ctx context.Context) error {
	paths := []string{operatorPath()}
	for _, path := range (folder{dir: s.dir, domain: s.domain}).identities() {
		if strings.HasPrefix(path, "operator/") && path != paths[0] {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		if err := s.writeOne(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// writeOne writes an operator's identity, unless it was revoked: then commands are
// refused, which is what the revocation was for.
func (s *plane) writeOne(ctx context.Context, path string) error {
	id, err := s.domain.ID(path)
	if known := s.store.State().Identities[id]; err != nil || known.Kind != control.Operator || s.revoked(path) {
		return nil
	}
	credential, err := s.authority.Credential(ctx, id)
	if err != nil {
		return err
	}
	data, err := credential.PEM()
	if err != nil {
		return err
	}
	return s.write(filepath.Join(identityFolder, path+".pem"), data)
}

// exposedOperator returns the operator's path if others than its owner may read
// the file of its identity.
func (s *plane) exposedOperator() string {
	path := operatorPath()
	info, err := os.Stat(filepath.Join(s.dir, identityFolder, path+".pem"))
	if err != nil || regular.Private(info) == nil {
		return ""
	}
	return path
}

// keepOperator renews the operator's identity while the system runs.
func (s *plane) keepOperator(ctx context.Context) error {
	keepFresh(ctx, ca.DefaultLifetime/2, func() error {
		err := s.writeOperator(ctx)
		if err != nil {
			s.logger.Error("the operator's identity was not renewed", slog.Any("error", err))
		}
		return err
	})
	return nil
}

// keepFresh renews after each span of time, and a minute after a failure, until
// ctx ends. It looks at the clock each minute: while a host is suspended its
// timers stand still. A clock that was set back has made what was renewed one of the
// future.
func keepFresh(ctx context.Context, span time.Duration, renew func() error) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	clock := func() time.Time { return time.Now().Round(0) } // without the reading that stands still, too
	for last := clock(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := clock(); (now.Before(last) || !now.Before(last.Add(span))) && renew() == nil {
			last = now
		}
	}
}
