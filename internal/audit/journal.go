package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/tlog"
)

// The journal holds what is durable and not yet in tiles: a file for each time
// that tiles were written, named after its first entry. It is a sequence of
// blocks, one for each fsync: a header (magic, length of the payload, checksum
// of the payload, checksum of the header), then the number of the first entry,
// how many there are, the entries as in a bundle, and the signed checkpoint of
// the log with them.
const (
	journalFolder = "journal"
	blockMagic    = "sgnJ"
	headerSize    = 16
	sector        = 512 // bytes that a disk writes together
)

// maxBlock bounds a block; so many bytes wait for the disk at most.
const maxBlock = 32 << 20

// block is what became durable together.
type block struct {
	first   int64
	entries [][]byte
	signed  []byte // checkpoint
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode adds the block to data.
func (b block) encode(data []byte) ([]byte, error) {
	start := len(data)
	data = append(data, make([]byte, headerSize)...)
	data = binary.BigEndian.AppendUint64(data, uint64(b.first))
	data = binary.BigEndian.AppendUint32(data, uint32(len(b.entries)))
	for _, entry := range b.entries {
		var err error
		if data, err = tlog.AppendEntry(data, entry); err != nil {
			return nil, err
		}
	}
	data = append(data, b.signed...)
	header, payload := data[start:start+headerSize], data[start+headerSize:]
	copy(header, blockMagic)
	binary.BigEndian.PutUint32(header[4:], uint32(len(payload)))
	binary.BigEndian.PutUint32(header[8:], crc32.Checksum(payload, castagnoli))
	binary.BigEndian.PutUint32(header[12:], crc32.Checksum(header[:12], castagnoli))
	return data, nil
}

// errTorn is what a crash leaves of a block that nobody was told of.
var errTorn = errors.New("a block breaks off")

// cutBlock splits the first block off the rest of a segment, whose first byte
// is at the given place of the file.
func cutBlock(data []byte, at int64) (b block, rest []byte, err error) {
	if len(data) < headerSize || len(bytes.Trim(data, "\x00")) == 0 {
		return b, data, errTorn
	}
	header := data[:headerSize]
	if string(header[:4]) != blockMagic || crc32.Checksum(header[:12], castagnoli) != binary.BigEndian.Uint32(header[12:]) {
		return b, data, errors.New("the header of a block is not as it was written")
	}
	length := int(binary.BigEndian.Uint32(header[4:]))
	if length > len(data)-headerSize {
		return b, data, errTorn
	}
	payload := data[headerSize : headerSize+length]
	rest = data[headerSize+length:]
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(header[8:]) {
		if len(rest) == 0 && hasEmptySector(data, at) {
			return b, data, errTorn
		}
		return b, data, errors.New("a block is not as it was written")
	}
	b, err = parsePayload(payload)
	return b, rest, err
}

func parsePayload(payload []byte) (b block, err error) {
	if len(payload) < 12 {
		return b, errors.New("a block is too short")
	}
	b.first = int64(binary.BigEndian.Uint64(payload))
	count := binary.BigEndian.Uint32(payload[8:])
	payload = payload[12:]
	for range count {
		var entry []byte
		if entry, payload, err = tlog.CutEntry(payload); err != nil {
			return b, err
		}
		b.entries = append(b.entries, entry)
	}
	b.signed = payload
	return b, nil
}

// hasEmptySector reports whether a sector of the last block was never written,
// as after a loss of power: the disk has the end of the file, and not what is
// before it.
func hasEmptySector(data []byte, at int64) bool {
	for start := int(-at & (sector - 1)); start+sector <= len(data); start += sector {
		if len(bytes.Trim(data[start:start+sector], "\x00")) == 0 {
			return true
		}
	}
	return false
}

// segmentName is the file of the journal that begins with the given entry.
func segmentName(first int64) string { return fmt.Sprintf("%s/%019d", journalFolder, first) }

// parseSegmentName is its inverse.
func parseSegmentName(path string) (first int64, ok bool) {
	name, ok := strings.CutPrefix(path, journalFolder+"/")
	first, err := strconv.ParseInt(name, 10, 64)
	return first, ok && err == nil && first >= 0 && segmentName(first) == path
}
