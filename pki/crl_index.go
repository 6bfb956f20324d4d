package pki

import (
	"bytes"
	"hash/maphash"
	"iter"
	"sort"
)

// entryIndex finds the entries of a revocation list by serial number. It holds
// about five bytes an entry: entries stand in buckets by a hash of the serial
// number, in the order of the list within each. The hash has a secret seed, so
// that nobody makes a list that fills one bucket with many serial numbers.
type entryIndex struct {
	entries []byte // contents of revokedCertificates; all of it is valid
	seed    maphash.Seed
	starts  []uint32 // of each bucket in places; one more than buckets
	places  []place
	issuers []uint32 // offsets, rising, of the entries that name a certificate issuer
}

// place is an entry's offset in its lower bits, and above them some of the
// hash's, so that few other entries of the bucket need be looked at.
type place uint32

const offsetBits = 26 // MaxCRL is the first offset that does not fit

func (p place) offset() int { return int(p & (1<<offsetBits - 1)) }

// perBucket is how many bytes of entries make a bucket: about four entries.
const perBucket = 160

// indexEntries reads all entries of l, the rest of d, twice: to check them, then
// to place them.
func (d *der) indexEntries(l *RevocationList) *entryIndex {
	x := &entryIndex{entries: d.String, seed: maphash.MakeSeed()}
	if len(x.entries) > MaxCRL {
		d.fail("more than %d bytes of revoked certificates", MaxCRL)
	}
	x.starts = make([]uint32, len(d.String)/perBucket+2)
	count := 0
	for ; d.more(); count++ {
		offset := len(x.entries) - len(d.String)
		entry := d.revocation()
		if entry.extensions != nil && d.checkExtensions(entry.extensions, l) {
			x.issuers = append(x.issuers, uint32(offset))
		}
		bucket, _ := x.bucket(entry.serial)
		x.starts[bucket+1]++
	}
	if d.err() == nil {
		x.fill(count)
	}
	return x
}

// checkExtensions reads an entry's extensions, and reports whether a certificate
// issuer is among them: whom an entry is about must be plain before anything is
// looked up.
func (d *der) checkExtensions(raw []byte, l *RevocationList) (namesIssuer bool) {
	list := der{raw, d.problem}
	for extensions := list.sequence("extensions of a revoked certificate"); extensions.more(); {
		e := extensions.extension()
		l.noteCritical(e)
		if e.ID != OIDCertificateIssuer || d.err() != nil {
			continue
		}
		names := der{e.Value, d.problem}
		if directoryNames(names.altNameList("certificate issuer")) == nil || namesIssuer {
			d.failAt(e.Value, "not one certificate issuer")
		}
		names.end("the certificate issuer")
		namesIssuer = true
	}
	return namesIssuer
}

// fill puts every entry into its bucket; starts has how many entries the bucket
// before has.
func (x *entryIndex) fill(count int) {
	for i := 1; i < len(x.starts); i++ {
		x.starts[i] += x.starts[i-1]
	}
	x.places = make([]place, count)
	for d := newDER(x.entries); d.more(); {
		offset := len(x.entries) - len(d.String)
		entry := d.sequence("revoked certificate")
		bucket, tag := x.bucket(entry.integer("serial number"))
		x.places[x.starts[bucket]] = tag | place(offset)
		x.starts[bucket]++
	}
	// Each start has become its bucket's end, which is the next one's start.
	copy(x.starts[1:], x.starts)
	x.starts[0] = 0
}

// bucket returns where a serial number belongs, and what its place has of the
// hash.
func (x *entryIndex) bucket(serial []byte) (number int, tag place) {
	hash := maphash.Bytes(x.seed, serial)
	buckets := uint64(len(x.starts) - 1)
	return int(hash >> 32 * buckets >> 32), place(hash) &^ (1<<offsetBits - 1)
}

// withSerial yields the entries with a serial number and their offsets, in their
// order.
func (x *entryIndex) withSerial(serial []byte) iter.Seq2[int, Revocation] {
	return func(yield func(int, Revocation) bool) {
		bucket, tag := x.bucket(serial)
		for _, p := range x.places[x.starts[bucket]:x.starts[bucket+1]] {
			if p&^(1<<offsetBits-1) != tag {
				continue
			}
			d := newDER(x.entries[p.offset():])
			if found := d.revocation(); bytes.Equal(found.serial, serial) && !yield(p.offset(), found) {
				return
			}
		}
	}
}

// issuersAt returns whom the entry at an offset is about: whom it or the last
// before it names, nil if none does.
func (x *entryIndex) issuersAt(offset int) []Name {
	before := sort.Search(len(x.issuers), func(i int) bool { return int(x.issuers[i]) > offset })
	if before == 0 {
		return nil
	}
	d := newDER(x.entries[x.issuers[before-1]:])
	return directoryNames(d.revocation().issuerNames())
}
