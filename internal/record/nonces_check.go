//go:build noncecheck

package record

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
)

// watched returns an AEAD that panics where it would seal under a nonce that its key has
// had, in this session or in another of the process. It counts for itself: what it is told
// is the key and each nonce as it is used.
func watched(aead cipher.AEAD, key []byte) cipher.AEAD {
	used, _ := usedNonces.LoadOrStore(sha256.Sum256(key), new(nonces))
	return watchedAEAD{aead, used.(*nonces)}
}

// usedNonces are the *nonces of every key of the process, by its hash.
var usedNonces sync.Map

type watchedAEAD struct {
	cipher.AEAD
	used *nonces
}

func (w watchedAEAD) Seal(dst, nonce, plaintext, header []byte) []byte {
	w.used.add([nonceLength]byte(nonce))
	return w.AEAD.Seal(dst, nonce, plaintext, header)
}

// nonces are those that a key has sealed under, as bits: two nonces of a key differ in
// those in which their sequence numbers do (RFC 8446, section 5.3).
type nonces struct {
	mutex sync.Mutex
	first *[nonceLength]byte // guarded by mutex
	bits  []uint64           // by the difference to first; guarded by mutex
}

// farthest is the most by which two sequence numbers under one key differ.
const farthest = 2 * keyLimit

func (n *nonces) add(nonce [nonceLength]byte) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.first == nil {
		n.first = &nonce
	}
	difference := binary.BigEndian.Uint64(nonce[4:]) ^ binary.BigEndian.Uint64(n.first[4:])
	if [4]byte(nonce[:4]) != [4]byte(n.first[:4]) || difference >= farthest {
		panic(fmt.Sprintf("record: nonce %x is not of the key whose first was %x", nonce, *n.first))
	}
	word, bit := difference/64, uint64(1)<<(difference%64)
	if missing := int(word) + 1 - len(n.bits); missing > 0 {
		n.bits = append(n.bits, make([]uint64, missing)...)
	}
	if n.bits[word]&bit != 0 {
		panic(fmt.Sprintf("record: nonce %x is used again", nonce))
	}
	n.bits[word] |= bit
}
