"""A server of the protocol (nx-27017) with some documents. It has neither TLS nor users.

Arguments: directory, port. Prints "ready" when it can be used; ends when its standard input does.
"""
import os
import sys
import threading

from documents import fill, serve
from nx_27017.handler import NeoSQLiteHandler
from nx_27017.server import run_server_threaded
from pymongo import MongoClient


def main():
    directory, port = sys.argv[1], int(sys.argv[2])
    handler = NeoSQLiteHandler(data_dir=directory)
    threading.Thread(target=run_server_threaded, args=("127.0.0.1", port, handler), daemon=True).start()
    client = MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true", serverSelectionTimeoutMS=120000)
    fill(client, "appsync_1", "bank")
    serve(client, "appsync_1")
    os._exit(0)


if __name__ == "__main__":
    main()
