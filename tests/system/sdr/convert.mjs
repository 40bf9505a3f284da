// Converts between SFDX source and metadata format with Salesforce's own library, offline.
//   node convert.mjs FROM TO source|metadata PACKAGE VERSION
// prints the components that it read.
import { ComponentSet, MetadataConverter } from "@salesforce/source-deploy-retrieve";

const [from, outputDirectory, format, packageName, version] = process.argv.slice(2);
const found = ComponentSet.fromSource(from);
found.sourceApiVersion = version;
await new MetadataConverter().convert(found, format, {
  type: "directory",
  outputDirectory,
  packageName,
  genUniqueDir: false,
});
const names = found
  .getSourceComponents()
  .toArray()
  .flatMap((component) => [component, ...component.getChildren()])
  .map((component) => `${component.type.name}:${component.fullName}`);
console.log(JSON.stringify([...new Set(names)].sort()));
