package control

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"go.etcd.io/raft/v3/raftpb"
)

// bucketCheck checks one key and value of a bucket of etcd; the one that holds
// the last applied entry stores its number.
type bucketCheck func(key, value []byte, applied *uint64) error

// bucketChecks are etcd's buckets. etcd panics on nearly everything that these
// refuse; what they do not know, this version of etcd does not write.
var bucketChecks = map[string]bucketCheck{
	"key":             checkKeyValue,
	"meta":            checkMeta,
	"lease":           checkLease,
	"alarm":           checkAlarm,
	"cluster":         checkCluster,
	"members":         checkMember,
	"members_removed": checkEmpty,
	"auth":            checkAuth,
	"authUsers":       checkEmpty,
	"authRoles":       checkEmpty,
}

// Sizes of the keys of the bucket "key": a revision of two numbers parted by an
// underscore, and a mark on those that delete.
const (
	revisionSize  = 8 + 1 + 8
	tombstoneSize = revisionSize + 1
)

func checkRevision(b []byte) error {
	if len(b) != revisionSize || b[8] != '_' || b[0] > 0x7f || b[9] > 0x7f {
		return fmt.Errorf("%.20x is not a revision", b)
	}
	return nil
}

// checkKeyValue also compares our own checksum of the value.
func checkKeyValue(key, value []byte, _ *uint64) error {
	tombstone := len(key) == tombstoneSize && key[revisionSize] == 't'
	if err := checkRevision(key[:min(len(key), revisionSize)]); err != nil || !tombstone && len(key) != revisionSize {
		return fmt.Errorf("%.20x is not a revision", key)
	}
	var kv mvccpb.KeyValue
	if err := unmarshal(value, &kv); err != nil {
		return err
	}
	if len(kv.Key) == 0 {
		return errors.New("a value has no key")
	}
	if tombstone {
		return nil
	}
	main := int64(binary.BigEndian.Uint64(key))
	if kv.ModRevision != main || kv.CreateRevision < 1 || kv.CreateRevision > main || kv.Version < 1 {
		return fmt.Errorf("the value of %.60q has another revision than its key", kv.Key)
	}
	_, err := checked(string(kv.Key), kv.Value)
	return err
}

func checkMeta(key, value []byte, applied *uint64) error {
	switch string(key) {
	case "consistent_index":
		if len(value) != 8 {
			return errors.New("the number of the last entry is damaged")
		}
		*applied = binary.BigEndian.Uint64(value)
	case "term":
		if len(value) != 8 {
			return errors.New("the term is damaged")
		}
	case "scheduledCompactRev", "finishedCompactRev":
		return checkRevision(value)
	case "confState":
		return json.Unmarshal(value, new(raftpb.ConfState))
	case "storageVersion":
		_, err := semver.NewVersion(string(value))
		return err
	default:
		return fmt.Errorf("there is no %.40q", key)
	}
	return nil
}

func checkLease(key, value []byte, _ *uint64) error {
	var l leasepb.Lease
	if err := unmarshal(value, &l); err != nil {
		return err
	}
	if len(key) != 8 || int64(binary.BigEndian.Uint64(key)) != l.ID {
		return fmt.Errorf("the key %.20x is not that of its lease", key)
	}
	return nil
}

func checkAlarm(key, _ []byte, _ *uint64) error {
	return unmarshal(key, new(etcdserverpb.AlarmMember))
}

func checkCluster(key, value []byte, _ *uint64) error {
	switch string(key) {
	case "clusterVersion":
		_, err := semver.NewVersion(string(value))
		return err
	case "downgrade":
		return json.Unmarshal(value, &struct{}{})
	}
	return fmt.Errorf("there is no %.40q", key)
}

func checkMember(key, value []byte, _ *uint64) error {
	id, err := types.IDFromString(string(key))
	if err != nil {
		return err
	}
	var m membership.Member
	if err := json.Unmarshal(value, &m); err != nil {
		return err
	}
	if m.ID != id {
		return fmt.Errorf("the key %.20q is not that of its member", key)
	}
	return nil
}

func checkAuth(key, value []byte, _ *uint64) error {
	switch {
	case string(key) == "authRevision" && len(value) == 8:
	case string(key) == "authEnabled" && len(value) == 1:
	default:
		return fmt.Errorf("there is no %.40q, or it is damaged", key)
	}
	return nil
}

// checkEmpty checks a bucket that we have no use for.
func checkEmpty(key, _ []byte, _ *uint64) error {
	return fmt.Errorf("it holds %.20x, and should be empty", key)
}
