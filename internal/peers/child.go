package peers

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// childVariable names the folder on which a test program that was run again works until
// it is killed.
const childVariable = "SIGNET_TEST_CHILD"

// ChildFolder is the folder on which this process is to work; "" is a test program that
// nobody has run again. TestMain asks for it.
func ChildFolder() string { return os.Getenv(childVariable) }

// Child is this test program, to be run again on a folder.
func Child(dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// KilledAfter runs a Child until it has said so many lines, and kills it. It returns all
// whole lines that it said.
func KilledAfter(t testing.TB, dir string, lines int) (said []string) {
	t.Helper()
	cmd := Child(dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for reader := bufio.NewReader(out); ; {
		line, err := reader.ReadString('\n')
		if err != nil {
			break // what there is of a line was cut off by the kill
		}
		if said = append(said, strings.TrimSuffix(line, "\n")); len(said) == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); len(said) < lines {
		t.Fatalf("the child ended by itself after %d lines: %v", len(said), err)
	}
	return said
}
