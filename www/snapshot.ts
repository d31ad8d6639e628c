/** Which tables a snapshot has, by the directory at the end of its ZIP: a question can name them before all is read. */

/** What ends a ZIP, and a file in its directory; each with the length of what always is in it. */
const end = { signature: 0x06054b50, length: 22 };
const entry = { signature: 0x02014b50, length: 46 };
/** After its end there may be a comment. */
const longestComment = 0xffff;

/** Why a file can't be a snapshot, whatever it is called; undefined where it begins as one. */
export async function noZip(file: File): Promise<string | undefined> {
  if (file.size === 0) return `${file.name} is empty.`;
  // Of a file in it, or of the end when there is none.
  const start = new TextDecoder("latin1").decode(await file.slice(0, 4).arrayBuffer());
  if (start === "PK\x03\x04" || start === "PK\x05\x06") return undefined;
  return `${file.name} is no ZIP, and its name does not end with .jsonl, .json or .csv as one with a table’s rows does.`;
}

/** The names of the tables; undefined where that can't be told. What is wrong with such a file, the import will say. */
export async function tablesIn(file: Blob): Promise<string[] | undefined> {
  try {
    const names = (await filesIn(file)).flatMap((path) => {
      const folders = path.split("/");
      const isTable = folders.pop() === "documents.jsonl" && !folders.some((folder) => folder.startsWith("_"));
      return isTable ? folders.slice(-1) : [];
    });
    return names.length > 0 ? names : undefined;
  } catch {
    return undefined;
  }
}

async function filesIn(file: Blob): Promise<string[]> {
  const tail = await view(file.slice(-(end.length + longestComment)));
  let at = tail.byteLength - end.length;
  while (tail.getUint32(at, true) !== end.signature) at -= 1;
  const count = tail.getUint16(at + 10, true);
  const start = tail.getUint32(at + 16, true);
  const directory = await view(file.slice(start, start + tail.getUint32(at + 12, true)));
  const names: string[] = [];
  let place = 0;
  for (let i = 0; i < count; i += 1) {
    if (directory.getUint32(place, true) !== entry.signature) throw new RangeError("It is no directory.");
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.getUint16(place + field, true));
    names.push(new TextDecoder().decode(new Uint8Array(directory.buffer, place + entry.length, name)));
    place += entry.length + name! + extra! + comment!;
  }
  return names;
}

// Reading beyond it is an error.
const view = async (part: Blob): Promise<DataView> => new DataView(await part.arrayBuffer());
