"""Opens a cursor with pymongo, with a comment and an application name that tell who it is, and holds it.

Argument: the URI. Prints "open" when the first batch is there, then what became of the next.
"""
import sys

from pymongo import MongoClient
from pymongo.errors import PyMongoError


def main():
    client = MongoClient(sys.argv[1], appname="Robin Hale", serverSelectionTimeoutMS=5000)
    found = client.appsync_1.orders.find({"name": "Mia"}, comment="for Robin Hale").batch_size(2)
    next(found)
    print("open", flush=True)
    try:
        print("delivered", sum(1 for _ in found), flush=True)
    except PyMongoError as error:
        print("ended", type(error).__name__, flush=True)


if __name__ == "__main__":
    main()
