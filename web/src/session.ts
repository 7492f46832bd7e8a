/** Who is signed in. The access token lives here, in memory, and nowhere else; the refresh token only in its cookie. */
import { get, post, Problem } from "./api/client";
import type { Granted, User } from "./api/types";

export type SessionState = "starting" | "unreachable" | "setup" | "signed_out" | "signed_in";

/** The share of a token's life after which it is renewed. */
const RENEW_AT = 0.8;
/** How long another tab's refresh takes to reach the cookie that we share. */
const RACE_MS = 300;
const RETRY_MS = 2000;

export interface SessionListener {
  onState(state: SessionState, user: User | null): void;
  /** A new access token, for those who hold a connection open with the old one. */
  onToken(token: string): void;
}

export class Session {
  private token: string | null = null;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private refreshing: Promise<string> | null = null;
  private readonly listener: SessionListener;

  constructor(listener: SessionListener) {
    this.listener = listener;
  }

  /** Find out where we stand: the first user is to be made, a cookie still signs us in, or a sign-in is due. */
  async start(): Promise<void> {
    try {
      const { setup_needed, may_refresh } = await get("/api/auth/setup");
      if (setup_needed) this.listener.onState("setup", null);
      else if (may_refresh) await this.refresh();
      else this.listener.onState("signed_out", null); // The cookie is the server's to see; a script cannot.
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!error.unreachable) return; // Refused: `refresh` has said so already.
      this.listener.onState("unreachable", null);
      this.renewal = setTimeout(() => void this.start(), RETRY_MS);
    }
  }

  /** @throws Problem - wrong code, a name or password that is not accepted, or set up already. */
  async setup(code: string, username: string, password: string): Promise<void> {
    this.grant(await post("/api/auth/setup", { code, username, password }));
  }

  /** @throws Problem - wrong name or password, or too many attempts. */
  async signIn(username: string, password: string): Promise<void> {
    this.grant(await post("/api/auth/login", { username, password }));
  }

  /** Sign out here at once; the server is told, and if it cannot be, the token dies with its minutes. */
  async signOut(): Promise<void> {
    const token = this.token;
    this.forget();
    if (token !== null) await post("/api/auth/logout", undefined, { token }).catch(() => undefined);
  }

  /** The server has revoked this session. */
  revoked(): void {
    this.forget();
  }

  /**
   * The access token of now.
   *
   * @throws Problem - signed out meanwhile, or the server cannot be reached.
   */
  async bearer(): Promise<string> {
    return this.token ?? (await this.refresh());
  }

  /**
   * A new access token from the refresh cookie; callers at the same time share one request.
   *
   * @throws Problem - refused (and then signed out), or the server cannot be reached.
   */
  refresh(): Promise<string> {
    this.refreshing ??= this.renew().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  /**
   * Do *work* with the bearer token, and once more with a new one when the old was refused.
   *
   * @throws Problem - whatever *work* was refused for.
   */
  async authorised<Answer>(work: (token: string) => Promise<Answer>): Promise<Answer> {
    try {
      return await work(await this.bearer());
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      return work(await this.refresh());
    }
  }

  private async renew(): Promise<string> {
    try {
      return this.grant(await this.oneTabAtATime(() => this.exchangeCookie()));
    } catch (error) {
      if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) this.forget();
      throw error;
    }
  }

  /** A refused cookie may just have been exchanged by another tab: look once more with the one it left us. */
  private async exchangeCookie(): Promise<Granted> {
    try {
      return await post("/api/auth/refresh", undefined);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      await new Promise((resolve) => setTimeout(resolve, RACE_MS));
      return post("/api/auth/refresh", undefined);
    }
  }

  /** Tabs share the cookie, and it serves once; where the browser has locks, they queue. */
  private oneTabAtATime<T>(work: () => Promise<T>): Promise<T> {
    return "locks" in navigator ? navigator.locks.request("cryptopilot-refresh", work) : work();
  }

  private grant(granted: Granted): string {
    this.token = granted.access_token;
    clearTimeout(this.renewal);
    this.renewal = setTimeout(() => void this.keepFresh(), granted.expires_in * 1000 * RENEW_AT);
    this.listener.onState("signed_in", granted.user);
    this.listener.onToken(granted.access_token);
    return granted.access_token;
  }

  private async keepFresh(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (this.token !== null) this.renewal = setTimeout(() => void this.keepFresh(), RETRY_MS);
    }
  }

  private forget(): void {
    this.token = null;
    clearTimeout(this.renewal);
    this.listener.onState("signed_out", null);
  }
}
