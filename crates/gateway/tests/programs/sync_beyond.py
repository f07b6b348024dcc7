"""Reaches beyond what is open, with pymongo. Argument: the URI. Prints the code of each refusal."""
import sys

from pymongo import MongoClient
from pymongo.errors import OperationFailure


def main():
    client = MongoClient(sys.argv[1], serverSelectionTimeoutMS=5000)
    tries = [
        lambda: client.appsync_1.orders.insert_one({"_id": 1}),
        lambda: client.bank.accounts.find_one({}),
        lambda: client.bank.accounts.find_one({}),
        lambda: client.admin.command("shutdown"),
        lambda: client.appsync_1.command("dropDatabase"),
        lambda: client.admin.aggregate([{"$currentOp": {}}]).to_list(),
        lambda: client.appsync_1.watch().next(),
        lambda: client.admin.command("getParameter", 1, logLevel=1),
        lambda: client.admin.command("noSuchThing"),
    ]
    for one in tries:
        try:
            one()
            print("done", flush=True)
        except OperationFailure as error:
            print(error.code, flush=True)


if __name__ == "__main__":
    main()
