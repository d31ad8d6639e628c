/**
 * What a function gets besides its arguments: `ctx`. Documents, other functions and the user are here; what needs a
 * server is there too, so that code written for Convex type-checks, and fails when it is called.
 */
import type {
  GenericDatabaseReader,
  GenericDatabaseReaderWithTable,
  GenericDatabaseWriter,
  GenericDatabaseWriterWithTable,
} from "../context.js";
import type {
  Expand,
  GenericDataModel,
  GenericId,
  NamedTableInfo,
  TableNamesInDataModel,
  VectorIndexNames,
} from "../data_model.js";
import type { JsonValue } from "../json.js";
import type { ArgsAndOptions, FunctionReference, FunctionReturnType, OptionalRestArgs } from "./reference.js";
import type { ActionMeta, MutationMeta, QueryMeta, TransactionLimits } from "./meta.js";
import type { FunctionVisibility } from "./registration.js";
import type { VectorSearchQuery } from "./vector_search.js";

type Query = FunctionReference<"query", FunctionVisibility>;
type Mutation = FunctionReference<"mutation", FunctionVisibility>;
type Action = FunctionReference<"action", FunctionVisibility>;

/** Who uses the app, as the option `identity` of `openDatabase` says. */
export interface UserIdentity {
  /** Unique among all users of all providers. */
  readonly tokenIdentifier: string;
  /** The user's name at the provider. */
  readonly subject: string;
  /** The provider. */
  readonly issuer: string;
  /** The full name. */
  readonly name?: string;
  /** The first name. */
  readonly givenName?: string;
  /** The last name. */
  readonly familyName?: string;
  /** What friends say. */
  readonly nickname?: string;
  /** The name that the user wants to be known by. */
  readonly preferredUsername?: string;
  /** Where a page about the user is. */
  readonly profileUrl?: string;
  /** Where a picture is. */
  readonly pictureUrl?: string;
  /** The address for mail. */
  readonly email?: string;
  /** Whether the provider has verified it. */
  readonly emailVerified?: boolean;
  /** As the user says. */
  readonly gender?: string;
  /** As a date's text. */
  readonly birthday?: string;
  /** Such as `Europe/London`. */
  readonly timezone?: string;
  /** Such as `en-GB`. */
  readonly language?: string;
  /** With the country's number. */
  readonly phoneNumber?: string;
  /** Whether the provider has verified it. */
  readonly phoneNumberVerified?: boolean;
  /** As a text of several lines. */
  readonly address?: string;
  /** When the provider last changed any of this. */
  readonly updatedAt?: string;
  /** What else is known. */
  readonly [claim: string]: JsonValue | undefined;
}

/** What is known of a user besides what makes it unique. */
export type UserIdentityAttributes = Omit<UserIdentity, "tokenIdentifier">;

/** The user. */
export interface Auth {
  /** Who uses the app, or null. */
  getUserIdentity(): Promise<UserIdentity | null>;
}

/** The user of a mutation. */
export interface MutationAuth extends Auth {
  /** Refused: the keys are a server's. */
  signJwt(options: SignJwtOptions): Promise<string>;
}

/** Claims that nobody may sign. */
export type ReservedJwtClaim = "iss" | "iat" | "exp" | "nbf";

type AnyCase<Text extends string> = Text extends `${infer First}${infer Rest}`
  ? `${Lowercase<First> | Uppercase<First>}${AnyCase<Rest>}`
  : Text;

/** How claims that nobody may sign begin. */
export type ReservedJwtClaimPrefix = AnyCase<"convex" | "cvx">;

/** What is signed. */
export type SignJwtClaims = Record<string, JsonValue> & { [Claim in ReservedJwtClaim]?: never } & {
  [Claim in `${ReservedJwtClaimPrefix}${string}`]: never;
};

/** What is signed, and for how long. */
export type SignJwtOptions = { claims?: SignJwtClaims; expiresInSeconds: number };

/** Options of calls that Convex has and that mean nothing here. */
export interface AdvancedRunQueryOptions {
  /** Ignored: on the device a function has the limits of its mutation. */
  transactionLimits?: TransactionLimits;
}

/** A file's id. */
export type StorageId = string;

/** A file's id, or one of another table's kind that is taken for it. */
export type FileStorageId = GenericId<"_storage"> | StorageId;

/** Files, which need a server: every method is refused when it is called. */
export interface StorageReader {
  /** Refused. */
  getUrl(storageId: FileStorageId): Promise<string | null>;
  /** Refused. */
  getMetadata(storageId: FileStorageId): Promise<FileMetadata | null>;
}

/** What is known of a file. */
export interface FileMetadata {
  /** Its id. */
  storageId: StorageId;
  /** Its hash. */
  sha256: string;
  /** Its length. */
  size: number;
  /** Its kind. */
  contentType: string | null;
}

/** Files, which need a server: every method is refused when it is called. */
export interface StorageWriter extends StorageReader {
  /** Refused. */
  generateUploadUrl(): Promise<string>;
  /** Refused. */
  delete(storageId: FileStorageId): Promise<void>;
  /** Refused. */
  get(storageId: FileStorageId): Promise<Blob | null>;
  /** Refused. */
  store(blob: Blob, options?: { sha256?: string }): Promise<GenericId<"_storage">>;
}

/** Files, which need a server: every method is refused when it is called. */
export type StorageActionWriter = StorageWriter;

/** What can be run later. */
export type SchedulableFunctionReference = Mutation | Action;

/** Functions to be run later, which need a server: every method is refused when it is called. */
export interface Scheduler {
  /** Refused. */
  runAfter<Reference extends SchedulableFunctionReference>(
    delayMs: number,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): Promise<GenericId<"_scheduled_functions">>;
  /** Refused. */
  runAt<Reference extends SchedulableFunctionReference>(
    timestamp: number | Date,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): Promise<GenericId<"_scheduled_functions">>;
  /** Refused. */
  cancel(id: GenericId<"_scheduled_functions">): Promise<void>;
}

/** What a query gets. */
export interface GenericQueryCtx<DataModel extends GenericDataModel> {
  /** Reads documents. */
  db: GenericDatabaseReader<DataModel>;
  /** Who uses the app. */
  auth: Auth;
  /** Files, which need a server. */
  storage: StorageReader;
  /** What Convex tells of the function and its deployment, which needs a server. */
  meta: QueryMeta;
  /** Runs another query on the same state. */
  runQuery: <Reference extends Query>(
    reference: Reference,
    ...args: ArgsAndOptions<Reference, AdvancedRunQueryOptions>
  ) => Promise<FunctionReturnType<Reference>>;
}

/** What a mutation gets. */
export interface GenericMutationCtx<DataModel extends GenericDataModel> {
  /** Reads and writes documents. */
  db: GenericDatabaseWriter<DataModel>;
  /** Who uses the app. */
  auth: MutationAuth;
  /** Files, which need a server. */
  storage: StorageWriter;
  /** What Convex tells of the function and its deployment, which needs a server. */
  meta: MutationMeta;
  /** Functions to be run later, which need a server. */
  scheduler: Scheduler;
  /** Runs a query that sees what this mutation wrote. */
  runQuery: <Reference extends Query>(
    reference: Reference,
    ...args: ArgsAndOptions<Reference, AdvancedRunQueryOptions>
  ) => Promise<FunctionReturnType<Reference>>;
  /**
   * Runs another mutation as a part of this one. When it throws, what it wrote is taken back; what this one does about
   * that is its own affair. Until it ends, what this one asks of `ctx.db` waits.
   */
  runMutation: <Reference extends Mutation>(
    reference: Reference,
    ...args: ArgsAndOptions<Reference, AdvancedRunQueryOptions>
  ) => Promise<FunctionReturnType<Reference>>;
}

/** What an action gets where there is a server. */
export interface GenericActionCtx<DataModel extends GenericDataModel> {
  /** Who uses the app. */
  auth: Auth;
  /** Files. */
  storage: StorageActionWriter;
  /** Functions to be run later. */
  scheduler: Scheduler;
  /** Runs a query. */
  runQuery: <Reference extends Query>(
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ) => Promise<FunctionReturnType<Reference>>;
  /** Runs a mutation. */
  runMutation: <Reference extends Mutation>(
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ) => Promise<FunctionReturnType<Reference>>;
  /** Runs an action. */
  runAction: <Reference extends Action>(
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ) => Promise<FunctionReturnType<Reference>>;
  /** Searches by vectors. */
  vectorSearch<
    TableName extends TableNamesInDataModel<DataModel>,
    IndexName extends VectorIndexNames<NamedTableInfo<DataModel, TableName>>,
  >(
    tableName: TableName,
    indexName: IndexName,
    query: Expand<VectorSearchQuery<NamedTableInfo<DataModel, TableName>, IndexName>>,
  ): Promise<{ _id: GenericId<TableName>; _score: number }[]>;
  /** What Convex tells of the function and its deployment. */
  meta: ActionMeta;
}

/** What a query gets whose documents are reached by `ctx.db.table` alone. */
export type GenericQueryCtxWithTable<DataModel extends GenericDataModel> = Omit<GenericQueryCtx<DataModel>, "db"> & {
  db: GenericDatabaseReaderWithTable<DataModel>;
};

/** What a mutation gets whose documents are reached by `ctx.db.table` alone. */
export type GenericMutationCtxWithTable<DataModel extends GenericDataModel> = Omit<
  GenericMutationCtx<DataModel>,
  "db"
> & { db: GenericDatabaseWriterWithTable<DataModel> };
