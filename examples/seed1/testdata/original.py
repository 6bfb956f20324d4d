"""The Python program that seed1 began as, repaired just enough to run.

    original.py PORT server.crt

Its server context could not be used by a client; it verified the server after
it had closed the connection, with a method that does not exist: that is left
out. What it checks before it sends is as it was: nothing.
"""

import socket
import ssl
import sys

printed = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = printed.check_hostname
context.verify_mode = printed.verify_mode
context.load_verify_locations(sys.argv[2])

sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
sock.connect(("127.0.0.1", int(sys.argv[1])))
ssl_sock = context.wrap_socket(sock, server_hostname="localhost")
ssl_sock.send(b"Hello, server!")
data = ssl_sock.recv(1024)
ssl_sock.close()
sock.close()
print("Received:", data)
