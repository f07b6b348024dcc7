// A session of support with mongosh, up to its cut. In the environment: OPENED, the open database, and CLOSED, another one.
//
// Prints one line of JSON for each step. After "streaming" it waits for the end of its standard input, and reads on.
const database = db.getSiblingDB(process.env.OPENED);
const orders = database.orders;

function step(name, work) {
  let result;
  try {
    result = work();
  } catch (error) {
    result = { code: error.code ?? null, error: error.name };
  }
  print(JSON.stringify({ step: name, result }));
}

function ordered() {
  const found = orders.find({ state: 'open' }, { number: 1 }).sort({ number: -1 }).batchSize(300).toArray();
  return [found.length, found[0].number, found[found.length - 1].number, Object.keys(found[0]).sort()];
}

function sum() {
  let sum = 0;
  orders.find({}).batchSize(100).forEach((one) => { sum += one.number; });
  return sum;
}

const group = [{ $match: { number: { $lt: 1300 } } }, { $group: { _id: '$state', n: { $sum: 1 } } }];
step('collections', () => database.getCollectionNames().sort());
step('ordered', ordered);
step('cursor', sum);
step('aggregate', () => orders.aggregate(group).toArray().map((one) => [one._id, one.n]).sort());
step('explain', () => 'queryPlanner' in orders.find({ number: 1005 }).explain());
step('count', () => orders.countDocuments({ state: 'open' }));
step('distinct', () => orders.distinct('state').sort());
step('databases', () => db.getMongo().getDBNames());
step('insert', () => orders.insertOne({ _id: -1 }).acknowledged);
step('delete', () => orders.deleteMany({}).acknowledged);
step('elsewhere', () => db.getSiblingDB(process.env.CLOSED).accounts.findOne());

// The cut comes while it waits here; in `sync_stream.js` it comes whenever it does.
const cursor = orders.find({}).batchSize(2);
cursor.next();
step('streaming', () => null);
let ended = false;
process.stdin.on('end', () => { ended = true; }).resume();
while (!ended) sleep(10);
step('cut', () => cursor.toArray().length);
step('after', () => orders.countDocuments({}));
