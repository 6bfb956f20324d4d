package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/signet-tls/signet/fault"
)

// castagnoli is the polynomial of our values' checksums, and of etcd's.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns a value as it is stored: a checksum of key and JSON in
// hexadecimal, a space, the JSON. The database file has no checksums of its
// own, so that without this one a flipped bit in a rule would be believed.
func encode(key string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fault.Wrap(err, ChangeInvalid, "the value of %q cannot be written", key)
	}
	return sum(key, text) + " " + string(text), nil
}

// decode reads what encode wrote; fields that it does not know are ignored.
func decode[V any](key string, value []byte) (v V, err error) {
	text, err := checked(key, value)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fault.Wrap(err, ValueDamaged, "the stored value of %q is not understood", key).WithHint(restoreHint)
	}
	return v, nil
}

// checked returns the JSON of a stored value whose checksum is right.
func checked(key string, value []byte) ([]byte, error) {
	have, text, ok := bytes.Cut(value, []byte(" "))
	if !ok || string(have) != sum(key, text) {
		return nil, fault.New(ValueDamaged, "the stored value of %q does not match its checksum", key).WithHint(restoreHint)
	}
	return text, nil
}

func sum(key string, text []byte) string {
	return fmt.Sprintf("%08x", crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, text))
}
