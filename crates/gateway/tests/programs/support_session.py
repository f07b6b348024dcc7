"""A session of support with pymongo, up to its cut. Arguments: the URI, the open database, another one.

Prints one line of JSON for each step. After "streaming" it reads until it cannot any more.
"""
import sys

from pymongo import DESCENDING, MongoClient

from steps import step


def main():
    uri, opened, closed = sys.argv[1:4]
    client = MongoClient(uri, serverSelectionTimeoutMS=5000)
    database = client[opened]
    orders = database.orders

    def ordered():
        found = list(orders.find({"state": "open"}, {"number": 1}).sort("number", DESCENDING).batch_size(300))
        return [len(found), found[0]["number"], found[-1]["number"], sorted(found[0])]

    group = [{"$match": {"number": {"$lt": 1300}}}, {"$group": {"_id": "$state", "n": {"$sum": 1}}}]
    step("collections", lambda: sorted(database.list_collection_names()))
    step("ordered", ordered)
    step("cursor", lambda: sum(one["number"] for one in orders.find({}).batch_size(100)))
    step("aggregate", lambda: sorted([one["_id"], one["n"]] for one in orders.aggregate(group)))
    step("explain", lambda: "queryPlanner" in orders.find({"number": 1005}).explain())
    step("count", lambda: orders.count_documents({"state": "open"}))
    step("distinct", lambda: sorted(orders.distinct("state")))
    step("databases", client.list_database_names)
    step("insert", lambda: orders.insert_one({"_id": -1}).acknowledged)
    step("delete", lambda: orders.delete_many({}).acknowledged)
    step("elsewhere", lambda: client[closed].accounts.find_one())

    def stream():
        next(orders.find({}))
        step("streaming", lambda: None)
        while True:
            for _ in orders.find({}).batch_size(2):
                pass

    step("cut", stream)
    step("after", lambda: orders.count_documents({}))


if __name__ == "__main__":
    main()
