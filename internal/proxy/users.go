package proxy

import (
	"net"
	"slices"

	"github.com/signet-tls/signet/fault"
)

// admitUser refuses users who may not connect to a door's Unix socket: the system
// says who they are.
func admitUser(conn net.Conn, door Door) error {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return nil
	}
	user, err := userOf(unix)
	if err != nil {
		return fault.Wrap(err, UserRefused, "it cannot be told who connects to this door").WithHint("connect from this machine")
	}
	if !slices.Contains(door.Users, user) {
		return fault.New(UserRefused, "user %d may not connect to this door", user).WithHint("name the user in the door's list of users")
	}
	return nil
}
