package lock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	var held *Held
	if _, err := Take(path); !errors.As(err, &held) || held.By != fmt.Sprint("process ", os.Getpid()) {
		t.Errorf("a second time: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Take(path)
	if err != nil {
		t.Fatalf("after it was let go: %v", err)
	}
	again.Close()
	if _, err := Take(filepath.Join(path, "lock")); err == nil || errors.As(err, &held) {
		t.Errorf("where there is no folder: %v", err)
	}
}
