package record

// keyLimit is how many records leave under one key. Of AES-GCM 2^24.5 full ones may;
// with ChaCha20-Poly1305 there is no such limit (RFC 8446, section 5.5).
const keyLimit = 1 << 24

// Send appends records with the data to dst: of at most MaxData each, and before them a
// KeyUpdate where one is owed or the key is worn out. It appends nothing once
// CloseNotify, Alert or Wipe was called. dst must not overlap data.
func (s *Session) Send(dst, data []byte) []byte {
	for len(data) > 0 && !s.said {
		if s.owes || s.out.sequence >= keyLimit {
			dst = s.update(dst, false)
		}
		n := min(len(data), MaxData)
		dst = s.out.seal(dst, kindData, data[:n])
		data = data[n:]
	}
	return dst
}

// Owes reports whether the peer has asked for new keys of ours and got no answer. The
// next Send has one; who sends nothing for a while calls Reply.
func (s *Session) Owes() bool { return s.owes && !s.said }

// Reply appends the KeyUpdate that is owed, if one is.
func (s *Session) Reply(dst []byte) []byte {
	if s.Owes() {
		dst = s.update(dst, false)
	}
	return dst
}

// UpdateKeys appends a KeyUpdate: from the next record on this end's keys are new. With
// request the peer is asked for new ones of its own.
func (s *Session) UpdateKeys(dst []byte, request bool) []byte {
	if s.said {
		return dst
	}
	if s.owes && request {
		dst = s.update(dst, false) // an answer asks for nothing
	}
	return s.update(dst, request)
}

// Renewed is how often keys have been replaced, by as many KeyUpdates: this end's, and the
// peer's. After Wipe it is 0.
func (s *Session) Renewed() (ours, theirs uint64) { return s.out.renewed, s.in.renewed }

// update appends a KeyUpdate (RFC 8446, section 4.6.3), the last record under its key.
func (s *Session) update(dst []byte, request bool) []byte {
	dst = s.out.seal(dst, kindHandshake, keyUpdate(request))
	s.owes = false
	s.out.update(s.suite)
	return dst
}
