"""A server of the protocol (smongo) with TLS, one user and some documents.

Arguments: directory, port, certificate, key. Prints "ready" when it can be used; ends when its standard input does.
Its users last as long as it does, so it asks nobody to sign in; whoever does must know the password.
"""
import os
import sys

from pymongo import MongoClient
from smongo import WireServer


def main():
    directory, port, certificate, key = sys.argv[1:5]
    server = WireServer(
        directory, port=int(port), auth_required=False, tls_cert_file=certificate, tls_key_file=key
    )
    server.start()
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true&tls=true"
    client = MongoClient(uri, tlsCAFile=certificate, serverSelectionTimeoutMS=120000)
    client.admin.command("createUser", "gateway", pwd="a password of the cluster", roles=["root"])
    filler = "x" * 200
    client.appsync_1.orders.insert_many(
        [{"_id": i, "number": i, "state": "open" if i % 3 else "done", "filler": filler} for i in range(3000)]
    )
    client.appsync_1.people.insert_many([{"_id": i, "name": f"person {i}"} for i in range(20)])
    client.bank.accounts.insert_one({"_id": 1, "balance": 100})
    client.close()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
