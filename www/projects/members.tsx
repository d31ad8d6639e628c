/** How members look. */
import type { Member } from "./schema";

/** Names of colours, each dark enough for white letters on it. */
export const colors: readonly (readonly [value: string, name: string])[] = [
  ["#0b6e69", "Teal"],
  ["#8a3ffc", "Violet"],
  ["#1f5fae", "Blue"],
  ["#a8321f", "Red"],
  ["#8a5a00", "Amber"],
  ["#2c7038", "Green"],
  ["#9f1853", "Pink"],
  ["#4d5358", "Grey"],
];

export const colorOf = (index: number): string => colors[index % colors.length]![0];

/** A member's first letter on their colour. What comes from others may be no colour of these. */
export function Initial({ member: { name, color } }: { member: Member }) {
  const known = colors.some(([value]) => value === color) ? color : colorOf(0);
  return (
    <span className="initial" style={{ background: known }} aria-hidden="true">
      {[...name][0]?.toUpperCase() ?? "?"}
    </span>
  );
}

export const Face = ({ member }: { member: Member }) => (
  <span className="face">
    <Initial member={member} />
    <span>{member.name}</span>
  </span>
);
