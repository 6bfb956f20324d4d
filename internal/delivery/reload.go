package delivery

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
)

// maxOutput is how much of what a command says is kept, in bytes: the end of it.
const maxOutput = 600

// reload runs the target's command. It has no shell, no input, and a bounded time.
func (t *target) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	var said tail
	command := exec.CommandContext(ctx, t.Reload[0], t.Reload[1:]...)
	command.Stdout, command.Stderr = &said, &said
	command.Env = slices.DeleteFunc(os.Environ(), ours)
	command.WaitDelay = time.Second // who holds its output open is not waited for
	ownGroup(command)
	err := command.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // it ended well, and left something that runs on
		return nil
	}
	why := err.Error()
	if ctx.Err() != nil {
		why = "it took more than " + t.Timeout.String() + " and was killed"
	}
	if text := strings.TrimSpace(string(said.text)); text != "" {
		why += ": " + text
	}
	return fault.New(ReloadFailed, "%s failed, and is tried again: %s", fault.Printable(t.Reload[0], 100), fault.Printable(why, 2*maxOutput)).
		WithHint("run it by hand, as the user that the agent runs as; the files are in place")
}

// ours reports whether a variable is between us and whoever started us.
func ours(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY"}, name)
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[max(0, len(p)-maxOutput):]...)
	t.text = t.text[max(0, len(t.text)-maxOutput):]
	return len(p), nil
}
