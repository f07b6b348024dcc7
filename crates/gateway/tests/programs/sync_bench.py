"""pymongo, for `cargo xtask bench sync`: the same words on standard input as the example `sync_client` takes.

Arguments: a file of ways (a line of JSON each: "uri", "ca") and how many threads. Says "up", then does what it is told:
`find SECONDS` and `scan BYTES CURSORS`.
"""
import json
import sys
import tempfile
import threading
import time

from pymongo import MongoClient


def clients(ways):
    for line in open(ways):
        way = json.loads(line)
        ca = tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False)
        ca.write(way["ca"])
        ca.close()
        uri = way["uri"].split("?")[0]
        options = {"directConnection": True, "tls": True, "tlsCAFile": ca.name, "authSource": "admin"}
        yield MongoClient(uri, serverSelectionTimeoutMS=30000, **options)


def find(orders, until, done):
    count, number = 0, 1
    while time.monotonic() < until:
        assert orders.find_one({"_id": number})["_id"] == number
        number = (number * 7919 + 13) % 3000
        count += 1
    done.append((count, 0))


def scan(archive, cursors, done):
    count, size = 0, 0
    for _ in range(cursors):
        for document in archive.find():
            count += 1
            size += len(document["filler"])
    done.append((count, size))


def main():
    [client] = list(clients(sys.argv[1]))
    threads = int(sys.argv[2])
    orders = client.appsync_1.orders
    orders.find_one({"_id": 1})
    print("up", flush=True)
    for line in sys.stdin:
        words = line.split()
        begin, done = time.monotonic(), []
        if words[0] == "find":
            work = (find, (orders, begin + float(words[1]), done))
        else:
            work = (scan, (client.appsync_1.archive, int(words[2]), done))
        running = [threading.Thread(target=work[0], args=work[1]) for _ in range(threads)]
        [thread.start() for thread in running]
        [thread.join() for thread in running]
        seconds = time.monotonic() - begin
        told = {"operations": sum(c for c, _ in done), "bytes": sum(s for _, s in done), "seconds": seconds, "ended": 0}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
