"""Prepares the real server that BYLEAVE_TEST_MONGODB_URI names, and takes away afterwards what it made there.

Arguments: the gateway's user and its password, the open database, another one. Makes both databases, and a role and a
user as `byleave node setup` prints them. Prints "ready" when it can be used; takes all away when its standard input ends.
"""
import os
import sys

from documents import fill, serve
from pymongo import MongoClient
from pymongo.errors import OperationFailure

ACTIONS = ["find", "listCollections", "listIndexes", "collStats", "dbStats"]
NO_SUCH_COMMAND = 59


def second_wall(admin, user, password, opened):
    """The role and the user. A server that knows no roles of one's own gives the user its role for reading."""
    seen = admin.command("whatsmyuri")["you"].rsplit(":", 1)[0]
    privileges = [{"resource": {"db": opened, "collection": ""}, "actions": ACTIONS}]
    more = {"mechanisms": ["SCRAM-SHA-256"], "authenticationRestrictions": [{"clientSource": [seen]}]}
    try:
        admin.command("createRole", user, privileges=privileges, roles=[])
    except OperationFailure as error:
        if error.code != NO_SUCH_COMMAND:
            raise
        print("this server knows no createRole: the user reads by `read`, from everywhere", file=sys.stderr)
        admin.command("createUser", user, pwd=password, roles=[{"role": "read", "db": opened}])
        return
    admin.command("createUser", user, pwd=password, roles=[user], **more)


def main():
    user, password, opened, closed = sys.argv[1:5]
    client = MongoClient(os.environ["BYLEAVE_TEST_MONGODB_URI"], serverSelectionTimeoutMS=20000)
    there = set(client.list_database_names())
    if {opened, closed} & there:
        sys.exit(f"`{opened}` or `{closed}` is there already; name a server for tests only")
    print("server", client.server_info()["version"], file=sys.stderr)
    try:
        fill(client, opened, closed)
        second_wall(client.admin, user, password, opened)
        # Other tests make and drop theirs meanwhile; all that was there before must stay as it is.
        others = {name for name in client.list_database_names() if name.startswith(("appsync_t", "bank_t"))}
        serve(client, opened, {"admin", "config", "local"} | (others - {opened, closed}))
    finally:
        for database in (opened, closed):
            client.drop_database(database)
        for command in ("dropUser", "dropRole"):
            try:
                client.admin.command(command, user)
            except OperationFailure:
                pass


if __name__ == "__main__":
    main()
