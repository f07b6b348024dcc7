"""A server of the protocol (smongo) with TLS, one user and some documents.

Arguments: directory, port, certificate, key; how many documents `archive` has, of a kilobyte each (none if not said).
Prints "ready" when it can be used; ends when its standard input does.
Its users last as long as it does, so it asks nobody to sign in; whoever does must know the password. It waits for the
disk after each document, so its file lies in memory where there is such a place, and has no name once it is open. By
itself it names to each connection those databases only that this connection has used; a front with TLS on both sides
names what it was filled with, as other servers do, and passes all else.
"""
import os
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import threading

from bson import encode
from documents import archive, fill, serve
from pymongo import MongoClient
from smongo import WireServer


QUESTION = b"listDatabases\0"
NAMES = encode({"databases": [{"name": "appsync_1"}, {"name": "bank"}], "ok": 1.0})


def whole(stream):
    """The next frame; nothing once there is none."""
    frame, length = bytearray(), 16
    while len(frame) < length:
        part = stream.recv(length - len(frame))
        if not part:
            return b""
        frame += part
        if len(frame) == 16:
            length = struct.unpack("<i", frame[:4])[0]
    return bytes(frame)


def pass_on(stream, tls, port, certificate):
    """One connection: a question, its answer, the next."""
    try:
        near = tls.wrap_socket(stream, server_side=True)
        behind = ssl.create_default_context(cafile=certificate)
        far = behind.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1")
        with near, far:
            while frame := whole(near):
                # After header, flags, the section's kind, the document's length and the element's type.
                if frame[26 : 26 + len(QUESTION)] == QUESTION:
                    answers = struct.unpack("<i", frame[4:8])[0]
                    near.sendall(struct.pack("<iiiiiB", 21 + len(NAMES), 1, answers, 2013, 0, 0) + NAMES)
                    continue
                far.sendall(frame)
                near.sendall(whole(far))
    except OSError:
        pass


def front(listener, port, certificate, key):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    while True:
        stream, _ = listener.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pass_on, args=(stream, tls, port, certificate), daemon=True).start()


def main():
    directory, outer, certificate, key = sys.argv[1:5]
    listener = socket.create_server(("127.0.0.1", int(outer)), backlog=128)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.makedirs(directory, exist_ok=True)
    directory = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else directory)
    server = WireServer(
        os.path.join(directory, "database"), port=port, auth_required=False, tls_cert_file=certificate, tls_key_file=key
    )
    server.start()
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true&tls=true"
    client = MongoClient(uri, tlsCAFile=certificate, serverSelectionTimeoutMS=120000)
    client.admin.command("createUser", "gateway", pwd="a password of the cluster", roles=["root"])
    fill(client, "appsync_1", "bank")
    archive(client, "appsync_1", int(sys.argv[5]) if len(sys.argv) > 5 else 0)
    shutil.rmtree(directory)
    threading.Thread(target=front, args=(listener, port, certificate, key), daemon=True).start()
    serve(client, "appsync_1")
    os._exit(0)


if __name__ == "__main__":
    main()
