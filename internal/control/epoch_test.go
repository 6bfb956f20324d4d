package control

import (
	"errors"
	"testing"
)

func TestEpoch(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if state := change(t, s, func(tx *Tx) { tx.SetCA(CA{Root: "root"}) }); state.Epoch != 1 || state.EpochProof != nil {
		t.Errorf("a new folder is in epoch %d with the proof %q, want the first, with none", state.Epoch, state.EpochProof)
	}
	begun := change(t, s, func(tx *Tx) { tx.BeginEpoch(7, []byte("signed")) })
	if begun.Epoch != 7 || string(begun.EpochProof) != "signed" || begun.Revision != 2 {
		t.Errorf("epoch %d, proof %q, revision %d; want 7, what was signed, and 2", begun.Epoch, begun.EpochProof, begun.Revision)
	}
	for number, proof := range map[int64]string{6: "signed", 7: "signed", 8: ""} {
		if _, err := s.Change(t.Context(), func(tx *Tx) error { tx.BeginEpoch(number, []byte(proof)); return nil }); !errors.Is(err, ChangeInvalid) {
			t.Errorf("epoch %d with the proof %q after epoch 7: got %v, want change_invalid", number, proof, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if state := open(t, dir).State(); state.Epoch != 7 || string(state.EpochProof) != "signed" {
		t.Errorf("opened again: epoch %d with the proof %q, want what was begun", state.Epoch, state.EpochProof)
	}
}
