package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/signet-tls/signet/fault"
)

// Layout of a bbolt file: pages, of which the first two are headers. Numbers
// have the byte order of the machine.
const (
	dbMagic       = 0xED0CDAED
	dbVersion     = 2
	pageHeader    = 16 // id 8, flags 2, count 2, overflow 4
	elementSize   = 16 // of a branch: pos 4, key size 4, page 8; of a leaf: flags 4, pos 4, key size 4, value size 4
	metaSize      = 64
	bucketHeader  = 16 // root page 8, sequence 8
	branchPage    = 0x01
	leafPage      = 0x02
	bucketElement = 0x01
	noFreelist    = ^uint64(0)
	minPage       = 1 << 10
	maxPage       = 1 << 16
	maxDepth      = 64 // of a tree; a thousand million keys need 6
)

// database reads a bbolt file without bbolt, which trusts its pages: on a
// damaged one it reads outside of its mapping, or calls itself without end,
// and neither can be recovered from.
type database struct {
	r        io.ReaderAt
	pageSize int64
	root     uint64 // page of the tree that holds the buckets
	pages    uint64 // pages in use, from 0 on
	seen     map[uint64]bool
}

// inspect checks the whole file: its headers, every page that can be reached,
// and all keys and values. It returns the last log entry that is applied.
func inspect(r io.ReaderAt, size int64) (applied uint64, err error) {
	d, err := openDatabase(r, size)
	if err != nil {
		return 0, err
	}
	err = d.walk(d.root, span{}, 0, func(flags uint32, name, value []byte) error {
		if flags != bucketElement || len(value) < bucketHeader {
			return fmt.Errorf("%.40q among the buckets is none", name)
		}
		check, ok := bucketChecks[string(name)]
		if !ok {
			return fmt.Errorf("there is no bucket %.40q", name)
		}
		visit := func(flags uint32, key, value []byte) error {
			if flags != 0 {
				return fmt.Errorf("there is a bucket in the bucket %s", name)
			}
			if err := check(key, value, &applied); err != nil {
				return fmt.Errorf("in the bucket %s, %w", name, err)
			}
			return nil
		}
		if root := binary.NativeEndian.Uint64(value); root != 0 {
			return d.walk(root, span{}, 0, visit)
		}
		return d.visit(value[bucketHeader:], span{}, 0, visit) // a small bucket is a page within the value
	})
	if err != nil {
		return 0, fault.New(DBPageDamaged, "%v", err)
	}
	return applied, nil
}

// openDatabase reads the newer of the two headers that is whole, as bbolt does.
func openDatabase(r io.ReaderAt, size int64) (*database, error) {
	var d *database
	var newest uint64
	for pageSize := int64(minPage); pageSize <= maxPage; pageSize *= 2 {
		for page := range int64(2) {
			b := make([]byte, metaSize)
			if _, err := r.ReadAt(b, page*pageSize+pageHeader); err != nil {
				continue
			}
			number := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
			half := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
			checksum := fnv.New64a()
			checksum.Write(b[:metaSize-8])
			if half(0) != dbMagic || half(4) != dbVersion || int64(half(8)) != pageSize || number(56) != checksum.Sum64() {
				continue
			}
			// magic 0, version 4, page size 8, flags 12, root 16, sequence 24,
			// free list 32, pages 40, transaction 48, checksum 56
			if d != nil && number(48) <= newest {
				continue
			}
			if number(32) != noFreelist {
				return nil, fault.New(DBPageDamaged, "it has a list of free pages, which etcd does not write")
			}
			newest = number(48)
			d = &database{r: r, pageSize: pageSize, root: number(16), pages: number(40), seen: map[uint64]bool{}}
		}
	}
	if d == nil {
		return nil, fault.New(DBHeaderDamaged, "neither of its two headers is whole")
	}
	if d.pages > uint64(size/d.pageSize) {
		return nil, fault.New(DBPageDamaged, "it was cut short: it has %d bytes, and %d pages of %d are in use", size, d.pages, d.pageSize)
	}
	return d, nil
}

// span is the range of keys that a page may hold: from low on, below high.
// nil stands for no bound.
type span struct{ low, high []byte }

func (s span) holds(key []byte) bool {
	return bytes.Compare(key, s.low) >= 0 && (s.high == nil || bytes.Compare(key, s.high) < 0)
}

// leafVisitor is called for each element of a leaf.
type leafVisitor func(flags uint32, key, value []byte) error

// walk checks the tree under a page, in the order of its keys.
func (d *database) walk(id uint64, keys span, depth int, visit leafVisitor) error {
	page, err := d.page(id)
	if err != nil {
		return err
	}
	if err := d.visit(page, keys, depth, visit); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// page reads a page, which nothing else may refer to.
func (d *database) page(id uint64) ([]byte, error) {
	if id < 2 || id >= d.pages {
		return nil, fmt.Errorf("there is no page %d", id)
	}
	header := make([]byte, pageHeader)
	at := int64(id) * d.pageSize
	if _, err := d.r.ReadAt(header, at); err != nil {
		return nil, err
	}
	overflow := uint64(binary.NativeEndian.Uint32(header[12:]))
	if binary.NativeEndian.Uint64(header) != id || overflow >= d.pages-id {
		return nil, fmt.Errorf("page %d is not itself", id)
	}
	for i := id; i <= id+overflow; i++ {
		if d.seen[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		d.seen[i] = true
	}
	page := make([]byte, int64(overflow+1)*d.pageSize)
	if _, err := d.r.ReadAt(page, at); err != nil {
		return nil, err
	}
	return page, nil
}

// visit checks one page and what is below it.
func (d *database) visit(page []byte, keys span, depth int, visit leafVisitor) error {
	if depth > maxDepth {
		return errors.New("the tree is too deep")
	}
	elements, err := parsePage(page)
	if err != nil {
		return err
	}
	for i, e := range elements {
		if !keys.holds(e.key) || i > 0 && bytes.Compare(elements[i-1].key, e.key) >= 0 {
			return fmt.Errorf("the key %.20x is out of order", e.key)
		}
		if e.child == 0 {
			if err := visit(e.flags, e.key, e.value); err != nil {
				return err
			}
			continue
		}
		below := span{e.key, keys.high}
		if i+1 < len(elements) {
			below.high = elements[i+1].key
		}
		if err := d.walk(e.child, below, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

// element is one of a page: of a leaf if child is 0.
type element struct {
	flags      uint32
	key, value []byte
	child      uint64
}

// parsePage reads the elements of a leaf or a branch.
func parsePage(page []byte) ([]element, error) {
	if len(page) < pageHeader {
		return nil, errors.New("the page has no header")
	}
	flags, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
	first := pageHeader + count*elementSize // where keys begin
	if flags != leafPage && flags != branchPage || first > len(page) || flags == branchPage && count == 0 {
		return nil, errors.New("the page is neither leaf nor branch")
	}
	elements := make([]element, count)
	for i := range elements {
		at := pageHeader + i*elementSize
		b := page[at:]
		half := func(n int) uint32 { return binary.NativeEndian.Uint32(b[4*n:]) }
		e := element{}
		var from, keySize, valueSize uint64
		if flags == leafPage {
			e.flags = half(0)
			from, keySize, valueSize = uint64(half(1)), uint64(half(2)), uint64(half(3))
		} else {
			from, keySize = uint64(half(0)), uint64(half(1))
			if e.child = binary.NativeEndian.Uint64(b[8:]); e.child == 0 {
				return nil, errors.New("the branch leads nowhere")
			}
		}
		from += uint64(at)
		if from < uint64(first) || from+keySize+valueSize > uint64(len(page)) {
			return nil, errors.New("an element lies outside of its page")
		}
		e.key, e.value = page[from:][:keySize], page[from+keySize:][:valueSize]
		elements[i] = e
	}
	return elements, nil
}
