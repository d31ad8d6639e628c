/**
 * Where components find their database.
 */
import {
  createContext,
  createElement,
  type FunctionComponentElement,
  type ProviderProps,
  type ReactNode,
  useContext,
} from "react";
import type { GenericDataModel } from "../data_model.js";
import type { Database } from "../database.js";
import { HoldfastError } from "../errors.js";

const DatabaseContext = /* @__PURE__ */ createContext<Database<any> | undefined>(undefined);

/** Gives a database to the components below. */
export function HoldfastProvider({
  database,
  children,
}: {
  /** What `openDatabase` gave. */
  database: Database<any>;
  children?: ReactNode;
}): FunctionComponentElement<ProviderProps<Database<any> | undefined>> {
  return createElement(DatabaseContext.Provider, { value: database }, children);
}

/**
 * The database of the nearest {@link HoldfastProvider}. One with synced tables is named by the second type:
 * `useDatabase<DataModel, SyncedDatabase<DataModel>>()`.
 */
export function useDatabase<
  DataModel extends GenericDataModel = any,
  Opened extends Database<DataModel> = Database<DataModel>,
>(): Opened {
  const database = useContext(DatabaseContext);
  if (database === undefined) {
    throw new HoldfastError(
      "InvalidArgument",
      "There is no database here: put the component below <HoldfastProvider database={database}>.",
    );
  }
  return database as Opened;
}
