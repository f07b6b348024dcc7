"""What support reads and tries, with pymongo. Arguments: the URI, then if not the usual ones: the open database, another
one, and the address to come from.

Prints one line of JSON for each step.
"""
import socket
import sys

from pymongo import DESCENDING, MongoClient

from steps import step


def come_from(address):
    """Has every connection come from this address."""
    connect = socket.socket.connect

    def bound(self, to):
        self.bind((address, 0))
        return connect(self, to)

    socket.socket.connect = bound


def main():
    opened, closed = sys.argv[2:4] if len(sys.argv) > 3 else ("appsync_1", "bank")
    if len(sys.argv) > 4:
        come_from(sys.argv[4])
    client = MongoClient(sys.argv[1], serverSelectionTimeoutMS=10000)
    database = client[opened]
    orders = database.orders

    step("collections", lambda: sorted(database.list_collection_names()))
    step("count", lambda: orders.count_documents({"state": "open"}))
    step("one", lambda: orders.find_one({"_id": 7}, {"number": 1})["number"])
    found = orders.find({"state": "open"}, {"number": 1}).sort("number", DESCENDING).batch_size(300)
    step("cursor", lambda: len([one["number"] for one in found]))
    group = [{"$match": {"number": {"$lt": 1300}}}, {"$group": {"_id": "$state", "n": {"$sum": 1}}}]
    step("aggregate", lambda: sorted((one["_id"], one["n"]) for one in orders.aggregate(group)))
    step("distinct", lambda: sorted(orders.distinct("state")))
    step("explain", lambda: "queryPlanner" in orders.find({"number": 1005}).explain())
    step("databases", client.list_database_names)
    step("insert", lambda: orders.insert_one({"_id": -1}).acknowledged)
    step("other database", lambda: client[closed].accounts.find_one())
    step("out", lambda: list(orders.aggregate([{"$out": "elsewhere"}])))
    step("admin", lambda: client.admin.command("getParameter", "*"))
    step("where", lambda: orders.find_one({"$where": "true"}))


if __name__ == "__main__":
    main()
