package record

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// nonceLength is that of the nonces of all suites, in bytes (RFC 8446, section 5.3).
const nonceLength = 12

// half is one direction: its secret, and the keys that are made of it.
type half struct {
	aead      cipher.AEAD
	sequence  uint64 // of the next record
	renewed   uint64 // how often its keys have been replaced
	iv, nonce [nonceLength]byte
	secret    [maxSecret]byte
}

// begin takes up a direction that has had records.
func (h *half) begin(suite *suite, secret []byte, sequence uint64) error {
	if len(secret) != suite.secretLength {
		return fmt.Errorf("record: a traffic secret has %d bytes, want %d", len(secret), suite.secretLength)
	}
	copy(h.secret[:], secret)
	h.key(suite)
	h.sequence = sequence
	return nil
}

// key makes the keys of the secret (RFC 8446, section 7.3).
func (h *half) key(suite *suite) {
	secret := h.secret[:suite.secretLength]
	var room [maxKey]byte
	key := room[:suite.keyLength]
	defer clear(key)
	suite.expand(key, secret, "key")
	suite.expand(h.iv[:], secret, "iv")
	aead, err := suite.aead(key)
	if err != nil { // of a key that has the suite's length it cannot fail
		panic(err)
	}
	h.aead, h.sequence = watched(aead, key), 0
}

// update replaces the secret by the next, and its keys (RFC 8446, section 7.2).
func (h *half) update(suite *suite) {
	secret := h.secret[:suite.secretLength]
	suite.expand(secret, secret, "traffic upd")
	h.key(suite)
	h.renewed++
}

// wipe leaves nothing of the secrets, and no way to seal or open.
func (h *half) wipe() { *h = half{} }

// next returns the nonce of the next record (RFC 8446, section 5.3).
func (h *half) next() []byte {
	copy(h.nonce[:], h.iv[:])
	counter := h.nonce[nonceLength-8:]
	binary.BigEndian.PutUint64(counter, binary.BigEndian.Uint64(counter)^h.sequence)
	h.sequence++
	return h.nonce[:]
}

// open appends what is in a record to dst: content, type and padding.
func (h *half) open(dst, record []byte) ([]byte, error) {
	return h.aead.Open(dst, h.next(), record[headerLength:], record[:headerLength])
}

// seal appends a record without padding to dst.
func (h *half) seal(dst []byte, kind byte, content []byte) []byte {
	start, length := len(dst), len(content)+1+tagLength
	dst = append(dst, kindData, version>>8, version&0xff, byte(length>>8), byte(length))
	body := len(dst)
	dst = append(dst, content...)
	dst = append(dst, kind)
	return h.aead.Seal(dst[:body], h.next(), dst[body:], dst[start:body])
}
