/** The page of www, as a person uses it: the database as a file. */
import { readFile } from "node:fs/promises";
import { expect, type Locator, type Page } from "@playwright/test";
import { BlobReader, BlobWriter, type FileEntry, TextReader, TextWriter, ZipReader, ZipWriter } from "@zip.js/zip.js";
import {
  addSample,
  addTask,
  change,
  expectCount,
  expectListed,
  rows,
  scrollTo,
  test,
  value,
  valuesOf,
  verify,
} from "./www_page.js";

interface Backup {
  name: string;
  bytes: Buffer;
  /** The documents of each table, as texts. */
  tables: Record<string, string[]>;
}

const panel = (page: Page): Locator => page.getByRole("region", { name: "Database" });
const outcome = (page: Page): Locator => page.locator(".outcome");
const dialogOf = (page: Page): Locator => page.getByRole("dialog", { name: "Restore from a file" });
const questionOf = (page: Page): Locator => dialogOf(page).locator(".question");

async function backUp(page: Page): Promise<Backup> {
  const download = page.waitForEvent("download");
  await panel(page).getByRole("button", { name: "Back up" }).click();
  const file = await download;
  await expect(outcome(page)).toContainText("Backed up.");
  const bytes = await readFile(await file.path());
  const tables: Backup["tables"] = {};
  for (const entry of await new ZipReader(new BlobReader(new Blob([bytes]))).getEntries()) {
    const [, table] = /^([a-z]\w*)\/documents\.jsonl$/.exec(entry.filename) ?? [];
    if (table === undefined) continue;
    const text = await (entry as FileEntry).getData(new TextWriter());
    tables[table] = text.split("\n").slice(0, -1);
  }
  return { name: file.suggestedFilename(), bytes, tables };
}

/** Opens the dialog and chooses a file. */
async function choose(page: Page, name: string, content: Buffer | string): Promise<Locator> {
  await panel(page).getByRole("button", { name: "Restore…" }).click();
  const dialog = dialogOf(page);
  await expect(questionOf(page)).toHaveText("Choose a file.");
  await dialog
    .locator("[type=file]")
    .setInputFiles({ name, mimeType: "application/octet-stream", buffer: Buffer.from(content) });
  return dialog;
}

/** What is to be seen for a moment only. */
interface Moment {
  text: string;
  isBarShown: boolean;
  /** The texts of the controls that can't be used. */
  disabled: string[];
  state: string;
}

/** Notes what the page shows while something goes on, each time that it says how far that is. */
async function watchProgress(page: Page): Promise<() => Promise<Moment[]>> {
  await page.evaluate(() => {
    const moments: Moment[] = [];
    Object.assign(globalThis, { moments });
    const part = document.querySelector("[aria-label=Backup]")!;
    const place = part.querySelector("p.said")!;
    const note = (): void => {
      const { textContent: text } = place;
      if (text === "") return;
      const disabled = [...document.querySelectorAll(".panel :is(button, select):disabled:not(dialog *)")].map(
        (control) => control.getAttribute("aria-label") ?? control.textContent,
      );
      const isBarShown = part.querySelector("progress")!.checkVisibility();
      moments.push({ text, isBarShown, disabled, state: document.getElementById("state")!.textContent });
    };
    new MutationObserver(note).observe(place, { childList: true, characterData: true, subtree: true });
  });
  return () => page.evaluate(() => (globalThis as unknown as { moments: Moment[] }).moments.splice(0));
}

const lines = (documents: readonly object[]): string =>
  documents.map((document) => `${JSON.stringify(document)}\n`).join("");

test("a restore and a backup are cancelled by a button, and nothing has changed", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const before = await backUp(page);
  const stop = page.getByRole("group", { name: "Backup" }).getByRole("button", { name: "Cancel" });
  await expect(stop).toBeHidden();
  /** Presses it as soon as it is there: no test is as quick. */
  const cancelEarly = (): Promise<void> =>
    page.evaluate(() => {
      const button = [...document.querySelectorAll<HTMLElement>("[aria-label=Backup] button")].find(
        ({ textContent }) => textContent === "Cancel",
      )!;
      new MutationObserver((_, observer) => {
        observer.disconnect();
        button.click();
      }).observe(button, { attributes: true, attributeFilter: ["hidden"] });
    });
  const user = { betterAuthId: "x", email: "x", createdAt: 1 };
  const dialog = await choose(page, "users.jsonl", `${JSON.stringify(user)}\n`.repeat(20_000));
  await dialog.getByLabel("Replace everything").check();
  await cancelEarly();
  await dialog.getByRole("button", { name: "Replace everything" }).click();
  await expect(outcome(page)).toHaveText("Cancelled. Nothing has changed: all documents are as they were.");
  await expect(stop).toBeHidden();
  await cancelEarly();
  await panel(page).getByRole("button", { name: "Back up" }).click();
  await expect(outcome(page)).toHaveText("Cancelled. The database is as it was.");
  expect((await backUp(page)).tables).toEqual(before.tables);
  await verify(page);
});

test("what was deleted and changed since the backup is there again, with its ids, in other tabs too", async ({
  newTab,
}) => {
  const page = await newTab();
  await addSample(page);
  const before = await backUp(page);
  const now = new Date();
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0"));
  expect(before.name).toBe(`holdfast-${day.join("-")}.zip`);
  await expect(outcome(page)).toContainText(/holdfast-[\d-]+\.zip: 52 documents, \d+(\.\d)? KB, made in/);
  expect(Object.values(before.tables).flat()).toHaveLength(52);
  const titles = await valuesOf(page, "title");

  const other = await newTab();
  await expectCount(other, "all", 24);
  await page.bringToFront();
  for (const count of [23, 22, 21]) {
    await rows(page).first().getByRole("button", { name: "Delete" }).click();
    await expectCount(page, "all", count);
  }
  await change(rows(page).first(), "title", "Not in the backup");
  await addTask(page, "Nor this one");
  await expectCount(page, "all", 22);

  const dialog = await choose(page, before.name, before.bytes);
  await expect(questionOf(page)).toContainText(
    "Replaces all documents of tasks, projects, users, project_members, subscriptions, and movies: " +
      "50 documents are there now.",
  );
  // Whoever does not answer keeps what there is.
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expectCount(page, "all", 22);
  await choose(page, before.name, before.bytes);
  await dialog.getByRole("button", { name: "Replace everything" }).click();
  await expect(outcome(page)).toContainText(/Restored\. 52 documents of holdfast-/);
  await expect(outcome(page)).toContainText("tasks24 rows");
  await expect(outcome(page)).toContainText("Nothing of it was left out.");
  await expectCount(page, "all", 24);
  expect(await valuesOf(page, "title")).toEqual(titles);
  await expect(page.getByLabel("The last change")).toContainText('db.import(file, { mode: "replaceAll" })');
  expect((await backUp(page)).tables).toEqual(before.tables);
  expect(await verify(page)).toContain("All is well. 52 rows");

  await other.bringToFront();
  await expectCount(other, "all", 24);
  expect(await valuesOf(other, "title")).toEqual(titles);
  // Both go on with what was restored.
  await addTask(other, "After the restore");
  await expectCount(other, "all", 25);
  await page.bringToFront();
  await expectCount(page, "all", 25);
});

test("a backup fills a database that was deleted", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const before = await backUp(page);
  await page.getByRole("button", { name: "Delete database" }).click();
  await page.getByRole("button", { name: "Delete everything" }).click();
  await expect(page.getByRole("heading", { name: "An empty database" })).toBeVisible();
  const dialog = await choose(page, before.name, before.bytes);
  await expect(questionOf(page)).toContainText("0 documents are there now");
  await dialog.getByRole("button", { name: "Replace everything" }).click();
  await expectCount(page, "all", 24);
  await expect(page.getByRole("button", { name: "Generate 100,000 tasks" })).toBeEnabled();
  expect((await backUp(page)).tables).toEqual(before.tables);
});

test("a damaged file says what is wrong with it, and nothing changes", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const before = await backUp(page);
  const fail = async (name: string, content: Buffer | string, mode: string, button: string): Promise<void> => {
    const dialog = await choose(page, name, content);
    await dialog.getByLabel(mode).check();
    await dialog.getByRole("button", { name: button }).click();
    await expect(outcome(page)).toContainText(`${name} was not restored.`);
    await expect(outcome(page).getByRole("alert")).toContainText("Nothing has changed");
    await expect(panel(page).getByRole("button", { name: "Restore…" })).toBeEnabled();
  };
  const half = before.bytes.subarray(0, before.bytes.length / 2);
  await fail("half.zip", half, "Replace everything", "Replace everything");
  await expect(outcome(page)).toContainText("InvalidImport");
  await expect(outcome(page)).toContainText("not a whole ZIP archive");

  const damaged = Buffer.from(before.bytes);
  const inside = damaged.indexOf("tasks/documents.jsonl") + 300;
  damaged.fill(0x55, inside, inside + 20);
  await fail("damaged.zip", damaged, "Replace everything", "Replace everything");
  await expect(outcome(page)).toContainText("tasks/documents.jsonl in the ZIP archive can't be unpacked");

  // A row that the schema refuses, after one that it takes.
  const [user] = before.tables["users"]!.map((text) => JSON.parse(text) as object);
  const people = lines([user!, { ...user, _id: undefined, email: 5 }]);
  await fail("users.jsonl", people, "Replace the tables in the file", "Replace tables");
  await expect(outcome(page)).toContainText("SchemaEnforcementError");
  await expect(outcome(page)).toContainText('Row 2 of table "users"');
  await expect(outcome(page)).toContainText("Path: .email");

  await expectCount(page, "all", 24);
  expect((await backUp(page)).tables).toEqual(before.tables);
  expect(await verify(page)).toContain("All is well.");
});

test("what can be no backup is told before anything is asked", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const go = dialogOf(page).getByRole("button", { name: "Replace everything" });
  for (const [name, content, said] of [
    ["empty.zip", "", "empty.zip is empty."],
    ["picture.zip", "\x89PNG\r\n\x1a\n", "picture.zip is no ZIP"],
    ["hello.txt", "hi\n", "hello.txt is no ZIP"],
  ] as const) {
    const dialog = await choose(page, name, content);
    await expect(questionOf(page)).toContainText(said);
    await expect(questionOf(page)).not.toContainText("Replaces");
    await expect(go).toBeDisabled();
    await dialog.getByRole("button", { name: "Cancel" }).click();
  }
});

test("rows of a CSV are added to the table that is chosen, and those before one that is wrong stay", async ({
  newTab,
}) => {
  const page = await newTab();
  await addSample(page);
  await page.getByRole("tab", { name: "Users" }).click();
  const before = await backUp(page);
  const head = "betterAuthId,email,name,createdAt\n";
  const dialog = await choose(page, "people.csv", `${head}auth-7,ada@example.com,"Ada, L.",1767571200000\n`);
  await expect(questionOf(page)).toHaveText("Choose the table whose rows the file has.");
  await expect(dialog.getByRole("button", { name: "Add" })).toBeDisabled();
  await dialog.getByLabel("Table", { exact: true }).selectOption("users");
  await expect(questionOf(page)).toHaveText("Adds to users and replaces nothing. 6 documents are there now.");
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(outcome(page)).toContainText(/Added\. 1 document of people\.csv in/);
  await expect(rows(page)).toHaveCount(7);
  await expect(value(rows(page).first(), "email")).toHaveText("ada@example.com");
  await expect(value(rows(page).first(), "name")).toHaveText("Ada, L.");
  const after = await backUp(page);
  expect(after.tables["users"]!.slice(0, 6)).toEqual(before.tables["users"]);
  expect({ ...after.tables, users: before.tables["users"] }).toEqual(before.tables);

  // The name of the file says the table.
  await choose(page, "users.csv", `${head}auth-8,eve@example.com,Eve,never\n`);
  await expect(dialog.getByLabel("Table", { exact: true })).toHaveValue("users");
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(outcome(page)).toContainText("users.csv was not restored.");
  await expect(outcome(page)).toContainText('Row 1 of table "users"');
  await expect(outcome(page)).toContainText("Nothing was added: all documents are as they were.");
  await choose(page, "users.csv", `${head}auth-8,eve@example.com\n`);
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(outcome(page)).toContainText("doesn't have all of the fields in the header (table users, row 1)");
  await expect(rows(page)).toHaveCount(7);

  const many = Array.from({ length: 5_000 }, (_, n) => `auth-${n + 10},${n}@example.com,Many,1767571200000\n`).join("");
  await choose(page, "users.csv", `${head}${many}auth-9,last@example.com,Last,never\n`);
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(outcome(page)).toContainText("4,000 documents of it were added before that and stay");
  await expect(page.getByText("4,007 users", { exact: true })).toBeVisible();
});

test("the tables of a file are replaced and the others stay, or become empty", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const before = await backUp(page);
  const projects = before.tables["projects"]!.slice(0, 1).map((text) => JSON.parse(text) as object);
  const text = JSON.stringify(projects.map((project) => ({ ...project, name: "The only one" })));
  const dialog = await choose(page, "projects.json", text);
  await dialog.getByLabel("Replace everything").check();
  await expect(questionOf(page)).toContainText("52 documents are there now.");
  await expect(questionOf(page)).toContainText(
    "does not have tasks, users, project_members, and subscriptions: nothing comes in their place.",
  );
  await dialog.getByLabel("Replace the tables in the file").check();
  await expect(questionOf(page)).toContainText("Replaces all documents of projects: 4 documents are there now.");
  await dialog.getByRole("button", { name: "Replace tables" }).click();
  await expect(outcome(page)).toContainText("projects1 row");
  await expectCount(page, "all", 24);
  await expect(value(rows(page).filter({ hasText: "The only one" }).first(), "projectId")).toBeVisible();

  await choose(page, "projects.json", text);
  await dialog.getByLabel("Replace everything").check();
  await dialog.getByRole("button", { name: "Replace everything" }).click();
  await expect(outcome(page)).toContainText("tasksempty, not in the file");
  await expectCount(page, "all", 0);
});

test("what a snapshot has that this page does not know is left out, and named before and after", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const zip = new ZipWriter(new BlobWriter());
  // A number without a fraction would be an int64 in a snapshot.
  const user = { betterAuthId: "auth-9", email: "joan@example.com", createdAt: 1767571200000.5 };
  const files = { users: [user], notes: [{ text: "?" }], _storage: [{ _id: "?" }] };
  for (const [table, documents] of Object.entries(files)) {
    await zip.add(`snapshot/${table}/documents.jsonl`, new TextReader(lines(documents)));
  }
  const bytes = Buffer.from(await (await zip.close()).arrayBuffer());
  const dialog = await choose(page, "snapshot.zip", bytes);
  await dialog.getByLabel("Replace the tables in the file").check();
  await expect(questionOf(page)).toContainText("Replaces all documents of users: 6 documents are there now.");
  await expect(questionOf(page)).toContainText("Left out, since this page has no such tables: notes.");
  await dialog.getByRole("button", { name: "Replace tables" }).click();
  await expect(outcome(page)).toContainText("Restored. 1 document of snapshot.zip");
  await expect(outcome(page)).toContainText("Left out: _storage and notes.");
  await page.getByRole("tab", { name: "Users" }).click();
  await expect(value(rows(page), "email")).toHaveText("joan@example.com");
});

test("20,000 tasks are added, backed up and restored with their progress in view", async ({ newTab }) => {
  const page = await newTab();
  await addSample(page);
  const sample = await backUp(page);
  const { _id, ...task } = JSON.parse(sample.tables["tasks"]![0]!) as { _id: string; _creationTime: number };
  const many = Array.from({ length: 20_000 }, (_, n) => ({ ...task, title: `Task ${n}` }));
  const progress = await watchProgress(page);
  const dialog = await choose(page, "tasks.jsonl", lines(many));
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(outcome(page)).toContainText("Added. 20,000 documents of tasks.jsonl", { timeout: 30_000 });
  await expectCount(page, "all", 20_024);
  const percents = (moments: Moment[]): string[] =>
    moments.flatMap(({ text }) => /^(\d+)%: [\d,]+ documents read, now \w+$/.exec(text)?.slice(1) ?? []);
  expect(new Set(percents(await progress())).size).toBeGreaterThan(5);

  // While it goes on, nothing can take the database away, and only what would disturb can't be used.
  const { tables, name, bytes } = await backUp(page);
  await expect(outcome(page)).toContainText("20,052 documents");
  expect(tables["tasks"]).toHaveLength(20_024);
  const backingUp = await progress();
  expect(backingUp.map(({ text }) => text)).toContainEqual(expect.stringMatching(/^[1-9][\d,]* of 20,052 documents$/));
  expect(backingUp[0]).toMatchObject({
    isBarShown: true,
    disabled: ["Backing up…", "Restore…", "Durability", "Delete database"],
  });
  for (const control of ["Back up", "Restore…", "Delete database"]) {
    await expect(page.getByRole("button", { name: control })).toBeEnabled();
  }
  await expect(page.getByLabel("Durability")).toBeEnabled();

  // Two tabs look at a part of the list that will not be there any more.
  const other = await newTab();
  for (const each of [other, page]) {
    await each.bringToFront();
    await expectListed(each, 20_024);
    await scrollTo(each, 0.5);
    await expect(rows(each).first()).toHaveAttribute("aria-rowindex", /^10,?0\d\d$/);
  }
  await choose(page, "sample.zip", sample.bytes);
  await dialog.getByRole("button", { name: "Replace everything" }).click();
  for (const each of [page, other]) {
    await expectCount(each, "all", 24);
    await expectListed(each, 24);
    await expect(rows(each).last()).toHaveAttribute("aria-rowindex", "25");
  }

  await progress();
  await choose(page, name, bytes);
  await dialog.getByRole("button", { name: "Replace everything" }).click();
  await expect(outcome(page)).toContainText("Restored. 20,052 documents", { timeout: 30_000 });
  await expectCount(page, "all", 20_024);
  const restoring = await progress();
  expect(new Set(percents(restoring)).size).toBeGreaterThan(5);
  expect(restoring[0]).toMatchObject({ isBarShown: true, state: "Saving…" });
  expect(restoring[0]!.disabled).toEqual([
    "Back up",
    "Restoring…",
    "Generate 100,000 tasks",
    "Durability",
    "Delete database",
  ]);
  expect((await backUp(page)).tables).toEqual(tables);
});

test("by the keyboard, where there is little room", async ({ newTab }) => {
  const page = await newTab();
  await page.setViewportSize({ width: 400, height: 700 });
  await addSample(page);
  await page.getByRole("button", { name: "Database" }).press("Enter");
  const { name, bytes } = await (async () => {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Back up" }).press("Enter");
    const file = await download;
    return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
  })();
  await expect(outcome(page)).toContainText("Backed up.");
  await expect(page.getByRole("button", { name: "Back up" })).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Restore…" })).toBeFocused();
  await page.keyboard.press("Enter");
  const dialog = dialogOf(page);
  await expect(dialog.locator("[type=file]")).toBeFocused();
  await dialog.locator("[type=file]").setInputFiles({ name, mimeType: "application/zip", buffer: bytes });
  await expect(questionOf(page)).toContainText("52 documents are there now");
  await page.keyboard.press("Tab");
  await expect(dialog.getByLabel("Replace everything")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(dialog.getByLabel("Replace the tables in the file")).toBeChecked();
  await expect(questionOf(page)).toContainText("52 documents are there now");
  // Enter is no answer by itself.
  await page.keyboard.press("Enter");
  await expect(dialog).toBeVisible();
  for (const button of ["Cancel", "Replace tables"]) {
    await page.keyboard.press("Tab");
    await expect(dialog.getByRole("button", { name: button })).toBeFocused();
    await expect(dialog.getByRole("button", { name: button })).toBeInViewport({ ratio: 1 });
  }
  await page.keyboard.press("Enter");
  await expect(outcome(page)).toContainText("Restored. 52 documents");
  await expect(page.getByRole("button", { name: "Restore…" })).toBeFocused();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
});
