"""A server of the protocol (smongo) with TLS, one user and some documents.

Arguments: directory, port, certificate, key. Prints "ready" when it can be used; ends when its standard input does.
Its users last as long as it does, so it asks nobody to sign in; whoever does must know the password. It waits for the
disk after each document, so its file lies in memory where there is such a place, and has no name once it is open.
"""
import os
import shutil
import sys
import tempfile

from documents import fill, serve
from pymongo import MongoClient
from smongo import WireServer


def main():
    directory, port, certificate, key = sys.argv[1:5]
    os.makedirs(directory, exist_ok=True)
    directory = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else directory)
    server = WireServer(
        os.path.join(directory, "database"), port=int(port), auth_required=False, tls_cert_file=certificate, tls_key_file=key
    )
    server.start()
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true&tls=true"
    client = MongoClient(uri, tlsCAFile=certificate, serverSelectionTimeoutMS=120000)
    client.admin.command("createUser", "gateway", pwd="a password of the cluster", roles=["root"])
    fill(client, "appsync_1", "bank")
    shutil.rmtree(directory)
    serve(client, "appsync_1")
    os._exit(0)


if __name__ == "__main__":
    main()
