# Serves "NUMBER ROLE VERSION PORT" lines: connects to the port, speaks TLS in
# that role with Python's ssl as it comes, reads to the end, and answers
# "NUMBER HOW BASE64", where HOW is whole, or cut for any error.
import base64
import os
import socket
import ssl
import sys
import threading

folder = sys.argv[1]
lock = threading.Lock()
SERVER_NAME = "server.tamper"


def context(role, version):
    roots = os.path.join(folder, "roots.pem")
    if role == "client":
        made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=roots)
    else:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=roots)
        made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(os.path.join(folder, role + ".pem"))
    if version != "any":
        made.minimum_version = made.maximum_version = ssl.TLSVersion[version]
    return made


def serve(number, role, version, port):
    got, how = b"", "cut"
    try:
        with socket.create_connection(("127.0.0.1", int(port)), 60) as raw:
            options = {"server_hostname": SERVER_NAME} if role == "client" else {"server_side": True}
            with context(role, version).wrap_socket(raw, **options) as tls:
                while part := tls.recv(16384):
                    got += part
        how = "whole"
    except OSError:
        pass
    with lock:
        print(number, how, base64.b64encode(got).decode(), flush=True)


for line in sys.stdin:
    threading.Thread(target=serve, args=line.split(), daemon=True).start()
