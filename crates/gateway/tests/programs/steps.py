"""What a client does, step by step: one line of JSON for each."""
import json

from pymongo.errors import PyMongoError


def step(name, work):
    """Does something and prints what came of it: its result, or the server's code and the error."""
    try:
        result = work()
    except PyMongoError as error:
        result = {"code": getattr(error, "code", None), "error": str(error)[:200]}
    print(json.dumps({"step": name, "result": result}), flush=True)
