package record

// The memory of places is where data is sealed that was read straight into it, so that it
// is never copied: it has room for a KeyUpdate, and behind that for records one behind
// the other.
const (
	lead   = headerLength + messageHeader + 1 + 1 + tagLength // a KeyUpdate
	stride = MaxData + Overhead
)

// placesFor is how much memory so many records take, in bytes.
func placesFor(records int) int { return lead + records*stride }

// place is where the data of a record goes.
func place(memory []byte, record int) []byte {
	start := lead + record*stride + headerLength
	return memory[start : start+MaxData]
}

// SealPlaces returns the records of n bytes of data which fill the places of memory one
// after the other; n is not 0. As with Send, a KeyUpdate may be in front, and there is
// nothing once CloseNotify, Alert or Wipe was called.
func (s *Session) SealPlaces(memory []byte, n int) []byte {
	if s.said {
		return nil
	}
	start, end := lead, lead
	if records := (n + MaxData - 1) / MaxData; s.owes || s.out.sequence > keyLimit-uint64(records) {
		start -= len(s.update(memory[:0], false))
	}
	for ; n > 0; n -= MaxData {
		end += s.out.sealInPlace(memory[end:], kindData, min(n, MaxData))
	}
	return memory[start:end]
}

// sealInPlace makes a record of so many bytes of content behind the room for its header,
// and returns its length.
func (h *half) sealInPlace(record []byte, kind byte, content int) int {
	body, length := headerLength+content, content+1+tagLength
	record[0], record[1], record[2], record[3], record[4] = kindData, version>>8, version&0xff, byte(length>>8), byte(length)
	record[body] = kind
	h.aead.Seal(record[headerLength:headerLength], h.next(), record[headerLength:body+1], record[:headerLength])
	return headerLength + length
}
