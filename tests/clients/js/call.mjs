// Calls operations of AWS KMS, IAM and STS through the AWS SDK for JavaScript v3, one JSON line in, one JSON line out.
//
// in:  {"operation": "Encrypt", "members": {"KeyId": "...", "Plaintext": {"$bytes": "base64"}}}, or "iam:GetUser";
//      "as": {"accessKeyId": "...", "secretAccessKey": "...", "sessionToken": "..."} makes the call with these
// out: {"answer": {...}} or {"refused": {"code": "...", "message": "...", "status": 400}} or {"failed": "what went wrong here"}
//
// Endpoint, region and credentials come from the environment, as for any program that uses the SDK.
import { createInterface } from "node:readline";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as sts from "@aws-sdk/client-sts";

const services = { iam: [iam, iam.IAMClient], kms: [kms, kms.KMSClient], sts: [sts, sts.STSClient] };
const clients = Object.fromEntries(Object.entries(services).map(([name, [, Client]]) => [name, new Client({ maxAttempts: 1 })]));

const toBytes = (name, value) =>
  value !== null && typeof value === "object" && "$bytes" in value ? new Uint8Array(Buffer.from(value.$bytes, "base64")) : value;

const plain = (value) => {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).filter(([name]) => name !== "$metadata").map(([name, member]) => [name, plain(member)]));
  return value;
};

async function perform(line) {
  const { operation, members, as } = JSON.parse(line, toBytes);
  const [service, name] = operation.includes(":") ? operation.split(":") : ["kms", operation];
  const [sdk, Client] = services[service];
  const Command = sdk[`${name}Command`];
  if (Command === undefined) return { failed: `the SDK has no operation ${operation}` };
  const client = as === undefined ? clients[service] : new Client({ maxAttempts: 1, credentials: as });
  try {
    return { answer: plain(await client.send(new Command(members))) };
  } catch (error) {
    if (error.$metadata?.httpStatusCode === undefined) return { failed: `${error.name}: ${error.message}` };
    return { refused: { code: error.name, message: error.message, status: error.$metadata.httpStatusCode } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await perform(line)) + "\n");
}
for (const client of Object.values(clients)) client.destroy();
