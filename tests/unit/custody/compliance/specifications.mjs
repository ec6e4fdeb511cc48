// Specifications as the browser builds them: node specifications.mjs BUNDLE < { protocols, then } (test_specifications.py)
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { publicInputsThen, specHash, specificationOf, stepsRoot } = await import(pathToFileURL(process.argv[2]));
const { protocols, then } = JSON.parse(readFileSync(0, "utf8"));
const specifications = protocols.map((protocol) => protocol.segments.map((segment) => specificationOf(protocol, segment)));

process.stdout.write(
  JSON.stringify({
    specifications,
    hashes: specifications.map((all) => all.map(specHash)),
    leftOut: stepsRoot(["1", null, "3"]),
    then: protocols.map((protocol) =>
      protocol.segments.map((segment) =>
        publicInputsThen({
          ...then,
          protocol,
          segment,
          leaf: ({ code }, name) => then.done[code][name],
          readingsRoot: segment.leg ? then.readingsRoot : null,
          deviceRegistry: segment.leg ? then.deviceRegistry : null,
        }),
      ),
    ),
  }),
);
