/**
 * Whether the devices are parted. All tabs have the same databases, and the link of one that is connected would pass on what is
 * changed in another: so all tabs know of it, and a tab that is loaded again does, too.
 */
import { Store } from "../store";

/** On which devices something was changed since they were parted. */
type Parting = Readonly<{ [device: string]: boolean }>;

const key = "holdfast-devices-parted";

const read = (): Parting | undefined => {
  const text = localStorage.getItem(key);
  return text === null ? undefined : (JSON.parse(text) as Parting);
};

/** Undefined while they are connected. */
export const parting = new Store<Parting | undefined>(read());

// The other tabs hear of it.
addEventListener("storage", (event) => {
  // Without a key it says that all was forgotten.
  if (event.key === key || event.key === null) parting.set(read());
});

function write(value: Parting | undefined): void {
  if (value === undefined) localStorage.removeItem(key);
  else localStorage.setItem(key, JSON.stringify(value));
  parting.set(value);
}

/** Parts the devices, or lets them meet again. */
export const setConnected = (isConnected: boolean): void => write(isConnected ? undefined : {});

/** Notes that something was changed on a device, if they are parted. */
export function noteChange(device: string): void {
  if (parting.value !== undefined && !parting.value[device]) write({ ...parting.value, [device]: true });
}
