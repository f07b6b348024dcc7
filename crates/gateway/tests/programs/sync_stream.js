// Reads a collection with mongosh again and again, until that ends. In the environment: OPENED, the open database, and
// COLLECTION.
//
// Prints "streaming" once it reads, and at the end one line of JSON with the error.
const collection = db.getSiblingDB(process.env.OPENED)[process.env.COLLECTION];
let read = 0;
try {
  for (;;) {
    collection.find({}).batchSize(2).forEach(() => {
      read += 1;
      if (read === 9) print('streaming');
    });
  }
} catch (error) {
  print(JSON.stringify({ code: error.code ?? null, error: error.name, message: error.message }));
}
