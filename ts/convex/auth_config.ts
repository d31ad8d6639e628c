/**
 * Types only: what `auth.config.ts` exports. Who uses the app is said by the option `identity` here.
 */

/** Who may say who somebody is. */
export type AuthConfig = {
  /** All who may. */
  providers: AuthProvider[];
};

/** One who may: by OpenID Connect, or by tokens of its own. */
export type AuthProvider =
  | { applicationID: string; domain: string }
  | { type: "customJwt"; applicationID?: string; issuer: string; jwks: string; algorithm: "RS256" | "ES256" };
