package control

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// logSummary is what walk finds out about a write-ahead log.
type logSummary struct {
	last     uint64 // the last entry
	snapshot uint64 // the entry from which etcd reads
	torn     int64  // where in the last file a record breaks off, 0 if none does
}

// walker checks a log record by record. etcd's checksum covers a record's data
// alone, neither its type nor its length: what the checksum leaves open is
// settled by the one way in which etcd writes it, and by what may follow what.
type walker struct {
	chain     uint32 // checksum of all data so far
	metadata  []byte // the same at the head of each file
	base      uint64 // the entry before the first one
	last      uint64 // the last entry, and its term
	lastTerm  uint64
	term      uint64 // of the last hard state
	commit    uint64
	snapshots []uint64
}

// walk checks the files of a log, oldest first. The last one has at least
// allocated bytes.
func walk(segments []*segment, allocated int64) (logSummary, error) {
	var w walker
	var torn int64
	for i, s := range segments {
		if err := w.enter(s, i == 0); err != nil {
			return logSummary{}, damaged(WALDamaged, s.path, "%v", err)
		}
		off, err := w.segment(s, i == len(segments)-1)
		if errors.Is(err, errTorn) {
			torn, err = off, nil
		}
		if err != nil {
			return logSummary{}, damaged(WALDamaged, s.path, "at byte %d: %v", off, err)
		}
	}
	final := segments[len(segments)-1]
	if final.size < allocated {
		return logSummary{}, damaged(WALDamaged, final.path, "it was cut short: it has %d bytes, and was made with %d", final.size, allocated)
	}
	// etcd reads from the last snapshot that was surely committed.
	later := slices.IndexFunc(w.snapshots, func(index uint64) bool { return index > w.commit })
	if later >= 0 {
		w.snapshots = w.snapshots[:later]
	}
	if len(w.snapshots) == 0 {
		return logSummary{}, damaged(WALDamaged, final.path, "it has no snapshot to begin at")
	}
	snapshot := w.snapshots[len(w.snapshots)-1]
	if snapshot < w.base || w.lastTerm > w.term {
		return logSummary{}, damaged(WALDamaged, final.path, "records are missing at its beginning or end")
	}
	return logSummary{last: w.last, snapshot: snapshot, torn: torn}, nil
}

// enter checks that a file follows the one before it.
func (w *walker) enter(s *segment, first bool) error {
	switch {
	case first && s.seq == 0 && s.index != 0:
		return errors.New("the first file does not begin at the first entry")
	case first && s.index > 0:
		w.base, w.last = s.index-1, s.index-1
	case !first && s.index != w.last+1:
		return fmt.Errorf("it begins at entry %d, the file before it ends at %d", s.index, w.last)
	}
	return nil
}

// segment checks one file. It returns where it stopped: at the end of its last
// record, or at the one that is wrong.
func (w *walker) segment(s *segment, final bool) (off int64, err error) {
	for n := 0; ; n++ {
		body, next, err := s.frame(off)
		if err == nil && body == nil {
			return off, w.finish(s, off, n, final)
		}
		var r record
		if err == nil {
			r, err = w.decode(body)
		}
		if err != nil {
			if final && n >= 2 {
				return off, s.torn(off, err)
			}
			return off, err
		}
		if err := w.accept(r, n); err != nil {
			return off, err
		}
		off = next
	}
}

// finish checks what comes after the last record of a file, of which there
// were n: nothing, or in the newest file the zeros allocated ahead.
func (w *walker) finish(s *segment, off int64, n int, final bool) error {
	if n < 2 {
		return errors.New("its head is missing")
	}
	end, err := s.end(off)
	switch {
	case err != nil:
		return err
	case end > off:
		return errors.New("the log ends, and more follows")
	case !final && s.size != off:
		return errors.New("the file ends early, though another follows")
	}
	return nil
}

// decode reads a record and extends the chain of checksums by it.
func (w *walker) decode(body []byte) (record, error) {
	r, err := parseRecord(body)
	if err != nil || r.kind == wal.CrcType {
		return r, err
	}
	chain := crc32.Update(w.chain, castagnoli, r.data)
	if chain != r.crc {
		return r, errors.New("the data does not match its checksum")
	}
	w.chain = chain
	return r, nil
}

// accept checks the n-th record of a file against those before it.
func (w *walker) accept(r record, n int) error {
	if (n == 0) != (r.kind == wal.CrcType) || (n == 1) != (r.kind == wal.MetadataType) {
		return fmt.Errorf("a record of kind %d stands in place %d", r.kind, n)
	}
	switch r.kind {
	case wal.CrcType:
		if len(r.data) > 0 || w.metadata != nil && r.crc != w.chain {
			return errors.New("the file does not continue the one before it")
		}
		w.chain = r.crc
		return nil
	case wal.MetadataType:
		if w.metadata != nil && !bytes.Equal(w.metadata, r.data) {
			return errors.New("the file belongs to another log")
		}
		w.metadata = append([]byte{}, r.data...)
		return nil
	case wal.EntryType:
		return w.entry(r.data)
	case wal.StateType:
		return w.hardState(r.data)
	case wal.SnapshotType:
		return w.snapshot(r.data)
	}
	return fmt.Errorf("no record has the kind %d", r.kind)
}

// entry checks one entry. A single member never writes an entry again, so that
// their numbers have neither gaps nor steps back.
func (w *walker) entry(data []byte) error {
	var e raftpb.Entry
	if err := unmarshal(data, &e); err != nil {
		return err
	}
	if e.GetIndex() != w.last+1 || e.GetTerm() < w.lastTerm || e.GetTerm() == 0 {
		return fmt.Errorf("entry %d of term %d follows entry %d of term %d", e.GetIndex(), e.GetTerm(), w.last, w.lastTerm)
	}
	w.last, w.lastTerm = e.GetIndex(), e.GetTerm()
	return nil
}

func (w *walker) hardState(data []byte) error {
	var h raftpb.HardState
	if err := unmarshal(data, &h); err != nil {
		return err
	}
	if h.GetTerm() < max(1, w.term) || h.GetCommit() < w.commit || h.GetCommit() > w.last {
		return fmt.Errorf("the state (term %d, entry %d) does not follow (term %d, entry %d)", h.GetTerm(), h.GetCommit(), w.term, w.commit)
	}
	w.term, w.commit = h.GetTerm(), h.GetCommit()
	return nil
}

func (w *walker) snapshot(data []byte) error {
	var s walpb.Snapshot
	if err := unmarshal(data, &s); err != nil {
		return err
	}
	if s.GetIndex() > w.last || (s.GetIndex() > 0) != (s.ConfState != nil) {
		return fmt.Errorf("a snapshot of entry %d follows entry %d", s.GetIndex(), w.last)
	}
	w.snapshots = append(w.snapshots, s.GetIndex())
	return nil
}

// unmarshal refuses fields that m does not have: data of another type.
func unmarshal(data []byte, m proto.Message) error {
	if err := proto.Unmarshal(data, m); err != nil {
		return err
	}
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		return errors.New("the record is of another kind than it says")
	}
	return nil
}
