"""Reads one cursor for ever with pymongo. Arguments: the URI, the open database. Prints how many documents came, and why
it ended."""
import sys

from pymongo import MongoClient
from pymongo.errors import PyMongoError


def main():
    client = MongoClient(sys.argv[1], serverSelectionTimeoutMS=1000)
    count = 0
    try:
        while True:
            for _ in client[sys.argv[2]].orders.find({}).batch_size(2):
                count += 1
                print(count, flush=True)
    except PyMongoError as error:
        print("ended", type(error).__name__, flush=True)


if __name__ == "__main__":
    main()
