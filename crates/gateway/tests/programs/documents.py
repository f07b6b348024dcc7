"""What a server is filled with for a test, a digest of all that it holds, and what it is told to do.

Two databases: one that is open to support and one that is not.
"""
import hashlib
import sys

from bson import encode

FILLER = "x" * 200
# Numbers of as many digits: smongo sorts them as text.
FIRST = 1000


def fill(client, opened, closed):
    client[opened].orders.insert_many(
        [{"_id": i, "number": FIRST + i, "state": "open" if i % 3 else "done", "filler": FILLER} for i in range(3000)]
    )
    client[opened].people.insert_many([{"_id": i, "name": f"person {i}"} for i in range(20)])
    client[closed].accounts.insert_one({"_id": 1, "balance": 100})


def archive(client, opened, documents):
    """More documents, of a kilobyte each, for those who measure."""
    for first in range(0, documents, 2000):
        numbers = range(first, min(first + 2000, documents))
        client[opened].archive.insert_many([{"_id": i, "filler": "x" * 1000} for i in numbers])


def digest(client, passed_over=()):
    """A hash of the databases' names, collections, indexes and documents."""
    whole = hashlib.sha256()
    for database in sorted(set(client.list_database_names()) - set(passed_over)):
        whole.update(f"database {database}\n".encode())
        for name in sorted(client[database].list_collection_names()):
            collection = client[database][name]
            indexes = sorted(index["name"] for index in collection.list_indexes())
            whole.update(f"collection {name} {indexes}\n".encode())
            for document in collection.find().sort("_id", 1):
                whole.update(encode(document))
    return whole.hexdigest()


def serve(client, opened, passed_over=()):
    """Says that all is there, then does what each line of the standard input says, until that ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        if line == "digest\n":
            print(digest(client, passed_over), flush=True)
        elif line == "write\n":
            client[opened].orders.update_one({"_id": 1}, {"$set": {"state": "done"}})
            print("written", flush=True)
